"""The same layers as in layers.rs, in PyTorch.

Prints one JSON object per line: name, seconds forward, and seconds forward and backward (best of several). An argument
restricts it to the names that contain it.
"""

import json
import sys
import time
from pathlib import Path

import torch
from torch.nn.functional import conv2d

FILTER = sys.argv[1] if len(sys.argv) > 1 else ""

# Batch, channels in and out, side of the input, kernel, stride, padding, groups, name.
lines = (Path(__file__).parent / "layers.txt").read_text().splitlines()
LAYERS = [line.split(" ", 8) for line in lines if not line.startswith("#")]


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


for *sizes, name in LAYERS:
    batch, inputs, outputs, side, kernel, stride, padding, groups = map(int, sizes)
    if FILTER not in name:
        continue
    x = torch.full((batch, inputs, side, side), 0.5)
    weight = torch.full((outputs, inputs // groups, kernel, kernel), 0.25, requires_grad=True)
    # The first layer of a network needs no gradient of its input.
    x.requires_grad_(inputs > 3)

    def forward():
        with torch.no_grad():
            conv2d(x, weight, None, stride, padding, 1, groups)

    def both():
        x.grad = weight.grad = None
        conv2d(x, weight, None, stride, padding, 1, groups).sum().backward()

    best, start, rounds = [float("inf")] * 2, time.perf_counter(), 0
    while rounds < 4 or (time.perf_counter() - start < 1.0 and rounds < 40):
        best = [min(old, seconds(work)) for old, work in zip(best, (forward, both))]
        rounds += 1
    print(json.dumps({"name": name, "forward": best[0], "both": best[1]}))
    sys.stdout.flush()

"""The same layers as in layers.rs, in PyTorch.

Prints one JSON object per line: name, seconds forward, and seconds forward and backward (best of several). An argument
restricts it to the names that contain it.
"""

import json
import sys
import time

import torch
from torch.nn.functional import conv2d

FILTER = sys.argv[1] if len(sys.argv) > 1 else ""

# Name, batch, channels in and out, side of the input, kernel, stride, padding, groups.
LAYERS = [
    ("lenet 1->6 k5", 256, 1, 6, 28, 5, 1, 2, 1),
    ("lenet 6->16 k5", 256, 6, 16, 14, 5, 1, 0, 1),
    ("resnet 1->64 k7 s2", 32, 1, 64, 96, 7, 2, 3, 1),
    ("resnet 64->64 k3", 32, 64, 64, 24, 3, 1, 1, 1),
    ("resnet 64->128 k3 s2", 32, 64, 128, 24, 3, 2, 1, 1),
    ("resnet 64->128 k1 s2", 32, 64, 128, 24, 1, 2, 0, 1),
    ("resnet 128->128 k3", 32, 128, 128, 12, 3, 1, 1, 1),
    ("resnet 256->256 k3", 32, 256, 256, 6, 3, 1, 1, 1),
    ("resnet 512->512 k3", 32, 512, 512, 3, 3, 1, 1, 1),
    ("resnet 64->64 k3 b1", 1, 64, 64, 24, 3, 1, 1, 1),
    ("vgg 3->64 k3", 4, 3, 64, 112, 3, 1, 1, 1),
    ("vgg 128->128 k3", 4, 128, 128, 56, 3, 1, 1, 1),
    ("vgg 256->512 k3", 4, 256, 512, 28, 3, 1, 1, 1),
    ("mobilenet 3->32 k3 s2", 4, 3, 32, 112, 3, 2, 1, 1),
    ("mobilenet 96->96 k3 depthwise", 8, 96, 96, 56, 3, 1, 1, 96),
    ("mobilenet 144->144 k3 s2 depthwise", 8, 144, 144, 56, 3, 2, 1, 144),
    ("mobilenet 32->192 k1", 8, 32, 192, 28, 1, 1, 0, 1),
    ("mobilenet 960->320 k1", 8, 960, 320, 7, 1, 1, 0, 1),
]


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


for name, batch, inputs, outputs, side, kernel, stride, padding, groups in LAYERS:
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

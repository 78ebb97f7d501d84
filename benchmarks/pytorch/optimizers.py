"""The PyTorch version of benches/optimizers.rs: one step of torch.optim with foreach=True.

As in training, new gradients are made before every step, which is not timed, and freed after it (zero_grad), which
is timed: Burn's step consumes its gradients.

Prints one JSON object per line: name and seconds per step (best and median).
"""

import json
import statistics
import sys
import time

import torch

torch.manual_seed(0)

FILTER = sys.argv[1] if len(sys.argv) > 1 else ""

SIZES = [("1k", 32, 1), ("100k", 158, 4), ("11M", 512, 42)]
OPTIMIZERS = [
    ("sgd_momentum", lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, foreach=True)),
    ("adam", lambda p: torch.optim.Adam(p, lr=1e-3, foreach=True)),
    ("adamw", lambda p: torch.optim.AdamW(p, lr=1e-3, foreach=True)),
]


def measure(name, prepare, step, seconds=4.0):
    if FILTER not in name:
        return
    for _ in range(3):
        prepare()
        step()  # warm up: the first step makes the state
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(times) < 5:
        prepare()
        before = time.perf_counter()
        step()
        times.append(time.perf_counter() - before)
    print(json.dumps({"name": name, "median": statistics.median(times), "best": min(times)}))
    sys.stdout.flush()


for size, side, count in SIZES:
    for name, make in OPTIMIZERS:
        parameters = [torch.randn(side, side, requires_grad=True) for _ in range(count)]
        gradients = [torch.randn(side, side) for _ in range(count)]
        optimizer = make(parameters)

        def prepare():
            for parameter, gradient in zip(parameters, gradients):
                parameter.grad = gradient * 1.0

        def step():
            optimizer.step()
            optimizer.zero_grad()

        measure(f"optimizer_step/{name}_{size}", prepare, step)

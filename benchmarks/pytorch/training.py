"""The PyTorch version of benches/training.rs: the same loops in PyTorch, on the same cores.

The data are tensors, indexed to make a batch; the metrics are those of the Rust program. Prints one JSON object
per line: name and seconds per step (best and median of several epochs).
"""

import json
import statistics
import sys
import time

import torch
from torch import nn

torch.manual_seed(0)

FILTER = sys.argv[1] if len(sys.argv) > 1 else ""


def measure(name, epoch, steps, seconds=4.0):
    if FILTER not in name:
        return
    epoch()  # warm up
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(times) < 5:
        before = time.perf_counter()
        epoch()
        times.append((time.perf_counter() - before) / steps)
    print(json.dumps({"name": name, "median": statistics.median(times), "best": min(times)}))
    sys.stdout.flush()


def linear_regression(examples, width, batch):
    x, y = torch.randn(examples, width), torch.randn(examples, 1)
    model = nn.Linear(width, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loss_of = nn.MSELoss()

    def epoch():
        order = torch.randperm(examples)
        total = squared = absolute = 0.0
        for start in range(0, examples, batch):
            index = order[start : start + batch]
            inputs, targets = x[index], y[index]
            optimizer.zero_grad()
            predicted = model(inputs)
            loss = loss_of(predicted, targets)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                total += loss.item() * len(index)
                error = predicted - targets
                squared += error.square().sum().item()
                absolute += error.abs().sum().item()

    measure(f"linear_regression/{batch}x{width}", epoch, examples // batch)


def softmax_regression(examples, width, classes, batch):
    x, y = torch.randn(examples, width), torch.randint(classes, (examples,))
    model = nn.Linear(width, classes)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss_of = nn.CrossEntropyLoss()

    def epoch():
        order = torch.randperm(examples)
        total = hits = 0.0
        for start in range(0, examples, batch):
            index = order[start : start + batch]
            inputs, targets = x[index], y[index]
            optimizer.zero_grad()
            logits = model(inputs)
            loss = loss_of(logits, targets)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                total += loss.item() * len(index)
                hits += (logits.argmax(1) == targets).sum().item()

    measure(f"softmax_regression/{batch}x{width}", epoch, examples // batch)


linear_regression(10_000, 2, 10)
linear_regression(65_536, 32, 1024)
softmax_regression(25_600, 784, 10, 256)

"""The PyTorch version of benches/images.rs: the same networks trained in PyTorch, on the same cores.

Each is measured twice: with all images as floats in one tensor, indexed to make a batch, and, as
`NAME (DataLoader)`, with a `Dataset` of bytes that returns one image at a time and PyTorch's `DataLoader` with its
defaults. Prints one JSON object per line: name and seconds per image (best and median of several epochs). An
argument restricts it to the names that contain it.
"""

import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)

FILTER = sys.argv[1] if len(sys.argv) > 1 else ""


def measure(name, epoch, examples, seconds=4.0):
    if FILTER not in name:
        return
    epoch()  # warm up
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(times) < 5:
        before = time.perf_counter()
        epoch()
        times.append((time.perf_counter() - before) / examples)
    print(json.dumps({"name": name, "median": statistics.median(times), "best": min(times)}))
    sys.stdout.flush()


def softmax():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def lenet():
    features = [nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2)]
    features += [nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten()]
    head = [nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10)]
    return nn.Sequential(*features, *head)


def lenet_batch_norm():
    features = []
    for inputs, outputs in [(1, 6), (6, 16)]:
        features += [nn.Conv2d(inputs, outputs, 5), nn.BatchNorm2d(outputs), nn.Sigmoid()]
        features.append(nn.AvgPool2d(2))
    head = [nn.Flatten()]
    for inputs, outputs in [(256, 120), (120, 84)]:
        head += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.Sigmoid()]
    return nn.Sequential(*features, *head, nn.Linear(84, 10))


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.straight = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1),
            nn.BatchNorm2d(outputs),
        )
        same = inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.straight(x) + self.shortcut(x))


def resnet18():
    layers = [nn.Conv2d(1, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    layers += [Residual(64, 64, 1), Residual(64, 64, 1)]
    for outputs in (128, 256, 512):
        layers += [Residual(outputs // 2, outputs, 2), Residual(outputs, outputs, 1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


class Bytes(Dataset):
    """Images as bytes; an item is an image of floats from 0 to 1."""

    def __init__(self, pixels, labels):
        self.pixels, self.labels = pixels, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.pixels[index].float().div_(255), self.labels[index]


def training(name, make, side, batch, batches, rate):
    examples = batch * batches
    pixels = torch.randint(256, (examples, 1, side, side), dtype=torch.uint8)
    labels = torch.randint(10, (examples,))
    numbers = pixels.float() / 255
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    loss_of = nn.CrossEntropyLoss()

    def in_memory():
        for index in torch.randperm(examples).split(batch):
            yield numbers[index], labels[index]

    loader = DataLoader(Bytes(pixels, labels), batch_size=batch, shuffle=True)

    def epoch(source):
        total = hits = 0.0
        for inputs, targets in source():
            optimizer.zero_grad()
            logits = model(inputs)
            loss = loss_of(logits, targets)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                total += loss.item() * len(targets)
                hits += (logits.argmax(1) == targets).sum().item()

    measure(f"images/{name}", lambda: epoch(in_memory), examples)
    measure(f"images/{name} (DataLoader)", lambda: epoch(lambda: loader), examples)


training("softmax", softmax, 28, 256, 60, 0.1)
training("mlp", mlp, 28, 256, 60, 0.1)
training("lenet", lenet, 28, 256, 10, 0.9)
training("lenet_batch_norm", lenet_batch_norm, 28, 256, 10, 1.0)
training("resnet18", resnet18, 96, 32, 3, 0.05)

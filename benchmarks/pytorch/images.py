"""The PyTorch version of benches/images.rs: the same networks trained in PyTorch, on the same cores.

Each is measured twice: with all images as floats in one tensor, indexed to make a batch, and, as
`NAME (DataLoader)`, with a `Dataset` of bytes that returns one image at a time and PyTorch's `DataLoader` with its
defaults. Prints one JSON object per line: name and seconds per image (best and median of several epochs); then the
seconds of a prediction; then the megabytes of peak memory, measured in a process of its own (`--memory-of NAME`). An
argument restricts it to the names that contain it.
"""

import json
import statistics
import subprocess
import sys
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.models import mobilenet_v2

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


def relu_after(*layers):
    return [part for layer in layers for part in (layer, nn.ReLU())]


def alexnet():
    features = relu_after(nn.Conv2d(1, 96, 11, 4, 1)) + [nn.MaxPool2d(3, 2)]
    features += relu_after(nn.Conv2d(96, 256, 5, padding=2)) + [nn.MaxPool2d(3, 2)]
    features += relu_after(nn.Conv2d(256, 384, 3, padding=1), nn.Conv2d(384, 384, 3, padding=1))
    features += relu_after(nn.Conv2d(384, 256, 3, padding=1)) + [nn.MaxPool2d(3, 2), nn.Flatten()]
    # Images of 65 x 65 leave one pixel.
    head = [nn.Linear(256, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()]
    return nn.Sequential(*features, *head, nn.Dropout(), nn.Linear(4096, 10))


def vgg11_narrow():
    layers, inputs = [], 1
    for convolutions, outputs in [(1, 16), (1, 32), (2, 64), (2, 128), (2, 128)]:
        for _ in range(convolutions):
            layers += relu_after(nn.Conv2d(inputs, outputs, 3, padding=1))
            inputs = outputs
        layers.append(nn.MaxPool2d(2, 2))
    layers += [nn.AdaptiveAvgPool2d(7), nn.Flatten()]
    head = [nn.Linear(128 * 49, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()]
    return nn.Sequential(*layers, *head, nn.Dropout(), nn.Linear(4096, 10))


def nin():
    def block(inputs, outputs, *convolution):
        narrow = [nn.Conv2d(outputs, outputs, 1), nn.Conv2d(outputs, outputs, 1)]
        return relu_after(nn.Conv2d(inputs, outputs, *convolution), *narrow)

    layers = block(1, 96, 11, 4) + [nn.MaxPool2d(3, 2)]
    layers += block(96, 256, 5, 1, 2) + [nn.MaxPool2d(3, 2)]
    layers += block(256, 384, 3, 1, 1) + [nn.MaxPool2d(3, 2), nn.Dropout()]
    layers += block(384, 10, 3, 1, 1)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Inception(nn.Module):
    def __init__(self, inputs, c1, c2, c3, c4):
        super().__init__()
        pad = lambda *channels, size: nn.Conv2d(*channels, size, padding=size // 2)
        self.paths = nn.ModuleList(
            [
                nn.Sequential(*relu_after(nn.Conv2d(inputs, c1, 1))),
                nn.Sequential(*relu_after(nn.Conv2d(inputs, c2[0], 1), pad(*c2, size=3))),
                nn.Sequential(*relu_after(nn.Conv2d(inputs, c3[0], 1), pad(*c3, size=5))),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), *relu_after(nn.Conv2d(inputs, c4, 1))),
            ]
        )

    def forward(self, x):
        return torch.cat([path(x) for path in self.paths], dim=1)


def googlenet():
    layers = relu_after(nn.Conv2d(1, 64, 7, 2, 3)) + [nn.MaxPool2d(3, 2, 1)]
    layers += relu_after(nn.Conv2d(64, 64, 1), nn.Conv2d(64, 192, 3, padding=1))
    layers += [nn.MaxPool2d(3, 2, 1)]
    layers += [Inception(192, 64, (96, 128), (16, 32), 32)]
    layers += [Inception(256, 128, (128, 192), (32, 96), 64), nn.MaxPool2d(3, 2, 1)]
    layers += [Inception(480, 192, (96, 208), (16, 48), 64)]
    layers += [Inception(512, 160, (112, 224), (24, 64), 64)]
    layers += [Inception(512, 128, (128, 256), (24, 64), 64)]
    layers += [Inception(512, 112, (144, 288), (32, 64), 64)]
    layers += [Inception(528, 256, (160, 320), (32, 128), 128), nn.MaxPool2d(3, 2, 1)]
    layers += [Inception(832, 256, (160, 320), (32, 128), 128)]
    layers += [Inception(832, 384, (192, 384), (48, 128), 128)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 10))


def norm_conv(inputs, outputs, *convolution):
    return [nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, *convolution)]


class Dense(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        layers = [nn.Sequential(*norm_conv(inputs + 32 * i, 32, 3, 1, 1)) for i in range(4)]
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


def densenet_course():
    layers = [nn.Conv2d(1, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for block in range(4):
        layers.append(Dense(channels))
        channels += 4 * 32
        if block < 3:
            layers += norm_conv(channels, channels // 2, 1) + [nn.AvgPool2d(2)]
            channels //= 2
    layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(channels, 10))


class Bytes(Dataset):
    """Images as bytes; an item is an image of floats from 0 to 1."""

    def __init__(self, pixels, labels):
        self.pixels, self.labels = pixels, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.pixels[index].float().div_(255), self.labels[index]


def training(name, make, side, batch, batches, rate, optimizer=torch.optim.SGD, run=None):
    examples = batch * batches
    pixels = torch.randint(256, (examples, 1, side, side), dtype=torch.uint8)
    labels = torch.randint(10, (examples,))
    numbers = pixels.float() / 255
    model = make()
    optimizer = optimizer(model.parameters(), lr=rate)
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

    if run:
        return run(lambda: epoch(in_memory))
    measure(f"images/{name}", lambda: epoch(in_memory), examples)
    measure(f"images/{name} (DataLoader)", lambda: epoch(lambda: loader), examples)


def inference(name, model, shape):
    model, images = model.eval(), torch.ones(shape)
    with torch.no_grad():
        measure(f"inference/{name} b{shape[0]}", lambda: model(images), 1)


def peak_megabytes():
    # Not ru_maxrss: a child starts with that of its parent.
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024


MEMORY = "images/resnet18 memory"
if FILTER == "--memory-of":
    training("resnet18", resnet18, 96, 256, 2, 0.05, run=lambda epoch: epoch())
    print(json.dumps({"name": MEMORY, "megabytes": peak_megabytes()}))
    sys.exit()

training("softmax", softmax, 28, 256, 60, 0.1)
training("mlp", mlp, 28, 256, 60, 0.1)
training("lenet", lenet, 28, 256, 10, 0.9)
training("lenet_batch_norm", lenet_batch_norm, 28, 256, 10, 1.0)
training("resnet18", resnet18, 96, 32, 3, 0.05)
training("alexnet", alexnet, 65, 32, 4, 0.001, torch.optim.Adam)
training("vgg11_narrow", vgg11_narrow, 32, 16, 4, 0.0005, torch.optim.Adam)
training("nin", nin, 67, 16, 4, 0.0005, torch.optim.Adam)
training("googlenet", googlenet, 32, 32, 4, 0.0005, torch.optim.Adam)
training("densenet_course", densenet_course, 32, 32, 4, 0.1)
inference("lenet", lenet(), (256, 1, 28, 28))
inference("resnet18_course", resnet18(), (1, 1, 96, 96))
inference("resnet18_course", resnet18(), (32, 1, 96, 96))
inference("mobilenet_v2", mobilenet_v2(), (1, 3, 224, 224))
if FILTER in MEMORY:
    subprocess.run([sys.executable, __file__, "--memory-of", MEMORY], check=True)

"""Writes weights as PyTorch users have them, and what the model says, for tests/weights.rs.

    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch numpy safetensors
    /tmp/torch/bin/python make_weights.py

The model is the course's LeNet with batch norm for images of 16 x 16, under the names of
`BatchNormLeNet`.
"""

import json
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent
torch.manual_seed(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16)
        self.fc1, self.bn3 = nn.Linear(16, 120), nn.BatchNorm1d(120)
        self.fc2, self.bn4 = nn.Linear(120, 84), nn.BatchNorm1d(84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, images):
        maps = nn.functional.avg_pool2d(self.bn1(self.conv1(images)).sigmoid(), 2)
        maps = nn.functional.avg_pool2d(self.bn2(self.conv2(maps)).sigmoid(), 2)
        hidden = self.bn3(self.fc1(maps.flatten(1))).sigmoid()
        return self.fc3(self.bn4(self.fc2(hidden)).sigmoid())


model = Net()
optimizer = torch.optim.SGD(model.fc3.parameters(), lr=0.1, momentum=0.9)
for _ in range(5):
    # Statistics and batch-norm weights that are not those of the start.
    images, labels = torch.randn(32, 1, 16, 16), torch.randint(10, (32,))
    nn.functional.cross_entropy(model(images), labels).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.5 * parameter.grad
    optimizer.step()
    model.zero_grad()

state = model.state_dict()
save_file(state, HERE / "lenet.safetensors")
torch.save(state, HERE / "lenet.pt")
# A checkpoint of a training run with DataParallel and half precision.
half = OrderedDict((f"module.{name}", tensor.half() if tensor.is_floating_point() else tensor)
                   for name, tensor in state.items())
checkpoint = {"epoch": 5, "arch": "lenet", "optimizer": optimizer.state_dict(), "state_dict": half}
torch.save(checkpoint, HERE / "lenet_checkpoint.pth")
# The same, compiled after it was wrapped.
checkpoint["state_dict"] = OrderedDict((f"_orig_mod.{name}", x) for name, x in half.items())
torch.save(checkpoint, HERE / "lenet_compiled.pth")

pixels = [(37 * i % 256) / 255 for i in range(2 * 16 * 16)]
images = torch.tensor(pixels, dtype=torch.float64).reshape(2, 1, 16, 16)
logits = model.double().eval()(images)
reference = {
    "torch": torch.__version__,
    "logits": [float(f"{x:.8g}") for x in logits.flatten().tolist()],
    "names": {name: list(tensor.shape) for name, tensor in state.items()},
}
(HERE / "lenet.json").write_text(json.dumps(reference, indent=1) + "\n")

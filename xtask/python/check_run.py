"""Reads a run folder with common Python libraries: safetensors, tensorboard, csv."""

import csv
import json
import math
import sys
from pathlib import Path

from safetensors.numpy import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = Path(sys.argv[1])

weights = load_file(run / "bundle" / "model.safetensors")
model = json.loads((run / "bundle" / "model.json").read_text())
inputs, outputs = model["config"]["inputs"], model["config"]["outputs"]
shapes = {name: tensor.shape for name, tensor in weights.items()}
# PyTorch's names and PyTorch's orientation: [outputs, inputs].
assert shapes == {"linear.weight": (outputs, inputs), "linear.bias": (outputs,)}, shapes

with open(run / "history.csv") as file:
    rows = list(csv.DictReader(file))
lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
assert len(rows) == len(lines) > 0
for row, line in zip(rows, lines):
    assert float(row["train_loss"]) == line["train_loss"]

events = EventAccumulator(str(run))
events.Reload()
tags = events.Tags()["scalars"]
for tag in ("loss/train", "loss/valid", "learning_rate"):
    assert tag in tags, (tag, tags)
points = events.Scalars("loss/train")
assert len(points) == len(rows), (len(points), len(rows))
for point, row in zip(points, rows):
    assert point.step == int(row["step"])
    assert math.isclose(point.value, float(row["train_loss"]), rel_tol=1e-6)

print(f"{run.name}: safetensors, {len(rows)} epochs of CSV and JSON lines, tensorboard events: readable")

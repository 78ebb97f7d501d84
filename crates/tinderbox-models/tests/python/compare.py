#!/usr/bin/env python3
"""Compares every standard model with torchvision: names, logits, gradients.

    pip install torch torchvision safetensors
    cargo run --release -p tinderbox-models --example torchvision_export OUT
    python crates/tinderbox-models/tests/python/compare.py OUT [--write]

Each exported state dict must load with strict=True; logits and every gradient must agree within
1e-4, relative, with torchvision in double precision. With --write the numbers that
tests/parity.rs compares with are written to tests/reference/torchvision.json.
"""

import json
import math
import pathlib
import sys

import torch
import torchvision
from safetensors.torch import load_file

TOLERANCE = 1e-4


def fnv(text):
    """64-bit FNV-1a, as in tests/parity.rs."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return f"{value:016x}"


def relative(ours, theirs):
    return (ours.double() - theirs).norm().item() / max(theirs.norm().item(), 1e-30)


def names(model):
    """Every name and shape of the state dict, sorted; the counter of batch norms is not ours."""
    state = model.state_dict().items()
    lines = [f"{k} {list(v.shape)}" for k, v in state if not k.endswith("num_batches_tracked")]
    return "\n".join(sorted(lines))


def compare(folder, name):
    weights = load_file(folder / f"{name}.model.safetensors")
    gradients = load_file(folder / f"{name}.gradients.safetensors")
    in_out = load_file(folder / f"{name}.in_out.safetensors")
    model = getattr(torchvision.models, name)(num_classes=10)
    model.load_state_dict(weights, strict=True)
    model = model.double().eval()
    logits = model(in_out["images"].double())
    factors = torch.tensor([i % 7 - 3.0 for i in range(logits.numel())]).double()
    (logits.flatten() * factors).sum().backward()
    worst, where = 0.0, ""
    norms = 0.0
    for path, parameter in model.named_parameters():
        error = relative(gradients[path], parameter.grad)
        norms += parameter.grad.norm().item() ** 2
        if error > worst:
            worst, where = error, path
    forward = relative(in_out["logits"], logits.detach())
    good = forward <= TOLERANCE and worst <= TOLERANCE
    verdict = "ok" if good else "WRONG"
    print(f"{name:18} logits {forward:.1e}  gradients {worst:.1e} ({where})  {verdict}", flush=True)
    fresh = getattr(torchvision.models, name)()
    reference = {
        "names": fnv(names(model)),
        "logits": [float(f"{x:.7g}") for x in logits.flatten().tolist()],
        "gradient_norm": float(f"{math.sqrt(norms):.7g}"),
        "parameters": sum(p.numel() for p in fresh.parameters()),
    }
    return good, reference


def main():
    folder = pathlib.Path(sys.argv[1])
    found = sorted(folder.glob("*.model.safetensors"))
    results = {path.name.split(".")[0]: compare(folder, path.name.split(".")[0]) for path in found}
    if "--write" in sys.argv:
        target = pathlib.Path(__file__).parents[1] / "reference" / "torchvision.json"
        references = {name: reference for name, (_, reference) in results.items()}
        versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
        text = json.dumps({"versions": versions, "models": references}, indent=1)
        target.write_text(text + "\n")
    if not results or not all(good for good, _ in results.values()):
        sys.exit("some models differ")


main()

#!/usr/bin/env python3
"""Compares every standard model with torchvision: names, logits, gradients, in both directions.

    pip install torch torchvision safetensors
    cargo build -p tinderbox --example torchvision
    python crates/tinderbox-models/tests/python/compare.py target/debug/examples/torchvision \\
        [--write] [NAME...]

Each saved file must load with strict=True; logits and every gradient must agree within 1e-4,
relative, with torchvision in double precision. The other way, a .pth file of a model that
torchvision drew must load into ours and give the same logits. With --write the numbers that
tests/suite/parity.rs compares with are written to tests/reference/torchvision.json.
"""

import json
import math
import pathlib
import subprocess
import sys
import tempfile

import torch
import torchvision
from safetensors.torch import load_file, save_file

TOLERANCE = 1e-4
NAMES = """vgg11 vgg13 vgg16 vgg19 resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d
    densenet121 mobilenet_v2 efficientnet_b0 convnext_tiny""".split()


def fnv(text):
    """64-bit FNV-1a, as in tests/suite/parity.rs."""
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


def ours_in_torch(program, folder, name):
    """Our weights in torchvision's model: errors of logits and gradients, and the reference."""
    subprocess.run([program, "export", folder, name], check=True)
    weights = load_file(folder / "model.safetensors")
    gradients = load_file(folder / "gradients.safetensors")
    in_out = load_file(folder / "in_out.safetensors")
    model = getattr(torchvision.models, name)(num_classes=10)
    model.load_state_dict(weights, strict=True)
    model = model.double().eval()
    logits = model(in_out["images"].double())
    factors = torch.tensor([i % 7 - 3.0 for i in range(logits.numel())]).double()
    (logits.flatten() * factors).sum().backward()
    worst, norms = 0.0, 0.0
    for path, parameter in model.named_parameters():
        worst = max(worst, relative(gradients[path], parameter.grad))
        norms += parameter.grad.norm().item() ** 2
    fresh = getattr(torchvision.models, name)()
    reference = {
        "names": fnv(names(model)),
        "logits": [float(f"{x:.7g}") for x in logits.flatten().tolist()],
        "gradient_norm": float(f"{math.sqrt(norms):.7g}"),
        "parameters": sum(p.numel() for p in fresh.parameters()),
    }
    return relative(in_out["logits"], logits.detach()), worst, reference


def theirs_in_ours(program, folder, name):
    """The weights of a model that torchvision drew in ours: the error of the logits."""
    torch.manual_seed(1)
    model = getattr(torchvision.models, name)(num_classes=10)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        # Running statistics that are not those of the start.
        model.train()(images)
        torch.save(model.state_dict(), folder / "theirs.pth")
        logits = model.double().eval()(images.double()).float()
    save_file({"images": images, "logits": logits}, folder / "theirs.safetensors")
    run = [program, "import", folder, name]
    return float(subprocess.run(run, check=True, capture_output=True, text=True).stdout)


def main():
    program, *chosen = [word for word in sys.argv[1:] if word != "--write"]
    references, wrong = {}, []
    print(f"{'model':18} {'logits':>8} {'gradients':>10} {'loaded':>8}")
    for name in chosen or NAMES:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            logits, gradients, references[name] = ours_in_torch(program, folder, name)
            loaded = theirs_in_ours(program, folder, name)
        print(f"{name:18} {logits:8.1e} {gradients:10.1e} {loaded:8.1e}", flush=True)
        if max(logits, gradients, loaded) > TOLERANCE:
            wrong.append(name)
    if "--write" in sys.argv:
        target = pathlib.Path(__file__).parents[1] / "reference" / "torchvision.json"
        versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
        references = dict(sorted(references.items()))
        text = json.dumps({"versions": versions, "models": references}, indent=1)
        target.write_text(text + "\n")
    if wrong:
        sys.exit(f"these differ by more than {TOLERANCE}: {', '.join(wrong)}")


main()

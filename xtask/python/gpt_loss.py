#!/usr/bin/env python3
"""Trains the small GPT of `language_model --model gpt` in PyTorch, and prints its loss on the text that is held out.

    cargo run --example language_model -- --model gpt
    python xtask/python/gpt_loss.py timemachine.txt

The same size (4 blocks, 4 heads, 128 features, context 64), steps (2,000 of 12 windows), split, optimizer and schedule;
PyTorch draws the initial weights and the windows. Needs benchmarks/pytorch/requirements.txt.
"""

import importlib.util
import math
import pathlib
import re
import sys

import torch
from torch.nn.functional import cross_entropy

STEPS, BATCH, CONTEXT = 2000, 12, 64


def network():
    """The class of the benches, of which none is measured here."""
    file = pathlib.Path(__file__).parents[2] / "benchmarks/pytorch/sequences.py"
    arguments, sys.argv = sys.argv, [str(file), "no bench"]
    spec = importlib.util.spec_from_file_location("sequences", file)
    benches = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benches)
    sys.argv = arguments
    return benches.Gpt(CONTEXT)


def ids(path):
    lines = pathlib.Path(path).read_text().splitlines()
    text = "".join(re.sub("[^A-Za-z]+", " ", line).strip().lower() for line in lines)
    return torch.tensor([" abcdefghijklmnopqrstuvwxyz".index(letter) for letter in text])


def initial(model):
    """GPT-2's: N(0, 0.02), narrower where a block adds to what passes by."""
    for name, weights in model.named_parameters():
        if weights.ndim == 2:
            narrow = math.sqrt(8) if name.endswith(("c_proj.weight", ".proj.weight")) else 1
            torch.nn.init.normal_(weights, std=0.02 / narrow)
        elif name.endswith("bias"):
            torch.nn.init.zeros_(weights)


def rate(step):
    warmup = STEPS // 20
    if step < warmup:
        return (step + 1) / warmup
    return 0.1 + 0.45 * (1 + math.cos(math.pi * min(1, (step - warmup) / STEPS)))


def main():
    torch.manual_seed(0)
    tokens = ids(sys.argv[1])
    training = len(tokens) * 9 // 10
    train, held_out = tokens[:training], tokens[training:]
    model = network()
    initial(model)
    matrices = [weights for weights in model.parameters() if weights.ndim > 1]
    vectors = [weights for weights in model.parameters() if weights.ndim < 2]
    groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)

    def loss_of(starts, text):
        inputs = torch.stack([text[start : start + CONTEXT] for start in starts])
        targets = torch.stack([text[start + 1 : start + CONTEXT + 1] for start in starts])
        logits, _ = model(inputs)
        return cross_entropy(logits.flatten(0, 1), targets.flatten())

    for _ in range(STEPS):
        loss = loss_of(torch.randint(len(train) - CONTEXT, (BATCH,)), train)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
    with torch.no_grad():
        starts = range(0, len(held_out) - CONTEXT, CONTEXT)
        losses = [loss_of(part, held_out).item() for part in torch.tensor(starts).split(1)]
    mean = sum(losses) / len(losses)
    print(f"{training} of {len(tokens)} tokens to train on, {len(held_out)} held out")
    print(f"loss on the text held out: {mean:.4f}, perplexity {math.exp(mean):.2f}")


main()

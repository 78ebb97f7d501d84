#!/usr/bin/env python3
"""Trains the recurrent network from scratch with random windows in PyTorch, and prints its last training perplexities.

    cargo xtask reproduce rnn-scratch-random
    python xtask/python/rnn_random.py timemachine.txt

The settings of the reproduction: 512 units, 500 epochs of the first 10,000 characters, windows of 35, batches of 32, plain
SGD with a learning rate of 1, gradients clipped to a norm of 1. Five seeds. Needs benchmarks/pytorch/requirements.txt.
"""

import math
import pathlib
import random
import re
import sys

import torch
from torch.nn.functional import cross_entropy, one_hot

torch.set_num_threads(1)

LETTERS = " abcdefghijklmnopqrstuvwxyz"
CHARACTERS, UNITS, STEPS, BATCH, EPOCHS = 10_000, 512, 35, 32, 500


def ids(path):
    lines = pathlib.Path(path).read_text().splitlines()
    text = "".join(re.sub("[^A-Za-z]+", " ", line).strip().lower() for line in lines)
    return [LETTERS.index(letter) for letter in text[:CHARACTERS]]


def batches(corpus):
    """Windows from a random place on, in a random order."""
    corpus = corpus[random.randint(0, STEPS - 1) :]
    starts = list(range(0, (len(corpus) - 1) // STEPS * STEPS, STEPS))
    random.shuffle(starts)
    for first in range(0, len(starts) - BATCH + 1, BATCH):
        places = starts[first : first + BATCH]
        yield [torch.tensor([corpus[at + ahead :][:STEPS] for at in places]) for ahead in (0, 1)]


def train(corpus, seed):
    torch.manual_seed(seed)
    random.seed(seed)
    tokens = len(LETTERS)
    weights = [0.01 * torch.randn(shape) for shape in [(tokens, UNITS), (UNITS, UNITS), (UNITS, tokens)]]
    weights += [torch.zeros(UNITS), torch.zeros(tokens)]
    for weight in weights:
        weight.requires_grad_()
    w_xh, w_hh, w_hq, b_h, b_q = weights
    perplexities = []
    for _ in range(EPOCHS):
        losses = []
        for inputs, targets in batches(corpus):
            state, logits = torch.zeros(BATCH, UNITS), []
            for step in one_hot(inputs.T, tokens).float():
                state = torch.tanh(step @ w_xh + state @ w_hh + b_h)
                logits.append(state @ w_hq + b_q)
            loss = cross_entropy(torch.cat(logits), targets.T.reshape(-1))
            gradients = torch.autograd.grad(loss, weights)
            norm = math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients))
            with torch.no_grad():
                for weight, gradient in zip(weights, gradients):
                    weight -= gradient * min(1.0, 1.0 / norm)
            losses.append(loss.item())
        perplexities.append(math.exp(sum(losses) / len(losses)))
    return perplexities


def main():
    corpus = ids(sys.argv[1])
    for seed in range(5):
        last = train(corpus, seed)[-5:]
        print(f"seed {seed}: " + ", ".join(f"{value:.3f}" for value in last), flush=True)


if __name__ == "__main__":
    main()

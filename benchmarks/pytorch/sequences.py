"""The PyTorch version of benches/sequences.rs: the same loops with torch.nn's layers, on the same cores.

Prints one JSON object per line: name and seconds per step (best and median of several epochs).
"""

import json
import math
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

torch.manual_seed(0)

FILTER = sys.argv[1] if len(sys.argv) > 1 else ""
STEPS, BATCH, VOCABULARY, BATCHES, HIDDEN = 35, 32, 28, 20, 256


class LanguageModel(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.rnn = layer(VOCABULARY, HIDDEN)
        self.linear = nn.Linear(HIDDEN, VOCABULARY)

    def forward(self, tokens, state):
        inputs = one_hot(tokens.T, VOCABULARY).float()
        outputs, state = self.rnn(inputs, state)
        return self.linear(outputs), state


def detach(state):
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


for name, layer in [("rnn", nn.RNN), ("gru", nn.GRU), ("lstm", nn.LSTM)]:
    name = f"characters/{name}"
    if FILTER not in name:
        continue
    ids = torch.randint(VOCABULARY, (BATCH, BATCHES * STEPS + 1))
    model = LanguageModel(layer)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

    def epoch():
        state, total = None, 0.0
        for start in range(0, BATCHES * STEPS, STEPS):
            inputs, targets = ids[:, start : start + STEPS], ids[:, start + 1 : start + STEPS + 1]
            optimizer.zero_grad()
            logits, state = model(inputs, state)
            loss = cross_entropy(logits.reshape(-1, VOCABULARY), targets.T.reshape(-1))
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            state = detach(state)
            total += loss.item()
        return math.exp(total / BATCHES)

    epoch()  # warm up
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < 4.0 or len(times) < 5:
        before = time.perf_counter()
        epoch()
        times.append((time.perf_counter() - before) / BATCHES)
    print(json.dumps({"name": name, "median": statistics.median(times), "best": min(times)}))
    sys.stdout.flush()

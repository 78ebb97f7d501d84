"""Writes weights of PyTorch's sequence layers, and what the layers give, for tests/sequences.rs.

    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch numpy
    /tmp/torch/bin/python make_sequences.py

Random weights; the loss is the sum of all outputs, each times the sine of its place (from 1).
"""

import json
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).parent
torch.manual_seed(1)
STEPS, BATCH, INPUTS, HIDDEN = 5, 2, 3, 4
SIZE, HEADS, KEYS = 8, 2, 6
cases = {}


def flat(tensor):
    return [float(f"{x:.8g}") for x in tensor.detach().flatten().tolist()]


def case(name, layer, inputs, run):
    layer.double()
    with torch.no_grad():
        for parameter in layer.parameters():
            # As float32, so that both sides have the same numbers.
            parameter.copy_(torch.empty_like(parameter).uniform_(-0.7, 0.7).float().double())
    inputs = {key: tensor.float().double().requires_grad_() for key, tensor in inputs.items()}
    outputs = run(layer, inputs)
    every = torch.cat([output.flatten() for output in outputs.values()])
    (every * torch.sin(torch.arange(1, len(every) + 1).double())).sum().backward()
    torch.save({key: x.float() for key, x in layer.state_dict().items()}, HERE / f"{name}.pt")
    cases[name] = {
        "inputs": {key: flat(tensor) for key, tensor in inputs.items()},
        "outputs": {key: flat(tensor) for key, tensor in outputs.items()},
        "gradients": {key: flat(parameter.grad) for key, parameter in layer.named_parameters()}
        | {f"inputs.{key}": flat(tensor.grad) for key, tensor in inputs.items()},
    }


def recurrent(layer, inputs):
    if isinstance(layer, nn.LSTM):
        output, (hidden, memory) = layer(inputs["x"], (inputs["hidden"], inputs["memory"]))
        return {"output": output, "hidden": hidden, "memory": memory}
    output, hidden = layer(inputs["x"], inputs["hidden"])
    return {"output": output, "hidden": hidden}


for name, kind, extra in [
    ("rnn", nn.RNN, {}),
    ("rnn_relu", nn.RNN, {"nonlinearity": "relu"}),
    ("gru", nn.GRU, {}),
    ("lstm", nn.LSTM, {}),
]:
    layer = kind(INPUTS, HIDDEN, num_layers=2, bidirectional=True, **extra)
    inputs = {"x": torch.randn(STEPS, BATCH, INPUTS), "hidden": torch.randn(4, BATCH, HIDDEN)}
    if kind is nn.LSTM:
        inputs["memory"] = torch.randn(4, BATCH, HIDDEN)
    case(name, layer, inputs, recurrent)

# The second sequence has 4 keys; the rest is padding.
padding = torch.arange(KEYS) >= torch.tensor([[6], [4]])


def attention(layer, inputs):
    output, weights = layer(inputs["q"], inputs["k"], inputs["v"], key_padding_mask=padding,
                            average_attn_weights=False)
    return {"output": output, "weights": weights}


inputs = {"q": torch.randn(BATCH, STEPS, SIZE), "k": torch.randn(BATCH, KEYS, SIZE),
          "v": torch.randn(BATCH, KEYS, SIZE)}
case("attention", nn.MultiheadAttention(SIZE, HEADS, batch_first=True), inputs, attention)

causal = nn.Transformer.generate_square_subsequent_mask(STEPS) < 0
for norm_first in [False, True]:
    norm = "pre" if norm_first else "post"
    block = dict(d_model=SIZE, nhead=HEADS, dim_feedforward=16, dropout=0.0, batch_first=True,
                 norm_first=norm_first)
    layer = nn.TransformerEncoder(nn.TransformerEncoderLayer(**block), 2, nn.LayerNorm(SIZE),
                                  enable_nested_tensor=False)
    case(f"encoder_{norm}", layer, {"x": torch.randn(BATCH, KEYS, SIZE)},
         lambda layer, inputs: {"output": layer(inputs["x"], src_key_padding_mask=padding)})
    layer = nn.TransformerDecoder(nn.TransformerDecoderLayer(**block), 2, nn.LayerNorm(SIZE))
    inputs = {"x": torch.randn(BATCH, STEPS, SIZE), "memory": torch.randn(BATCH, KEYS, SIZE)}
    case(f"decoder_{norm}", layer, inputs,
         lambda layer, inputs: {"output": layer(inputs["x"], inputs["memory"], tgt_mask=causal,
                                                memory_key_padding_mask=padding)})

(HERE / "sequences.json").write_text(json.dumps(cases))

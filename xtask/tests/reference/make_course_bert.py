"""A small encoder with the parameter names of the course's BERT, and what it computes, in NumPy.

Writes course_bert.safetensors and course_bert.json. The course (Dive into Deep Learning, "Bidirectional Encoder
Representations from Transformers"): ReLU, norms after each part, no norm of the embeddings, epsilon 1e-5.
"""

import json
from pathlib import Path

import numpy as np

TOKENS, CONTEXT, SIZE, INNER, HEADS, BLOCKS = 11, 9, 8, 12, 2, 2
HERE = Path(__file__).parent
random = np.random.default_rng(7)
weights = {}


def new(name, *shape):
    weights[name] = random.normal(0.0, 0.5, shape).astype(np.float32)


def linear(name, inputs, outputs):
    new(f"{name}.weight", outputs, inputs)
    new(f"{name}.bias", outputs)


new("encoder.token_embedding.weight", TOKENS, SIZE)
new("encoder.segment_embedding.weight", 2, SIZE)
new("encoder.pos_embedding", 1, CONTEXT, SIZE)
for block in range(BLOCKS):
    path = f"encoder.blks.{block}"
    for part in "qkvo":
        linear(f"{path}.attention.W_{part}", SIZE, SIZE)
    linear(f"{path}.ffn.dense1", SIZE, INNER)
    linear(f"{path}.ffn.dense2", INNER, SIZE)
    for norm in (1, 2):
        new(f"{path}.addnorm{norm}.ln.weight", SIZE)
        new(f"{path}.addnorm{norm}.ln.bias", SIZE)
linear("hidden.0", SIZE, SIZE)
# Heads of the pretraining, which are not read.
linear("mlm.mlp.0", SIZE, SIZE)
new("mlm.mlp.2.weight", SIZE)
new("mlm.mlp.2.bias", SIZE)
linear("mlm.mlp.3", SIZE, TOKENS)
linear("nsp.output", SIZE, 2)


def apply(name, x):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def norm(name, x):
    centered = x - x.mean(-1, keepdims=True)
    scaled = centered / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return scaled * weights[f"{name}.ln.weight"] + weights[f"{name}.ln.bias"]


def attention(path, x):
    split = lambda part: apply(f"{path}.W_{part}", x).reshape(len(x), HEADS, -1).transpose(1, 0, 2)
    queries, keys, values = (split(part) for part in "qkv")
    scores = queries @ keys.transpose(0, 2, 1) / np.sqrt(SIZE / HEADS)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = (scores / scores.sum(-1, keepdims=True)) @ values
    return apply(f"{path}.W_o", mixed.transpose(1, 0, 2).reshape(len(x), SIZE))


def pooled(tokens, segments):
    x = weights["encoder.token_embedding.weight"][tokens] + weights["encoder.segment_embedding.weight"][segments]
    x = x + weights["encoder.pos_embedding"][0, : len(tokens)]
    for block in range(BLOCKS):
        path = f"encoder.blks.{block}"
        x = norm(f"{path}.addnorm1", x + attention(f"{path}.attention", x))
        inner = np.maximum(apply(f"{path}.ffn.dense1", x), 0.0)
        x = norm(f"{path}.addnorm2", x + apply(f"{path}.ffn.dense2", inner))
    return np.tanh(apply("hidden.0", x[0]))


# 3 is <cls>, 4 is <sep>; without padding.
texts = [[3, 5, 6, 7, 4, 8, 9, 4], [3, 10, 4, 5, 5, 4]]
segments = [[0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1]]
rows = [pooled(np.array(t), np.array(s)).tolist() for t, s in zip(texts, segments)]
(HERE / "course_bert.json").write_text(json.dumps({"tokens": texts, "pooled": rows}) + "\n")

header, offset = {}, 0
for name, array in weights.items():
    header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
    offset += array.nbytes
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
data = b"".join(array.tobytes() for array in weights.values())
(HERE / "course_bert.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)

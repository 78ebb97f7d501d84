"""The PyTorch version of benches/sequences.rs: the same loops with torch.nn's layers, on the same cores.

Prints one JSON object per line: name and seconds per step (best and median of several epochs).
"""

import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu, one_hot, scaled_dot_product_attention

torch.manual_seed(0)

FILTER = sys.argv[1] if len(sys.argv) > 1 else ""
STEPS, BATCH, VOCABULARY, BATCHES, HIDDEN = 35, 32, 28, 20, 256


def measure(name, epoch, batches):
    """Times whole epochs for some seconds."""
    name = f"sequences/{name}"
    if FILTER not in name:
        return
    epoch()  # warm up
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < 4.0 or len(times) < 5:
        before = time.perf_counter()
        epoch()
        times.append((time.perf_counter() - before) / batches)
    print(json.dumps({"name": name, "median": statistics.median(times), "best": min(times)}))
    sys.stdout.flush()


def step(model, optimizer, loss):
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


class LanguageModel(nn.Module):
    def __init__(self, layer, layers):
        super().__init__()
        self.rnn = layer(VOCABULARY, HIDDEN, layers)
        self.linear = nn.Linear(HIDDEN, VOCABULARY)

    def forward(self, tokens, state):
        inputs = one_hot(tokens.T, VOCABULARY).float()
        outputs, state = self.rnn(inputs, state)
        return self.linear(outputs), state


def detach(state):
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def characters(name, layer, layers=1):
    ids = torch.randint(VOCABULARY, (BATCH, BATCHES * STEPS + 1))
    model = LanguageModel(layer, layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

    def epoch():
        state = None
        for start in range(0, BATCHES * STEPS, STEPS):
            inputs, targets = ids[:, start : start + STEPS], ids[:, start + 1 : start + STEPS + 1]
            logits, state = model(inputs, state)
            step(model, optimizer, cross_entropy(logits.reshape(-1, VOCABULARY), targets.T.reshape(-1)))
            state = detach(state)

    measure(f"characters/{name}", epoch, BATCHES)


def scratch(name, gates):
    """The same networks with weights, steps, gradients clipped and updates written out."""
    ids = torch.randint(VOCABULARY, (BATCHES + 1, STEPS, BATCH))
    normal = lambda *shape: (0.01 * torch.randn(shape)).requires_grad_()
    zeros = lambda count: torch.zeros(count, requires_grad=True)
    weights = []
    for _ in range(gates):
        weights += [normal(VOCABULARY, HIDDEN), normal(HIDDEN, HIDDEN), zeros(HIDDEN)]
    weights += [normal(HIDDEN, VOCABULARY), zeros(VOCABULARY)]

    def gate(index, x, h):
        w_x, w_h, b = weights[3 * index : 3 * index + 3]
        return x @ w_x + h @ w_h + b

    def cell(x, h, c):
        if gates == 1:
            return torch.tanh(gate(0, x, h)), c
        if gates == 3:
            z, r = torch.sigmoid(gate(0, x, h)), torch.sigmoid(gate(1, x, h))
            return z * h + (1 - z) * torch.tanh(gate(2, x, r * h)), c
        i, f, o = (torch.sigmoid(gate(index, x, h)) for index in range(3))
        c = f * c + i * torch.tanh(gate(3, x, h))
        return o * torch.tanh(c), c

    def epoch():
        h = c = torch.zeros(BATCH, HIDDEN)
        for batch in range(BATCHES):
            outputs = []
            for x in one_hot(ids[batch], VOCABULARY).float():
                h, c = cell(x, h, c)
                outputs.append(h)
            logits = torch.cat(outputs) @ weights[-2] + weights[-1]
            loss = cross_entropy(logits, ids[batch + 1].flatten())
            loss.backward()
            with torch.no_grad():
                norm = torch.sqrt(sum((weight.grad**2).sum() for weight in weights))
                for weight in weights:
                    weight -= weight.grad * (1 / norm if norm > 1 else 1)
                    weight.grad = None
            h, c = h.detach(), c.detach()

    measure(f"scratch/{name}", epoch, BATCHES)


class Block(nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.c_attn, self.c_proj = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.fc, self.proj = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

    def forward(self, x, cache=None):
        batch, steps, size = x.shape
        q, k, v = (
            part.view(batch, steps, self.heads, -1).transpose(1, 2)
            for part in self.c_attn(self.ln_1(x)).split(size, 2)
        )
        if cache is not None:
            k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
        y = scaled_dot_product_attention(q, k, v, is_causal=steps > 1)
        x = x + self.c_proj(y.transpose(1, 2).reshape(batch, steps, size))
        return x + self.proj(gelu(self.fc(self.ln_2(x)), approximate="tanh")), (k, v)


class Gpt(nn.Module):
    def __init__(self, context, size=128, heads=4, layers=4):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(VOCABULARY, size), nn.Embedding(context, size)
        self.h = nn.ModuleList(Block(size, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(size)

    def forward(self, tokens, caches=None):
        before = caches[0][0].shape[2] if caches else 0
        x = self.wte(tokens) + self.wpe(torch.arange(before, before + tokens.shape[1]))
        after = []
        for index, block in enumerate(self.h):
            x, cache = block(x, caches[index] if caches else None)
            after.append(cache)
        return self.ln_f(x) @ self.wte.weight.T, after


def gpt():
    steps, batch = 64, 12
    ids = torch.randint(VOCABULARY, (BATCHES * steps * batch + 1,))
    model = Gpt(steps)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def epoch():
        for _ in range(BATCHES):
            starts = torch.randint(len(ids) - steps - 1, (batch,))
            inputs = torch.stack([ids[start : start + steps] for start in starts])
            targets = torch.stack([ids[start + 1 : start + steps + 1] for start in starts])
            logits, _ = model(inputs)
            step(model, optimizer, cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1)))

    measure("transformer/gpt", epoch, BATCHES)


class Pretraining(nn.Module):
    """BERT of `transformers` with the heads of masked tokens and of the next sentence."""

    def __init__(self, config):
        from transformers import BertModel

        super().__init__()
        self.bert = BertModel(config)
        self.transform, self.norm = nn.Linear(config.hidden_size, config.hidden_size), nn.LayerNorm(config.hidden_size)
        self.decoder, self.next = nn.Linear(config.hidden_size, config.vocab_size), nn.Linear(config.hidden_size, 2)

    def forward(self, tokens, types, mask, positions):
        out = self.bert(input_ids=tokens, token_type_ids=types, attention_mask=mask)
        asked = out.last_hidden_state.gather(1, positions[:, :, None].expand(-1, -1, self.bert.config.hidden_size))
        return self.decoder(self.norm(gelu(self.transform(asked)))), self.next(out.pooler_output)


def bert():
    from transformers import BertConfig

    pairs, steps, words, batches = 64, 64, 20256, 4
    config = BertConfig(
        vocab_size=words,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=256,
        hidden_dropout_prob=0.2,
        attention_probs_dropout_prob=0.2,
        max_position_embeddings=steps,
    )
    model = Pretraining(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    tokens = torch.randint(5, words, (batches, pairs, steps))
    types, mask = (torch.arange(steps) > 31).long().expand(pairs, -1), torch.ones(pairs, steps)
    positions, labels = torch.randint(steps, (batches, pairs, 10)), torch.randint(5, words, (batches, pairs, 10))
    following = torch.randint(2, (batches, pairs))

    def epoch():
        for batch in range(batches):
            masked, pair = model(tokens[batch], types, mask, positions[batch])
            loss = cross_entropy(masked.flatten(0, 1), labels[batch].flatten())
            loss = loss + cross_entropy(pair, following[batch])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

    measure("transformer/bert", epoch, batches)


def encoding():
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=30522,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    tokens, mask = torch.randint(30522, (32, 32)), torch.ones(32, 32)

    def sentences():
        with torch.no_grad():
            vectors = model(input_ids=tokens, attention_mask=mask).last_hidden_state
            (vectors * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)

    measure("encoding/minilm", sentences, 1)


def generation():
    model = Gpt(2048).eval()
    for position in [16, 256, 1024]:
        with torch.no_grad():
            _, first = model(torch.zeros(1, position + 1, dtype=torch.long))
            token = torch.zeros(1, 1, dtype=torch.long)

            def tokens():
                caches = first
                for _ in range(64):
                    _, caches = model(token, caches)

            measure(f"generation/behind {position}", tokens, 64)


class Recurrent(nn.Module):
    """Two GRUs; the decoder reads the encoder's last state at every step."""

    def __init__(self, source, target, size=32, layers=2):
        super().__init__()
        self.source, self.target = nn.Embedding(source, size), nn.Embedding(target, size)
        self.encoder = nn.GRU(size, size, layers, dropout=0.1)
        self.decoder = nn.GRU(2 * size, size, layers, dropout=0.1)
        self.output = nn.Linear(size, target)

    def forward(self, source, lengths, target):
        _, state = self.encoder(self.source(source).transpose(0, 1))
        inputs = self.target(target).transpose(0, 1)
        context = state[-1].expand(len(inputs), -1, -1)
        outputs, _ = self.decoder(torch.cat([inputs, context], 2), state)
        return self.output(outputs).transpose(0, 1)


class Bahdanau(Recurrent):
    """The decoder looks at the encoder's steps with additive attention."""

    def __init__(self, source, target, size=32):
        super().__init__(source, target, size)
        self.query, self.key = nn.Linear(size, size, bias=False), nn.Linear(size, size, bias=False)
        self.score, self.dropout = nn.Linear(size, 1, bias=False), nn.Dropout(0.1)

    def forward(self, source, lengths, target):
        memory, state = self.encoder(self.source(source).transpose(0, 1))
        memory = memory.transpose(0, 1)
        padding = torch.arange(memory.shape[1]) >= lengths[:, None]
        keys, inputs, outputs = self.key(memory), self.target(target), []
        for place in range(inputs.shape[1]):
            scores = self.score(torch.tanh(self.query(state[-1])[:, None] + keys))[:, :, 0]
            weights = self.dropout(scores.masked_fill(padding, -1e6).softmax(1))
            context = (weights[:, None] @ memory)[:, 0]
            output, state = self.decoder(torch.cat([context, inputs[:, place]], 1)[None], state)
            outputs.append(output[0])
        return self.output(torch.stack(outputs, 1))


class Transformer(nn.Module):
    def __init__(self, source, target, size=32):
        super().__init__()
        self.size = size
        self.source, self.target = nn.Embedding(source, size), nn.Embedding(target, size)
        self.positions = nn.Parameter(torch.randn(10, size), requires_grad=False)
        block = {"d_model": size, "nhead": 4, "dim_feedforward": 64, "dropout": 0.1, "batch_first": True}
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**block), 2)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**block), 2)
        self.output, self.dropout = nn.Linear(size, target), nn.Dropout(0.1)

    def embed(self, table, tokens):
        return self.dropout(table(tokens) * self.size**0.5 + self.positions[: tokens.shape[1]])

    def forward(self, source, lengths, target):
        padding = torch.arange(source.shape[1]) >= lengths[:, None]
        memory = self.encoder(self.embed(self.source, source), src_key_padding_mask=padding)
        causal = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        outputs = self.decoder(
            self.embed(self.target, target), memory, tgt_mask=causal, memory_key_padding_mask=padding
        )
        return self.output(outputs)


def translation(name, model):
    batches, batch, steps = 10, 64, 10
    source, target = torch.randint(4, 184, (batches * batch, steps)), torch.randint(4, 201, (batches * batch, steps))
    lengths = [torch.randint(4, 10, (batches * batch,)) for _ in range(2)]
    for side, length in zip((source, target), lengths):
        side[torch.arange(steps) >= length[:, None]] = 1
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)

    def epoch():
        model.train()
        for rows in torch.randperm(len(source)).split(batch):
            shifted = torch.cat([torch.full((batch, 1), 2), target[rows, :-1]], 1)
            logits = model(source[rows], lengths[0][rows], shifted)
            step(model, optimizer, cross_entropy(logits.flatten(0, 1), target[rows].flatten(), ignore_index=1))

    measure(f"translation/{name}", epoch, batches)


characters("rnn", nn.RNN)
characters("gru", nn.GRU)
characters("lstm", nn.LSTM)
characters("deep", nn.LSTM, 2)
scratch("rnn", 1)
scratch("gru", 3)
scratch("lstm", 4)
gpt()
bert()
translation("gru", Recurrent(184, 201))
translation("bahdanau", Bahdanau(184, 201))
translation("transformer", Transformer(184, 201))
generation()
encoding()

"""Writes small random models as Hugging Face's `transformers` writes them, with outputs and gradients.

    pip install torch transformers safetensors
    python make_pretrained.py
"""

import json
import shutil
from pathlib import Path

import torch
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

FOLDER = Path(__file__).parent / "pretrained"
VOCABULARY, STEPS = 23, 9


def randomize(model):
    """Larger weights than at the start of training, so that every part of the model matters."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            norm = "norm" in name.lower() or "ln_" in name
            parameter.normal_(1.0 if norm and name.endswith("weight") else 0.0, 0.3)


def save(name, model, shard=None):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, max_shard_size=shard or "1GB")
    (folder / "generation_config.json").unlink(missing_ok=True)


def write(name, **values):
    numbers = {
        key: value.tolist() if isinstance(value, torch.Tensor) else value for key, value in values.items()
    }
    (FOLDER / name / "reference.json").write_text(json.dumps(numbers) + "\n")


def language(name, model, watched, shard=None):
    """Logits, and the gradient of the mean cross-entropy of the next tokens for one weight."""
    randomize(model)
    model.eval()
    save(name, model, shard)
    tokens = torch.randint(VOCABULARY, (2, STEPS))
    logits = model(tokens).logits
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
    loss.backward()
    gradient = model.get_parameter(watched).grad
    write(name, tokens=tokens, logits=logits, loss=loss.item(), gradient=gradient)


torch.manual_seed(0)
language(
    "gpt2",
    GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCABULARY,
            n_positions=12,
            n_embd=12,
            n_head=3,
            n_layer=2,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            resid_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
        )
    ),
    "transformer.wte.weight",
)
language(
    "llama",
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            max_position_embeddings=16,
            hidden_size=16,
            intermediate_size=20,
            num_attention_heads=4,
            num_key_value_heads=2,
            num_hidden_layers=2,
            bos_token_id=0,
            eos_token_id=0,
        )
    ),
    "model.embed_tokens.weight",
    shard="8KB",
)

model = BertModel(
    BertConfig(
        vocab_size=VOCABULARY,
        max_position_embeddings=12,
        hidden_size=12,
        intermediate_size=20,
        num_attention_heads=3,
        num_hidden_layers=2,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
)
randomize(model)
model.eval()
save("bert", model)
tokens = torch.randint(VOCABULARY, (2, STEPS))
types = (torch.arange(STEPS) > 4).long().expand(2, STEPS)
lengths = torch.tensor([STEPS, 6])
mask = (torch.arange(STEPS) < lengths[:, None]).long()
outputs = model(tokens, attention_mask=mask, token_type_ids=types)
vectors, pooled = outputs.last_hidden_state, outputs.pooler_output
loss = (vectors * mask[:, :, None]).square().mean() + pooled.square().mean()
loss.backward()
write(
    "bert",
    tokens=tokens,
    types=types,
    lengths=lengths,
    vectors=vectors,
    pooled=pooled,
    loss=loss.item(),
    gradient=model.embeddings.word_embeddings.weight.grad,
)

//! From the names of Hugging Face to those of our models.

use tinderbox_train::Renamed;

/// `bert.encoder.layer.0.attention.self.query.weight`, `encoder.layer.0.attention.heads.query.weight`.
pub(super) fn bert(name: &str) -> Renamed {
    let name = name.strip_prefix("bert.").unwrap_or(name);
    let parts = ["embeddings.", "encoder.", "pooler."];
    if name == "embeddings.position_ids" || !parts.iter().any(|part| name.starts_with(part)) {
        return Renamed::Ignored;
    }
    let name = name.replace("attention.self.", "attention.heads.");
    let name = name.replace("LayerNorm.gamma", "norm.weight");
    let name = name.replace("LayerNorm.beta", "norm.bias");
    Renamed::Name(name.replace("LayerNorm.", "norm."))
}

/// `transformer.h.0.attn.c_attn.weight`, `h.0.attn.c_attn.weight`; linear weights lie the other way round.
pub(super) fn gpt(name: &str) -> Renamed {
    let name = name.strip_prefix("transformer.").unwrap_or(name);
    let mask = name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias");
    if name == "lm_head.weight" || mask {
        return Renamed::Ignored;
    }
    let linear = ["c_attn.weight", "c_proj.weight", "c_fc.weight"];
    match linear.iter().any(|end| name.ends_with(end)) {
        true => Renamed::Transposed(name.to_owned()),
        false => Renamed::Name(name.to_owned()),
    }
}

/// `model.layers.0.mlp.up_proj.weight`, `layers.0.mlp.up_proj.weight`.
pub(super) fn llama(name: &str, tied: bool) -> Renamed {
    let name = name.strip_prefix("model.").unwrap_or(name);
    if name.ends_with("rotary_emb.inv_freq") || (tied && name == "lm_head.weight") {
        return Renamed::Ignored;
    }
    Renamed::Name(name.to_owned())
}

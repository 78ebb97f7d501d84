use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::attention::{AttentionInputs, KeyValueCache, causal_mask, heads_attention};
use tinderbox_nn::{
    Activation, AttentionState, Dropout, Init, Initializer, LanguageNetwork, Layer, RmsNorm, embed,
    embedding, rotate_by_position, unembed,
};

use super::MODEL;
use super::context::within_context;
use crate::{ModelError, check};

/// The shape of a [`Llama`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LlamaConfig {
    /// Number of different tokens.
    pub vocabulary: usize,
    /// The number of tokens that the model sees at once.
    pub context: usize,
    /// Features of a token.
    pub size: usize,
    /// Units of the feed-forward layers.
    pub feed_forward: usize,
    /// Heads of the queries; they must divide `size` into even parts.
    pub heads: usize,
    /// Heads of the keys and values; they must divide `heads`.
    pub key_value_heads: usize,
    /// Number of blocks.
    pub layers: usize,
    /// The base of the rotary positions.
    #[serde(default = "base")]
    pub rotary_base: f64,
    /// Added to the mean square by the norms.
    #[serde(default = "epsilon")]
    pub epsilon: f64,
    /// Whether the token embedding is the output layer too.
    #[serde(default)]
    pub tied: bool,
}

fn base() -> f64 {
    10_000.0
}

fn epsilon() -> f64 {
    1e-5
}

impl LlamaConfig {
    /// A model that trains on a CPU within minutes: 4 blocks, 4 heads that share 2 of keys and values, 128 features,
    /// 64 tokens of context.
    pub fn small(vocabulary: usize) -> Self {
        Self {
            vocabulary,
            context: 64,
            size: 128,
            feed_forward: 352,
            heads: 4,
            key_value_heads: 2,
            layers: 4,
            rotary_base: base(),
            epsilon: epsilon(),
            tied: true,
        }
    }

    /// The model with initial weights from N(0, 0.02), a pure function of the seed.
    ///
    /// # Errors
    /// A size of 0, heads that do not divide what they share.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<Llama, ModelError> {
        for (field, size) in [
            ("vocabulary", self.vocabulary),
            ("context", self.context),
            ("size", self.size),
            ("feed_forward", self.feed_forward),
            ("layers", self.layers),
        ] {
            check::positive(MODEL, field, size)?;
        }
        let needs = "it must divide the size into parts of an even number of features";
        if self.heads == 0 || !self.size.is_multiple_of(2 * self.heads) {
            return Err(ModelError::Setting {
                model: MODEL,
                field: "heads",
                value: self.heads.to_string(),
                needs,
            });
        }
        let needs = "it must divide the heads";
        check::divides(
            MODEL,
            "key_value_heads",
            self.key_value_heads,
            self.heads,
            needs,
        )?;
        let normal = Initializer::Normal { std: 0.02 };
        let init = Init::new(seed, device, normal);
        let blocks =
            (0..self.layers).map(|index| Block::new(&init.child("layers").at(index), self));
        let seed = seed.child("embed_tokens");
        Ok(Llama {
            embed_tokens: embedding(self.vocabulary, self.size, normal, seed, device),
            layers: blocks.collect(),
            norm: RmsNorm::new(self.size, self.epsilon, device),
            lm_head: (!self.tied)
                .then(|| init.linear_with_bias("lm_head", self.size, self.vocabulary, false)),
            context: self.context,
        })
    }
}

/// Llama: a decoder-only Transformer with RMS norms, rotary positions, gated feed-forward layers (SwiGLU) and heads
/// that share keys and values (Touvron et al. 2023).
///
/// Weights have the names of Hugging Face's model without the leading `model.`: `embed_tokens`,
/// `layers.0.self_attn.q_proj`, `norm`, `lm_head`.
#[derive(Module, Debug)]
pub struct Llama {
    /// The embedding of each token, `[vocabulary, size]`.
    pub embed_tokens: Embedding,
    layers: Vec<Block>,
    norm: RmsNorm,
    lm_head: Option<Linear>,
    #[module(skip)]
    context: usize,
}

#[derive(Module, Debug)]
struct Block {
    input_layernorm: RmsNorm,
    self_attn: Attention,
    post_attention_layernorm: RmsNorm,
    mlp: Mlp,
}

#[derive(Module, Debug)]
struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    #[module(skip)]
    heads: [usize; 2],
    #[module(skip)]
    base: f64,
}

#[derive(Module, Debug)]
struct Mlp {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
}

impl Block {
    fn new(init: &Init, config: &LlamaConfig) -> Self {
        let (size, inner) = (config.size, config.feed_forward);
        let shared = size / config.heads * config.key_value_heads;
        let (attention, mlp) = (init.child("self_attn"), init.child("mlp"));
        let linear = |init: &Init, name, inputs, outputs| {
            init.linear_with_bias(name, inputs, outputs, false)
        };
        let norm = || RmsNorm::new(size, config.epsilon, init.device());
        Self {
            input_layernorm: norm(),
            self_attn: Attention {
                q_proj: linear(&attention, "q_proj", size, size),
                k_proj: linear(&attention, "k_proj", size, shared),
                v_proj: linear(&attention, "v_proj", size, shared),
                o_proj: linear(&attention, "o_proj", size, size),
                heads: [config.heads, config.key_value_heads],
                base: config.rotary_base,
            },
            post_attention_layernorm: norm(),
            mlp: Mlp {
                gate_proj: linear(&mlp, "gate_proj", size, inner),
                up_proj: linear(&mlp, "up_proj", size, inner),
                down_proj: linear(&mlp, "down_proj", inner, size),
            },
        }
    }

    /// Inputs `[batch, new, size]` of the tokens after those in the cache.
    fn forward(&self, inputs: Tensor<3>, cache: &mut KeyValueCache) -> Tensor<3> {
        let normed = self.input_layernorm.forward(inputs.clone());
        let hidden = inputs + self.self_attn.forward(normed, cache);
        let normed = self.post_attention_layernorm.forward(hidden.clone());
        hidden + self.mlp.forward(normed)
    }
}

impl Attention {
    fn forward(&self, inputs: Tensor<3>, cache: &mut KeyValueCache) -> Tensor<3> {
        let [_, new, _] = inputs.dims();
        let [heads, shared] = self.heads;
        let start = cache.steps();
        let queries = self.q_proj.apply(inputs.clone());
        let queries = rotate_by_position(queries, start, heads, self.base);
        let keys = self.k_proj.apply(inputs.clone());
        let keys = rotate_by_position(keys, start, shared, self.base);
        let (keys, values) = cache.append(keys, self.v_proj.apply(inputs));
        let mask = (new > 1).then(|| causal_mask(new, start + new, &keys.device()));
        let none = Dropout::new(0.0);
        let inputs = AttentionInputs::Apart([queries, keys, values]);
        let (means, _) = heads_attention(inputs, heads, mask, &none);
        self.o_proj.apply(means)
    }
}

impl Mlp {
    fn forward(&self, inputs: Tensor<3>) -> Tensor<3> {
        let gate = Activation::silu().apply(self.gate_proj.apply(inputs.clone()));
        self.down_proj.apply(gate * self.up_proj.apply(inputs))
    }
}

impl Llama {
    fn blocks(&self, tokens: Tensor<2, Int>, state: &mut AttentionState) -> Tensor<3> {
        let mut hidden = embed(&self.embed_tokens, tokens.clone());
        state.push(tokens, self.layers.len());
        for (block, cache) in self.layers.iter().zip(&mut state.caches) {
            hidden = block.forward(hidden, cache);
        }
        hidden
    }
}

impl LanguageNetwork for Llama {
    type State = AttentionState;

    /// # Shapes
    /// Token ids `[batch, steps]` to logits `[batch, steps, vocabulary]`.
    fn forward(
        &self,
        tokens: Tensor<2, Int>,
        state: Option<AttentionState>,
    ) -> (Tensor<3>, AttentionState) {
        let (hidden, state) = within_context(self.context, tokens, state, |tokens, state| {
            self.blocks(tokens, state)
        });
        let hidden = self.norm.forward(hidden);
        let logits = match &self.lm_head {
            Some(head) => head.apply(hidden),
            None => unembed(&self.embed_tokens, hidden),
        };
        (logits, state)
    }

    fn vocabulary(&self) -> usize {
        self.embed_tokens.weight.lazy_shape()[0]
    }
}

use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::attention::{KeyValueCache, causal_mask, heads_attention};
use tinderbox_nn::{
    Activation, AttentionState, Dropout, Init, Initializer, LanguageNetwork, Layer, LayerNorm,
    embed, embedding, unembed,
};

use super::MODEL;
use super::context::within_context;
use crate::{ModelError, check};

/// The shape of a [`Gpt`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GptConfig {
    /// Number of different tokens.
    pub vocabulary: usize,
    /// The number of tokens that the model sees at once.
    pub context: usize,
    /// Features of a token.
    pub size: usize,
    /// Heads of every attention; they must divide `size`.
    pub heads: usize,
    /// Number of blocks.
    pub layers: usize,
    /// The probability with which embeddings, attention weights and outputs of each part are dropped in training.
    #[serde(default)]
    pub dropout: f64,
    /// Added to the variance by the norms.
    #[serde(default = "epsilon")]
    pub epsilon: f64,
}

fn epsilon() -> f64 {
    1e-5
}

impl GptConfig {
    /// A model that trains on a CPU within minutes: 4 blocks, 4 heads, 128 features, 64 tokens of context.
    pub fn small(vocabulary: usize) -> Self {
        Self {
            vocabulary,
            context: 64,
            size: 128,
            heads: 4,
            layers: 4,
            dropout: 0.0,
            epsilon: epsilon(),
        }
    }

    /// The model with the initial weights of GPT-2, a pure function of the seed: N(0, 0.02), for the layers before
    /// a residual sum divided by the root of their number; biases of 0.
    ///
    /// # Errors
    /// A size of 0, heads that do not divide the size, a dropout outside `[0, 1)`.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<Gpt, ModelError> {
        for (field, size) in [
            ("vocabulary", self.vocabulary),
            ("context", self.context),
            ("size", self.size),
            ("layers", self.layers),
        ] {
            check::positive(MODEL, field, size)?;
        }
        let needs = "it must divide the size";
        check::divides(MODEL, "heads", self.heads, self.size, needs)?;
        check::dropout(MODEL, "dropout", self.dropout)?;
        let normal = Initializer::Normal { std: STD };
        let table = |rows, name| embedding(rows, self.size, normal, seed.child(name), device);
        let init = Init::new(seed, device, normal);
        let blocks = (0..self.layers).map(|index| Block::new(&init.child("h").at(index), self));
        Ok(Gpt {
            wte: table(self.vocabulary, "wte"),
            wpe: table(self.context, "wpe"),
            h: blocks.collect(),
            ln_f: init.layer_norm(self.size, self.epsilon),
            dropout: Dropout::new(self.dropout),
        })
    }
}

const STD: f64 = 0.02;

/// GPT-2: a decoder-only Transformer with the norms before each part and learned positions; the token embedding is
/// the output layer too (Radford et al. 2019).
///
/// Weights have the names of GPT-2: `wte`, `wpe`, `h.0.attn.c_attn`, `ln_f`.
///
/// A text longer than the context is read on from its last half context, so that it can be continued without end.
#[derive(Module, Debug)]
pub struct Gpt {
    /// The embedding of each token, `[vocabulary, size]`.
    pub wte: Embedding,
    /// The embedding of each position, `[context, size]`.
    pub wpe: Embedding,
    h: Vec<Block>,
    ln_f: LayerNorm,
    dropout: Dropout,
}

#[derive(Module, Debug)]
struct Block {
    ln_1: LayerNorm,
    attn: Attention,
    ln_2: LayerNorm,
    mlp: Mlp,
}

#[derive(Module, Debug)]
struct Attention {
    /// Queries, keys and values side by side.
    c_attn: Linear,
    c_proj: Linear,
    dropout: Dropout,
    #[module(skip)]
    heads: usize,
}

#[derive(Module, Debug)]
struct Mlp {
    c_fc: Linear,
    c_proj: Linear,
}

impl Block {
    fn new(init: &Init, config: &GptConfig) -> Self {
        let size = config.size;
        let (attention, mlp) = (init.child("attn"), init.child("mlp"));
        // Two sums in each block.
        let std = STD / ((2 * config.layers) as f64).sqrt();
        let last = |init: &Init, inputs| {
            let init = init.clone().linears(Initializer::Normal { std });
            init.linear("c_proj", inputs, size)
        };
        Self {
            ln_1: init.layer_norm(size, config.epsilon),
            attn: Attention {
                c_attn: attention.linear("c_attn", size, 3 * size),
                c_proj: last(&attention, size),
                dropout: Dropout::new(config.dropout),
                heads: config.heads,
            },
            ln_2: init.layer_norm(size, config.epsilon),
            mlp: Mlp {
                c_fc: mlp.linear("c_fc", size, 4 * size),
                c_proj: last(&mlp, 4 * size),
            },
        }
    }

    /// Inputs `[batch, new, size]` of the tokens after those in the cache.
    fn forward(
        &self,
        inputs: Tensor<3>,
        cache: &mut KeyValueCache,
        dropout: &Dropout,
    ) -> Tensor<3> {
        let attended = self.attn.forward(self.ln_1.apply(inputs.clone()), cache);
        let hidden = inputs + dropout.forward(attended);
        let inner = self.mlp.c_fc.apply(self.ln_2.apply(hidden.clone()));
        let outputs = self.mlp.c_proj.apply(Activation::gelu_tanh().apply(inner));
        hidden + dropout.forward(outputs)
    }
}

impl Attention {
    fn forward(&self, inputs: Tensor<3>, cache: &mut KeyValueCache) -> Tensor<3> {
        let [_, new, _] = inputs.dims();
        let device = inputs.device();
        let inputs = cache.extend(self.c_attn.apply(inputs));
        // A single new token sees all others.
        let mask = (new > 1).then(|| causal_mask(new, cache.steps(), &device));
        let (means, _) = heads_attention(inputs, self.heads, mask, &self.dropout);
        self.c_proj.apply(means)
    }
}

impl Gpt {
    /// The number of tokens that the model sees at once.
    pub fn context(&self) -> usize {
        self.wpe.weight.lazy_shape()[0]
    }

    /// Outputs of the blocks for tokens `[batch, new]` that fit into the context behind those of the state.
    fn blocks(&self, tokens: Tensor<2, Int>, state: &mut AttentionState) -> Tensor<3> {
        let [_, new] = tokens.dims();
        let before = state.steps();
        let positions = self.wpe.weight.val().narrow(0, before, new);
        let inputs = embed(&self.wte, tokens.clone()) + positions.unsqueeze();
        let mut hidden = self.dropout.forward(inputs);
        state.push(tokens, self.h.len());
        for (block, cache) in self.h.iter().zip(&mut state.caches) {
            hidden = block.forward(hidden, cache, &self.dropout);
        }
        hidden
    }
}

impl LanguageNetwork for Gpt {
    type State = AttentionState;

    /// # Shapes
    /// Token ids `[batch, steps]` to logits `[batch, steps, vocabulary]`.
    fn forward(
        &self,
        tokens: Tensor<2, Int>,
        state: Option<AttentionState>,
    ) -> (Tensor<3>, AttentionState) {
        let (hidden, state) = within_context(self.context(), tokens, state, |tokens, state| {
            self.blocks(tokens, state)
        });
        (unembed(&self.wte, self.ln_f.apply(hidden)), state)
    }

    fn vocabulary(&self) -> usize {
        self.wte.weight.lazy_shape()[0]
    }
}

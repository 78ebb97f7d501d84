use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Bool, Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;

use crate::attention::{HeadsError, KeyValueCache, MultiheadAttention, MultiheadAttentionConfig};
use crate::{Dropout, Init, Initializer, Layer, LayerNorm, relu};

/// Sizes of the blocks of a Transformer (Vaswani et al. 2017).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransformerConfig {
    /// Features of a step.
    pub size: usize,
    /// Number of heads of every attention; it must divide `size`.
    pub heads: usize,
    /// Units of the feed-forward layer.
    pub feed_forward: usize,
    /// Number of blocks.
    pub layers: usize,
    /// The probability with which the outputs of every part are dropped in training.
    #[serde(default)]
    pub dropout: f64,
    /// Whether a part's inputs are normalized (pre-norm, Xiong et al. 2020) instead of its outputs.
    #[serde(default)]
    pub norm_first: bool,
}

/// The settings that the layers of a block share.
struct Parts {
    init: Init,
    config: TransformerConfig,
}

impl TransformerConfig {
    /// The encoder with PyTorch's initial weights, a pure function of the seed.
    ///
    /// `final_norm` adds a norm after the last block, which a pre-norm Transformer needs.
    ///
    /// # Errors
    /// Heads that do not divide the size.
    pub fn encoder(
        &self,
        final_norm: bool,
        seed: Seed,
        device: &Device,
    ) -> Result<TransformerEncoder, HeadsError> {
        let init = Init::new(seed, device, Initializer::PYTORCH).biases(Initializer::PYTORCH);
        let layers = (0..self.layers).map(|index| {
            let parts = Parts {
                init: init.child("layers").at(index),
                config: *self,
            };
            Ok(EncoderLayer {
                self_attn: parts.attention(seed, index, "self_attn", device)?,
                linear1: parts.init.linear("linear1", self.size, self.feed_forward),
                linear2: parts.init.linear("linear2", self.feed_forward, self.size),
                norm1: parts.norm(),
                norm2: parts.norm(),
                dropout: Dropout::new(self.dropout),
                activation_dropout: Dropout::new(self.dropout),
                norm_first: self.norm_first,
            })
        });
        Ok(TransformerEncoder {
            layers: layers.collect::<Result<_, _>>()?,
            norm: final_norm.then(|| init.layer_norm(self.size, EPSILON)),
        })
    }

    /// The decoder with PyTorch's initial weights, as [`encoder`](Self::encoder).
    ///
    /// # Errors
    /// Heads that do not divide the size.
    pub fn decoder(
        &self,
        final_norm: bool,
        seed: Seed,
        device: &Device,
    ) -> Result<TransformerDecoder, HeadsError> {
        let init = Init::new(seed, device, Initializer::PYTORCH).biases(Initializer::PYTORCH);
        let layers = (0..self.layers).map(|index| {
            let parts = Parts {
                init: init.child("layers").at(index),
                config: *self,
            };
            Ok(DecoderLayer {
                self_attn: parts.attention(seed, index, "self_attn", device)?,
                multihead_attn: parts.attention(seed, index, "multihead_attn", device)?,
                linear1: parts.init.linear("linear1", self.size, self.feed_forward),
                linear2: parts.init.linear("linear2", self.feed_forward, self.size),
                norm1: parts.norm(),
                norm2: parts.norm(),
                norm3: parts.norm(),
                dropout: Dropout::new(self.dropout),
                activation_dropout: Dropout::new(self.dropout),
                norm_first: self.norm_first,
            })
        });
        Ok(TransformerDecoder {
            layers: layers.collect::<Result<_, _>>()?,
            norm: final_norm.then(|| init.layer_norm(self.size, EPSILON)),
        })
    }
}

const EPSILON: f64 = 1e-5;

impl Parts {
    fn attention(
        &self,
        seed: Seed,
        index: usize,
        name: &str,
        device: &Device,
    ) -> Result<MultiheadAttention, HeadsError> {
        let config = MultiheadAttentionConfig {
            dropout: self.config.dropout,
            ..MultiheadAttentionConfig::new(self.config.size, self.config.heads)
        };
        config.init(seed.child(name).at(index as u64), device)
    }

    fn norm(&self) -> LayerNorm {
        self.init.layer_norm(self.config.size, EPSILON)
    }
}

/// One block of an encoder: self-attention and a feed-forward layer, each with a residual connection and a norm.
///
/// Names and shapes are those of PyTorch's `TransformerEncoderLayer`.
#[derive(Module, Debug)]
pub struct EncoderLayer {
    self_attn: MultiheadAttention,
    linear1: Linear,
    linear2: Linear,
    norm1: LayerNorm,
    norm2: LayerNorm,
    dropout: Dropout,
    activation_dropout: Dropout,
    #[module(skip)]
    norm_first: bool,
}

/// One block of a decoder: self-attention, attention to the encoder's outputs, and a feed-forward
/// layer.
///
/// Names and shapes are those of PyTorch's `TransformerDecoderLayer`.
#[derive(Module, Debug)]
pub struct DecoderLayer {
    self_attn: MultiheadAttention,
    multihead_attn: MultiheadAttention,
    linear1: Linear,
    linear2: Linear,
    norm1: LayerNorm,
    norm2: LayerNorm,
    norm3: LayerNorm,
    dropout: Dropout,
    activation_dropout: Dropout,
    #[module(skip)]
    norm_first: bool,
}

/// A residual connection around a part, with the norm before the part or after the sum.
fn around<T>(
    input: Tensor<3>,
    norm: &LayerNorm,
    norm_first: bool,
    dropout: &Dropout,
    part: impl FnOnce(Tensor<3>) -> (Tensor<3>, T),
) -> (Tensor<3>, T) {
    let inner = match norm_first {
        true => norm.apply(input.clone()),
        false => input.clone(),
    };
    let (output, extra) = part(inner);
    let sum = input + dropout.forward(output);
    match norm_first {
        true => (sum, extra),
        false => (norm.apply(sum), extra),
    }
}

/// Self-attention, with the steps of the cache if there is one.
fn self_attention(
    attention: &MultiheadAttention,
    inputs: Tensor<3>,
    mask: Option<Tensor<3, Bool>>,
    cache: Option<&mut KeyValueCache>,
) -> (Tensor<3>, Tensor<4>) {
    match cache {
        Some(cache) => attention.forward_cached(inputs, cache, mask),
        None => attention.self_attention(inputs, mask),
    }
}

impl EncoderLayer {
    /// Outputs and the weights of the attention.
    ///
    /// # Shapes
    /// `[batch, steps, size]` to the same and `[batch, heads, steps, steps]`; masks as in
    /// [`masked_softmax`](crate::attention::masked_softmax). With a cache the inputs are the steps
    /// after those in it.
    pub fn forward(
        &self,
        inputs: Tensor<3>,
        mask: Option<Tensor<3, Bool>>,
        cache: Option<&mut KeyValueCache>,
    ) -> (Tensor<3>, Tensor<4>) {
        let (first, dropout) = (self.norm_first, &self.dropout);
        let (hidden, weights) = around(inputs, &self.norm1, first, dropout, |x| {
            self_attention(&self.self_attn, x, mask, cache)
        });
        let (outputs, ()) = around(hidden, &self.norm2, first, dropout, |x| {
            (
                feed_forward(&self.linear1, &self.linear2, &self.activation_dropout, x),
                (),
            )
        });
        (outputs, weights)
    }
}

fn feed_forward(
    linear1: &Linear,
    linear2: &Linear,
    dropout: &Dropout,
    inputs: Tensor<3>,
) -> Tensor<3> {
    linear2.apply(dropout.forward(relu(linear1.apply(inputs))))
}

impl DecoderLayer {
    /// Outputs and the weights of both attentions, to the decoder's own steps and to the encoder's.
    ///
    /// # Shapes
    /// Inputs `[batch, steps, size]`, `memory` (outputs of the encoder) `[batch, keys, size]` to
    /// `[batch, steps, size]`, `[batch, heads, steps, steps]` and `[batch, heads, steps, keys]`.
    pub fn forward(
        &self,
        inputs: Tensor<3>,
        memory: Tensor<3>,
        mask: Option<Tensor<3, Bool>>,
        memory_mask: Option<Tensor<3, Bool>>,
        cache: Option<&mut KeyValueCache>,
    ) -> (Tensor<3>, [Tensor<4>; 2]) {
        let (first, dropout) = (self.norm_first, &self.dropout);
        let (hidden, own) = around(inputs, &self.norm1, first, dropout, |x| {
            self_attention(&self.self_attn, x, mask, cache)
        });
        let (hidden, cross) = around(hidden, &self.norm2, first, dropout, |x| {
            self.multihead_attn
                .forward(x, memory.clone(), memory, memory_mask)
        });
        let (outputs, ()) = around(hidden, &self.norm3, first, dropout, |x| {
            (
                feed_forward(&self.linear1, &self.linear2, &self.activation_dropout, x),
                (),
            )
        });
        (outputs, [own, cross])
    }
}

/// A stack of encoder blocks; with a [`causal_mask`](crate::attention::causal_mask) they
/// are a decoder-only Transformer.
#[derive(Module, Debug)]
pub struct TransformerEncoder {
    layers: Vec<EncoderLayer>,
    norm: Option<LayerNorm>,
}

/// A stack of decoder blocks.
#[derive(Module, Debug)]
pub struct TransformerDecoder {
    layers: Vec<DecoderLayer>,
    norm: Option<LayerNorm>,
}

impl TransformerEncoder {
    /// Sets the dropout between the two layers of every feed-forward part: that of the other parts in
    /// PyTorch, none in the paper and in the course.
    pub fn activation_dropout(mut self, probability: f64) -> Self {
        for layer in &mut self.layers {
            layer.activation_dropout = Dropout::new(probability);
        }
        self
    }

    /// Outputs, and the weights of the attention of every block.
    ///
    /// # Shapes
    /// As [`EncoderLayer::forward`].
    pub fn forward(
        &self,
        inputs: Tensor<3>,
        mask: Option<Tensor<3, Bool>>,
    ) -> (Tensor<3>, Vec<Tensor<4>>) {
        let mut weights = Vec::with_capacity(self.layers.len());
        let mut hidden = inputs;
        for layer in &self.layers {
            let (outputs, of_layer) = layer.forward(hidden, mask.clone(), None);
            hidden = outputs;
            weights.push(of_layer);
        }
        (finish(&self.norm, hidden), weights)
    }

    /// Outputs of steps that follow those in the caches, one for each block.
    ///
    /// # Shapes
    /// Inputs `[batch, new, size]`; a mask of `new` queries and all steps as keys.
    pub fn forward_cached(
        &self,
        inputs: Tensor<3>,
        mask: Option<Tensor<3, Bool>>,
        caches: &mut [KeyValueCache],
    ) -> Tensor<3> {
        let mut hidden = inputs;
        for (layer, cache) in self.layers.iter().zip(caches) {
            hidden = layer.forward(hidden, mask.clone(), Some(cache)).0;
        }
        finish(&self.norm, hidden)
    }

    /// Empty caches, one for each block.
    pub fn caches(&self) -> Vec<KeyValueCache> {
        vec![KeyValueCache::default(); self.layers.len()]
    }
}

impl TransformerDecoder {
    /// As [`TransformerEncoder::activation_dropout`].
    pub fn activation_dropout(mut self, probability: f64) -> Self {
        for layer in &mut self.layers {
            layer.activation_dropout = Dropout::new(probability);
        }
        self
    }

    /// Outputs, and the weights of both attentions of every block.
    ///
    /// # Shapes
    /// As [`DecoderLayer::forward`].
    pub fn forward(
        &self,
        inputs: Tensor<3>,
        memory: Tensor<3>,
        mask: Option<Tensor<3, Bool>>,
        memory_mask: Option<Tensor<3, Bool>>,
    ) -> (Tensor<3>, Vec<[Tensor<4>; 2]>) {
        let mut weights = Vec::with_capacity(self.layers.len());
        let mut hidden = inputs;
        for layer in &self.layers {
            let (mask, memory_mask) = (mask.clone(), memory_mask.clone());
            let (outputs, of_layer) =
                layer.forward(hidden, memory.clone(), mask, memory_mask, None);
            hidden = outputs;
            weights.push(of_layer);
        }
        (finish(&self.norm, hidden), weights)
    }

    /// Outputs of steps that follow those in the caches, one for each block, and the weights of both
    /// attentions of every block.
    ///
    /// # Shapes
    /// Inputs `[batch, new, size]`; a mask of `new` queries and all steps as keys.
    pub fn forward_cached(
        &self,
        inputs: Tensor<3>,
        memory: Tensor<3>,
        mask: Option<Tensor<3, Bool>>,
        memory_mask: Option<Tensor<3, Bool>>,
        caches: &mut [KeyValueCache],
    ) -> (Tensor<3>, Vec<[Tensor<4>; 2]>) {
        let mut weights = Vec::with_capacity(self.layers.len());
        let mut hidden = inputs;
        for (layer, cache) in self.layers.iter().zip(caches) {
            let (mask, memory_mask) = (mask.clone(), memory_mask.clone());
            let (outputs, of_layer) =
                layer.forward(hidden, memory.clone(), mask, memory_mask, Some(cache));
            hidden = outputs;
            weights.push(of_layer);
        }
        (finish(&self.norm, hidden), weights)
    }

    /// Empty caches, one for each block.
    pub fn caches(&self) -> Vec<KeyValueCache> {
        vec![KeyValueCache::default(); self.layers.len()]
    }
}

fn finish(norm: &Option<LayerNorm>, hidden: Tensor<3>) -> Tensor<3> {
    match norm {
        Some(norm) => norm.apply(hidden),
        None => hidden,
    }
}

#[cfg(test)]
mod tests;

use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Bool, Device, Int, Tensor};
use tinderbox_core::Seed;
use tinderbox_nn::attention::{KeyValueCache, causal_mask, length_mask};
use tinderbox_nn::{
    Decoded, Dropout, EncoderDecoder, Init, Initializer, Layer, TransformerConfig,
    TransformerDecoder, TransformerEncoder, embed, embedding, positional_encoding,
};

use super::xavier::xavier;
use super::{TranslationConfig, refused};
use crate::ModelError;

/// The Transformer: encoder and decoder of attention alone (Vaswani et al. 2017).
///
/// Embeddings times the root of their size, plus sinusoidal positions; no dropout inside of the
/// feed-forward layers. Blocks are those of PyTorch's `nn.Transformer`. (The course's attention has no
/// biases: 768 numbers of 61,705.)
#[derive(Module, Debug)]
pub struct Transformer {
    source: Embedding,
    target: Embedding,
    encoder: TransformerEncoder,
    decoder: TransformerDecoder,
    output: Linear,
    dropout: Dropout,
    #[module(skip)]
    vocabularies: [usize; 2],
    #[module(skip)]
    size: usize,
}

/// The state of a [`Transformer`].
#[derive(Clone, Debug)]
pub struct TransformerState {
    /// Outputs of the encoder, `[batch, steps, size]`.
    pub memory: Tensor<3>,
    /// `true` where the source is padding, `[batch, 1, steps]`.
    pub padding: Tensor<3, Bool>,
    /// Keys and values of the decoder's steps so far, for each block.
    pub caches: Vec<KeyValueCache>,
}

impl Transformer {
    pub(super) fn new(
        config: &TranslationConfig,
        sizes: &TransformerConfig,
        seed: Seed,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let vocabularies = [config.source_vocabulary, config.target_vocabulary];
        let tokens = |vocabulary, name| {
            let normal = Initializer::Normal { std: 1.0 };
            embedding(vocabulary, sizes.size, normal, seed.child(name), device)
        };
        let init = Init::new(seed, device, Initializer::XavierUniform { gain: 1.0 });
        let init = init.biases(Initializer::PYTORCH);
        let norm = sizes.norm_first;
        let [reads, writes] = ["encoder", "decoder"].map(|name| seed.child(name));
        let encoder = sizes.encoder(norm, reads, device).map_err(refused)?;
        let decoder = sizes.decoder(norm, writes, device).map_err(refused)?;
        Ok(Self {
            source: tokens(vocabularies[0], "source"),
            target: tokens(vocabularies[1], "target"),
            encoder: xavier(encoder.activation_dropout(0.0), reads, device),
            decoder: xavier(decoder.activation_dropout(0.0), writes, device),
            output: init.linear("output", sizes.size, vocabularies[1]),
            dropout: Dropout::new(sizes.dropout),
            vocabularies,
            size: sizes.size,
        })
    }

    /// As [`encode`](EncoderDecoder::encode), with the weights of the encoder's attention: `[batch,
    /// heads, steps, steps]` for every block.
    pub fn encode_with_attention(
        &self,
        source: Tensor<2, Int>,
        lengths: Tensor<1, Int>,
    ) -> (TransformerState, Vec<Tensor<4>>) {
        let [_, steps] = source.dims();
        let padding = length_mask(lengths, steps);
        let inputs = self.embed(&self.source, source, 0);
        let (memory, weights) = self.encoder.forward(inputs, Some(padding.clone()));
        let state = TransformerState {
            memory,
            padding,
            caches: self.decoder.caches(),
        };
        (state, weights)
    }

    /// Tokens `[batch, steps]` that stand at `start` and behind it as numbers `[batch, steps, size]`.
    fn embed(&self, embedding: &Embedding, tokens: Tensor<2, Int>, start: usize) -> Tensor<3> {
        let [_, steps] = tokens.dims();
        let scaled = embed(embedding, tokens) * (self.size as f64).sqrt();
        let positions = positional_encoding(start, steps, self.size, &scaled.device());
        self.dropout.forward(scaled + positions.unsqueeze())
    }
}

impl EncoderDecoder for Transformer {
    type State = TransformerState;

    fn encode(&self, source: Tensor<2, Int>, lengths: Tensor<1, Int>) -> TransformerState {
        self.encode_with_attention(source, lengths).0
    }

    fn decode(
        &self,
        tokens: Tensor<2, Int>,
        mut state: TransformerState,
    ) -> Decoded<TransformerState> {
        let [_, steps] = tokens.dims();
        let before = state.caches.first().map_or(0, KeyValueCache::steps);
        let causal = causal_mask(steps, before + steps, &state.memory.device());
        let inputs = self.embed(&self.target, tokens, before);
        let (outputs, weights) = self.decoder.forward_cached(
            inputs,
            state.memory.clone(),
            Some(causal),
            Some(state.padding.clone()),
            &mut state.caches,
        );
        let to_source = weights.into_iter().map(|[_, to_source]| to_source);
        Decoded {
            logits: self.output.apply(outputs),
            state,
            attention: to_source.collect(),
        }
    }

    fn source_vocabulary(&self) -> usize {
        self.vocabularies[0]
    }

    fn target_vocabulary(&self) -> usize {
        self.vocabularies[1]
    }
}

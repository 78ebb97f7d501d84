use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Bool, Device, Int, Tensor};
use tinderbox_core::Seed;
use tinderbox_nn::attention::{AdditiveAttention, length_mask};
use tinderbox_nn::{Decoded, EncoderDecoder, Layer, Recurrent, RecurrentState, embed};

use super::TranslationConfig;
use super::seq2seq::{Encoder, RecurrentSizes, uppermost};
use super::xavier::xavier;
use crate::ModelError;

#[derive(Module, Debug)]
struct Decoder {
    attention: AdditiveAttention,
    embedding: Embedding,
    rnn: Recurrent,
    dense: Linear,
}

/// Sequence to sequence with attention: at every step the state of the decoder's uppermost layer asks
/// for the outputs of the encoder, whose weighted mean stands before the token (Bahdanau, Cho, Bengio
/// 2015).
///
/// Weights have the course's names: `decoder.attention.W_q.weight`.
#[derive(Module, Debug)]
pub struct Bahdanau {
    encoder: Encoder,
    decoder: Decoder,
    #[module(skip)]
    vocabularies: [usize; 2],
}

/// The state of a [`Bahdanau`].
#[derive(Clone, Debug)]
pub struct BahdanauState {
    /// Outputs of the encoder, `[batch, steps, hidden]`.
    pub memory: Tensor<3>,
    /// `true` where the source is padding, `[batch, 1, steps]`.
    pub padding: Tensor<3, Bool>,
    /// The state of the decoder's GRUs.
    pub hidden: RecurrentState,
}

impl Bahdanau {
    pub(super) fn new(
        config: &TranslationConfig,
        sizes: &RecurrentSizes,
        seed: Seed,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let vocabularies = [config.source_vocabulary, config.target_vocabulary];
        let [source, target] = vocabularies;
        let [reads, writes] = ["encoder", "decoder"].map(|name| seed.child(name));
        let units = sizes.hidden;
        let seed = writes.child("attention");
        let attention = AdditiveAttention::new(units, units, units, sizes.dropout, seed, device);
        Ok(Self {
            encoder: Encoder::new(source, sizes, reads, device)?,
            decoder: Decoder {
                attention: xavier(attention, seed, device),
                embedding: sizes.embedding(target, writes, device),
                rnn: sizes.rnn(sizes.embedding + units, writes, device)?,
                dense: sizes.dense(target, writes, device),
            },
            vocabularies,
        })
    }
}

impl EncoderDecoder for Bahdanau {
    type State = BahdanauState;

    fn encode(&self, source: Tensor<2, Int>, lengths: Tensor<1, Int>) -> BahdanauState {
        let [_, steps] = source.dims();
        let (outputs, hidden) = self.encoder.forward(source);
        BahdanauState {
            memory: outputs.swap_dims(0, 1),
            padding: length_mask(lengths, steps),
            hidden,
        }
    }

    fn decode(&self, tokens: Tensor<2, Int>, state: BahdanauState) -> Decoded<BahdanauState> {
        let [batch, steps] = tokens.dims();
        let decoder = &self.decoder;
        let BahdanauState {
            memory,
            padding,
            mut hidden,
        } = state;
        let [_, _, units] = memory.dims();
        let mut outputs = Vec::with_capacity(steps);
        let mut attention = Vec::with_capacity(steps);
        for step in 0..steps {
            let query = uppermost(&hidden).swap_dims(0, 1);
            let (keys, values) = (memory.clone(), memory.clone());
            let mask = Some(padding.clone());
            let (context, weights) = decoder.attention.forward(query, keys, values, mask);
            let token = tokens.clone().narrow(1, step, 1);
            let token = embed(&decoder.embedding, token).squeeze_dim::<2>(1);
            let input = Tensor::cat(vec![context.reshape([batch, units]), token], 1);
            let (output, after) = decoder.rnn.step(input, Some(hidden));
            hidden = after;
            outputs.push(output);
            attention.push(weights);
        }
        let outputs = Tensor::stack::<3>(outputs, 1);
        Decoded {
            logits: decoder.dense.apply(outputs),
            state: BahdanauState {
                memory,
                padding,
                hidden,
            },
            attention: vec![Tensor::cat(attention, 1).unsqueeze_dim(1)],
        }
    }

    fn source_vocabulary(&self) -> usize {
        self.vocabularies[0]
    }

    fn target_vocabulary(&self) -> usize {
        self.vocabularies[1]
    }
}

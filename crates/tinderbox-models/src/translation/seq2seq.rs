use std::f64::consts::FRAC_1_SQRT_2;

use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{
    Cell, Decoded, EncoderDecoder, Init, Initializer, Layer, Recurrent, RecurrentConfig,
    RecurrentState, embed, embedding,
};

use super::{TranslationConfig, refused};
use crate::ModelError;

/// Sizes of a recurrent encoder and decoder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecurrentSizes {
    /// Numbers that a token becomes.
    pub embedding: usize,
    /// Units of each layer.
    pub hidden: usize,
    /// Recurrent layers on top of each other, in the encoder and in the decoder.
    pub layers: usize,
    /// The probability with which outputs between layers, and weights of an attention, are dropped in
    /// training.
    #[serde(default)]
    pub dropout: f64,
}

impl RecurrentSizes {
    /// Those of the course.
    pub const COURSE: Self = Self {
        embedding: 32,
        hidden: 32,
        layers: 2,
        dropout: 0.1,
    };

    /// An embedding for tokens of this vocabulary.
    pub(super) fn embedding(&self, vocabulary: usize, seed: Seed, device: &Device) -> Embedding {
        let normal = Initializer::Normal { std: 1.0 };
        let seed = seed.child("embedding");
        embedding(vocabulary, self.embedding, normal, seed, device)
    }

    /// GRUs with so many inputs.
    pub(super) fn rnn(
        &self,
        inputs: usize,
        seed: Seed,
        device: &Device,
    ) -> Result<Recurrent, ModelError> {
        let config = RecurrentConfig::new(Cell::Gru, inputs, self.hidden)
            .layers(self.layers)
            .dropout(self.dropout);
        // Xavier-uniform over the rows of all three gates, as PyTorch counts them: 1/√2 of the bound
        // for the rows of one gate, where there are as many inputs as units.
        let weights = Initializer::XavierUniform {
            gain: FRAC_1_SQRT_2,
        };
        let bound = 1.0 / (self.hidden as f64).sqrt();
        let biases = Initializer::Uniform { bound };
        let rnn = config.init_with(weights, biases, seed.child("rnn"), device);
        rnn.map_err(refused)
    }

    /// The layer from a decoder's outputs to logits.
    pub(super) fn dense(&self, vocabulary: usize, seed: Seed, device: &Device) -> Linear {
        let init = Init::new(seed, device, Initializer::XavierUniform { gain: 1.0 });
        let init = init.biases(Initializer::PYTORCH);
        init.linear("dense", self.hidden, vocabulary)
    }
}

/// An embedding and GRUs that read the source sentence, its padding too.
#[derive(Module, Debug)]
pub(super) struct Encoder {
    embedding: Embedding,
    rnn: Recurrent,
}

impl Encoder {
    pub fn new(
        vocabulary: usize,
        sizes: &RecurrentSizes,
        seed: Seed,
        device: &Device,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            embedding: sizes.embedding(vocabulary, seed, device),
            rnn: sizes.rnn(sizes.embedding, seed, device)?,
        })
    }

    /// # Shapes
    /// Token ids `[batch, steps]` to outputs `[steps, batch, hidden]`.
    pub fn forward(&self, source: Tensor<2, Int>) -> (Tensor<3>, RecurrentState) {
        // Steps first: then a step is one block of memory.
        let inputs = embed(&self.embedding, source.swap_dims(0, 1));
        self.rnn.forward(inputs, None)
    }
}

/// The state of the uppermost layer, `[1, batch, hidden]`.
pub(super) fn uppermost(state: &RecurrentState) -> Tensor<3> {
    let [layers, _, _] = state.hidden.dims();
    state.hidden.clone().narrow(0, layers - 1, 1)
}

#[derive(Module, Debug)]
struct Decoder {
    embedding: Embedding,
    rnn: Recurrent,
    dense: Linear,
}

/// Sequence to sequence with GRUs: the decoder starts from the last state of the encoder, and has that
/// of its uppermost layer beside the token at every step (Cho et al. 2014).
///
/// Weights have the course's names: `encoder.rnn.weight_ih_l0`, `decoder.dense.weight`. (The course
/// shows the decoder that state in training only, and its own last state when it predicts. Here it is
/// that of the encoder in both.)
#[derive(Module, Debug)]
pub struct Seq2Seq {
    encoder: Encoder,
    decoder: Decoder,
    #[module(skip)]
    vocabularies: [usize; 2],
}

/// The state of a [`Seq2Seq`].
#[derive(Clone, Debug)]
pub struct Seq2SeqState {
    /// What the decoder sees of the source, `[1, batch, hidden]`.
    pub context: Tensor<3>,
    /// The state of the decoder's GRUs.
    pub hidden: RecurrentState,
}

impl Seq2Seq {
    pub(super) fn new(
        config: &TranslationConfig,
        sizes: &RecurrentSizes,
        seed: Seed,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let vocabularies = [config.source_vocabulary, config.target_vocabulary];
        let [source, target] = vocabularies;
        let [reads, writes] = ["encoder", "decoder"].map(|name| seed.child(name));
        Ok(Self {
            encoder: Encoder::new(source, sizes, reads, device)?,
            decoder: Decoder {
                embedding: sizes.embedding(target, writes, device),
                rnn: sizes.rnn(sizes.embedding + sizes.hidden, writes, device)?,
                dense: sizes.dense(target, writes, device),
            },
            vocabularies,
        })
    }
}

impl EncoderDecoder for Seq2Seq {
    type State = Seq2SeqState;

    /// The lengths are not used: the padding is read too, as in the course.
    fn encode(&self, source: Tensor<2, Int>, _: Tensor<1, Int>) -> Seq2SeqState {
        let (_, hidden) = self.encoder.forward(source);
        Seq2SeqState {
            context: uppermost(&hidden),
            hidden,
        }
    }

    fn decode(&self, tokens: Tensor<2, Int>, state: Seq2SeqState) -> Decoded<Seq2SeqState> {
        let [batch, steps] = tokens.dims();
        let [_, _, units] = state.context.dims();
        let inputs = embed(&self.decoder.embedding, tokens.swap_dims(0, 1));
        let context = state.context.clone().expand([steps, batch, units]);
        let inputs = Tensor::cat(vec![inputs, context], 2);
        let (outputs, hidden) = self.decoder.rnn.forward(inputs, Some(state.hidden));
        Decoded {
            logits: self.decoder.dense.apply(outputs).swap_dims(0, 1),
            state: Seq2SeqState { hidden, ..state },
            attention: Vec::new(),
        }
    }

    fn source_vocabulary(&self) -> usize {
        self.vocabularies[0]
    }

    fn target_vocabulary(&self) -> usize {
        self.vocabularies[1]
    }
}

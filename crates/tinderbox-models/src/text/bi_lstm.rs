use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{
    Cell, Init, Initializer, Layer, Recurrent, RecurrentConfig, TextNetwork, embed,
};

use super::{FirstLayer, MODEL, first_layer};
use crate::{ModelError, check};

/// The shape of a [`BiLstm`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BiLstmConfig {
    /// Number of different tokens.
    pub vocabulary: usize,
    /// Numbers of a token's vector.
    pub embedding: usize,
    /// Units of each direction.
    pub hidden: usize,
    /// Recurrent layers on top of each other.
    pub layers: usize,
    /// Number of classes.
    pub outputs: usize,
}

impl BiLstmConfig {
    /// The course's: vectors of 100 numbers, 2 layers of 100 units, two classes.
    pub fn course(vocabulary: usize) -> Self {
        Self {
            vocabulary,
            embedding: 100,
            hidden: 100,
            layers: 2,
            outputs: 2,
        }
    }

    /// The model with initial weights, Xavier-uniform as in the course, a pure function of the seed.
    ///
    /// # Errors
    /// A size of 0, word vectors of another size.
    pub fn init(
        &self,
        vectors: Option<FirstLayer>,
        seed: Seed,
        device: &Device,
    ) -> Result<BiLstm, ModelError> {
        for (field, size) in [
            ("vocabulary", self.vocabulary),
            ("embedding", self.embedding),
            ("hidden", self.hidden),
            ("layers", self.layers),
            ("outputs", self.outputs),
        ] {
            check::positive(MODEL, field, size)?;
        }
        let recurrent = RecurrentConfig::new(Cell::Lstm, self.embedding, self.hidden)
            .layers(self.layers)
            .bidirectional();
        let xavier = Initializer::XavierUniform { gain: 1.0 };
        let rnn = recurrent.init_with(xavier, Initializer::PYTORCH, seed.child("rnn"), device);
        let rnn = rnn.map_err(|error| ModelError::Config {
            model: MODEL,
            problem: error.to_string(),
        })?;
        let shape = (self.vocabulary, self.embedding);
        let init = Init::new(seed, device, xavier).biases(Initializer::PYTORCH);
        Ok(BiLstm {
            embedding: first_layer(vectors, shape, seed.child("embedding"), device)?,
            encoder: rnn,
            decoder: init.linear("decoder", 2 * recurrent.outputs(), self.outputs),
        })
    }
}

/// A bidirectional LSTM; a linear layer reads its outputs at the first and at the last step.
///
/// Weights have the names of the course's `BiRNN`.
#[derive(Module, Debug)]
pub struct BiLstm {
    /// The word vectors.
    pub embedding: Embedding,
    encoder: Recurrent,
    decoder: Linear,
}

impl TextNetwork for BiLstm {
    /// As in the course, padding is read too: pad texts to about their own length.
    fn forward(&self, tokens: Tensor<2, Int>, _lengths: Tensor<1, Int>) -> Tensor<2> {
        let [batch, steps] = tokens.dims();
        let inputs = embed(&self.embedding, tokens.swap_dims(0, 1));
        let (outputs, _) = self.encoder.forward(inputs, None);
        let [_, _, units] = outputs.dims();
        let at = |step: usize| outputs.clone().narrow(0, step, 1).reshape([batch, units]);
        self.decoder
            .apply(Tensor::cat(vec![at(0), at(steps - 1)], 1))
    }
}

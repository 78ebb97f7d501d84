use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Dropout, Init, Initializer, Layer, TextNetwork, embed, relu};

use super::{FirstLayer, MODEL, first_layer};
use crate::{ModelError, check};

/// The shape of a [`TextCnn`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextCnnConfig {
    /// Number of different tokens.
    pub vocabulary: usize,
    /// Numbers of a token's vector.
    pub embedding: usize,
    /// Tokens that a filter sees at once, one entry for each kind of filter.
    pub windows: Vec<usize>,
    /// Filters of each kind.
    pub filters: usize,
    /// The probability with which features before the last layer are dropped in training.
    pub dropout: f64,
    /// Number of classes.
    pub outputs: usize,
}

impl TextCnnConfig {
    /// The course's: vectors of 100 numbers, 100 filters each of 3, 4 and 5 tokens, two classes.
    pub fn course(vocabulary: usize) -> Self {
        Self {
            vocabulary,
            embedding: 100,
            windows: vec![3, 4, 5],
            filters: 100,
            dropout: 0.5,
            outputs: 2,
        }
    }

    /// The model with initial weights, Xavier-uniform as in the course, a pure function of the seed. Both embeddings
    /// start from the word vectors; the second one is never trained.
    ///
    /// # Errors
    /// A size of 0, no windows, a dropout outside `[0, 1)`, word vectors of another size.
    pub fn init(
        &self,
        vectors: Option<Vec<f32>>,
        seed: Seed,
        device: &Device,
    ) -> Result<TextCnn, ModelError> {
        let smallest = self.windows.iter().min().copied().unwrap_or(0);
        for (field, size) in [
            ("vocabulary", self.vocabulary),
            ("embedding", self.embedding),
            ("windows", smallest),
            ("filters", self.filters),
            ("outputs", self.outputs),
        ] {
            check::positive(MODEL, field, size)?;
        }
        check::dropout(MODEL, "dropout", self.dropout)?;
        let shape = (self.vocabulary, self.embedding);
        let layer = |trained: bool, name| {
            let vectors = vectors.clone().map(|rows| FirstLayer { rows, trained });
            first_layer(vectors, shape, seed.child(name), device)
        };
        let (trained, mut constant) = (layer(true, "embedding")?, layer(false, "constant")?);
        constant.weight = constant.weight.set_require_grad(false);
        let init = Init::new(seed, device, Initializer::XavierUniform { gain: 1.0 });
        let convolution = |&window: &usize| {
            // A convolution as a linear layer on windows: its fans are those of a convolution.
            let (inputs, outputs) = (window * 2 * self.embedding, window * self.filters);
            let bound = (6.0 / (inputs + outputs) as f64).sqrt();
            let init = init
                .child("convs")
                .at(window)
                .linears(Initializer::Uniform { bound });
            init.linear("conv", inputs, self.filters)
        };
        Ok(TextCnn {
            embedding: trained,
            constant_embedding: constant,
            convs: self.windows.iter().map(convolution).collect(),
            dropout: Dropout::new(self.dropout),
            decoder: init.linear("decoder", self.windows.len() * self.filters, self.outputs),
        })
    }
}

/// Convolutions over the words of a text, the largest output of each filter, and a linear layer (Kim 2014).
#[derive(Module, Debug)]
pub struct TextCnn {
    /// The word vectors that are trained.
    pub embedding: Embedding,
    /// Those that are not.
    pub constant_embedding: Embedding,
    convs: Vec<Linear>,
    dropout: Dropout,
    decoder: Linear,
}

impl TextNetwork for TextCnn {
    /// Texts shorter than the largest window are padded to it.
    fn forward(&self, tokens: Tensor<2, Int>, _lengths: Tensor<1, Int>) -> Tensor<2> {
        let both = [&self.embedding, &self.constant_embedding];
        let words = Tensor::cat(both.map(|layer| embed(layer, tokens.clone())).to_vec(), 2);
        let [batch, mut steps, size] = words.dims();
        let window = |conv: &Linear| conv.weight.lazy_shape()[0] / size;
        let largest = self.convs.iter().map(window).max().unwrap_or(1);
        let mut words = words;
        if steps < largest {
            let padding = Tensor::zeros([batch, largest - steps, size], &words.device());
            words = Tensor::cat(vec![words, padding], 1);
            steps = largest;
        }
        let pooled = self.convs.iter().map(|conv| {
            let window = window(conv);
            let places = steps + 1 - window;
            let shifted = (0..window).map(|shift| words.clone().narrow(1, shift, places));
            let outputs = conv.apply(Tensor::cat(shifted.collect(), 2));
            let [_, _, filters] = outputs.dims();
            relu(outputs.max_dim(1).reshape([batch, filters]))
        });
        let features = Tensor::cat(pooled.collect(), 1);
        self.decoder.apply(self.dropout.forward(features))
    }
}

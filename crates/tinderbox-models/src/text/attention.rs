use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::attention::{length_mask, masked_softmax};
use tinderbox_nn::{Dropout, Init, Initializer, Layer, PairNetwork, embed, relu};

use super::{FirstLayer, MODEL, first_layer};
use crate::{ModelError, check};

/// The shape of a [`DecomposableAttention`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecomposableAttentionConfig {
    /// Number of different tokens.
    pub vocabulary: usize,
    /// Numbers of a token's vector.
    pub embedding: usize,
    /// Units of the hidden layers.
    pub hidden: usize,
    /// The probability with which the inputs of each layer are dropped in training.
    pub dropout: f64,
    /// Number of classes.
    pub outputs: usize,
}

impl DecomposableAttentionConfig {
    /// The course's: vectors of 100 numbers, 200 units, three classes.
    pub fn course(vocabulary: usize) -> Self {
        Self {
            vocabulary,
            embedding: 100,
            hidden: 200,
            dropout: 0.2,
            outputs: 3,
        }
    }

    /// The model with initial weights, PyTorch's, a pure function of the seed.
    ///
    /// # Errors
    /// A size of 0, a dropout outside `[0, 1)`, word vectors of another size.
    pub fn init(
        &self,
        vectors: Option<FirstLayer>,
        seed: Seed,
        device: &Device,
    ) -> Result<DecomposableAttention, ModelError> {
        for (field, size) in [
            ("vocabulary", self.vocabulary),
            ("embedding", self.embedding),
            ("hidden", self.hidden),
            ("outputs", self.outputs),
        ] {
            check::positive(MODEL, field, size)?;
        }
        check::dropout(MODEL, "dropout", self.dropout)?;
        let (size, hidden) = (self.embedding, self.hidden);
        let init = Init::new(seed, device, Initializer::PYTORCH).biases(Initializer::PYTORCH);
        let mlp = |name: &str, inputs: usize| Mlp {
            hidden: init.child(name).linear("hidden", inputs, hidden),
            output: init.child(name).linear("output", hidden, hidden),
            dropout: Dropout::new(self.dropout),
        };
        Ok(DecomposableAttention {
            embedding: first_layer(
                vectors,
                (self.vocabulary, size),
                seed.child("embedding"),
                device,
            )?,
            attend: mlp("attend", size),
            compare: mlp("compare", 2 * size),
            aggregate: mlp("aggregate", 2 * hidden),
            linear: init.linear("linear", hidden, self.outputs),
        })
    }
}

/// Two layers with ReLU.
#[derive(Module, Debug)]
struct Mlp {
    hidden: Linear,
    output: Linear,
    dropout: Dropout,
}

impl Mlp {
    fn forward<const D: usize>(&self, inputs: Tensor<D>) -> Tensor<D> {
        let hidden = relu(self.hidden.apply(self.dropout.forward(inputs)));
        relu(self.output.apply(self.dropout.forward(hidden)))
    }
}

/// Decomposable attention: each word of a sentence is aligned with the words of the other one, compared with them, and
/// the comparisons are summed (Parikh et al. 2016).
///
/// Padding takes no part, other than in the course.
#[derive(Module, Debug)]
pub struct DecomposableAttention {
    /// The word vectors.
    pub embedding: Embedding,
    attend: Mlp,
    compare: Mlp,
    aggregate: Mlp,
    linear: Linear,
}

impl PairNetwork for DecomposableAttention {
    fn forward(&self, pair: [(Tensor<2, Int>, Tensor<1, Int>); 2]) -> Tensor<2> {
        let [(first, first_lengths), (second, second_lengths)] = pair;
        let [first, second] = [first, second].map(|tokens| embed(&self.embedding, tokens));
        let [_, first_steps, _] = first.dims();
        let [_, second_steps, _] = second.dims();
        let first_padding = length_mask(first_lengths, first_steps);
        let second_padding = length_mask(second_lengths, second_steps);
        let scores = self.attend.forward(first.clone());
        let scores = scores.matmul(self.attend.forward(second.clone()).swap_dims(1, 2));
        let weights = masked_softmax(scores.clone(), Some(second_padding.clone()));
        let beside_first = weights.matmul(second.clone());
        let weights = masked_softmax(scores.swap_dims(1, 2), Some(first_padding.clone()));
        let beside_second = weights.matmul(first.clone());
        let sides = [
            (first, beside_first, first_padding),
            (second, beside_second, second_padding),
        ];
        let sums = sides.map(|(own, beside, padding)| {
            let compared = self.compare.forward(Tensor::cat(vec![own, beside], 2));
            let [batch, steps, size] = compared.dims();
            let padding = padding
                .reshape([batch, steps, 1])
                .expand([batch, steps, size]);
            compared
                .mask_fill(padding, 0.0)
                .sum_dim(1)
                .reshape([batch, size])
        });
        let all = self.aggregate.forward(Tensor::cat(sums.to_vec(), 1));
        self.linear.apply(all)
    }
}

//! word2vec: the skip-gram model with negative sampling (Mikolov et al. 2013).

use burn::module::Module;
use burn::nn::Embedding;
use burn::tensor::{Bool, Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Initializer, embed, embedding};

use crate::{ModelError, check};

/// The shape of a [`SkipGram`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkipGramModelConfig {
    /// Number of different words.
    pub vocabulary: usize,
    /// Numbers of a word's vector.
    pub size: usize,
}

impl SkipGramModelConfig {
    /// The model with initial weights, Xavier-uniform as in the course, a pure function of the seed.
    ///
    /// # Errors
    /// A size of 0, more weights than a tensor can have.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<SkipGram, ModelError> {
        check::positive("skip-gram", "vocabulary", self.vocabulary)?;
        check::positive("skip-gram", "size", self.size)?;
        check::weights("skip-gram", self.vocabulary, self.size)?;
        let weights = Initializer::XavierUniform { gain: 1.0 };
        let table = |name| {
            embedding(
                self.vocabulary,
                self.size,
                weights,
                seed.child(name),
                device,
            )
        };
        Ok(SkipGram {
            centers: table("centers"),
            contexts: table("contexts"),
        })
    }
}

/// Two vectors for each word, as the center of a window and as a word in it; their product is the logit of the second
/// standing next to the first.
#[derive(Module, Debug)]
pub struct SkipGram {
    /// The vectors of centers, `[vocabulary, size]`: the word vectors that are used afterwards.
    pub centers: Embedding,
    /// The vectors of context words, `[vocabulary, size]`.
    pub contexts: Embedding,
}

impl SkipGram {
    /// The logits of context words.
    ///
    /// # Shapes
    /// Centers `[batch, 1]` and words `[batch, words]` to `[batch, words]`.
    pub fn forward(&self, centers: Tensor<2, Int>, words: Tensor<2, Int>) -> Tensor<2> {
        let [batch, count] = words.dims();
        let (centers, words) = (embed(&self.centers, centers), embed(&self.contexts, words));
        centers
            .matmul(words.swap_dims(1, 2))
            .reshape([batch, count])
    }
}

/// The loss of each center: the binary cross-entropy of its words that are no padding, a mean over them.
///
/// # Shapes
/// Logits, labels (1 for context words, 0 for noise words) and padding `[batch, words]` to `[batch]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use tinderbox_models::skip_gram_loss;
///
/// let device = Device::flex();
/// let logits = Tensor::<2>::from_data([[1.1, -2.2, 3.3, -4.4]; 2], &device);
/// let labels = Tensor::from_data([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]], &device);
/// let padding = Tensor::from_data([[false; 4], [false, false, true, true]], &device);
/// let loss = skip_gram_loss(logits, labels, padding);
/// let loss: Vec<f32> = loss.into_data().iter::<f32>().collect();
/// assert!((loss[0] - 0.9352).abs() < 1e-4 && (loss[1] - 1.8462).abs() < 1e-4);
/// ```
pub fn skip_gram_loss(logits: Tensor<2>, labels: Tensor<2>, padding: Tensor<2, Bool>) -> Tensor<1> {
    let [batch, _] = logits.dims();
    // max(x, 0) - x y + ln(1 + exp(-|x|)), finite for every x.
    let losses = logits.clone().clamp_min(0.0) - logits.clone() * labels
        + (logits.abs().neg().exp() + 1.0).log();
    let words = padding.clone().bool_not().float().sum_dim(1).clamp_min(1.0);
    let sums = losses.mask_fill(padding, 0.0).sum_dim(1);
    (sums / words).reshape([batch])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_that_of_the_course_and_only_used_words_have_gradients() {
        let device = Device::flex().autodiff();
        let model = SkipGramModelConfig {
            vocabulary: 20,
            size: 4,
        }
        .init(Seed::new(1), &device)
        .unwrap();
        let centers = || Tensor::<2, Int>::from_data([[2], [3]], &device);
        let words = || Tensor::<2, Int>::from_data([[4, 5, 6, 7], [8, 9, 0, 0]], &device);
        let logits = model.forward(centers(), words());
        assert_eq!(logits.dims(), [2, 4]);
        let labels = Tensor::from_data([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]], &device);
        let padding = Tensor::from_data([[false; 4], [false, false, true, true]], &device);
        let loss = skip_gram_loss(logits, labels, padding).mean();
        let gradients = loss.backward();
        let rows = |table: &Embedding| -> Vec<usize> {
            let gradient = table.weight.val().grad(&gradients).unwrap();
            let sums: Vec<f32> = gradient
                .abs()
                .sum_dim(1)
                .into_data()
                .iter::<f32>()
                .collect();
            (0..20).filter(|&row| sums[row] > 0.0).collect()
        };
        assert_eq!(rows(&model.centers), [2, 3]);
        assert_eq!(rows(&model.contexts), [4, 5, 6, 7, 8, 9]);
    }
}

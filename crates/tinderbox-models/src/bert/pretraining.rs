use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor};
use tinderbox_core::Seed;
use tinderbox_nn::{Activation, Init, Initializer, Layer, LayerNorm, cross_entropy, log_softmax};

use super::{Bert, BertConfig, BertInputs};
use crate::ModelError;

/// A [`Bert`] with the two heads that it is pretrained with: masked tokens, and whether the second sentence follows
/// the first (Devlin et al. 2019).
///
/// As in the course, the output layer of the tokens has weights of its own.
#[derive(Module, Debug)]
pub struct BertPretraining {
    /// The encoder, which is kept.
    pub bert: Bert,
    transform: Linear,
    norm: LayerNorm,
    decoder: Linear,
    next: Linear,
}

impl BertPretraining {
    /// The model with initial weights, a pure function of the seed.
    ///
    /// # Errors
    /// Those of [`BertConfig::init`].
    pub fn new(config: &BertConfig, seed: Seed, device: &Device) -> Result<Self, ModelError> {
        let config = BertConfig {
            pooler: true,
            ..config.clone()
        };
        let std = config.initializer_range;
        let init = Init::new(seed, device, Initializer::Normal { std });
        Ok(Self {
            bert: config.init(seed.child("bert"), device)?,
            transform: init.linear("transform", config.size, config.size),
            norm: init.layer_norm(config.size, config.epsilon),
            decoder: init.linear("decoder", config.size, config.vocabulary),
            next: init.linear("next", config.size, 2),
        })
    }

    /// Vectors of the tokens, logits of the masked tokens, and logits of the second sentence being the next (class 1).
    ///
    /// # Shapes
    /// Tokens `[batch, steps]` and positions `[batch, masked]` to `[batch, steps, size]`, `[batch, masked,
    /// vocabulary]` and `[batch, 2]`.
    pub fn forward(
        &self,
        inputs: BertInputs,
        positions: Tensor<2, Int>,
    ) -> (Tensor<3>, Tensor<3>, Tensor<2>) {
        let vectors = self.bert.forward(inputs);
        let [batch, _, size] = vectors.dims();
        let [_, masked] = positions.dims();
        let places = positions
            .reshape([batch, masked, 1])
            .expand([batch, masked, size]);
        let hidden = self.transform.apply(vectors.clone().gather(1, places));
        let hidden = self.norm.apply(Activation::gelu().apply(hidden));
        let tokens = self.decoder.apply(hidden);
        // The encoder of this model always has a pooler.
        let first = || vectors.clone().narrow(1, 0, 1).reshape([batch, size]);
        let pooled = self.bert.pool(vectors.clone()).unwrap_or_else(first);
        (vectors.clone(), tokens, self.next.apply(pooled))
    }
}

/// The losses of masked tokens, a mean over them, and of the next sentence, a mean over the pairs.
///
/// # Shapes
/// Logits of [`BertPretraining::forward`], `[batch, masked, vocabulary]` and `[batch, 2]`; the masked tokens and their
/// weights `[batch, masked]`, of which padding has 0; classes `[batch]`.
pub fn pretraining_losses(
    (tokens, next): (Tensor<3>, Tensor<2>),
    (labels, weights): (Tensor<2, Int>, Tensor<2>),
    is_next: Tensor<1, Int>,
) -> [Tensor<1>; 2] {
    let [batch, masked, vocabulary] = tokens.dims();
    let chosen = log_softmax(tokens.reshape([batch * masked, vocabulary]))
        .gather(1, labels.reshape([batch * masked, 1]))
        .reshape([batch, masked]);
    let sum = (chosen * weights.clone()).sum().neg();
    let words = sum / weights.sum().clamp_min(1.0);
    [words, cross_entropy(next, is_next, 0.0)]
}

#[cfg(test)]
mod tests {
    use tinderbox_nn::parameters;

    use super::*;

    #[test]
    fn every_parameter_has_a_gradient_and_logits_are_of_the_asked_places() {
        let device = Device::flex().autodiff();
        let config = BertConfig {
            context: 8,
            size: 12,
            feed_forward: 16,
            heads: 3,
            layers: 2,
            dropout: 0.0,
            ..BertConfig::base(30)
        };
        let model = BertPretraining::new(&config, Seed::new(1), &device).unwrap();
        let inputs = || BertInputs {
            tokens: Tensor::from_data([[1, 2, 3, 4, 5, 6], [7, 8, 9, 0, 0, 0]], &device),
            types: Some(Tensor::from_data(
                [[0, 0, 0, 1, 1, 1], [0, 1, 1, 0, 0, 0]],
                &device,
            )),
            lengths: Tensor::from_data([6, 3], &device),
        };
        let at = |places: [[i32; 2]; 2]| {
            let (_, tokens, next) = model.forward(inputs(), Tensor::from_data(places, &device));
            (tokens, next)
        };
        let (tokens, next) = at([[1, 5], [2, 0]]);
        assert_eq!((tokens.dims(), next.dims()), ([2, 2, 30], [2, 2]));
        let (swapped, _) = at([[5, 1], [0, 2]]);
        let distance: f32 = (tokens.clone() - swapped.flip([1]))
            .abs()
            .max()
            .into_scalar();
        assert_eq!(distance, 0.0);
        let labels = || Tensor::<2, Int>::from_data([[4, 9], [20, 0]], &device);
        let weights = |last: f32| Tensor::<2>::from_data([[1.0, 1.0], [1.0, last]], &device);
        let is_next = || Tensor::<1, Int>::from_data([1, 0], &device);
        let logits = || (tokens.clone(), next.clone());
        let [words, pair] = pretraining_losses(logits(), (labels(), weights(0.0)), is_next());
        let [padded, _] = pretraining_losses(logits(), (labels(), weights(1.0)), is_next());
        let [value, padded]: [f32; 2] = [words.clone().into_scalar(), padded.into_scalar()];
        // Nearly uniform at the start; what is padding counts nothing.
        assert!(
            (value - 30f32.ln()).abs() < 0.5 && value != padded,
            "{value} {padded}"
        );
        let loss = words + pair;
        let gradients = burn::optim::GradientsParams::from_grads(loss.backward(), &model);
        assert_eq!(gradients.len(), parameters(&model).len());
    }
}

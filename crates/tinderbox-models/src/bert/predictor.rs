use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Dropout, Init, Initializer, Layer, TextNetwork};

use super::{Bert, BertConfig, BertInputs, MODEL, mean_of_tokens};
use crate::{ModelError, check};

/// How the vectors of a text's tokens become one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean, without those of the padding.
    #[default]
    Mean,
    /// The vector of the first token.
    First,
    /// The layer of the encoder on the vector of the first token ([`Bert::pool`]).
    Pooler,
}

/// The shape of a [`BertPredictor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BertPredictorConfig {
    /// The encoder.
    pub encoder: BertConfig,
    /// How the vectors of tokens become one.
    pub pooling: Pooling,
    /// Numbers or classes.
    pub outputs: usize,
    /// The probability with which features before the last layer are dropped in training.
    #[serde(default)]
    pub dropout: f64,
    /// The token that ends each of two texts: those after the first one are of the second type. `None` for single
    /// texts.
    #[serde(default)]
    pub separator: Option<u32>,
}

impl BertPredictorConfig {
    /// The model with initial weights, a pure function of the seed.
    ///
    /// # Errors
    /// Those of [`BertConfig::init`] and [`BertPredictor::new`].
    pub fn init(&self, seed: Seed, device: &Device) -> Result<BertPredictor, ModelError> {
        let encoder = self.encoder.init(seed.child("bert"), device)?;
        BertPredictor::new(self, encoder, seed, device)
    }
}

/// A [`Bert`] with a linear layer on a vector of the whole text: for classes or numbers.
///
/// Parameters have the names of Hugging Face's `BertForSequenceClassification`: `bert.`, `classifier.`.
#[derive(Module, Debug)]
pub struct BertPredictor {
    /// The encoder.
    pub bert: Bert,
    classifier: Linear,
    dropout: Dropout,
    #[module(skip)]
    pooling: Pooling,
    #[module(skip)]
    separator: Option<u32>,
}

impl BertPredictor {
    /// A new last layer on an encoder that may be trained already; its weights are N(0, 0.02), biases 0.
    ///
    /// # Errors
    /// No outputs, a dropout outside `[0, 1)`, [`Pooling::Pooler`] for an encoder without a pooler.
    pub fn new(
        config: &BertPredictorConfig,
        encoder: Bert,
        seed: Seed,
        device: &Device,
    ) -> Result<Self, ModelError> {
        check::positive(MODEL, "outputs", config.outputs)?;
        check::dropout(MODEL, "dropout", config.dropout)?;
        if config.pooling == Pooling::Pooler {
            check::positive(MODEL, "pooler", usize::from(encoder.pooler.is_some()))?;
        }
        let init = Init::new(seed, device, Initializer::Normal { std: 0.02 });
        Ok(Self {
            classifier: init.linear("classifier", encoder.size(), config.outputs),
            bert: encoder,
            dropout: Dropout::new(config.dropout),
            pooling: config.pooling,
            separator: config.separator,
        })
    }
}

impl TextNetwork for BertPredictor {
    /// # Panics
    /// With more steps than the encoder's context.
    fn forward(&self, tokens: Tensor<2, Int>, lengths: Tensor<1, Int>) -> Tensor<2> {
        let types = (self.separator).map(|id| Bert::types_of_pairs(tokens.clone(), id));
        let vectors = self.bert.forward(BertInputs {
            tokens,
            types,
            lengths: lengths.clone(),
        });
        let [batch, _, size] = vectors.dims();
        let first = |vectors: Tensor<3>| vectors.narrow(1, 0, 1).reshape([batch, size]);
        let text = match self.pooling {
            Pooling::Mean => mean_of_tokens(vectors, lengths),
            Pooling::First => first(vectors),
            // `new` refuses an encoder without it.
            Pooling::Pooler => self
                .bert
                .pool(vectors.clone())
                .unwrap_or_else(|| first(vectors)),
        };
        self.classifier.apply(self.dropout.forward(text))
    }
}

#[cfg(test)]
mod tests {
    use tinderbox_nn::parameters;

    use super::*;

    #[test]
    fn every_pooling_gives_a_row_for_each_text_and_trains_every_parameter_it_uses() {
        let device = Device::flex().autodiff();
        let config = |pooling, pooler| BertPredictorConfig {
            encoder: BertConfig {
                context: 6,
                size: 8,
                feed_forward: 8,
                heads: 2,
                layers: 2,
                pooler,
                ..BertConfig::base(9)
            },
            pooling,
            outputs: 3,
            dropout: 0.1,
            separator: None,
        };
        let tokens = || Tensor::<2, Int>::from_data([[1, 2, 3], [4, 0, 0]], &device);
        let lengths = || Tensor::<1, Int>::from_data([3, 1], &device);
        for pooling in [Pooling::Mean, Pooling::First, Pooling::Pooler] {
            let config = config(pooling, pooling == Pooling::Pooler);
            let model = config.init(Seed::new(1), &device).unwrap();
            let outputs = model.forward(tokens(), lengths());
            assert_eq!(outputs.dims(), [2, 3]);
            let gradients = outputs.square().sum().backward();
            let gradients = burn::optim::GradientsParams::from_grads(gradients, &model);
            assert_eq!(gradients.len(), parameters(&model).len());
        }
        // Types of two texts have a part in the outputs.
        let pair = BertPredictorConfig {
            dropout: 0.0,
            separator: Some(2),
            encoder: BertConfig {
                dropout: 0.0,
                ..config(Pooling::First, false).encoder
            },
            ..config(Pooling::First, false)
        };
        let single = BertPredictorConfig {
            separator: None,
            ..pair.clone()
        };
        let outputs = [pair, single].map(|config| {
            let model = config.init(Seed::new(1), &device).unwrap();
            let outputs = model.forward(tokens(), lengths()).into_data();
            outputs.iter::<f32>().collect::<Vec<_>>()
        });
        assert!(outputs[0][..3] != outputs[1][..3] && outputs[0][3..] == outputs[1][3..]);
        let error = config(Pooling::Pooler, false).init(Seed::new(1), &device);
        assert!(error.err().unwrap().to_string().contains("pooler is 0"));
    }
}

//! BERT: an encoder of text that sees both directions (Devlin et al. 2019).

mod predictor;
mod pretraining;

use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Bool, Device, Int, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::attention::{AttentionInputs, heads_attention, length_mask};
use tinderbox_nn::{
    Activation, Dropout, Init, Initializer, Layer, LayerNorm, embed, embedding, tanh,
};

use crate::{ModelError, check};

pub use predictor::{BertPredictor, BertPredictorConfig, Pooling};
pub use pretraining::{BertPretraining, pretraining_losses};

const MODEL: &str = "BERT";

/// The shape of a [`Bert`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BertConfig {
    /// Number of different tokens.
    pub vocabulary: usize,
    /// The number of tokens of the longest text.
    pub context: usize,
    /// Number of token types: 2, for the first and the second of two texts.
    pub types: usize,
    /// Features of a token.
    pub size: usize,
    /// Units of the feed-forward layers.
    pub feed_forward: usize,
    /// Heads of every attention; they must divide `size`.
    pub heads: usize,
    /// Number of blocks.
    pub layers: usize,
    /// The probability with which embeddings, attention weights and outputs of each part are dropped in training.
    #[serde(default)]
    pub dropout: f64,
    /// Added to the variance by the norms.
    #[serde(default = "epsilon")]
    pub epsilon: f64,
    /// Whether there is a layer on the first token, for a description of the whole text.
    #[serde(default)]
    pub pooler: bool,
    /// The function inside the feed-forward layers.
    #[serde(default)]
    pub activation: BertActivation,
    /// Whether the sums of the embeddings are normalized; in the course's BERT they are not.
    #[serde(default = "normalized")]
    pub embedding_norm: bool,
    /// The standard deviation of initial weights: 0.02 in the paper; narrow models that start from scratch learn faster
    /// with about 1 / sqrt(size).
    #[serde(default = "initializer_range")]
    pub initializer_range: f64,
}

/// The function inside the feed-forward layers of a [`Bert`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BertActivation {
    /// That of the paper.
    #[default]
    Gelu,
    /// That of the course.
    Relu,
}

fn epsilon() -> f64 {
    1e-12
}

fn normalized() -> bool {
    true
}

fn initializer_range() -> f64 {
    0.02
}

impl BertConfig {
    /// BERT-base: 12 blocks of 768 features, 110 million parameters.
    pub fn base(vocabulary: usize) -> Self {
        Self {
            vocabulary,
            context: 512,
            types: 2,
            size: 768,
            feed_forward: 3072,
            heads: 12,
            layers: 12,
            dropout: 0.1,
            epsilon: epsilon(),
            pooler: true,
            activation: BertActivation::Gelu,
            embedding_norm: true,
            initializer_range: initializer_range(),
        }
    }

    /// The small BERT that the course fine-tunes: 2 blocks of 256 features and 4 heads, ReLU, no norm of the embeddings.
    pub fn course(vocabulary: usize) -> Self {
        Self {
            size: 256,
            feed_forward: 512,
            heads: 4,
            layers: 2,
            dropout: 0.2,
            epsilon: 1e-5,
            activation: BertActivation::Relu,
            embedding_norm: false,
            ..Self::base(vocabulary)
        }
    }

    /// The model with initial weights from N(0, `initializer_range`), a pure function of the seed; biases of 0.
    ///
    /// # Errors
    /// A size of 0, heads that do not divide the size, a dropout outside `[0, 1)`, an initializer range that is not
    /// positive.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<Bert, ModelError> {
        for (field, size) in [
            ("vocabulary", self.vocabulary),
            ("context", self.context),
            ("types", self.types),
            ("size", self.size),
            ("feed_forward", self.feed_forward),
            ("layers", self.layers),
        ] {
            check::positive(MODEL, field, size)?;
        }
        check::weights(MODEL, self.vocabulary, self.size)?;
        check::weights(MODEL, self.context, self.size)?;
        check::weights(MODEL, self.feed_forward, self.size)?;
        check::layers(MODEL, self.layers)?;
        let needs = "it must divide the size";
        check::divides(MODEL, "heads", self.heads, self.size, needs)?;
        check::dropout(MODEL, "dropout", self.dropout)?;
        let std = self.initializer_range;
        if !(std.is_finite() && std > 0.0) {
            return Err(ModelError::Config {
                model: MODEL,
                problem: format!("initializer_range is {std}; it must be positive, 0.02 is common"),
            });
        }
        let normal = Initializer::Normal { std };
        let table = |rows, name| embedding(rows, self.size, normal, seed.child(name), device);
        let init = Init::new(seed, device, normal);
        let blocks = (0..self.layers).map(|index| Block::new(&init.child("layer").at(index), self));
        Ok(Bert {
            embeddings: Embeddings {
                word_embeddings: table(self.vocabulary, "word_embeddings"),
                position_embeddings: table(self.context, "position_embeddings"),
                token_type_embeddings: table(self.types, "token_type_embeddings"),
                norm: self
                    .embedding_norm
                    .then(|| init.layer_norm(self.size, self.epsilon)),
                dropout: Dropout::new(self.dropout),
            },
            encoder: Encoder {
                layer: blocks.collect(),
            },
            pooler: self.pooler.then(|| Pooler {
                dense: init.linear("pooler", self.size, self.size),
            }),
        })
    }
}

/// BERT: blocks of attention over all tokens of a text, with the norms after each part.
///
/// Weights have the names of Hugging Face's `BertModel` but for two: `attention.self` is
/// `attention.heads` here, and `LayerNorm` is `norm`.
#[derive(Module, Debug)]
pub struct Bert {
    embeddings: Embeddings,
    encoder: Encoder,
    pooler: Option<Pooler>,
}

/// Tokens for a [`Bert`].
#[derive(Clone, Debug)]
pub struct BertInputs {
    /// Token ids `[batch, steps]`, padded at the end.
    pub tokens: Tensor<2, Int>,
    /// The type of each token, `[batch, steps]`; `None` for 0 everywhere.
    pub types: Option<Tensor<2, Int>>,
    /// Tokens of each text without padding, `[batch]`.
    pub lengths: Tensor<1, Int>,
}

#[derive(Module, Debug)]
struct Embeddings {
    word_embeddings: Embedding,
    position_embeddings: Embedding,
    token_type_embeddings: Embedding,
    norm: Option<LayerNorm>,
    dropout: Dropout,
}

#[derive(Module, Debug)]
struct Encoder {
    layer: Vec<Block>,
}

#[derive(Module, Debug)]
struct Pooler {
    dense: Linear,
}

#[derive(Module, Debug)]
struct Block {
    attention: Attention,
    intermediate: Intermediate,
    output: Output,
}

#[derive(Module, Debug)]
struct Attention {
    heads: Heads,
    output: Output,
}

#[derive(Module, Debug)]
struct Heads {
    query: Linear,
    key: Linear,
    value: Linear,
    dropout: Dropout,
    #[module(skip)]
    heads: usize,
}

#[derive(Module, Debug)]
struct Intermediate {
    dense: Linear,
    activation: Activation,
}

/// A linear layer, a residual connection, and a norm of the sum.
#[derive(Module, Debug)]
struct Output {
    dense: Linear,
    norm: LayerNorm,
    dropout: Dropout,
}

impl Bert {
    /// The number of tokens of the longest text.
    pub fn context(&self) -> usize {
        self.embeddings.position_embeddings.weight.lazy_shape()[0]
    }

    /// Features of a token.
    pub fn size(&self) -> usize {
        self.embeddings.word_embeddings.weight.lazy_shape()[1]
    }

    /// The types of the tokens of pairs of texts: 1 after the first separator, 0 before it and for itself.
    ///
    /// # Shapes
    /// Tokens `[batch, steps]` to types `[batch, steps]`.
    pub fn types_of_pairs(tokens: Tensor<2, Int>, separator: u32) -> Tensor<2, Int> {
        let is_separator = tokens.equal_scalar(separator).int();
        let before = is_separator.clone().cumsum(1) - is_separator;
        before.clamp_max(1)
    }

    /// A vector for each token.
    ///
    /// # Shapes
    /// Tokens `[batch, steps]` to `[batch, steps, size]`; padding has vectors too, of no meaning.
    ///
    /// # Panics
    /// With more steps than the [`context`](Self::context), or ids that there are not.
    pub fn forward(&self, inputs: BertInputs) -> Tensor<3> {
        let [batch, steps] = inputs.tokens.dims();
        let device = inputs.tokens.device();
        let types = inputs.types;
        let types = types.unwrap_or_else(|| Tensor::zeros([batch, steps], &device));
        let mask = length_mask(inputs.lengths, steps);
        let mut hidden = self.embeddings.forward(inputs.tokens, types);
        for block in &self.encoder.layer {
            hidden = block.forward(hidden, &mask);
        }
        hidden
    }

    /// The description of each text: a layer on the vector of its first token; `None` for a model without a pooler.
    ///
    /// # Shapes
    /// What [`forward`](Self::forward) returned, to `[batch, size]`.
    pub fn pool(&self, vectors: Tensor<3>) -> Option<Tensor<2>> {
        let pooler = self.pooler.as_ref()?;
        let [batch, _, size] = vectors.dims();
        let first = vectors.narrow(1, 0, 1).reshape([batch, size]);
        Some(tanh(pooler.dense.apply(first)))
    }
}

/// The mean of the vectors of each text's tokens, without those of the padding.
///
/// # Shapes
/// `[batch, steps, size]` and lengths `[batch]` to `[batch, size]`.
pub fn mean_of_tokens(vectors: Tensor<3>, lengths: Tensor<1, Int>) -> Tensor<2> {
    let [batch, steps, size] = vectors.dims();
    let padding = length_mask(lengths.clone(), steps).reshape([batch, steps, 1]);
    let sums = vectors.mask_fill(padding.expand([batch, steps, size]), 0.0);
    let sums = sums.sum_dim(1).reshape([batch, size]);
    sums / lengths.clamp_min(1).float().reshape([batch, 1])
}

impl Embeddings {
    fn forward(&self, tokens: Tensor<2, Int>, types: Tensor<2, Int>) -> Tensor<3> {
        let [_, steps] = tokens.dims();
        let positions = self.position_embeddings.weight.val().narrow(0, 0, steps);
        let words = embed(&self.word_embeddings, tokens);
        let sum = words + embed(&self.token_type_embeddings, types) + positions.unsqueeze();
        self.dropout.forward(match &self.norm {
            Some(norm) => norm.apply(sum),
            None => sum,
        })
    }
}

impl Block {
    fn new(init: &Init, config: &BertConfig) -> Self {
        let (size, inner) = (config.size, config.feed_forward);
        let output = |name: &str, inputs| Output {
            dense: init.linear(name, inputs, size),
            norm: init.layer_norm(size, config.epsilon),
            dropout: Dropout::new(config.dropout),
        };
        Self {
            attention: Attention {
                heads: Heads {
                    query: init.linear("query", size, size),
                    key: init.linear("key", size, size),
                    value: init.linear("value", size, size),
                    dropout: Dropout::new(config.dropout),
                    heads: config.heads,
                },
                output: output("attention", size),
            },
            intermediate: Intermediate {
                dense: init.linear("intermediate", size, inner),
                activation: match config.activation {
                    BertActivation::Gelu => Activation::gelu(),
                    BertActivation::Relu => Activation::relu(),
                },
            },
            output: output("output", inner),
        }
    }

    fn forward(&self, inputs: Tensor<3>, padding: &Tensor<3, Bool>) -> Tensor<3> {
        let heads = self.attention.heads.forward(inputs.clone(), padding);
        let hidden = self.attention.output.forward(heads, inputs);
        let inner = self.intermediate.dense.apply(hidden.clone());
        let inner = self.intermediate.activation.apply(inner);
        self.output.forward(inner, hidden)
    }
}

impl Heads {
    fn forward(&self, inputs: Tensor<3>, padding: &Tensor<3, Bool>) -> Tensor<3> {
        let inputs = [&self.query, &self.key, &self.value].map(|layer| layer.apply(inputs.clone()));
        let mask = Some(padding.clone());
        heads_attention(
            AttentionInputs::Apart(inputs),
            self.heads,
            mask,
            &self.dropout,
        )
        .0
    }
}

impl Output {
    fn forward(&self, inputs: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
        let outputs = self.dropout.forward(self.dense.apply(inputs));
        self.norm.apply(outputs + residual)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use tinderbox_nn::{count_parameters, parameters};

    use super::*;

    fn tiny() -> BertConfig {
        BertConfig {
            context: 10,
            size: 12,
            feed_forward: 20,
            heads: 3,
            layers: 2,
            dropout: 0.0,
            ..BertConfig::base(11)
        }
    }

    fn inputs(steps: usize, lengths: [i32; 2], device: &Device) -> BertInputs {
        let ids: Vec<i32> = (0..2 * steps as i32).map(|id| id * 7 % 11).collect();
        BertInputs {
            tokens: Tensor::from_data(TensorData::new(ids, [2, steps]), device),
            types: None,
            lengths: Tensor::from_data(lengths, device),
        }
    }

    #[test]
    fn bert_base_has_its_published_size() {
        let model = BertConfig::base(30_522).init(Seed::new(1), &Device::flex());
        assert_eq!(count_parameters(&model.unwrap()), 109_482_240);
    }

    #[test]
    fn every_parameter_has_a_gradient_and_padding_changes_nothing() {
        let device = Device::flex().autodiff();
        let model = tiny().init(Seed::new(2), &device).unwrap();
        let all = inputs(6, [6, 4], &device);
        let vectors = model.forward(all.clone());
        assert_eq!(vectors.dims(), [2, 6, 12]);
        let pooled = model.pool(vectors.clone()).unwrap();
        let means = mean_of_tokens(vectors, all.lengths.clone());
        let loss = (pooled + means.clone()).powi_scalar(2).mean();
        let gradients = burn::optim::GradientsParams::from_grads(loss.backward(), &model);
        assert_eq!(gradients.len(), parameters(&model).len());
        // The second text alone, without its padding.
        let short = BertInputs {
            tokens: all.tokens.narrow(0, 1, 1).narrow(1, 0, 4),
            types: None,
            lengths: Tensor::from_data([4], &device),
        };
        let alone = mean_of_tokens(model.forward(short.clone()), short.lengths);
        let distance: f32 = (alone - means.narrow(0, 1, 1)).abs().max().into_scalar();
        assert!(distance < 1e-5, "{distance}");
    }

    #[test]
    fn tokens_after_the_first_separator_are_of_the_second_text() {
        #[allow(deprecated)] // Burn drops ndarray in 0.23
        for device in [Device::flex(), Device::ndarray()] {
            // 3 separates; the rest of the second row is padding.
            let tokens =
                Tensor::<2, Int>::from_data([[2, 7, 8, 3, 9, 3], [2, 3, 5, 3, 0, 0]], &device);
            let types = Bert::types_of_pairs(tokens, 3);
            let types: Vec<i64> = types.into_data().iter::<i64>().collect();
            assert_eq!(types, [0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1]);
        }
    }

    #[test]
    fn the_course_s_bert_has_no_norm_of_the_embeddings() {
        let config = BertConfig {
            context: 10,
            ..BertConfig::course(11)
        };
        let model = config.init(Seed::new(1), &Device::flex()).unwrap();
        // Tables of tokens, places and types; attention, feed-forward layers and two norms of each block; the pooler.
        let block = 4 * (256 * 256 + 256) + 2 * 256 * 512 + 512 + 256 + 2 * 512;
        let expected = (11 + 10 + 2) * 256 + 2 * block + 256 * 256 + 256;
        assert_eq!(count_parameters(&model), expected);
        let old = r#"{"vocabulary": 11, "context": 10, "types": 2, "size": 12, "feed_forward": 20, "heads": 3,
            "layers": 2, "pooler": true}"#;
        assert_eq!(serde_json::from_str::<BertConfig>(old).unwrap(), tiny());
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let wrong = |config: BertConfig| {
            let model = config.init(Seed::new(0), &Device::flex());
            model.err().unwrap().to_string()
        };
        let error = wrong(BertConfig { heads: 5, ..tiny() });
        assert!(error.contains("heads is 5"), "{error}");
        let error = wrong(BertConfig { types: 0, ..tiny() });
        assert!(error.contains("types is 0"), "{error}");
        let error = wrong(BertConfig {
            initializer_range: 0.0,
            ..tiny()
        });
        assert!(error.contains("initializer_range is 0"), "{error}");
    }
}

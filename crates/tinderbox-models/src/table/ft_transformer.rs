//! FT-Transformer: a token for every column of a table, and a transformer over them (Gorishniy et al. 2021,
//! "Revisiting Deep Learning Models for Tabular Data", arXiv 2106.11959).

use burn::module::{Module, Param};
use burn::nn::{Embedding, LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::attention::{MultiheadAttention, MultiheadAttentionConfig};
use tinderbox_nn::{Dropout, Fans, Initializer, LinearInit, Network, linear, relu};

use super::{
    CategoryColumn, NumberEmbedding, NumberEmbeddingConfig, TableColumns, category_embedding,
    look_up, pick, require_dropout, require_sizes,
};
use crate::ModelError;

#[cfg(test)]
mod tests;

const MODEL: &str = "FT-Transformer";

/// The settings of an [`FtTransformer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FtTransformerConfig {
    /// The columns of the table; the widths of the categories have no effect, all tokens are `width` wide.
    pub columns: TableColumns,
    /// Number of values to predict for a row, or of classes.
    #[serde(default = "one")]
    pub outputs: usize,
    /// Width of a token, a multiple of `heads`.
    #[serde(default = "width")]
    pub width: usize,
    /// Number of attention heads.
    #[serde(default = "heads")]
    pub heads: usize,
    /// Number of transformer blocks.
    #[serde(default = "blocks")]
    pub blocks: usize,
    /// Units of the feed-forward layer of a block.
    #[serde(default = "feed_forward")]
    pub feed_forward: usize,
    /// Dropout probability of the attention weights, in [0, 1).
    #[serde(default = "attention_dropout")]
    pub attention_dropout: f64,
    /// Dropout probability in the feed-forward layers, in [0, 1).
    #[serde(default = "dropout")]
    pub dropout: f64,
    /// The embedding of the quantities, `width` wide; `None` for the paper's, `x w + b`.
    #[serde(default)]
    pub numbers: Option<NumberEmbeddingConfig>,
}

fn one() -> usize {
    1
}

fn width() -> usize {
    192
}

fn heads() -> usize {
    8
}

fn blocks() -> usize {
    3
}

fn feed_forward() -> usize {
    256
}

fn attention_dropout() -> f64 {
    0.2
}

fn dropout() -> f64 {
    0.1
}

/// A transformer over the columns of a row.
#[derive(Module, Debug)]
pub struct FtTransformer {
    /// The tokens of the quantities.
    pub numbers: Option<NumberEmbedding>,
    /// The tokens of the flags.
    pub flags: Option<NumberEmbedding>,
    /// The tokens of the texts, one each, from all of its columns; none without texts.
    pub texts: Vec<Linear>,
    /// The tokens of the categories, `[categories, width]` each.
    pub embeddings: Vec<Embedding>,
    /// Added to the tokens of the categories, `[columns, width]`.
    pub category_bias: Option<Param<Tensor<2>>>,
    /// The token from which the outputs are computed, `[1, width]`.
    pub class_token: Param<Tensor<2>>,
    /// The blocks.
    pub blocks: Vec<FtBlock>,
    /// The norm before the head.
    pub norm: LayerNorm,
    /// The last layer.
    pub head: Linear,
    #[module(skip)]
    columns: TableColumns,
}

/// One block: attention and a ReGLU feed-forward layer (Shazeer 2020), each on normalized inputs and added
/// to them.
#[derive(Module, Debug)]
pub struct FtBlock {
    /// The norm before the attention; none in the first block.
    pub attention_norm: Option<LayerNorm>,
    /// The attention.
    pub attention: MultiheadAttention,
    /// The norm before the feed-forward layer.
    pub norm: LayerNorm,
    /// Width to twice the units: values and gates.
    pub up: Linear,
    /// Units to width.
    pub down: Linear,
    /// The dropout of the units.
    pub dropout: Dropout,
}

impl FtTransformerConfig {
    /// One output and the paper's default sizes.
    pub fn new(columns: TableColumns) -> Self {
        Self {
            columns,
            outputs: one(),
            width: width(),
            heads: heads(),
            blocks: blocks(),
            feed_forward: feed_forward(),
            attention_dropout: attention_dropout(),
            dropout: dropout(),
            numbers: None,
        }
    }

    /// The model with its initial weights: a pure function of (config, seed), equal on every backend.
    ///
    /// Tokens are U(±1/√width), linear layers He et al.'s (2015) uniform ones, those of the attention
    /// Xavier's.
    ///
    /// # Errors
    /// A size of 0, a width that the heads do not divide, a dropout outside [0, 1), an embedding of
    /// numbers of another width, columns that contradict each other.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<FtTransformer, ModelError> {
        self.check()?;
        let linear_tokens = NumberEmbeddingConfig::Linear { width: self.width };
        let tokens = |config: &NumberEmbeddingConfig, count: usize, name: &str| match count {
            0 => Ok(None),
            _ => config
                .init(MODEL, count, seed.child(name), device)
                .map(Some),
        };
        let numbers = self.numbers.as_ref().unwrap_or(&linear_tokens);
        let embedding = |column: &CategoryColumn| {
            let own = CategoryColumn {
                width: self.width,
                ..column.clone()
            };
            let seed = seed.child("embedding").at(column.column as u64);
            category_embedding(&own, (self.width as f64).sqrt().recip(), seed, device)
        };
        let fans = Fans {
            fan_in: self.width,
            fan_out: self.width,
        };
        let uniform = Initializer::PYTORCH;
        let categories = self.columns.categories.len();
        let category_bias = (categories > 0).then(|| {
            let shape = [categories, self.width];
            uniform.param(shape, fans, seed.child("category_bias"), device)
        });
        let block = |place: usize| self.block(place, seed.child("block").at(place as u64), device);
        let init = LinearInit {
            bias: true,
            weight: uniform,
        };
        let text = |&[first, columns]: &[usize; 2]| {
            let seed = seed.child("text").at(first as u64);
            linear(columns, self.width, init, seed, device)
        };
        Ok(FtTransformer {
            numbers: tokens(numbers, self.columns.numbers().len(), "numbers")?,
            flags: tokens(&linear_tokens, self.columns.plain_flags().len(), "flags")?,
            texts: self.columns.texts.iter().map(text).collect(),
            embeddings: self.columns.categories.iter().map(embedding).collect(),
            category_bias,
            class_token: uniform.param([1, self.width], fans, seed.child("class_token"), device),
            blocks: (0..self.blocks).map(block).collect::<Result<_, _>>()?,
            norm: LayerNormConfig::new(self.width).init(device),
            head: linear(self.width, self.outputs, init, seed.child("head"), device),
            columns: self.columns.clone(),
        })
    }

    fn block(&self, place: usize, seed: Seed, device: &Device) -> Result<FtBlock, ModelError> {
        let attention = MultiheadAttentionConfig {
            dropout: self.attention_dropout,
            ..MultiheadAttentionConfig::new(self.width, self.heads)
        };
        let attention = attention.init(seed.child("attention"), device);
        let norm = || LayerNormConfig::new(self.width).init(device);
        let init = LinearInit {
            bias: true,
            weight: Initializer::KaimingUniform { gain: 1.0 },
        };
        let (width, units) = (self.width, self.feed_forward);
        Ok(FtBlock {
            attention_norm: (place > 0).then(norm),
            attention: attention.map_err(|error| ModelError::Config {
                model: MODEL,
                problem: error.to_string(),
            })?,
            norm: norm(),
            up: linear(width, 2 * units, init, seed.child("up"), device),
            down: linear(units, width, init, seed.child("down"), device),
            dropout: Dropout::new(self.dropout),
        })
    }

    fn check(&self) -> Result<(), ModelError> {
        self.columns.check(MODEL)?;
        let sizes = [
            ("outputs", self.outputs),
            ("width", self.width),
            ("heads", self.heads),
            ("blocks", self.blocks),
            ("feed_forward", self.feed_forward),
        ];
        require_sizes(MODEL, &sizes)?;
        require_dropout(MODEL, "attention_dropout", self.attention_dropout)?;
        require_dropout(MODEL, "dropout", self.dropout)?;
        match &self.numbers {
            Some(numbers) if numbers.width() != self.width => Err(ModelError::Config {
                model: MODEL,
                problem: format!(
                    "the embedding of numbers is {} wide, but a token {}; give both the same width",
                    numbers.width(),
                    self.width
                ),
            }),
            _ => Ok(()),
        }
    }
}

impl FtBlock {
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let normed = match &self.attention_norm {
            Some(norm) => norm.forward(x.clone()),
            None => x.clone(),
        };
        let attended = self.attention.self_attention(normed, None);
        let x = x + attended.0;
        let units = self.up.forward(self.norm.forward(x.clone()));
        let mut halves = units.chunk(2, 2);
        let gates = relu(halves.remove(1));
        let units = self.dropout.forward(halves.remove(0) * gates);
        x + self.down.forward(units)
    }
}

impl FtTransformer {
    /// The token of the class, then one for each column or text.
    ///
    /// # Shapes
    /// `[batch, inputs]` in, `[batch, 1 + columns and texts, width]` out.
    fn tokens(&self, inputs: &Tensor<2>) -> Tensor<3> {
        let batch = inputs.dims()[0];
        let class: Tensor<3> = self.class_token.val().unsqueeze();
        let width = class.dims()[2];
        let mut tokens = vec![class.expand([batch, 1, width])];
        let parts = [
            (&self.numbers, self.columns.numbers()),
            (&self.flags, self.columns.plain_flags()),
        ];
        for (embedding, columns) in parts {
            if let (Some(embedding), Some(part)) = (embedding, pick(inputs, &columns)) {
                tokens.push(embedding.forward(part));
            }
        }
        for (&[first, columns], layer) in self.columns.texts.iter().zip(&self.texts) {
            let text = inputs.clone().narrow(1, first, columns);
            tokens.push(layer.forward(text).unsqueeze_dim::<3>(1));
        }
        if let Some(bias) = &self.category_bias {
            let each = self.columns.categories.iter().zip(&self.embeddings);
            let each = each.map(|(column, embedding)| {
                let index = inputs.clone().narrow(1, column.column, 1);
                look_up(embedding, index).unsqueeze_dim::<3>(1)
            });
            let categories = Tensor::cat(each.collect(), 1);
            tokens.push(categories + bias.val().unsqueeze::<3>());
        }
        Tensor::cat(tokens, 1)
    }
}

impl Network<2> for FtTransformer {
    /// # Shapes
    /// `[batch, inputs]` in, `[batch, outputs]` out: numbers, or one logit for each class.
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        let tokens = self.tokens(&inputs);
        let tokens = (self.blocks.iter()).fold(tokens, |tokens, block| block.forward(tokens));
        let class = tokens.narrow(1, 0, 1).squeeze_dim::<2>(1);
        self.head.forward(relu(self.norm.forward(class)))
    }

    fn input_shape(&self) -> Vec<usize> {
        vec![self.columns.inputs]
    }

    fn outputs(&self) -> usize {
        self.head.weight.lazy_shape()[1]
    }
}

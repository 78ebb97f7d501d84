//! The vision transformer in the course's size (Dosovitskiy et al. 2021; Dive into Deep Learning,
//! section "Transformers for Vision").

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::attention::{AttentionInputs, heads_attention};
use tinderbox_nn::{Activation, Conv, Dropout, Init, Initializer, Layer, LayerNorm, trace};

use super::blocks::{XAVIER, image_network};
use super::check;
use crate::ModelError;

/// The settings of a vision transformer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VitConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Height and width of a patch; must divide height and width of the image.
    pub patch: usize,
    /// Features of a patch.
    pub features: usize,
    /// Units of the hidden layer of each block.
    pub hidden: usize,
    /// Attention heads; must divide the features.
    pub heads: usize,
    /// Transformer blocks.
    pub blocks: usize,
    /// Dropout of embeddings, attention weights and perceptrons.
    pub dropout: f64,
}

/// Self-attention between all patches, with several heads (Vaswani et al. 2017).
#[derive(Module, Debug)]
pub struct SelfAttention {
    /// Queries.
    pub w_q: Linear,
    /// Keys.
    pub w_k: Linear,
    /// Values.
    pub w_v: Linear,
    /// From the joined heads.
    pub w_o: Linear,
    /// Of the attention weights.
    pub dropout: Dropout,
    #[module(skip)]
    heads: usize,
}

impl SelfAttention {
    fn new(init: &Init, config: &VitConfig) -> Self {
        let features = config.features;
        let linear = |name: &str| init.linear_with_bias(name, features, features, false);
        Self {
            w_q: linear("w_q"),
            w_k: linear("w_k"),
            w_v: linear("w_v"),
            w_o: linear("w_o"),
            dropout: Dropout::new(config.dropout),
            heads: config.heads,
        }
    }
}

/// # Shapes
/// `[batch, positions, features]` in and out.
impl Layer<3> for SelfAttention {
    fn apply(&self, input: Tensor<3>) -> Tensor<3> {
        let [batch, positions, features] = input.dims();
        let inputs = [&self.w_q, &self.w_k, &self.w_v].map(|layer| layer.apply(input.clone()));
        let inputs = AttentionInputs::Apart(inputs);
        let (heads, _) = heads_attention(inputs, self.heads, None, &self.dropout);
        // Each of the two products: every position with every position, over all features.
        let products = || 2 * (batch * positions * positions * features) as u64;
        trace::step(
            "Attention",
            Vec::new,
            &[batch, positions, features],
            products,
        );
        self.w_o.apply(heads)
    }
}

/// A norm before each of attention and perceptron, and a residual connection around each.
#[derive(Module, Debug)]
pub struct VitBlock {
    /// Before the attention.
    pub ln1: LayerNorm,
    /// The attention.
    pub attention: SelfAttention,
    /// Before the perceptron.
    pub ln2: LayerNorm,
    /// Linear, GELU, dropout, linear, dropout.
    pub mlp: (Linear, Activation, Dropout, Linear, Dropout),
}

impl VitBlock {
    fn new(init: &Init, config: &VitConfig) -> Self {
        let VitConfig {
            features, hidden, ..
        } = *config;
        Self {
            ln1: init.layer_norm(features, 1e-5),
            attention: SelfAttention::new(&init.child("attention"), config),
            ln2: init.layer_norm(features, 1e-5),
            mlp: (
                init.linear("mlp1", features, hidden),
                Activation::gelu(),
                Dropout::new(config.dropout),
                init.linear("mlp2", hidden, features),
                Dropout::new(config.dropout),
            ),
        }
    }
}

impl Layer<3> for VitBlock {
    fn apply(&self, input: Tensor<3>) -> Tensor<3> {
        let attended = self.attention.apply(self.ln1.apply(input.clone())) + input;
        self.mlp.apply(self.ln2.apply(attended.clone())) + attended
    }
}

/// Patches as tokens, a class token, transformer blocks, and a linear layer on the class token.
#[derive(Module, Debug)]
pub struct Vit {
    /// The patch embedding.
    pub patch_embedding: Conv2d,
    /// The class token. Shape `[1, 1, features]`.
    pub cls_token: Param<Tensor<3>>,
    /// The position embedding. Shape `[1, patches + 1, features]`.
    pub pos_embedding: Param<Tensor<3>>,
    /// Of the embeddings.
    pub dropout: Dropout,
    /// The transformer.
    pub blocks: Vec<VitBlock>,
    /// Norm and linear layer.
    pub head: (LayerNorm, Linear),
    #[module(skip)]
    input: [usize; 3],
    #[module(skip)]
    classes: usize,
}

impl VitConfig {
    /// The course's: patches of 16 x 16, 512 features, 8 heads, 2 blocks, dropout 0.1.
    pub fn course(input: [usize; 3], classes: usize) -> Self {
        Self {
            input,
            classes,
            patch: 16,
            features: 512,
            hidden: 2048,
            heads: 8,
            blocks: 2,
            dropout: 0.1,
        }
    }

    /// The model with its initial weights: a pure function of (config, seed).
    ///
    /// # Errors
    /// A size of 0, a patch or a number of heads that does not divide, or a dropout probability
    /// outside 0 to 1.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<Vit, ModelError> {
        let model = "ViT";
        let [channels, height, width] = self.input;
        check::image(model, self.input, self.classes, self.patch)?;
        for (field, size) in [
            ("features", self.features),
            ("hidden", self.hidden),
            ("blocks", self.blocks),
        ] {
            check::positive(model, field, size)?;
        }
        for side in [height, width] {
            let needs = "it must divide the height and the width of the images: resize them";
            check::divides(model, "patch", self.patch, side, needs)?;
        }
        let needs = "it must divide the features";
        check::divides(model, "heads", self.heads, self.features, needs)?;
        check::dropout(model, "dropout", self.dropout)?;
        let init = Init::new(seed, device, XAVIER);
        let in_blocks = init.child("blocks");
        let patch = Conv::new(channels, self.features, self.patch).stride(self.patch);
        let positions = (height / self.patch) * (width / self.patch) + 1;
        let normal = Initializer::Normal { std: 1.0 };
        Ok(Vit {
            patch_embedding: init.conv2d("patch_embedding", patch),
            cls_token: init.parameter("cls_token", [1, 1, self.features], Initializer::Zeros),
            pos_embedding: init.parameter("pos_embedding", [1, positions, self.features], normal),
            dropout: Dropout::new(self.dropout),
            blocks: (0..self.blocks)
                .map(|block| VitBlock::new(&in_blocks.at(block), self))
                .collect(),
            head: (
                init.layer_norm(self.features, 1e-5),
                init.linear("head", self.features, self.classes),
            ),
            input: self.input,
            classes: self.classes,
        })
    }
}

impl Vit {
    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        let patches = self
            .patch_embedding
            .apply(images)
            .flatten::<3>(2, 3)
            .swap_dims(1, 2);
        let [batch, _, features] = patches.dims();
        let token = self.cls_token.val().expand([batch, 1, features]);
        let embedded = Tensor::cat(vec![token, patches], 1) + self.pos_embedding.val();
        let weights = || vec![self.cls_token.id, self.pos_embedding.id];
        trace::step("Embedding", weights, &embedded.dims(), || 0);
        let encoded = self.blocks.apply(self.dropout.apply(embedded));
        let token: Tensor<2> = encoded.slice([0..batch, 0..1]).reshape([batch, features]);
        self.head.apply(token)
    }
}

image_network!(Vit);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_and_heads_must_divide() {
        let device = Device::flex();
        let of = |config: VitConfig| config.init(Seed::new(1), &device).unwrap_err().to_string();
        let error = of(VitConfig::course([1, 96, 90], 10));
        assert!(
            error.contains("patch is 16, but it must divide the height"),
            "{error}"
        );
        let config = VitConfig {
            heads: 7,
            ..VitConfig::course([1, 96, 96], 10)
        };
        assert!(of(config).contains("heads is 7"));
        let config = VitConfig {
            patch: 0,
            ..VitConfig::course([1, 96, 96], 10)
        };
        assert!(of(config).contains("patch is 0"));
    }
}

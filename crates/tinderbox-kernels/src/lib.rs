//! CPU kernels for Burn's Flex backend: convolution, pooling, activations, norms, softmax,
//! cross-entropy, linear layers, embedding, attention and whole recurrent layers, with their gradients.
//!
//! The functions that take tensors ([`conv2d`], [`max_pool2d`], [`activation`], [`batch_norm`],
//! [`layer_norm()`], [`softmax()`], [`cross_entropy()`], …) compute on Flex devices with 32-bit floats, with
//! and without autodiff, and call Burn's own operation on every other device and type. ([`recurrent()`]
//! gives `None` there: the layer has a form of its own, written with tensors.) The layers of
//! `tinderbox-nn` call them; a model of your own can do the same instead of `Conv2d::forward`.
//! `TINDERBOX_KERNELS=stock` turns the kernels off, `TINDERBOX_KERNELS=portable` uses the ones
//! without vector instructions; the variable is read once.
//!
//! [`slices`] has the same kernels over slices. They use as many threads as rayon's current pool has ([`for_each_chunk`]
//! divides the work; `RAYON_NUM_THREADS` sets the number), and give the same bits whatever their number: what a sum is
//! made of depends on shapes alone, and sums are added in a fixed order. Bits differ between processors with other
//! vector widths.

// Loops over arrays of fixed length by index: they unroll, and read like the formulas.
#![allow(clippy::needless_range_loop)]

mod activation;
mod adaptive;
mod attention;
mod batch_norm;
mod conv;
mod embedding;
#[cfg(feature = "flex")]
mod extension;
mod layer_norm;
mod linear;
mod math;
mod matrix;
mod memory;
mod over_ranks;
mod panel;
mod parallel;
mod peak;
mod plane;
mod pool;
mod recurrent;
mod simd;
mod softmax;
mod tensor;

pub use activation::Function;
pub use over_ranks::{
    BATCH_NORMS_OVER_RANKS, OverRanks, RankSum, batch_norm_over_ranks, batch_norms_over_ranks,
    is_over_ranks,
};
pub use parallel::{for_each, for_each_chunk, threads};
pub use peak::peak_flops;
pub use recurrent::RecurrentCell;
pub use tensor::{
    AttentionInputs, BatchNormOutput, RecurrentOutput, RecurrentTensors, activation,
    adaptive_avg_pool2d, attention, avg_pool2d, batch_norm, batch_norm_train, conv_transpose2d,
    conv2d, cross_entropy, embedding, first_outside, layer_norm, linear, log_softmax, max_pool2d,
    recurrent, softmax,
};

/// The kernels over slices of 32-bit floats, for any level of vector instructions.
pub mod slices {
    pub use crate::activation::{Function, activate, activation, activation_gradient};
    pub use crate::adaptive::{AdaptiveShape, adaptive_avg_pool2d, adaptive_avg_pool2d_gradient};
    pub use crate::attention::{
        AttentionGradient, AttentionMask, AttentionOptions, AttentionShape, HeadRows, attention,
        attention_gradient,
    };
    pub use crate::batch_norm::{NormShape, batch_norm, batch_norm_gradient, batch_statistics};
    pub use crate::conv::{
        ConvShape, conv2d, conv2d_bias_gradient, conv2d_input_gradient, conv2d_weight_gradient,
    };
    pub use crate::embedding::{embedding, embedding_gradient};
    pub use crate::layer_norm::{layer_norm, layer_norm_gradient};
    pub use crate::linear::{
        LinearWeight, linear, linear_bias_gradient, linear_input_gradient, linear_weight_gradient,
    };
    pub use crate::pool::{
        PoolShape, avg_pool2d, avg_pool2d_gradient, max_pool2d, max_pool2d_gradient,
    };
    pub use crate::recurrent::{
        RecurrentCell, RecurrentGradients, RecurrentInputs, RecurrentKept, RecurrentShape,
        RecurrentWeights, recurrent, recurrent_gradient,
    };
    pub use crate::simd::Level;
    pub use crate::softmax::{cross_entropy, softmax, softmax_gradient};
}

//! CPU kernels for Burn's Flex backend: convolution, pooling, activations and batch norm, with
//! their gradients.
//!
//! The functions that take tensors ([`conv2d`], [`avg_pool2d`], [`max_pool2d`], [`activation`],
//! [`batch_norm_train`], [`batch_norm`]) compute on Flex devices with 32-bit floats, with and without
//! autodiff, and call Burn's own operation on every other device and type. The layers of
//! `tinderbox-nn` call them; a model of your own can do the same instead of `Conv2d::forward`.
//! `TINDERBOX_KERNELS=stock` turns the kernels off, `TINDERBOX_KERNELS=portable` uses the ones
//! without vector instructions; the variable is read once.
//!
//! [`slices`] has the same kernels over slices. They use all threads of the current rayon pool, and
//! give the same bits whatever their number: work is cut into pieces that depend on shapes alone,
//! and sums are added in a fixed order. Bits differ between processors with other vector widths.

// Loops over arrays of fixed length by index: they unroll, and read like the formulas.
#![allow(clippy::needless_range_loop)]

mod activation;
mod batch_norm;
mod conv;
#[cfg(feature = "flex")]
mod extension;
mod memory;
mod panel;
mod parallel;
mod peak;
mod plane;
mod pool;
mod simd;
mod tensor;

pub use activation::Function;
pub use peak::peak_flops;
pub use tensor::{
    BatchNormOutput, activation, avg_pool2d, batch_norm, batch_norm_train, conv2d, max_pool2d,
};

/// The kernels over slices of 32-bit floats, for any level of vector instructions.
pub mod slices {
    pub use crate::activation::{Function, activate, activation, activation_gradient};
    pub use crate::batch_norm::{NormShape, batch_norm, batch_norm_gradient, batch_statistics};
    pub use crate::conv::{
        ConvShape, conv2d, conv2d_bias_gradient, conv2d_input_gradient, conv2d_weight_gradient,
    };
    pub use crate::pool::{
        PoolShape, avg_pool2d, avg_pool2d_gradient, max_pool2d, max_pool2d_gradient,
    };
    pub use crate::simd::Level;
}

//! Layers and initializers that Burn lacks, and the trait of the models that a trainer accepts.
//!
//! Burn draws initial weights from a global generator, at first access. Here every weight is a pure
//! function of (shape, initializer, seed), the same on every backend and in whatever order the weights
//! are read. [`seeded`] does the same for modules of Burn's own layers.
//!
//! ```
//! use burn::module::Module;
//! use burn::nn::Linear;
//! use burn::tensor::{Device, Tensor};
//! use tinderbox_core::Seed;
//! use tinderbox_nn::{Init, Initializer, Network, count_parameters, relu};
//!
//! #[derive(Module, Debug)]
//! struct Mlp {
//!     hidden: Linear,
//!     output: Linear,
//! }
//!
//! impl Network<2> for Mlp {
//!     fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
//!         self.output.forward(relu(self.hidden.forward(inputs)))
//!     }
//!     fn input_shape(&self) -> Vec<usize> {
//!         vec![3]
//!     }
//!     fn outputs(&self) -> usize {
//!         2
//!     }
//! }
//!
//! let (seed, device) = (Seed::new(42), Device::flex());
//! let init = Init::new(seed, &device, Initializer::XavierUniform { gain: 1.0 });
//! let mlp = Mlp {
//!     hidden: init.linear("hidden", 3, 8),
//!     output: init.linear("output", 8, 2),
//! };
//! assert_eq!(count_parameters(&mlp), 3 * 8 + 8 + 8 * 2 + 2);
//! assert_eq!(mlp.predict(Tensor::zeros([5, 3], &device))?.dims(), [5, 2]);
//! assert!(mlp.predict(Tensor::zeros([5, 4], &device)).is_err()); // an error, not a panic
//! # Ok::<(), tinderbox_nn::ShapeError>(())
//! ```

mod activation;
pub mod attention;
mod builder;
mod channels_first;
mod conv;
mod cross_entropy;
mod deep_copy;
mod dropout;
mod embedding;
mod encoder_decoder;
mod host;
mod init;
mod language;
mod layer;
mod layer_enum;
mod layer_norm;
pub mod lessons;
mod linear;
mod lora;
mod network;
mod numbered;
mod parameters;
mod pool;
mod positional;
mod recurrent;
mod rms_norm;
mod running;
mod seeded;
mod text_network;
pub mod trace;
mod transformer;
mod weights_digest;

pub use activation::{Activation, relu, sigmoid, tanh};
pub use builder::Init;
pub use channels_first::{ChannelOrder, LayerNorm2d};
pub use conv::{Conv, conv2d};
pub use cross_entropy::{LabelError, check_labels, cross_entropy};
pub use deep_copy::deep_copy;
pub use dropout::{DropPath, Dropout, DropoutScale, scale_dropout};
pub use embedding::{embed, embedding, pretrained_embedding, unembed};
pub use encoder_decoder::{Decoded, EncoderDecoder};
pub use host::{host_memory, is_host, is_remote};
pub use init::{Fans, InitError, Initializer};
pub use language::{AttentionState, LanguageNetwork, LanguageState};
pub use layer::Layer;
pub use layer_norm::LayerNorm;
pub use linear::{LinearInit, linear};
pub use lora::{Lora, LoraError, merge_lora};
pub use network::{Network, ShapeError};
pub use numbered::Numbered;
pub use parameters::{Parameter, ParameterKind, all_parameters, count_parameters, parameters};
pub use pool::{Pool, adaptive_avg_pool, flatten, global_avg_pool};
pub use positional::{positional_encoding, rotate_by_position};
pub use recurrent::{Cell, Recurrent, RecurrentConfig, RecurrentError, RecurrentState};
pub use rms_norm::RmsNorm;
pub use running::{running_statistics, with_running_statistics};
pub use seeded::{seed_backend, seeded};
pub use text_network::{PairNetwork, TextNetwork};
pub use tinderbox_kernels::{
    BATCH_NORMS_OVER_RANKS, OverRanks, RankSum, batch_norms_over_ranks, log_softmax, softmax,
};
pub use transformer::{
    DecoderLayer, EncoderLayer, TransformerConfig, TransformerDecoder, TransformerEncoder,
};
pub use weights_digest::weights_digest;

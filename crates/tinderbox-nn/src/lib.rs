//! Layers and initialisers that Burn lacks, and the trait by which models meet training.
//!
//! Burn draws initial weights from a global generator, at first access. Here every weight is a pure
//! function of (shape, initialiser, seed), the same on every backend and in whatever order the
//! weights are read.

mod activation;
mod builder;
mod channels_first;
mod conv;
mod drop_path;
mod either;
mod init;
mod layer;
pub mod lessons;
mod linear;
mod network;
mod numbered;
mod parameters;
mod pool;
pub mod trace;

pub use activation::{Activation, relu, sigmoid};
pub use builder::Init;
pub use channels_first::{ChannelOrder, LayerNorm2d};
pub use conv::{Conv, conv2d};
pub use drop_path::DropPath;
pub use init::{Fans, InitError, Initializer};
pub use layer::Layer;
pub use linear::{LinearInit, linear};
pub use network::{Network, ShapeError};
pub use numbered::Numbered;
pub use parameters::{Parameter, count_parameters, parameters};
pub use pool::{Pool, adaptive_avg_pool, flatten, global_avg_pool};

//! Layers and initialisers that Burn lacks, and the trait by which models meet training.
//!
//! Burn draws initial weights from a global generator, at first access. Here every weight is a pure
//! function of (shape, initialiser, seed), the same on every backend.

mod init;
mod linear;
mod network;

pub use init::{Fans, InitError, Initializer};
pub use linear::{LinearInit, linear};
pub use network::{Network, ShapeError};

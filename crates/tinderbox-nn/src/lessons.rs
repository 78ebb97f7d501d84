//! The layers of the course from scratch, in plain tensor arithmetic.
//!
//! They are for reading, and the layers are tested against them. Training uses the layers.

mod batch_norm;
mod convolution;
mod dropout;
mod masking;
mod pooling;
mod recurrent;
mod softmax;

pub use batch_norm::{BatchStatistics, batch_norm};
pub use convolution::{WindowError, corr2d, corr2d_multi_in, corr2d_multi_in_out};
pub use dropout::dropout;
pub use masking::{masked_cross_entropy, sequence_mask};
pub use pooling::{Pooling, pool2d};
pub use recurrent::{Gate, GruWeights, LstmWeights, clip_gradients, gru_step, lstm_step, rnn_step};
pub use softmax::{accuracy, cross_entropy, softmax};

//! Classifiers of texts on word vectors: a bidirectional LSTM, convolutions, decomposable attention (Dive into Deep
//! Learning, chapter "Natural Language Processing: Applications").

mod attention;
mod bi_lstm;
mod cnn;

use burn::nn::Embedding;
use burn::tensor::Device;
use tinderbox_core::Seed;
use tinderbox_nn::{Initializer, embedding, pretrained_embedding};

use crate::ModelError;

pub use attention::{DecomposableAttention, DecomposableAttentionConfig};
pub use bi_lstm::{BiLstm, BiLstmConfig};
pub use cnn::{TextCnn, TextCnnConfig};

/// Word vectors for the first layer of a model, `[tokens, size]` in row-major order.
#[derive(Clone, Debug)]
pub struct FirstLayer {
    /// The numbers.
    pub rows: Vec<f32>,
    /// Whether they are trained.
    pub trained: bool,
}

/// An embedding from vectors, or from N(0, 1) as PyTorch draws it.
fn first_layer(
    vectors: Option<FirstLayer>,
    (tokens, size): (usize, usize),
    seed: Seed,
    device: &Device,
) -> Result<Embedding, ModelError> {
    let Some(FirstLayer { rows, trained }) = vectors else {
        let normal = Initializer::Normal { std: 1.0 };
        return Ok(embedding(tokens, size, normal, seed, device));
    };
    if rows.len() != tokens * size {
        return Err(ModelError::Config {
            model: MODEL,
            problem: format!(
                "{} numbers of word vectors for {tokens} tokens of {size} numbers; take the vectors of this vocabulary",
                rows.len()
            ),
        });
    }
    Ok(pretrained_embedding(rows, size, trained, device))
}

const MODEL: &str = "text classifier";

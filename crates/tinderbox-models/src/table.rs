//! Networks made for tables, and the parts that they share.

mod columns;
mod ft_transformer;
mod numbers;
mod real_mlp;
mod tabm;

pub use columns::{CategoryColumn, TableColumns, TableInputs};
pub(crate) use columns::{category_embedding, look_up, pick};
pub use ft_transformer::{FtBlock, FtTransformer, FtTransformerConfig};
pub use numbers::{NumberEmbedding, NumberEmbeddingConfig, quantile_edges};
pub use real_mlp::{NtkLinear, RealActivation, RealLayer, RealMlp, RealMlpConfig};
pub use tabm::{EnsembleLayer, TabM, TabMConfig};

use crate::ModelError;

/// Checks sizes that must be at least 1.
pub(crate) fn require_sizes(
    model: &'static str,
    sizes: &[(&'static str, usize)],
) -> Result<(), ModelError> {
    match sizes.iter().find(|(_, size)| *size == 0) {
        Some(&(field, _)) => Err(ModelError::Zero { model, field }),
        None => Ok(()),
    }
}

/// Checks a dropout probability.
pub(crate) fn require_dropout(
    model: &'static str,
    field: &'static str,
    dropout: f64,
) -> Result<(), ModelError> {
    if (0.0..1.0).contains(&dropout) {
        return Ok(());
    }
    Err(ModelError::Setting {
        model,
        field,
        value: dropout.to_string(),
        needs: "it must be at least 0 and less than 1",
    })
}

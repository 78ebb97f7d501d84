use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::table::{
    CategoryColumn, NumberEmbeddingConfig, TableColumns, require_dropout, require_sizes,
};

pub(super) const MODEL: &str = "tabular MLP";

/// The settings of an MLP for tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TabularMlpConfig {
    /// Number of columns of the table, category indices included.
    pub inputs: usize,
    /// Number of values to predict for a row, or of classes.
    #[serde(default = "one")]
    pub outputs: usize,
    /// The columns that are category indices, in ascending order; all others are quantities.
    #[serde(default)]
    pub embeddings: Vec<CategoryColumn>,
    /// Units of each hidden layer; none makes the model linear in quantities and embeddings.
    #[serde(default = "hidden")]
    pub hidden: Vec<usize>,
    /// Dropout probability after each hidden layer, in [0, 1).
    #[serde(default)]
    pub dropout: f64,
    /// Whether each hidden layer has a batch norm (Ioffe and Szegedy 2015).
    #[serde(default = "yes")]
    pub batch_norm: bool,
    /// The columns that are 0 or 1, which are not embedded, in ascending order.
    #[serde(default)]
    pub flags: Vec<usize>,
    /// The embedding of the quantities; `None` takes them as they are.
    #[serde(default)]
    pub numbers: Option<NumberEmbeddingConfig>,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

/// fastai's choice for tables.
fn hidden() -> Vec<usize> {
    vec![200, 100]
}

impl TabularMlpConfig {
    /// One output, hidden layers of 200 and 100 units with batch norm, no categories, no dropout.
    pub fn new(inputs: usize) -> Self {
        Self {
            inputs,
            outputs: one(),
            embeddings: Vec::new(),
            hidden: hidden(),
            dropout: 0.0,
            batch_norm: yes(),
            flags: Vec::new(),
            numbers: None,
        }
    }

    /// The columns of the table.
    pub fn columns(&self) -> TableColumns {
        TableColumns {
            inputs: self.inputs,
            categories: self.embeddings.clone(),
            flags: self.flags.clone(),
            texts: Vec::new(),
        }
    }

    /// The number of inputs of the first layer: quantities and embeddings together.
    pub fn width(&self) -> usize {
        let embedded: usize = self.embeddings.iter().map(|column| column.width).sum();
        let plain = self.inputs - self.embeddings.len();
        match &self.numbers {
            None => plain + embedded,
            Some(config) => {
                let numbers = plain - self.flags.len();
                numbers * config.width() + self.flags.len() + embedded
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), ModelError> {
        require_sizes(MODEL, &[("outputs", self.outputs)])?;
        let hidden = self.hidden.iter().map(|&units| ("hidden", units));
        require_sizes(MODEL, &hidden.collect::<Vec<_>>())?;
        require_dropout(MODEL, "dropout", self.dropout)?;
        self.columns().check(MODEL)
    }
}

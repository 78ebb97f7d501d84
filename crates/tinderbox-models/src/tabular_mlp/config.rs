use serde::{Deserialize, Serialize};

use crate::ModelError;

const MODEL: &str = "tabular MLP";

/// An input column that holds the index of a category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryColumn {
    /// Its index among the inputs.
    pub column: usize,
    /// Number of categories, with index 0 for a missing or unknown one.
    pub categories: usize,
    /// Width of the embedding.
    pub width: usize,
}

impl CategoryColumn {
    /// A column with the embedding width of fastai: `1.6 categories^0.56`, 600 at most.
    pub fn new(column: usize, categories: usize) -> Self {
        let width = (1.6 * (categories as f64).powf(0.56)).round() as usize;
        Self {
            column,
            categories,
            width: width.clamp(1, 600),
        }
    }
}

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
        }
    }

    /// The number of inputs of the first layer: quantities and embeddings together.
    pub fn width(&self) -> usize {
        let embedded: usize = self.embeddings.iter().map(|column| column.width).sum();
        self.inputs - self.embeddings.len() + embedded
    }

    pub(super) fn check(&self) -> Result<(), ModelError> {
        let zero = |field| {
            Err(ModelError::Zero {
                model: MODEL,
                field,
            })
        };
        let wrong = |problem: String| {
            Err(ModelError::Config {
                model: MODEL,
                problem,
            })
        };
        if self.inputs == 0 {
            return zero("inputs");
        }
        if self.outputs == 0 {
            return zero("outputs");
        }
        if self.hidden.contains(&0) {
            return zero("hidden");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return wrong(format!(
                "dropout is {}; it must be at least 0 and less than 1",
                self.dropout
            ));
        }
        let mut next = 0;
        for &CategoryColumn {
            column,
            categories,
            width,
        } in &self.embeddings
        {
            if column < next || column >= self.inputs {
                return wrong(format!(
                    "the embedding of column {column} does not fit; columns must be ascending and below {}",
                    self.inputs
                ));
            }
            if categories == 0 || width == 0 {
                return wrong(format!(
                    "the embedding of column {column} has {categories} categories of width {width}; both must be at least 1"
                ));
            }
            next = column + 1;
        }
        Ok(())
    }
}

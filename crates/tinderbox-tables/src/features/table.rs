use crate::{Classes, DataError, Result, Rows, Values};

/// Rows of numbers made from a frame, with the targets where it has them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TensorTable {
    /// The features: a row a row of the frame, a column a feature.
    pub features: Values,
    /// What is to be predicted.
    pub targets: Targets,
    /// Names of the features.
    pub feature_names: Vec<String>,
    /// Names of the target columns.
    pub target_names: Vec<String>,
}

/// What is to be predicted, row by row.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Nothing: the frame has no target column.
    None,
    /// Numbers, transformed as the target says.
    Values(Values),
    /// Classes.
    Classes(Classes),
}

impl Targets {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Values(_) => "numbers",
            Self::Classes(_) => "classes",
        }
    }
}

const ADVICE: &str =
    "check that the frame has the target column and that the task of the target is the right one";

impl TensorTable {
    /// Features and numbers to predict.
    ///
    /// # Errors
    ///
    /// The frame had no target column, or classes.
    pub fn regression(self) -> Result<Rows<Values>> {
        match self.targets {
            Targets::Values(targets) => Rows::new(self.features, targets),
            other => Err(DataError::TargetKind {
                found: other.name(),
                wanted: "numbers",
                advice: ADVICE,
            }),
        }
    }

    /// Features and classes to predict.
    ///
    /// # Errors
    ///
    /// The frame had no target column, or numbers.
    pub fn classification(self) -> Result<Rows<Classes>> {
        match self.targets {
            Targets::Classes(targets) => Rows::new(self.features, targets),
            other => Err(DataError::TargetKind {
                found: other.name(),
                wanted: "classes",
                advice: ADVICE,
            }),
        }
    }
}

use crate::{Classes, DataError, Result, Rows, Values};

/// The features of a frame as rows of numbers, with its targets if it has them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TensorTable {
    /// The features: a row for each row of the frame, a number for each feature.
    pub features: Values,
    /// The targets.
    pub targets: Targets,
    /// Names of the features.
    pub feature_names: Vec<String>,
    /// Names of the target columns.
    pub target_names: Vec<String>,
}

/// The targets of the rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// The frame has no target column.
    None,
    /// Numbers, after the transform of the target.
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
    /// Features and targets that are numbers.
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

    /// Features and targets that are classes.
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

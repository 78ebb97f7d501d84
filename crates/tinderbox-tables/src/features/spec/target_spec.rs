//! What is to be predicted, and how it is transformed.

use serde::{Deserialize, Serialize};

/// The target: what is predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TargetSpec {
    /// Names of the columns; classification has exactly one.
    pub columns: Vec<String>,
    /// Whether numbers or classes are predicted.
    #[serde(default)]
    pub task: Task,
    /// Steps applied to the numbers, in this order; undone by `Features::invert_targets`.
    #[serde(default)]
    pub transform: Vec<TargetStep>,
}

impl TargetSpec {
    /// These columns without a transform.
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = S>, task: Task) -> Self {
        Self {
            columns: columns.into_iter().map(Into::into).collect(),
            task,
            transform: Vec::new(),
        }
    }

    /// The steps in a valid order, as they are written in a specification.
    pub(super) fn in_order(&self) -> String {
        let others = (self.transform.iter()).filter(|step| **step != TargetStep::Standardize);
        let names = others
            .chain([&TargetStep::Standardize])
            .map(|step| match step {
                TargetStep::Log => "\"log\"",
                TargetStep::Log1p => "\"log1p\"",
                TargetStep::Standardize => "\"standardize\"",
            });
        format!("[{}]", names.collect::<Vec<_>>().join(", "))
    }
}

/// Whether numbers or classes are predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Numbers for numeric columns, classes for text and booleans.
    #[default]
    Auto,
    /// Numbers.
    Regression,
    /// One of several classes.
    Classification,
}

/// A transform of a target, which can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TargetStep {
    /// `ln(y)`, for values above 0.
    Log,
    /// `ln(1 + y)`, for values above -1.
    Log1p,
    /// `(y - mean) / standard deviation` of the training rows, after the steps before; the last step.
    Standardize,
}

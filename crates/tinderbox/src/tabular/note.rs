use std::fmt;

/// Information about a training run that the user should know and that is not an error.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// A column of the specification gives no feature.
    LeftOut {
        /// The column.
        column: String,
        /// The reason.
        reason: String,
    },
    /// Rows without a target were left out.
    NoTarget {
        /// The number of rows.
        rows: usize,
    },
    /// A class has too few rows to be validated on: all of them are trained on.
    SmallClass {
        /// The class.
        class: String,
    },
    /// A linear model was both trained and solved exactly, and one of the two was kept.
    Solution {
        /// Whether the exact solution was kept.
        exact_kept: bool,
        /// Validation loss of the exact solution.
        exact: f64,
        /// Validation loss of the trained model.
        trained: f64,
    },
    /// One of several models was trained.
    Trained {
        /// Its name, or that of the fold.
        name: String,
        /// The rows of the score: `validation`, `test`.
        rows: &'static str,
        /// Its score.
        score: (&'static str, f64),
        /// The seconds that it took.
        seconds: f64,
    },
    /// A candidate was not trained, or not to the end.
    Skipped {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::LeftOut { column, reason } => write!(f, "{column} is left out: {reason}"),
            Self::NoTarget { rows } => write!(f, "{rows} rows without a target are left out"),
            Self::SmallClass { class } => write!(
                f,
                "class {class} has too few rows to be validated on: all are trained on"
            ),
            Self::Trained {
                name,
                rows,
                score: (score, value),
                seconds,
            } => write!(f, "{name:<16} {rows} {score} {value:.4}  {seconds:.1} s"),
            Self::Skipped { name, reason } => write!(f, "{name:<16} is left out: {reason}"),
            Self::Solution {
                exact_kept,
                exact,
                trained,
            } => {
                let (kept, why) = match exact_kept {
                    true if exact > trained => (
                        "exact solution",
                        "; the difference is within its standard error",
                    ),
                    true => ("exact solution", ""),
                    false => ("trained model", ""),
                };
                write!(
                    f,
                    "the {kept} is kept: validation loss {exact:.6} of the exact solution, \
                     {trained:.6} of the trained model{why}"
                )
            }
        }
    }
}

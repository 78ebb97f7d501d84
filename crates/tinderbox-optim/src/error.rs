/// The result type of this crate.
pub type Result<T> = std::result::Result<T, OptimError>;

/// The errors of this crate.
///
/// Every message says what is wrong, where, and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptimError {
    /// A setting lies outside its range, or is not a finite number.
    #[error("{owner}: `{field}` is {value}, but must be {range}")]
    Setting {
        /// The optimizer, schedule, loss or solver that the setting belongs to.
        owner: &'static str,
        /// The name of the setting.
        field: &'static str,
        /// The given value.
        value: f64,
        /// The allowed values.
        range: &'static str,
    },

    /// Settings that exclude each other.
    #[error("{owner}: {problem}")]
    Conflict {
        /// The optimizer or schedule.
        owner: &'static str,
        /// The conflict, and what to do.
        problem: &'static str,
    },

    /// A name that is not in the list of names.
    #[error("there is no {kind} called `{name}`{}; known: {}", suggestion(nearest), known.join(", "))]
    UnknownName {
        /// The kind of the name: an optimizer, a loss.
        kind: &'static str,
        /// The given name.
        name: String,
        /// The known name of the most similar spelling, if there is one.
        nearest: Option<&'static str>,
        /// All known names.
        known: Vec<&'static str>,
    },

    /// A chain without schedules.
    #[error("chain: no schedule in it; give at least one part")]
    EmptyChain,

    /// Milestones that are not in ascending order.
    #[error(
        "multi_step: milestone {next} comes after {previous}; \
         list the milestones in strictly ascending order"
    )]
    Milestones {
        /// The milestone before it.
        previous: usize,
        /// The milestone that is not larger.
        next: usize,
    },

    /// A number in the data that is NaN or infinite.
    #[error("{what}: row {row}, column {column} is {value}; clean or drop that row first")]
    NotFinite {
        /// The table: features or targets.
        what: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value.
        value: f64,
    },

    /// No data.
    #[error("{what}: there is no data; give at least one row and one column")]
    Empty {
        /// What is empty.
        what: &'static str,
    },

    /// A length that is not a multiple of the width.
    #[error("{what}: {length} numbers do not make rows of {width}; check the width")]
    Ragged {
        /// The table: features or targets.
        what: &'static str,
        /// The number of values.
        length: usize,
        /// The number of values in a row.
        width: usize,
    },

    /// Two tables with different numbers of rows.
    #[error("{features} rows of features but {targets} rows of targets; they must be pairs")]
    Rows {
        /// Rows of features.
        features: usize,
        /// Rows of targets.
        targets: usize,
    },

    /// Two shapes that must be equal.
    #[error("{what}: expected shape {expected:?}, found {found:?}; nothing is broadcast here")]
    Shape {
        /// What has the shape.
        what: String,
        /// The shape that was expected.
        expected: Vec<usize>,
        /// The shape that was found.
        found: Vec<usize>,
    },

    /// A result that is NaN or infinite.
    #[error("{what} is {value}; lower the learning rate, or look for bad numbers in the data")]
    Diverged {
        /// What was computed.
        what: &'static str,
        /// Its value.
        value: f64,
    },

    /// The decomposition of a matrix did not converge.
    #[error("the singular value decomposition of the features did not converge; scale the columns")]
    Decomposition,

    /// A saved optimizer state that cannot be read.
    #[error(
        "the saved optimizer state cannot be read: {0}; it is damaged, or not an optimizer state"
    )]
    Unreadable(String),

    /// A saved state of a parameter that the model does not have.
    #[error(
        "the saved optimizer state has parameter `{path}`, which the model does not have; \
         load it onto the model that it was saved from"
    )]
    UnknownParameter {
        /// The path of the parameter in the saved module.
        path: String,
    },

    /// A saved state that belongs to another optimizer.
    #[error(
        "the saved state of parameter `{path}` belongs to another optimizer (it holds `{found}`); \
         build the optimizer that it was saved from, with the same settings"
    )]
    OtherOptimizer {
        /// The path of the parameter.
        path: String,
        /// The name of an entry that the optimizer does not know.
        found: String,
    },

    /// A parameter group that selects no parameter.
    #[error(
        "parameter group {selection} matches no parameter of the model; its parameters are: {known}"
    )]
    EmptyGroup {
        /// The selection.
        selection: String,
        /// The paths of the model.
        known: String,
    },

    /// Freezing that leaves nothing to train.
    #[error("{parts} are all parts of the model; leave one out, so that something is trained")]
    AllFrozen {
        /// The parts to freeze.
        parts: String,
    },
}

fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

/// Checks that `value` is finite and accepted by `test`.
pub(crate) fn require(
    owner: &'static str,
    field: &'static str,
    value: f64,
    range: &'static str,
    test: impl Fn(f64) -> bool,
) -> Result<()> {
    if value.is_finite() && test(value) {
        Ok(())
    } else {
        Err(OptimError::Setting {
            owner,
            field,
            value,
            range,
        })
    }
}

/// Checks that `value` is finite and not negative.
pub(crate) fn require_not_negative(
    owner: &'static str,
    field: &'static str,
    value: f64,
) -> Result<()> {
    require(owner, field, value, "finite and 0 or more", |v| v >= 0.0)
}

/// Checks that `value` is finite and positive.
pub(crate) fn require_positive(owner: &'static str, field: &'static str, value: f64) -> Result<()> {
    require(owner, field, value, "finite and above 0", |v| v > 0.0)
}

/// Checks that `value` lies in `[0, 1)`.
pub(crate) fn require_fraction(owner: &'static str, field: &'static str, value: f64) -> Result<()> {
    require(owner, field, value, "in [0, 1)", |v| {
        (0.0..1.0).contains(&v)
    })
}

/// Checks that a count is not zero.
pub(crate) fn require_count(owner: &'static str, field: &'static str, value: usize) -> Result<()> {
    require(owner, field, value as f64, "1 or more", |v| v >= 1.0)
}

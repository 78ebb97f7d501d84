/// What a user can get wrong with data. Every message says what, where and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// There are no rows at all.
    #[error(
        "the data set {what} has no rows; check the path, the filter or the split that made it"
    )]
    Empty {
        /// What was empty.
        what: String,
    },
    /// A buffer does not hold a whole number of rows.
    #[error(
        "{length} numbers cannot be cut into rows of {width}; the length must be a multiple of the width, and the width at least 1"
    )]
    Ragged {
        /// Numbers in the buffer.
        length: usize,
        /// Numbers in a row.
        width: usize,
    },
    /// Features and targets have different numbers of rows.
    #[error(
        "{features} rows of features but {targets} rows of targets; both must describe the same examples, in the same order"
    )]
    RowsDiffer {
        /// Rows of features.
        features: usize,
        /// Rows of targets.
        targets: usize,
    },
    /// A class label that no class has.
    #[error("row {row}: label {label}, but there are {classes} classes, so labels go from 0 to {}", classes - 1)]
    Label {
        /// Row, counted from 0.
        row: usize,
        /// The label found.
        label: i64,
        /// Number of classes.
        classes: usize,
    },
    /// The thread that gathers batches ahead ended before the epoch did.
    #[error("the thread that prepares batches ended early; run again with prefetch 0 to see the cause")]
    WorkerEnded,
    /// A batch size that makes no batch.
    #[error(
        "batch size {batch_size} with {examples} examples; use a batch size from 1 to {examples}"
    )]
    BatchSize {
        /// The batch size asked for.
        batch_size: usize,
        /// Examples in the data set.
        examples: usize,
    },
}

/// The result of everything in this crate that a user's data can make fail.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

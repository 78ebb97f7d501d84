//! Names and meaning of the features.

/// One feature: a column of [`TensorTable::features`](super::TensorTable).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// Its name.
    pub name: String,
    /// The column that it is made from; for two crossed columns, both names with × between them.
    pub source: String,
    /// What its values mean.
    pub kind: OutputKind,
}

/// What the values of a feature mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputKind {
    /// A quantity.
    Number,
    /// 1 where the row has this category, else 0.
    OneHot,
    /// One of the numbers of a text, which have a meaning together.
    Text,
    /// An index below `size`, for an embedding.
    Index {
        /// Number of different indices, 0 for missing and unseen values included.
        size: usize,
    },
}

//! From columns of a frame to numbers, by statistics that are fitted once and kept.
//!
//! [`FeatureSpec`] is what a user writes, [`FeatureSpec::fit`] looks at training rows only and
//! gives [`Features`], and [`Features::transform`] turns any frame with those columns into a
//! [`TensorTable`].

mod coding;
mod columns;
mod dates;
mod fit;
mod fit_number;
mod fit_target;
mod fit_words;
mod fitted;
mod infer;
mod look;
mod spec;
mod statistics;
mod summary;
mod table;
mod target;
mod transform;
mod unseen;

pub use columns::Frame;
pub(crate) use columns::select;
pub use fitted::{Features, Output, OutputKind};
pub use infer::Inference;
pub use spec::{
    CategorySpec, ColumnSpec, CrossSpec, DatePart, DateSpec, Encode, FeatureSpec, Ignored, Impute,
    Missing, NumericSpec, Step, TargetSpec, TargetStep, Task, Unseen,
};
pub use summary::{ColumnSummary, Distribution, summarise};
pub use table::{Targets, TensorTable};
pub use unseen::UnseenCategories;

//! From the columns of a frame to numbers, with statistics of the training rows.
//!
//! A user writes a [`FeatureSpec`]; [`FeatureSpec::fit`] computes the statistics of the training rows and
//! returns [`Features`]; [`Features::transform`] turns any frame with those columns into a [`TensorTable`].

mod coding;
mod counts;
mod dates;
mod encoder;
mod fit;
mod fitted;
mod fitted_column;
mod frame;
mod infer;
mod inference;
mod numeric;
mod output;
mod profile;
mod spec;
mod statistics;
mod stored;
mod summary;
mod table;
mod target;
mod text;
mod transform;
mod unseen;
mod values;
mod words;
mod write;

pub use encoder::{CutTexts, TextEncoder};
pub use fitted::Features;
pub use frame::Frame;
pub(crate) use frame::select;
pub use inference::Inference;
pub use output::{Output, OutputKind};
pub use spec::{
    CategorySpec, ColumnSpec, CrossSpec, DatePart, DateSpec, Encode, FeatureSpec, Ignored, Impute,
    Missing, NumericSpec, Step, TargetSpec, TargetStep, Task, TextSpec, Unseen,
};
pub use summary::{ColumnSummary, Distribution, summarize};
pub use table::{Targets, TensorTable};
pub use transform::transform_together;
pub use unseen::UnseenCategories;

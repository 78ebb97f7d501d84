//! From files to batches: tables with polars, loaders and the data-set catalog.

mod error;
pub mod images;
mod loader;
mod rows;
pub mod synthetic;

pub use error::{DataError, Result};
pub use loader::{Batch, BatchIterator, Batches, Examples, LastBatch, Loader};
pub use rows::{Classes, Rows, Target, Values};

mod catalog;
mod features;
mod frames;
mod nearest;
mod read;
mod split;
mod stream;

pub use catalog::{Catalog, DataFile, Dataset, Fetcher, Progress, fetch};
pub use features::{
    CategorySpec, ColumnSpec, ColumnSummary, CrossSpec, DatePart, DateSpec, Distribution, Encode,
    FeatureSpec, Features, Frame, Ignored, Impute, Inference, Missing, NumericSpec, Output,
    OutputKind, Step, TargetSpec, TargetStep, Targets, Task, TensorTable, Unseen, summarise,
};
pub use frames::collect;
pub use read::{ColumnType, Encoding, ReadOptions, Separator, read};
pub use split::{Fold, Strategy, k_fold, split, take};
pub use stream::{StreamLoader, StreamTarget};

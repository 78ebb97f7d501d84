//! Tables: reads files with polars, and turns their columns into rows of numbers.
//!
//! * [`read`] opens a file of any common format as a polars frame; [`take`] selects rows;
//!   [`stratified_by`], [`grouped_by`] and [`ordered_by`] make a split by a column.
//! * [`FeatureSpec`] states which columns become features and how; fitted to the training rows it becomes
//!   [`Features`], which turns any frame into [`Rows`] of `f32`.
//! * [`StreamLoader`] returns the rows of files larger than memory in batches.
//!
//! No other library crate of the workspace depends on polars except the facade.
//!
//! ```
//! use tinderbox_core::Seed;
//! use tinderbox_data::{Batches, Loader};
//! use tinderbox_tables::{FeatureSpec, read};
//! # use burn::tensor::Device;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("houses.csv");
//! # std::fs::write(&path, "rooms,alley,price\n3,Pave,127500\n2,,106000\n4,,178100\n,Pave,140000\n")?;
//!
//! let frame = read(&path)?.collect()?; // rooms, alley, price: with missing values and categories
//! let features = FeatureSpec::infer(&frame, "price")?.fit(&frame)?;
//! let rows = features.transform(&frame)?.regression()?;
//!
//! let loader = Loader::new(rows, 3)?.shuffle(Seed::new(42));
//! let mut examples = Vec::new();
//! for batch in loader.epoch(0, 0, &Device::flex())? {
//!     let batch = batch?; // `f32` tensors of [examples, features] and [examples, 1]
//!     assert_eq!(batch.inputs.dims()[1], features.width());
//!     examples.push(batch.targets.dims()[0]);
//! }
//! assert_eq!(examples, [3, 1]); // the last batch is short
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod calendar;
mod features;
mod frames;
mod lags;
mod read;
mod split;
mod stream;

use tinderbox_data::{
    Batch, BatchIterator, Batches, BatchesIdentity, Classes, DataError, LastBatch, Result, Rows,
    Share, SharedBatch, Target, Values,
};

pub use features::{
    CategorySpec, ColumnSpec, ColumnSummary, CrossSpec, CutTexts, DatePart, DateSpec, Distribution,
    Encode, FeatureSpec, Features, Frame, Ignored, Impute, Inference, Missing, NumericSpec, Output,
    OutputKind, Step, TargetSpec, TargetStep, Targets, Task, TensorTable, TextEncoder, TextSpec,
    Unseen, UnseenCategories, summarize, transform_together,
};
pub use frames::{FrameParts, collect};
pub use lags::Lags;
pub use read::{
    ColumnFormat, ColumnType, DateOrder, Encoding, ReadOptions, Separator, TableFormat, read,
};
pub use split::{grouped_by, ordered_by, stratified_by, take};
pub use stream::{StreamLoader, StreamTarget};

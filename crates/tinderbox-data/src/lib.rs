//! From files to batches: tables with polars, loaders and the data-set catalog.
//!
//! * [`read`] opens a file of any common format as a polars frame, [`fetch`] a data set of the
//!   catalog; [`split`] and [`take`] divide its rows.
//! * [`FeatureSpec`] says which columns become features and how, [`Features`] is the same with the
//!   statistics of the training rows: what turns any frame into [`Rows`] of `f32`.
//! * [`Loader`] gives rows, or [`images`], out in batches, in an order that is a pure function of
//!   (seed, epoch); [`StreamLoader`] does so for files larger than memory.
//! * [`synthetic`] makes data whose answer is known.
//!
//! ```
//! use tinderbox_core::Seed;
//! use tinderbox_data::{Batches, FeatureSpec, Loader, read};
//! # use burn::tensor::Device;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("houses.csv");
//! # std::fs::write(&path, "rooms,alley,price\n3,Pave,127500\n2,,106000\n4,,178100\n,Pave,140000\n")?;
//!
//! let frame = read(&path)?.collect()?; // rooms, alley, price: with holes and words
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

mod error;
pub mod images;
mod loader;
mod memory;
mod rows;
pub mod synthetic;

pub use error::{DataError, Result};
pub use loader::{Batch, BatchIterator, Batches, BatchesIdentity, Examples, LastBatch, Loader};
pub use rows::{Classes, Rows, Target, Values};

mod catalog;
mod features;
mod frames;
mod nearest;
mod pool;
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
pub use read::{
    ColumnFormat, ColumnType, DateOrder, Encoding, ReadOptions, Separator, TableFormat, read,
};
pub use split::{Fold, Folds, FoldsIter, Strategy, k_fold, split, take};
pub use stream::{StreamLoader, StreamTarget};

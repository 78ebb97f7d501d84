//! Loaders, images, splits and the catalog of data sets. Tables are in `tinderbox-tables`.
//!
//! * [`fetch`] gets a data set of the catalog; [`split`] and [`k_fold`] divide rows or images.
//! * [`Loader`] returns [`Rows`], or [`images`], in batches, in an order that is a pure function of
//!   (seed, epoch). [`Batches`] is its interface to training, [`Examples`] its interface to the data.
//! * [`text`] is text as data: tokens, vocabularies, batches for language models.
//! * [`synthetic`] makes data with known parameters.
//!
//! ```
//! use tinderbox_core::Seed;
//! use tinderbox_data::{Batches, Loader, Rows, Values};
//! # use burn::tensor::Device;
//!
//! let features = Values::new(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 2)?;
//! let targets = Values::new(vec![0.5, 1.5, 2.5, 3.5], 1)?;
//!
//! let loader = Loader::new(Rows::new(features, targets)?, 3)?.shuffle(Seed::new(42));
//! let mut examples = Vec::new();
//! for batch in loader.epoch(0, 0, &Device::flex())? {
//!     let batch = batch?; // `f32` tensors of [examples, features] and [examples, targets]
//!     assert_eq!(batch.inputs.dims()[1], 2);
//!     examples.push(batch.targets.dims()[0]);
//! }
//! assert_eq!(examples, [3, 1]); // the last batch is short
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batches;
mod catalog;
mod error;
pub mod images;
mod loader;
mod pool;
mod prefetch;
mod rows;
mod split;
pub mod synthetic;
mod targets;
pub mod text;
mod values;
mod zip;

pub use batches::{Batch, BatchIterator, Batches, BatchesIdentity, Examples, Share, SharedBatch};
pub use catalog::{Catalog, DataFile, Dataset, Fetcher, Progress, fetch};
pub use error::{DataError, Result};
pub use loader::{LastBatch, Loader};
pub use pool::on_own_threads;
pub use rows::Rows;
pub use split::{Fold, Folds, FoldsIter, Strategy, k_fold, split};
pub use targets::{Classes, Target, Weighted};
pub use values::{Slot, Values};
pub use zip::read_zip;

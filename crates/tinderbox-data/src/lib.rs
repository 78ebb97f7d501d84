//! From files to batches: loaders, images, splits and the data-set catalog. Tables are in `tinderbox-tables`.
//!
//! * [`fetch`] gets a data set of the catalog; [`split`] and [`k_fold`] divide rows or images.
//! * [`Loader`] gives [`Rows`], or [`images`], out in batches, in an order that is a pure function of
//!   (seed, epoch). [`Batches`] is what training knows of it, [`Examples`] what it knows of the data.
//! * [`text`] is text as data: tokens, vocabularies, batches for language models.
//! * [`synthetic`] makes data whose answer is known.
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

mod catalog;
mod error;
pub mod images;
mod loader;
mod pool;
mod prefetch;
mod rows;
mod split;
pub mod synthetic;
pub mod text;
mod zip;

pub use catalog::{Catalog, DataFile, Dataset, Fetcher, Progress, fetch};
pub use error::{DataError, Result};
pub use loader::{Batch, BatchIterator, Batches, BatchesIdentity, Examples, LastBatch, Loader};
pub use pool::on_own_threads;
pub use rows::{Classes, Rows, Slot, Target, Values};
pub use split::{Fold, Folds, FoldsIter, Strategy, k_fold, split};
pub use zip::read_zip;

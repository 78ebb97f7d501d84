//! From files to batches: tables with polars, loaders and the data-set catalog.

mod error;
mod loader;
mod rows;
pub mod synthetic;

pub use error::{DataError, Result};
pub use loader::{Batch, BatchIterator, Batches, Examples, LastBatch, Loader};
pub use rows::{Classes, Rows, Target, Values};

mod catalog;
mod nearest;
mod read;

pub use catalog::{Catalog, DataFile, Dataset, Fetcher, Progress, fetch};
pub use read::{ColumnType, Encoding, ReadOptions, Separator, read};

//! From files to batches: tables with polars, loaders and the data-set catalog.

mod error;
mod loader;
mod rows;
pub mod synthetic;

pub use error::{DataError, Result};
pub use loader::{Batch, BatchIterator, Batches, Examples, LastBatch, Loader};
pub use rows::{Classes, Rows, Target, Values};

//! From files to batches: tables with polars, loaders and the data-set catalog.

mod error;
mod rows;

pub use error::{DataError, Result};
pub use rows::{Classes, Rows, Target, Values};

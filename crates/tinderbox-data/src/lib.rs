//! From files to batches: tables with polars, loaders and the data-set catalog.

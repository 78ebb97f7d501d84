//! Explicit seeds and atomic files: what every Tinderbox crate needs.

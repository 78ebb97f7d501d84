//! The basis of all Tinderbox crates: explicit seeds, atomic files, digests, suggestions for
//! misspelled names, memory, a timer.
//!
//! ```
//! use tinderbox_core::Seed;
//!
//! let seed = Seed::new(42);
//! let order = seed.child("order").at(3).rng().permutation(5); // epoch 3
//! assert_eq!(order, seed.child("order").at(3).rng().permutation(5));
//! ```

mod digest;
mod file;
mod layers;
mod memory;
mod nearest;
mod seed;
mod timer;

pub use digest::Digest;
pub use file::{TEMPORARY_PREFIX, WriteError, behind_links, write_atomic, write_atomic_with};
pub use layers::{layer_rows, next_layer_seed, seed_layers, seed_layers_of_rows};
pub use memory::{keep_memory, peak_memory};
pub use nearest::nearest;
pub use seed::{Rng, Seed};
pub use timer::Timer;

//! The training loop: trainer, metrics, callbacks, checkpoints, run folders.

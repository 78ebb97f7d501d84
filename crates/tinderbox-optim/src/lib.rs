//! Optimizers, schedules, clipping and exact solvers.

//! The public API, compared with PyTorch, the papers and the course.

mod common;

mod course;
mod ema;
mod gradients;
mod groups;
mod lbfgs;
mod losses;
mod optimizers;
mod schedules;
mod state;

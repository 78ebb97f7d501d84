//! Deep learning in Rust on [Burn](https://burn.dev): from a table of numbers to ResNet.
//!
//! Burn provides tensors, autodiff, layers and backends. Tinderbox provides the steps between a file on
//! disk and a trained, saved and evaluated model. This crate re-exports the others, holds the backend
//! features and chooses the device.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`data`] | loaders, images, splits, the data-set catalog |
//! | [`tables`] | tables with polars: reading, features, streams |
//! | [`models`] | the models, one in each file |
//! | [`nn`] | initialisers and layers |
//! | [`optim`] | optimizers, schedules, exact solvers |
//! | [`train`] | trainer, metrics, checkpoints, run folders, bundles |
//! | [`plot`] | figures as SVG |
//! | [`image`] | image classifiers: training runs, bundles, probabilities for image files |
//! | [`text`] | language models and translation models: bundles that write text |
//! | [`tabular`] | models of tables: training runs, bundles, predictions, reports |
//!
//! ```
//! use tinderbox::data::synthetic;
//! use tinderbox::prelude::*;
//!
//! let device = device(None)?;
//! let seed = Seed::new(42);
//!
//! // y = 2 a - 3.4 b + 4.2 + noise: 800 examples to train on, 200 held out.
//! let data = synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 1000, seed.child("data"))?;
//! let part = |rows: std::ops::Range<usize>| data.gather(&rows.collect::<Vec<_>>());
//! let train = Loader::new(part(0..800), 10)?.shuffle(seed.child("order"));
//! let valid = Loader::for_evaluation(part(800..1000), 200)?;
//!
//! let model = LinearRegressionConfig::new(2).init(seed.child("weights"), &device)?;
//! let fitted = Trainer::new(TrainConfig { epochs: 3, learning_rate: 0.03, ..TrainConfig::default() })?
//!     .metric(RegressionMetrics::new(&[RegressionMetric::R2]))
//!     .fit(model, &Regression::default(), &train, Some(&valid))?;
//! let last = fitted.history.last().expect("three epochs");
//! assert!(last.get("valid_r2").is_some_and(|r2| r2 > 0.999));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! From a table to a bundle: [`tabular::Training`]. From a folder of images to a bundle:
//! [`image::Training`].
#![recursion_limit = "256"]

mod device;
pub mod image;
pub mod pretrained;
mod session;
#[cfg(feature = "tables")]
pub mod tabular;
pub mod text;

pub use burn;
pub use device::{DEVICE_VARIABLE, DeviceError, backends, device, devices};
#[cfg(feature = "remote")]
pub use device::{DeviceServer, TOKEN_FILE_VARIABLE, TOKEN_VARIABLE, device_token};
pub use tinderbox_core::{
    Digest, Rng, Seed, Timer, WriteError, keep_memory, next_layer_seed, peak_memory, seed_layers,
    write_atomic, write_atomic_with,
};
pub use tinderbox_data as data;
pub use tinderbox_kernels as kernels;
pub use tinderbox_models as models;
#[cfg(feature = "mpi")]
pub use tinderbox_mpi as mpi;
pub use tinderbox_nn as nn;
pub use tinderbox_optim as optim;
pub use tinderbox_plot as plot;
#[cfg(feature = "tables")]
pub use tinderbox_tables as tables;
pub use tinderbox_train as train;

/// The names that most programs need, in one line: `use tinderbox::prelude::*;`.
pub mod prelude {
    pub use burn::module::Module;
    pub use burn::tensor::{Device, Int, Tensor, TensorData};

    pub use crate::data::{Batch, Batches, Classes, LastBatch, Loader, Rows, Values};
    pub use crate::models::{
        LinearRegression, LinearRegressionConfig, TabularMlp, TabularMlpConfig,
    };
    pub use crate::nn::{Initializer, Network, seeded};
    pub use crate::optim::{Loss, OptimizerConfig, RateSchedule, Schedule};
    #[cfg(feature = "tables")]
    pub use crate::tabular::{Predictor, TableConfig};
    pub use crate::train::{
        Bundle, Classification, Fitted, Monitor, Progress, Regression, RegressionMetric,
        RegressionMetrics, Resume, Run, Step, StopFlag, TrainConfig, Trainer,
    };
    pub use crate::{Seed, device};
}

/// The README's program, compiled with the tests.
#[cfg(all(doctest, feature = "tables"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

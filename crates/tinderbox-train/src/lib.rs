//! The training loop: trainer, metrics, callbacks, checkpoints, run folders, bundles.
//!
//! A [`Trainer`] drives epochs over [`Batches`](tinderbox_data::Batches) for any Burn module and
//! any [`Task`]; everything else is a [`Callback`]. A [`Run`] folder records a training run, and a
//! [`Bundle`] is the model to deploy.
//!
//! ```
//! use burn::tensor::Device;
//! use tinderbox_core::Seed;
//! use tinderbox_data::{Batch, Loader, synthetic};
//! use tinderbox_nn::{Initializer, LinearInit, linear};
//! use tinderbox_train::{Step, StepError, TrainConfig, Trainer, Monitor};
//!
//! let (seed, device) = (Seed::new(42), Device::flex());
//! // y = 2 a - 3.4 b + 4.2 + noise
//! let data = synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 200, seed.child("data"))?;
//! let loader = Loader::new(data, 10)?.shuffle(seed.child("order"));
//!
//! // Any Burn module, and a function from a batch to a mean loss.
//! let init = LinearInit { bias: true, weight: Initializer::Normal { std: 0.01 } };
//! let model = linear(2, 1, init, seed.child("weights"), &device);
//! let squared = |model: &burn::nn::Linear, batch: Batch| -> Result<Step, StepError> {
//!     let examples = batch.targets.dims()[0];
//!     let error = model.forward(batch.inputs) - batch.targets;
//!     Ok(Step::mean(error.square().mean(), examples))
//! };
//!
//! let config = TrainConfig { epochs: 10, learning_rate: 0.03, ..TrainConfig::default() };
//! let fitted = Trainer::new(config)?
//!     .monitor(Monitor::min("train_loss").patience(3))
//!     .fit(model, &squared, &loader, None)?;
//! let (_epoch, loss) = fitted.best.expect("a metric is monitored");
//! assert!(loss < 2e-4); // the noise alone is 1e-4
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bundle;
mod callback;
mod checkpoint;
mod clip;
mod communicator;
mod config;
mod curves;
mod error;
mod evaluate;
mod fit;
mod history;
mod interrupt;
mod language;
mod lock;
mod lr_finder;
mod metric;
mod monitor;
mod outcome;
mod outputs;
mod predictions;
mod progress;
mod rates;
mod report;
mod run;
mod search;
mod setup;
mod state;
mod step;
mod task;
mod tensorboard;
mod trainer;
mod translation;
mod weights;

pub use bundle::Bundle;
pub use callback::{Callback, Flow, StartInfo, StepGradients, StepInfo};
pub use checkpoint::Resume;
pub use clip::Clip;
pub use communicator::{Communicator, CommunicatorError, ThreadCommunicator};
pub use config::{Interval, Limit, LossReduction, TrainConfig};
pub use error::{Result, TrainError};
pub use evaluate::{NotFinitePlace, evaluate};
pub use fit::load_checkpoint;
pub use history::{EpochRecord, History};
pub use interrupt::StopFlag;
pub use language::{LanguageError, LanguageModeling};
pub use lr_finder::{LrFinder, LrSearch};
pub use metric::{
    Accuracy, Auc, ClassScore, ClassScores, ConfusionMatrix, CorpusBleu, LogLoss, Mean, Metric,
    Perplexity, RegressionMetric, RegressionMetrics, TopK, sentence_bleu,
};
pub use monitor::{Monitor, MonitorMode};
pub use outcome::{Fitted, StopReason};
pub use predictions::prediction_grid;
pub use progress::Progress;
pub use rates::OnPlateau;
pub use report::{Cell, Report};
pub use run::Run;
pub use search::{
    Range, Search, SearchReport, SearchStrategy, SettingValue, Settings, Space, Trial, TrialRecord,
};
pub use state::{SavedTensors, TaskState};
pub use step::{LossError, Step, StepError, StepLoss};
pub use task::{
    Classification, ClassificationError, Logits, NotFiniteRow, Predictions, PredictionsError,
    Regression, Task, Turn,
};
pub use tensorboard::EventWriter;
pub use trainer::Trainer;
pub use translation::{Translation, TranslationError};
pub use weights::{
    Misshapen, Renamed, WeightsReport, load_matching_weights, load_renamed_weights, load_weights,
    save_weights, weight_names,
};

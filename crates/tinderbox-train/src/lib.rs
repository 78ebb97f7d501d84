//! The training loop: trainer, metrics, callbacks, checkpoints, run folders, bundles.
//!
//! A [`Trainer`] drives epochs over [`Batches`](tinderbox_data::Batches) for any Burn module and
//! any [`Task`]; everything else is a [`Callback`]. What people keep of a training is a [`Run`]
//! folder, what they deploy is a [`Bundle`].

mod bundle;
mod callback;
mod checkpoint;
mod clip;
mod curves;
mod error;
mod evaluate;
mod fit;
mod history;
mod interrupt;
mod lr_finder;
mod metric;
mod predictions;
mod progress;
mod rates;
mod report;
mod run;
mod search;
mod task;
mod tensorboard;
mod trainer;
mod weights;

pub use bundle::Bundle;
pub use callback::{Callback, Flow, StartInfo, StepInfo};
pub use checkpoint::Resume;
pub use clip::Clip;
pub use error::{Result, TrainError};
pub use evaluate::evaluate;
pub use history::{EpochRecord, History};
pub use interrupt::StopFlag;
pub use lr_finder::{LrFinder, LrSearch};
pub use metric::{
    Accuracy, Auc, ClassScore, ClassScores, ConfusionMatrix, LogLoss, Mean, Metric,
    RegressionMetric, RegressionMetrics, TopK,
};
pub use predictions::prediction_grid;
pub use progress::Progress;
pub use rates::OnPlateau;
pub use report::{Cell, Report};
pub use run::Run;
pub use search::{
    Range, Search, SearchReport, SearchStrategy, SettingValue, Settings, Space, Trial, TrialRecord,
};
pub use task::{
    Classification, ClassificationError, Logits, Predictions, Regression, Step, StepError,
    StepLoss, Task,
};
pub use tensorboard::EventWriter;
pub use trainer::{Divide, Ended, Every, Fitted, Goal, TrainConfig, Trainer, Watch};
pub use weights::{Misshapen, WeightsReport, load_matching_weights, load_weights, save_weights};

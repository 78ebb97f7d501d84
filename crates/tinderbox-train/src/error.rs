use std::path::PathBuf;

use tinderbox_core::WriteError;
use tinderbox_data::DataError;
use tinderbox_optim::OptimError;
use tinderbox_plot::PlotError;

use crate::{CommunicatorError, LossError, NotFinitePlace, StepError, WeightsReport};

/// The errors of training. Every message says what, where and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A configuration value that training cannot use.
    #[error("{field} = {value}: {rule}")]
    Config {
        /// The field.
        field: &'static str,
        /// The value that was given.
        value: String,
        /// The allowed values.
        rule: &'static str,
    },
    /// An epoch without a single batch.
    #[error(
        "{which} gave no batch in epoch {epoch}; a data set smaller than its batch size with LastBatch::Drop does that"
    )]
    NoBatches {
        /// Training or validation data.
        which: &'static str,
        /// The epoch, counted from 1.
        epoch: usize,
    },
    /// The loss is NaN or infinite.
    #[error(
        "the loss is {loss} in epoch {epoch}, step {step} (learning rate {learning_rate}). Lower the learning \
         rate, clip the gradients, or look for NaN and very large numbers in the data{}",
        last_good(checkpoint)
    )]
    NotFinite {
        /// The loss.
        loss: f64,
        /// The epoch, counted from 1.
        epoch: usize,
        /// Steps since the start, counted from 1.
        step: usize,
        /// The learning rate of the step.
        learning_rate: f64,
        /// The last checkpoint before this step.
        checkpoint: Option<PathBuf>,
    },
    /// A watched metric was never a finite number.
    #[error(
        "{metric} is {value} in epoch {epoch} and was never a finite number, so there is no best epoch to \
         keep; {}",
        place_of(metric, place)
    )]
    MetricNotFinite {
        /// The metric.
        metric: String,
        /// Its value.
        value: f64,
        /// The epoch, counted from 1.
        epoch: usize,
        /// For a metric of the validation data: where it comes from.
        place: Option<NotFinitePlace>,
    },
    /// A metric to watch that is not measured.
    #[error("no metric is called '{name}'; there are: {}", available.join(", "))]
    UnknownMetric {
        /// The requested name.
        name: String,
        /// The available metrics.
        available: Vec<String>,
    },
    /// The task's step failed.
    #[error("epoch {epoch}, batch {batch}: {source}")]
    Step {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The batch in the epoch, counted from 1.
        batch: usize,
        /// The error of the task.
        source: StepError,
    },
    /// The task's step returned a loss that cannot be used for an optimizer step.
    #[error("epoch {epoch}, batch {batch}: {source}")]
    Loss {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The batch in the epoch, counted from 1.
        batch: usize,
        /// What is wrong with the loss.
        source: LossError,
    },
    /// A metric cannot measure the output of the step.
    #[error("epoch {epoch}, batch {batch}: a metric failed: {source}")]
    Metric {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The batch, counted from 1.
        batch: usize,
        /// The error of the metric.
        source: StepError,
    },
    /// A callback failed.
    #[error("a callback failed after epoch {epoch}: {source}")]
    Callback {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The error of the callback.
        source: StepError,
    },
    /// A folder that already holds a run.
    #[error("{} already holds a run; continue it with --resume, or choose another folder", path.display())]
    RunExists {
        /// The folder.
        path: PathBuf,
    },
    /// A run folder that is already in use.
    #[error(
        "{} is in use by {}; wait until it has ended, or choose another folder",
        path.display(), user(process)
    )]
    RunInUse {
        /// The folder.
        path: PathBuf,
        /// The process id, where it is known.
        process: Option<u32>,
    },
    /// There is nothing to resume.
    #[error("{}: no checkpoint to resume from; start without --resume, or give the folder of a run", path.display())]
    NoCheckpoint {
        /// The folder that was searched.
        path: PathBuf,
    },
    /// A checkpoint that is cut off or altered.
    #[error("checkpoint {} is damaged ({reason}); resume from the one before it with --resume=last-good", path.display())]
    DamagedCheckpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint of another model, configuration or data set.
    #[error(
        "checkpoint {} belongs to another run: {reason}. Resume with the settings and data of that run; or \
         start a new run in another folder, if you like from these weights (load_checkpoint)", path.display()
    )]
    ForeignCheckpoint {
        /// The file.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// A bundle that does not load.
    #[error("bundle {}: {reason}", path.display())]
    Bundle {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of weights that cannot be used.
    #[error("weights {}: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Weights of another model.
    #[error(
        "weights {} do not fit this model: {report}; build the model that they belong to (the same \
         layers and classes), or load what fits with load_matching_weights", path.display()
    )]
    OtherWeights {
        /// The file.
        path: PathBuf,
        /// The names that do not fit.
        report: Box<WeightsReport>,
    },
    /// A search that cannot be run, or a setting that it did not choose.
    #[error("search, {what}: {problem}")]
    Search {
        /// What is wrong.
        what: String,
        /// Why, and what it must be.
        problem: String,
    },
    /// A search in which every trial failed.
    #[error(
        "search: all {trials} settings failed, the first with: {first}; fix that, or choose another space"
    )]
    NoTrial {
        /// Settings that were tried.
        trials: usize,
        /// The error of the first of them.
        first: String,
    },
    /// Training that was stopped before its end.
    #[error("{}", interrupted(*epoch, checkpoint))]
    Interrupted {
        /// The current epoch, counted from 1.
        epoch: usize,
        /// The checkpoint to resume from, if there is a run folder.
        checkpoint: Option<PathBuf>,
    },
    /// A search that was stopped before its end.
    #[error(
        "the search was interrupted after {done} runs of trials; {}",
        kept(file)
    )]
    SearchInterrupted {
        /// Runs of trials that have ended.
        done: usize,
        /// The file that holds them, if there is one.
        file: Option<PathBuf>,
    },
    /// An error on another rank of a data-parallel run.
    #[error("rank {rank} failed, so all ranks end: {reason}")]
    RankFailed {
        /// The rank.
        rank: usize,
        /// Its error.
        reason: String,
    },
    /// A rank that can no longer be reached.
    #[error(
        "lost the connection to the other ranks: {source}{}",
        resumable(checkpoint)
    )]
    RankLost {
        /// What is known.
        source: CommunicatorError,
        /// The last checkpoint.
        checkpoint: Option<PathBuf>,
    },
    /// A device of another process that can no longer be reached.
    #[error("lost the device {device}: {reason}{}", resumable(checkpoint))]
    DeviceLost {
        /// Its address.
        device: String,
        /// What is known.
        reason: String,
        /// The last checkpoint.
        checkpoint: Option<PathBuf>,
    },
    /// Ranks that were started with different settings or data.
    #[error(
        "rank {rank} was not started like rank 0: {reason}. Start all ranks with the same program, options \
         and data"
    )]
    RanksDiffer {
        /// The rank.
        rank: usize,
        /// What differs.
        reason: String,
    },
    /// A metric that cannot be measured by several ranks.
    #[error(
        "epoch {epoch}: the metric {metric} cannot add up the sums of several ranks; implement `Metric::merge` \
         for it"
    )]
    MetricOfRanks {
        /// The names of its values.
        metric: String,
        /// The epoch, counted from 1.
        epoch: usize,
    },
    /// The handler of Ctrl-C and SIGTERM could not be installed.
    #[error("cannot install the handler for Ctrl-C: {0}")]
    SignalHandler(#[source] std::io::Error),
    /// A file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A file that cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The optimizer, the schedule or the clipping.
    #[error(transparent)]
    Optim(#[from] OptimError),
    /// A chart.
    #[error(transparent)]
    Plot(#[from] PlotError),
}

fn last_good(checkpoint: &Option<PathBuf>) -> String {
    match checkpoint {
        Some(path) => format!("; the last good checkpoint is {}", path.display()),
        None => String::new(),
    }
}

fn resumable(checkpoint: &Option<PathBuf>) -> String {
    match checkpoint {
        Some(path) => format!(
            "; resume from the last checkpoint with the same command and --resume={}",
            path.display()
        ),
        None => "; there is no checkpoint yet: start again".into(),
    }
}

fn place_of(metric: &str, place: &Option<NotFinitePlace>) -> String {
    match place {
        Some(place) => place.to_string(),
        None => format!(
            "look for NaN and very large numbers in the training data, or watch another metric than {metric}"
        ),
    }
}

fn user(process: &Option<u32>) -> String {
    match process {
        Some(number) if *number == std::process::id() => {
            "this process, which has another Run of it (use a clone of that one)".into()
        }
        Some(number) => format!("process {number}"),
        None => "another process".into(),
    }
}

fn interrupted(epoch: usize, checkpoint: &Option<PathBuf>) -> String {
    match checkpoint {
        Some(path) => format!(
            "interrupted in epoch {epoch}; continue with the same command and --resume={}",
            path.display()
        ),
        None => {
            format!("interrupted in epoch {epoch}; without a run folder there is nothing to resume")
        }
    }
}

fn kept(file: &Option<PathBuf>) -> String {
    match file.as_ref().map(|file| (file, file.parent())) {
        Some((_, Some(folder))) => format!(
            "continue with the same command and --resume --out {}",
            folder.display()
        ),
        Some((file, None)) => format!("they are in {}", file.display()),
        None => "without a file there is nothing to resume".into(),
    }
}

/// The result of everything in this crate that can fail.
pub type Result<T, E = TrainError> = std::result::Result<T, E>;

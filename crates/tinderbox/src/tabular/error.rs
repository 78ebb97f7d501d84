use std::path::PathBuf;

use tinderbox_core::WriteError;
use tinderbox_data::DataError;
use tinderbox_models::ModelError;
use tinderbox_nn::ShapeError;
use tinderbox_plot::PlotError;
use tinderbox_train::TrainError;

use crate::DeviceError;

/// The errors of models of tables. Every message says what, where and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TabularError {
    /// A linear model of features that are indices.
    #[error(
        "column \"{column}\" is encoded as an index, which a linear model cannot use; \
         encode it as one_hot, or choose the MLP"
    )]
    IndexInLinear {
        /// The column.
        column: String,
    },
    /// A specification, or features, without a target.
    #[error("no target: the specification must name the column to predict")]
    NoTarget,
    /// Shares of validation and test rows that leave nothing to train or to validate on.
    #[error(
        "{valid} of the rows for validation and {test} for the test: the first must be more than 0, the \
         second at least 0, and their sum less than 1; 0.2 each is common"
    )]
    Shares {
        /// The share of validation rows.
        valid: f64,
        /// The share of test rows.
        test: f64,
    },
    /// A class that cannot be in a training part and in a held-out part of the folds.
    #[error(
        "class {class} has {rows} row of a target; folds need two at least in each class: leave the class \
         out, or give it more rows"
    )]
    ClassOfOneRow {
        /// The class.
        class: String,
        /// Its rows.
        rows: usize,
    },
    /// A group column that cannot be split.
    #[error(
        "column \"{column}\" has {groups} groups, but {parts} parts need one at least each; give a column \
         with more groups, or fewer parts"
    )]
    Groups {
        /// The column.
        column: String,
        /// The number of groups.
        groups: usize,
        /// The number of parts.
        parts: usize,
    },
    /// A budget that is not positive.
    #[error("a budget of {minutes} minutes; it must be positive and finite, 5 for example")]
    Minutes {
        /// The budget.
        minutes: f64,
    },
    /// Several models within a budget on several ranks.
    #[error(
        "several models within a budget are trained by one process: {ranks} ranks would spend it \
         differently; choose one model (--model mlp), or start one process"
    )]
    SeveralModels {
        /// The number of ranks.
        ranks: usize,
    },
    /// A level that is no probability.
    #[error("an interval of level {level}: it must lie between 0 and 1, 0.9 for example")]
    Level {
        /// The level.
        level: f64,
    },
    /// A level that needs more validation rows.
    #[error(
        "an interval of level {level} from {rows} validation rows: choose a lower level, or train with more \
         validation rows"
    )]
    IntervalRows {
        /// The level.
        level: f64,
        /// The validation rows.
        rows: usize,
    },
    /// A model without the errors that intervals are made of.
    #[error(
        "the model has no prediction intervals: they are for numbers, and bundles of `Training` have them"
    )]
    NoIntervals,
    /// A column of weights that cannot be used.
    #[error("column \"{column}\" of weights: {problem}")]
    Weights {
        /// The column.
        column: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Class weights where numbers are predicted.
    #[error("class weights are for classes, and the target is a number; leave them out")]
    BalancedNumbers,
    /// An encoder of texts that cannot be opened.
    #[error("the encoder of a column of text: {problem}")]
    Encoder {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Boosted trees that cannot be grown.
    #[error("boosted trees: {problem}")]
    Trees {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// No model to choose from.
    #[error("there is no candidate; name at least one model")]
    NoCandidates,
    /// Models of a run to resume that were trained on other rows.
    #[error(
        "{}: this model was trained on other rows, or with another seed; resume with the same table and options, or \
         start in a new run folder",
        folder.display()
    )]
    OtherRows {
        /// The folder of the model.
        folder: PathBuf,
    },
    /// Training of several models cannot be resumed.
    #[error("{what} cannot be resumed: start it again, in a new run folder")]
    NoResume {
        /// What was to be resumed.
        what: &'static str,
    },
    /// Weights of the models of an ensemble that mean nothing.
    #[error(
        "the weights {weights:?} of an ensemble; there must be one for each model, none of them negative \
         and one positive"
    )]
    EnsembleWeights {
        /// The weights.
        weights: Vec<f64>,
    },
    /// Models of different targets in one ensemble.
    #[error(
        "the models of an ensemble must predict the same; one predicts {first}, another {other}"
    )]
    EnsembleTargets {
        /// Targets and classes of the first model.
        first: String,
        /// Targets and classes of another.
        other: String,
    },
    /// A score that the model does not have.
    #[error("no score is called '{name}'; there are: {}", available.join(", "))]
    NoScore {
        /// The requested name.
        name: String,
        /// The available scores.
        available: Vec<&'static str>,
    },
    /// No exact solution was computed.
    #[error(
        "the table is too large for the exact linear solution; compare with another model instead"
    )]
    NoExact,
    /// A bundle whose parts do not belong together.
    #[error("bundle {}: {problem}", path.display())]
    Bundle {
        /// The folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The configuration of the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Inputs that the model does not take.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The bundle or the metrics.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A chart of the report.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A file that cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

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
    /// A share of validation rows that leaves nothing to train or to validate on.
    #[error(
        "a validation share of {share}: the share of the rows that is held out must be more than 0 and \
         less than 1; 0.2 is common"
    )]
    Share {
        /// The share.
        share: f64,
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

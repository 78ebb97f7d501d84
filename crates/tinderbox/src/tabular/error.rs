use std::path::PathBuf;

use tinderbox_core::WriteError;
use tinderbox_data::DataError;
use tinderbox_models::ModelError;
use tinderbox_nn::ShapeError;
use tinderbox_plot::PlotError;
use tinderbox_train::TrainError;

/// What can go wrong with a model of a table. Every message says what, where and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TabularError {
    /// A linear model of features that are indices.
    #[error(
        "column \"{column}\" is encoded as an index, which means nothing to a linear model; \
         encode it as one_hot, or choose the MLP"
    )]
    IndexInLinear {
        /// The column.
        column: String,
    },
    /// Features without a target: nothing says what is predicted.
    #[error("the features were fitted without a target; name one in the specification")]
    NoTarget,
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
    /// A figure of the report.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// A file that cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

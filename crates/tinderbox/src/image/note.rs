use std::fmt;
use std::path::PathBuf;

use tinderbox_train::WeightsReport;

/// Information about a training run that the user should know and that is not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The weights of a file were loaded into the model.
    Weights {
        /// The file.
        path: PathBuf,
        /// The names that fit.
        report: WeightsReport,
    },
    /// Training starts.
    Start {
        /// The name of the model.
        model: String,
        /// Its parameters.
        parameters: usize,
        /// Training images.
        train: usize,
        /// Test images.
        test: usize,
        /// Channels, height and width of an image in the model.
        shape: [usize; 3],
        /// Number of classes.
        classes: usize,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Weights { path, report } => write!(f, "{}: {report}", path.display()),
            Self::Start {
                model,
                parameters,
                train,
                test,
                shape,
                classes,
            } => write!(
                f,
                "{model}, {parameters} parameters; {train} training and {test} test images of \
                 {shape:?}, {classes} classes"
            ),
        }
    }
}

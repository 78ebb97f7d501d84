/// A model configuration that makes no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A size of 0.
    #[error("{model}: {field} is 0; a model needs at least one")]
    Zero {
        /// The model.
        model: &'static str,
        /// The field of its configuration.
        field: &'static str,
    },
    /// An initialiser with a number that makes no sense.
    #[error("{model}: {source}")]
    Init {
        /// The model.
        model: &'static str,
        /// What is wrong with the initialiser.
        source: tinderbox_nn::InitError,
    },
    /// A configuration that contradicts itself.
    #[error("{model}: {problem}")]
    Config {
        /// The model.
        model: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
}

/// An invalid model configuration.
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
    /// An initializer with an invalid number.
    #[error("{model}: {source}")]
    Init {
        /// The model.
        model: &'static str,
        /// The problem with the initializer.
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
    /// Images that are too small for the strides of the model.
    #[error(
        "{model}: images of {height} x {width} are too small; it takes at least {smallest} x \
         {smallest}: resize them"
    )]
    TooSmall {
        /// The model.
        model: &'static str,
        /// The given height.
        height: usize,
        /// The given width.
        width: usize,
        /// The smallest height and width.
        smallest: usize,
    },
    /// An invalid value of a setting.
    #[error("{model}: {field} is {value}, but {needs}")]
    Setting {
        /// The model.
        model: &'static str,
        /// The field of its configuration.
        field: &'static str,
        /// The given value.
        value: String,
        /// The allowed values.
        needs: &'static str,
    },
    /// The name of a model that is not registered.
    #[error(
        "there is no model \"{name}\"{}; the registry has {among} models",
        suggest(nearest)
    )]
    Unknown {
        /// The given name.
        name: String,
        /// The names nearest to it, best first.
        nearest: Vec<&'static str>,
        /// The number of models.
        among: usize,
    },
}

fn suggest(nearest: &[&str]) -> String {
    match nearest {
        [] => String::new(),
        [one] => format!("; did you mean \"{one}\"?"),
        several => format!("; did you mean one of {}?", several.join(", ")),
    }
}

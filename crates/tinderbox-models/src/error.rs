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
    /// Images that shrink to nothing on the way through the model.
    #[error(
        "{model}: images of {height} x {width} are too small; it takes at least {smallest} x \
         {smallest}: resize them"
    )]
    TooSmall {
        /// The model.
        model: &'static str,
        /// Height that was asked for.
        height: usize,
        /// Width that was asked for.
        width: usize,
        /// The smallest height and width.
        smallest: usize,
    },
    /// A number that makes no sense in its place.
    #[error("{model}: {field} is {value}, but {needs}")]
    Setting {
        /// The model.
        model: &'static str,
        /// The field of its configuration.
        field: &'static str,
        /// The value found.
        value: String,
        /// What it has to be.
        needs: &'static str,
    },
    /// The name of a model that is not registered.
    #[error(
        "there is no model \"{name}\"{}; the registry has {among} models",
        suggest(nearest)
    )]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names nearest to it, best first.
        nearest: Vec<&'static str>,
        /// How many models there are.
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

use tinderbox_core::WriteError;
use tinderbox_data::DataError;
use tinderbox_models::ModelError;
use tinderbox_nn::LoraError;
use tinderbox_train::TrainError;

use crate::DeviceError;
use crate::text::SentenceError;

/// The errors of fine-tuning and of fine-tuned models. Every message says what, where and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FineTuneError {
    /// A length of texts that the encoder has no positions for.
    #[error(
        "max_tokens = {asked}: the encoder reads texts of 2 to {context} tokens; longer texts are cut, so choose \
         {context} at most"
    )]
    Positions {
        /// The length.
        asked: usize,
        /// Positions of the encoder.
        context: usize,
    },
    /// More frozen blocks than there are.
    #[error(
        "{asked} frozen layers, but the encoder has {layers}; to train the new layer only, freeze the encoder"
    )]
    Layers {
        /// The number that was asked for.
        asked: usize,
        /// Blocks of the encoder.
        layers: usize,
    },
    /// Frozen blocks and LoRA, which freezes all of them.
    #[error(
        "LoRA trains none of the encoder's own weights: freezing layers too has no meaning; leave one out"
    )]
    FrozenLora,
    /// Factors and shares outside their range.
    #[error("{setting} = {value}: {rule}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        rule: &'static str,
    },
    /// One class.
    #[error("the target has one class only ({names}); a classifier needs two")]
    Classes {
        /// Names of classes.
        names: String,
    },
    /// Texts or targets that are not there.
    #[error(
        "column \"{column}\", row {row}: the value is missing, as in {missing} of {rows} rows; fill them in, or leave \
         such rows out (--skip-missing)"
    )]
    Missing {
        /// The column.
        column: String,
        /// The first such row, counted from 1.
        row: usize,
        /// The number of such rows.
        missing: usize,
        /// All rows.
        rows: usize,
    },
    /// The encoder, or its tokenizer.
    #[error(transparent)]
    Encoder(#[from] SentenceError),
    /// Adapters.
    #[error(transparent)]
    Lora(#[from] LoraError),
    /// Texts or targets.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The configuration of the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Training, or the bundle.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A file that cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

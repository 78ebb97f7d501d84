mod data;
mod error;
mod fit;

use std::fmt;
use std::path::{Path, PathBuf};

use tinderbox_core::write_atomic;
use tinderbox_models::BertPredictor;
use tinderbox_nn::Lora;
use tinderbox_train::{Bundle, ConfusionMatrix, History, Run};

use super::TextPredictor;
use crate::session::{Listener, Session, session_setters};

pub use data::{TextData, TextTargets};
pub use error::FineTuneError;

/// Fine-tuning of a pretrained encoder of the BERT family on texts with classes or numbers: from a folder of Hugging
/// Face to a scored and saved model.
///
/// A new linear layer on the vector of a text is trained together with the encoder. Everything has a default: AdamW,
/// a learning rate of 5e-5 for the last block of the encoder (5e-4 with LoRA) and of 1e-3 for the new layer, 0.9 times
/// that of the block above for each block (Howard and Ruder 2018), with a warm-up and a straight line to 0; batches of
/// 16 texts; 3 epochs and 100 steps at least, until the loss on the validation texts has not been better for 5 epochs.
/// The weights of the best epoch are kept.
///
/// ```no_run
/// use tinderbox::data::Classes;
/// use tinderbox::nn::Lora;
/// use tinderbox::prelude::*;
/// use tinderbox::text::{FineTuning, TextData, TextTargets};
///
/// let texts = ["it rains", "the sun shines", "heavy snow", "a warm day"].map(String::from).to_vec();
/// let classes = Classes::new(vec![0, 1, 0, 1], vec!["bad".into(), "good".into()])?;
/// let data = TextData::new(texts, TextTargets::Classes(classes))?;
/// let tuned = FineTuning::new("all-MiniLM-L6-v2").lora(Lora::new(8, 16.0)).fit(&data)?;
/// println!("{}", tuned.scores());
/// let predicted = tuned.predictor.predict(&["rain and wind"])?;
/// assert_eq!(predicted.rows[0].len(), 2); // a probability for each class
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FineTuning {
    session: Session<BertPredictor>,
    folder: PathBuf,
    lora: Option<Lora>,
    frozen_layers: usize,
    freeze_encoder: bool,
    layer_decay: f64,
    head_learning_rate: f64,
    max_tokens: Option<usize>,
    validation: f64,
    test: f64,
    patience: usize,
    on_note: Option<Listener<TextNote>>,
    notes: Vec<TextNote>,
}

impl FineTuning {
    /// Fine-tuning of the encoder in this folder: `config.json`, `model.safetensors`, `tokenizer.json`. With the feature
    /// `hub` a name will do: see [`find`](crate::pretrained::find).
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            session: Session::default(),
            folder: folder.into(),
            lora: None,
            frozen_layers: 0,
            freeze_encoder: false,
            layer_decay: 0.9,
            head_learning_rate: 1e-3,
            max_tokens: None,
            validation: 0.15,
            test: 0.15,
            patience: 5,
            on_note: None,
            notes: Vec::new(),
        }
    }

    /// Trains low-rank adapters instead of the weights of the encoder. They are merged at the end: the model of the
    /// bundle has no adapters.
    pub fn lora(mut self, lora: Lora) -> Self {
        self.lora = Some(lora);
        self
    }

    /// Does not train the embeddings and the first blocks of the encoder.
    pub fn freeze_layers(mut self, layers: usize) -> Self {
        self.frozen_layers = layers;
        self
    }

    /// Trains the new layer only.
    pub fn freeze_encoder(mut self) -> Self {
        self.freeze_encoder = true;
        self
    }

    /// The learning rate of a block as a multiple of that of the block above it; 1 for the same everywhere.
    pub fn layer_decay(mut self, factor: f64) -> Self {
        self.layer_decay = factor;
        self
    }

    /// The learning rate of the new layer.
    pub fn head_learning_rate(mut self, learning_rate: f64) -> Self {
        self.head_learning_rate = learning_rate;
        self
    }

    /// The number of tokens that are read of a text; by default what the folder's `sentence_bert_config.json`
    /// states, or all positions of the encoder, and not more than the longest text needs.
    pub fn max_tokens(mut self, tokens: usize) -> Self {
        self.max_tokens = Some(tokens);
        self
    }

    /// The shares of the texts that decide which epoch is kept, and that are only scored; 0.15 each by default.
    /// Without test texts the validation texts are scored.
    pub fn shares(mut self, validation: f64, test: f64) -> Self {
        (self.validation, self.test) = (validation, test);
        self
    }

    /// The number of epochs without a better validation loss after which training ends.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// Calls this with each note when it arises; all of them are in [`FineTuned::notes`] too.
    pub fn on_note(mut self, each: impl FnMut(&TextNote) + 'static) -> Self {
        self.on_note = Some(Box::new(each));
        self
    }

    session_setters!(BertPredictor);

    fn note(&mut self, note: TextNote) {
        if let Some(each) = &mut self.on_note {
            each(&note);
        }
        self.notes.push(note);
    }
}

/// A fine-tuned model with its scores.
#[derive(Debug)]
#[non_exhaustive]
pub struct FineTuned {
    /// The model, which predicts for texts.
    pub predictor: TextPredictor,
    /// The metrics of every epoch.
    pub history: History,
    /// The scores on the texts that are only scored: `accuracy` and `loss`, or `rmse`, `mae` and `r2` in the units of
    /// the target.
    pub test: Vec<(&'static str, f64)>,
    /// True and predicted classes of these texts; `None` for numbers.
    pub matrix: Option<ConfusionMatrix>,
    /// The notes of the training run.
    pub notes: Vec<TextNote>,
    /// The run folder, if there is one.
    pub run: Option<Run>,
}

impl FineTuned {
    /// A score on the test texts by its name.
    pub fn score(&self, name: &str) -> Option<f64> {
        let found = self.test.iter().find(|(score, _)| *score == name);
        found.map(|&(_, value)| value)
    }

    /// The scores as a text: a table of the classes, or a line for numbers.
    pub fn scores(&self) -> String {
        let classes = self.predictor.config().classes.as_ref();
        match (&self.matrix, classes) {
            (Some(matrix), Some(names)) => matrix.scores().table(names),
            _ => {
                let scores = self.test.iter();
                let scores: Vec<String> = scores
                    .map(|(name, value)| format!("{name} {value:.4}"))
                    .collect();
                scores.join("  ")
            }
        }
    }

    /// Writes the model as a bundle, which [`TextPredictor::open`] opens. With a run folder this has been done.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn save(&self, folder: impl Into<PathBuf>) -> Result<Bundle, FineTuneError> {
        self.predictor.save(folder)
    }

    /// Writes the confusion matrix of classes into a folder: `confusion.svg`.
    fn write_figures(&self, folder: &Path) -> Result<(), FineTuneError> {
        if let (Some(matrix), Some(names)) = (&self.matrix, &self.predictor.config().classes) {
            let svg = matrix.to_svg("Test texts", names)?;
            write_atomic(folder.join("confusion.svg"), svg)?;
        }
        Ok(())
    }
}

/// Information about a training run that the user should know and that is not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextNote {
    /// Rows of a table without a text or a target.
    Skipped {
        /// Their number.
        rows: usize,
    },
    /// Texts that are longer than the model reads.
    Cut {
        /// Their number.
        cut: usize,
        /// All texts.
        texts: usize,
        /// Tokens that are read of each.
        tokens: usize,
    },
    /// Training starts.
    Start {
        /// Parameters of the model.
        parameters: usize,
        /// Those that are trained.
        trained: usize,
        /// Training, validation and test texts.
        texts: [usize; 3],
        /// Classes; `None` for numbers.
        classes: Option<usize>,
    },
}

impl fmt::Display for TextNote {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Skipped { rows } => {
                write!(f, "{rows} rows without a text or a target are left out")
            }
            Self::Cut { cut, texts, tokens } => write!(
                f,
                "warning: {cut} of {texts} texts are longer than {tokens} tokens: the rest of them is not read"
            ),
            Self::Start {
                parameters,
                trained,
                texts: [train, valid, test],
                classes,
            } => {
                write!(
                    f,
                    "{parameters} parameters, {trained} of them trained; {train} training, {valid} validation and \
                     {test} test texts"
                )?;
                match classes {
                    Some(classes) => write!(f, ", {classes} classes"),
                    None => write!(
                        f,
                        ", numbers to predict (a target that is read as text has classes: --column-type NAME=text)"
                    ),
                }
            }
        }
    }
}

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use tinderbox_core::{Seed, write_atomic};
use tinderbox_data::text::PretrainedTokenizer;
use tinderbox_models::{BertPredictor, BertPredictorConfig};
use tinderbox_nn::TextNetwork;
use tinderbox_train::Bundle;

use super::FineTuneError;
use super::encoder::{Tokens, by_length, check_vocabulary};

/// The description of a [`TextPredictor`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextPredictorConfig {
    /// The model.
    pub network: BertPredictorConfig,
    /// The number of tokens of the longest text; longer ones are cut.
    pub max_tokens: usize,
    /// The column with the texts, for tables.
    pub text: String,
    /// The column with the classes or numbers.
    pub target: String,
    /// The names of the classes in the order of the outputs; `None` for numbers.
    pub classes: Option<Vec<String>>,
    /// How outputs become numbers; not used for classes.
    pub scale: TextScale,
}

/// Numbers as `shift + scale * output`: mean and standard deviation of the training texts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextScale {
    /// The number of an output of 0.
    pub shift: f32,
    /// The step of an output of 1.
    pub scale: f32,
}

impl Default for TextScale {
    fn default() -> Self {
        Self {
            shift: 0.0,
            scale: 1.0,
        }
    }
}

/// A fine-tuned encoder with its tokenizer: classes or numbers for texts.
///
/// [`FineTuning`](super::FineTuning) writes its bundle.
#[derive(Debug)]
pub struct TextPredictor {
    config: TextPredictorConfig,
    model: BertPredictor,
    tokenizer: PretrainedTokenizer,
}

/// Predictions for texts.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictedTexts {
    /// For each text the probability of each class, or one number.
    pub rows: Vec<Vec<f32>>,
    /// Texts that were longer than the model reads, and were cut.
    pub cut: usize,
}

const TOKENIZER: &str = "tokenizer.json";

impl TextPredictor {
    /// The name of the model in bundles.
    pub const NAME: &'static str = "text_predictor";

    /// A model with its tokenizer.
    ///
    /// # Errors
    /// A tokenizer with more tokens than the model, texts longer than its positions.
    pub fn new(
        config: TextPredictorConfig,
        model: BertPredictor,
        tokenizer: PretrainedTokenizer,
    ) -> Result<Self, FineTuneError> {
        check_vocabulary(&tokenizer, config.network.encoder.vocabulary)?;
        check_length(config.max_tokens, config.network.encoder.context)?;
        Ok(Self {
            config,
            model: model.valid(),
            tokenizer,
        })
    }

    /// The model of a bundle folder.
    ///
    /// # Errors
    /// A folder that is not a bundle, one of another kind of model, damaged files, a tokenizer that does not belong
    /// to the weights.
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self, FineTuneError> {
        let bundle = Bundle::open(folder.as_ref())?;
        let config: TextPredictorConfig = bundle.config(Self::NAME)?;
        let tokenizer = PretrainedTokenizer::open(bundle.folder().join(TOKENIZER))?;
        // The weights are read from the file.
        let model = config.network.init(Seed::new(0), device)?;
        let model = bundle.load_into(model)?;
        Self::new(config, model, tokenizer)
    }

    /// Writes weights, description and `tokenizer.json` as a bundle.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn save(&self, folder: impl Into<PathBuf>) -> Result<Bundle, FineTuneError> {
        let bundle = Bundle::save(folder, Self::NAME, &self.config, &self.model)?;
        write_atomic(bundle.folder().join(TOKENIZER), self.tokenizer.to_json()?)?;
        Ok(bundle)
    }

    /// The description of the model.
    pub fn config(&self) -> &TextPredictorConfig {
        &self.config
    }

    /// The model.
    pub fn model(&self) -> &BertPredictor {
        &self.model
    }

    /// For each text the probability of each class, in the order of [`TextPredictorConfig::classes`], or one number.
    /// Longer texts are cut, and counted.
    ///
    /// # Errors
    /// A text that the tokenizer has no rule for.
    pub fn predict<T: AsRef<str>>(&self, texts: &[T]) -> Result<PredictedTexts, FineTuneError> {
        let Tokens { ids, cut } = Tokens::of(&self.tokenizer, texts, self.config.max_tokens)?;
        let outputs = self.outputs(&ids);
        let outputs = match &self.config.classes {
            Some(_) => softmax(outputs, 1),
            None => outputs * self.config.scale.scale + self.config.scale.shift,
        };
        let numbers: Vec<f32> = outputs.into_data().iter::<f32>().collect();
        let rows = numbers.chunks(self.config.network.outputs);
        Ok(PredictedTexts {
            rows: rows.map(<[f32]>::to_vec).collect(),
            cut: cut.len(),
        })
    }

    fn outputs(&self, ids: &[Vec<u32>]) -> Tensor<2> {
        let device = self.model.devices().into_iter().next().unwrap_or_default();
        by_length(ids, self.config.network.outputs, &device, |texts| {
            self.model.forward(texts.ids, texts.lengths)
        })
    }
}

/// A length of texts that the model has positions for: its first and last token at least.
pub(super) fn check_length(asked: usize, context: usize) -> Result<(), FineTuneError> {
    match (2..=context).contains(&asked) {
        true => Ok(()),
        false => Err(FineTuneError::Positions { asked, context }),
    }
}

//! The models of the course and of torchvision, one in each file, and a registry of the image models.
//!
//! A model file has this order: its description, `…Config` (serde), the model, `init`, `forward` with
//! its shapes. Every image model is tested through the [`registry`].
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use tinderbox_core::Seed;
//! use tinderbox_models::{find, summary};
//! use tinderbox_nn::Network;
//!
//! let (seed, device) = (Seed::new(42), Device::flex());
//! let lenet = (find("lenet")?.config)([1, 28, 28], 10).init(seed, &device)?;
//!
//! let images = Tensor::<4>::zeros([2, 1, 28, 28], &device);
//! assert_eq!(lenet.predict(images)?.dims(), [2, 10]); // one logit for each image and class
//!
//! let table = summary(&lenet)?; // prints as a table: layer, output, parameters, multiply-adds
//! assert_eq!(table.parameters, 61_706);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod beam;
mod bert;
mod check;
mod decoding;
mod error;
pub mod image;
mod image_model;
mod language_model;
mod linear_regression;
mod registry;
mod summary;
mod table;
mod tabular_mlp;
mod text;
pub mod translation;
mod word2vec;

pub use beam::{BeamSearch, Hypothesis, SpecialTokens};
pub use bert::{
    Bert, BertActivation, BertConfig, BertInputs, BertPredictor, BertPredictorConfig,
    BertPretraining, Pooling, mean_of_tokens, pretraining_losses,
};
pub use decoding::{Decoding, DecodingError};
pub use error::ModelError;
pub use image_model::{ImageConfig, ImageModel};
pub use language_model::{
    Gpt, GptConfig, LanguageModel, LanguageModelConfig, Llama, LlamaConfig, RecurrentLanguageModel,
    RecurrentLanguageModelConfig,
};
pub use linear_regression::{LinearRegression, LinearRegressionConfig};
pub use registry::{ModelEntry, find, registry};
pub use summary::{Summary, SummaryRow, summary};
pub use table::{
    CategoryColumn, EnsembleLayer, FtBlock, FtTransformer, FtTransformerConfig, NtkLinear,
    NumberEmbedding, NumberEmbeddingConfig, RealActivation, RealLayer, RealMlp, RealMlpConfig,
    TabM, TabMConfig, TableColumns, TableInputs, quantile_edges,
};
pub use tabular_mlp::{HiddenLayer, TabularMlp, TabularMlpConfig};
pub use text::{
    BiLstm, BiLstmConfig, DecomposableAttention, DecomposableAttentionConfig, FirstLayer, TextCnn,
    TextCnnConfig,
};
pub use translation::{TranslationConfig, TranslationNetwork, Translator};
pub use word2vec::{SkipGram, SkipGramModelConfig, skip_gram_loss};

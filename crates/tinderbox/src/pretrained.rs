//! Models of other programs: the folders of Hugging Face.
//!
//! [`Pretrained::open`] reads a folder with `config.json` and `model.safetensors` (also in parts, with
//! `model.safetensors.index.json`) of the families BERT, GPT-2 and Llama.

mod config;
#[cfg(feature = "hub")]
mod hub;
mod names;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::Deserialize;
use tinderbox_core::Seed;
use tinderbox_models::{Bert, BertConfig, LanguageModel, LanguageModelConfig, ModelError};
use tinderbox_train::{TrainError, load_renamed_weights, weight_names};

use config::{Family, read_config};
#[cfg(feature = "hub")]
pub use hub::{Hub, HubError};

/// A model with the weights of a folder.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // there is one at a time
pub enum Pretrained {
    /// An encoder.
    Bert {
        /// Its shape.
        config: BertConfig,
        /// The model.
        model: Bert,
    },
    /// A decoder that continues texts: GPT-2 or Llama.
    Language {
        /// Its shape.
        config: LanguageModelConfig,
        /// The model.
        model: LanguageModel,
    },
}

impl Pretrained {
    /// The model of a folder, or with the feature `hub` of a name: see [`find`].
    ///
    /// Heads for a task (masked tokens, classes) are left out. Numbers of another precision become the device's.
    ///
    /// # Errors
    /// A folder without a configuration or weights, another family of models or one with settings that this crate
    /// does not have, names that are missing, unexpected or of another shape.
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self, PretrainedError> {
        let folder = find(folder)?;
        let folder = folder.as_path();
        let files = weight_files(folder)?;
        // The numbers are read from the files.
        let seed = Seed::new(0);
        Ok(match read_config(&folder.join("config.json"))? {
            Family::Bert(mut config) => {
                let names = weight_names(&files)?;
                config.pooler = names
                    .iter()
                    .any(|name| name.ends_with("pooler.dense.weight"));
                let model = config.init(seed, device)?;
                Self::Bert {
                    model: load_renamed_weights(model, &files, names::bert)?,
                    config,
                }
            }
            Family::Language(config) => {
                let tied = match &config {
                    LanguageModelConfig::Llama(llama) => llama.tied,
                    _ => true,
                };
                let model = config.init(seed, device)?;
                let renamed = |name: &str| match &config {
                    LanguageModelConfig::Llama(_) => names::llama(name, tied),
                    _ => names::gpt(name),
                };
                Self::Language {
                    model: load_renamed_weights(model, &files, renamed)?,
                    config,
                }
            }
        })
    }
}

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// The part of the index that is used.
#[derive(Deserialize)]
struct Index {
    weight_map: std::collections::BTreeMap<String, String>,
}

/// The files with the weights of a folder.
pub(crate) fn weight_files(folder: &Path) -> Result<Vec<PathBuf>, PretrainedError> {
    if !folder.is_dir() {
        return Err(PretrainedError::Folder {
            folder: folder.to_owned(),
        });
    }
    let one = folder.join(WEIGHTS);
    if one.is_file() {
        return Ok(vec![one]);
    }
    let path = folder.join(INDEX);
    if !path.is_file() {
        return Err(PretrainedError::NoWeights {
            folder: folder.to_owned(),
        });
    }
    let names = index_parts(folder)?;
    let missing = names.iter().filter(|name| !folder.join(name).is_file());
    let missing: Vec<&str> = missing.map(String::as_str).collect();
    if !missing.is_empty() {
        return Err(PretrainedError::Shards {
            folder: folder.to_owned(),
            missing: missing.join(", "),
        });
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// The names of the files that the index of a folder names, each once.
fn index_parts(folder: &Path) -> Result<Vec<String>, PretrainedError> {
    let index: Index = read_json(&folder.join(INDEX))?;
    let mut names: Vec<String> = index.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    // A file beside the index, and nothing elsewhere on this machine.
    let beside = |name: &&String| Path::new(name).file_name() == Some(std::ffi::OsStr::new(name));
    match names.iter().find(|name| !beside(name)) {
        None => Ok(names),
        Some(name) => Err(PretrainedError::File {
            path: folder.join(INDEX),
            problem: format!("it names {name:?}, which is no file beside it"),
        }),
    }
}

/// The folder of a model: the folder itself, or with the feature `hub` that of a name such as
/// `sentence-transformers/all-MiniLM-L6-v2`, downloaded from the hub of Hugging Face unless it is there already
/// (`Hub::from_env`).
///
/// # Errors
/// Neither a folder nor a name, and those of the hub.
pub fn find(folder_or_name: impl AsRef<Path>) -> Result<PathBuf, PretrainedError> {
    let path = folder_or_name.as_ref();
    if path.is_dir() {
        return Ok(path.to_owned());
    }
    if path.is_file() {
        return Err(PretrainedError::IsFile {
            path: path.to_owned(),
        });
    }
    #[cfg(feature = "hub")]
    if let Some(name) = path.to_str() {
        return Ok(Hub::from_env().folder(name)?);
    }
    Err(PretrainedError::Folder {
        folder: path.to_owned(),
    })
}

/// The content of a JSON file.
pub(crate) fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, PretrainedError> {
    let fault = |problem: String| PretrainedError::File {
        path: path.to_owned(),
        problem,
    };
    let text = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| fault(error.to_string()))
}

/// A folder that cannot be read as a model. Every message says what, where and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PretrainedError {
    /// No such folder.
    #[error(
        "{}: there is no such folder; download the model there (config.json, model.safetensors, tokenizer.json), or give \
         its name to a program built with the feature hub",
        folder.display()
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
    },
    /// A file in place of a folder.
    #[error("{}: this is a file; give the folder with config.json, model.safetensors and tokenizer.json", path.display())]
    IsFile {
        /// The file.
        path: PathBuf,
    },
    /// A folder without weights.
    #[error(
        "{}: it has neither {WEIGHTS} nor {INDEX}; files of pickled weights (.bin, .pt) can run code and are not read: \
         convert them to safetensors",
        folder.display()
    )]
    NoWeights {
        /// The folder.
        folder: PathBuf,
    },
    /// Parts of the weights that are not there.
    #[error("{}: the index names files that are not there: {missing}; download them too", folder.display())]
    Shards {
        /// The folder.
        folder: PathBuf,
        /// The names of the files.
        missing: String,
    },
    /// A file that cannot be read, or does not hold what it should.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A family of models that is not supported.
    #[error(
        "{}: the model type {found:?} is not supported; supported are bert, gpt2 and llama",
        path.display()
    )]
    Family {
        /// The configuration file.
        path: PathBuf,
        /// The type that it names.
        found: String,
    },
    /// A setting of the model that this crate does not have.
    #[error("{}: {field} = {value} is not supported; supported is {supported}", path.display())]
    Setting {
        /// The configuration file.
        path: PathBuf,
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// The supported values.
        supported: &'static str,
    },
    /// The sizes of the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The weights.
    #[error(transparent)]
    Weights(#[from] TrainError),
    /// The hub.
    #[cfg(feature = "hub")]
    #[error(transparent)]
    Hub(#[from] HubError),
}

//! A trained model for deployment: weights, configuration and fitted parts, in formats that any tool can read.

use std::path::{Path, PathBuf};

use burn::module::Module;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tinderbox_core::write_atomic;

use crate::{Result, TrainError, load_weights, save_weights};

/// The description of a model next to its weights.
#[derive(Debug, Serialize, Deserialize)]
struct ModelFile<C> {
    /// Version of this format.
    format: u32,
    /// Name of the model, e.g. `linear_regression`.
    model: String,
    /// Its configuration, enough to build it.
    config: C,
}

const FORMAT: u32 = 1;

/// The folder of a trained model: weights (`model.safetensors`), configuration (`model.json`) and fitted parts such
/// as the features of a table (`features.json`).
///
/// Weights are in the safetensors format, with tensor names as in PyTorch (`linear.weight`,
/// `linear.bias`) and linear weights in PyTorch's orientation `[outputs, inputs]`.
#[derive(Clone, Debug)]
pub struct Bundle {
    folder: PathBuf,
}

impl Bundle {
    /// Writes a model and its configuration into this folder.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn save<M: Module>(
        folder: impl Into<PathBuf>,
        name: &str,
        config: &impl Serialize,
        model: &M,
    ) -> Result<Self> {
        let bundle = Self {
            folder: folder.into(),
        };
        let file = ModelFile {
            format: FORMAT,
            model: name.to_string(),
            config,
        };
        let text = serde_json::to_string_pretty(&file).map_err(|error| TrainError::Bundle {
            path: bundle.description(),
            reason: error.to_string(),
        })?;
        save_weights(model, bundle.weights())?;
        write_atomic(bundle.description(), text + "\n")?;
        Ok(bundle)
    }

    /// Opens the folder of a bundle.
    ///
    /// # Errors
    /// A folder without `model.json` or without `model.safetensors`.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        let bundle = Self {
            folder: folder.into(),
        };
        for path in [bundle.description(), bundle.weights()] {
            if !path.is_file() {
                return Err(TrainError::Bundle {
                    path,
                    reason: "no such file; give the folder `bundle` of a finished run".into(),
                });
            }
        }
        Ok(bundle)
    }

    /// Adds a fitted part that the model's inputs or outputs go through, as `NAME.json`: the features of a
    /// table, a vocabulary, anchor boxes.
    ///
    /// # Errors
    /// A part that cannot be written as JSON, a file that cannot be written.
    pub fn save_part(&self, name: &str, part: &impl Serialize) -> Result<()> {
        let path = self.part_file(name);
        let text = serde_json::to_string_pretty(part).map_err(|error| TrainError::Bundle {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        Ok(write_atomic(path, text + "\n")?)
    }

    /// A fitted part that [`save_part`](Self::save_part) wrote.
    ///
    /// # Errors
    /// A bundle without it, a damaged file, or one of another version.
    pub fn part<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let path = self.part_file(name);
        let fault = |reason: String| TrainError::Bundle {
            path: path.clone(),
            reason,
        };
        if !path.is_file() {
            return Err(fault(format!(
                "no such file; the model was saved without its {name}"
            )));
        }
        let text = std::fs::read_to_string(&path).map_err(|source| TrainError::Read {
            path: path.clone(),
            source,
        })?;
        serde_json::from_str(&text).map_err(|error| fault(error.to_string()))
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name of the model.
    ///
    /// # Errors
    /// A `model.json` that cannot be read.
    pub fn model_name(&self) -> Result<String> {
        Ok(self.read::<serde_json::Value>()?.model)
    }

    /// The configuration of the model, checked to be of the model called `name`.
    ///
    /// # Errors
    /// A bundle of another model, or a `model.json` that cannot be read.
    pub fn config<C: DeserializeOwned>(&self, name: &str) -> Result<C> {
        let found = self.model_name()?;
        if found != name {
            return Err(TrainError::Bundle {
                path: self.description(),
                reason: format!("it holds the model '{found}', not '{name}'"),
            });
        }
        Ok(self.read::<C>()?.config)
    }

    /// Puts the weights into a model built from [`config`](Self::config).
    ///
    /// # Errors
    /// Weights that are missing, unexpected, of another shape, or a damaged file.
    pub fn load_into<M: Module>(&self, model: M) -> Result<M> {
        load_weights(model, self.weights())
    }

    fn read<C: DeserializeOwned>(&self) -> Result<ModelFile<C>> {
        let path = self.description();
        let text = std::fs::read_to_string(&path).map_err(|source| TrainError::Read {
            path: path.clone(),
            source,
        })?;
        let file: ModelFile<C> =
            serde_json::from_str(&text).map_err(|error| TrainError::Bundle {
                path: path.clone(),
                reason: error.to_string(),
            })?;
        if file.format != FORMAT {
            return Err(TrainError::Bundle {
                path,
                reason: format!(
                    "format {}, but this version reads format {FORMAT}",
                    file.format
                ),
            });
        }
        Ok(file)
    }

    fn weights(&self) -> PathBuf {
        self.folder.join("model.safetensors")
    }

    fn part_file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    fn description(&self) -> PathBuf {
        self.folder.join("model.json")
    }
}

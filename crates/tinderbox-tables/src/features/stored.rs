//! Fitted features as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fitted::Features;
use super::fitted_column::FittedColumn;
use super::spec::Ignored;
use super::target::FittedTarget;
use crate::{ColumnType, DataError, Lags, Result, TableFormat};

/// The version of the file format that is written and read.
const FORMAT: u32 = 3;

/// The contents of the file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: u32,
    columns: Vec<FittedColumn>,
    target: Option<FittedTarget>,
    /// Types of the input columns, where text tables have them.
    types: BTreeMap<String, ColumnType>,
    left_out: Vec<Ignored>,
    /// How the file of the training rows was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_as: Option<TableFormat>,
    /// Which past values the frame has as columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lags: Option<Lags>,
}

impl Features {
    /// The fitted features as JSON, which [`Features::from_json`] reads back to the last bit.
    ///
    /// # Errors
    /// Numbers that JSON cannot hold.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map_err(|error| stored("the features", &error.to_string()))
    }

    /// Fitted features from JSON.
    ///
    /// # Errors
    ///
    /// Another version of the format, damaged text, numbers or vocabularies that cannot come from a fit.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| stored("the features", &error.to_string()))
    }

    /// Writes the fitted features as a JSON file.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(tinderbox_core::write_atomic(path, self.to_json()?)?)
    }

    /// Reads a JSON file that [`Features::save`] wrote.
    ///
    /// # Errors
    /// A file that cannot be read, and what [`Features::from_json`] refuses.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| DataError::File {
            path: path.to_owned(),
            source,
        })?;
        serde_json::from_str(&text)
            .map_err(|error| stored(&path.display().to_string(), &error.to_string()))
    }
}

fn stored(what: &str, problem: &str) -> DataError {
    DataError::Stored {
        what: what.to_owned(),
        problem: problem.to_owned(),
    }
}

impl Serialize for Features {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Stored::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        Self::try_from(stored).map_err(serde::de::Error::custom)
    }
}

impl From<Features> for Stored {
    fn from(features: Features) -> Self {
        Self {
            format: FORMAT,
            columns: features.columns,
            target: features.target,
            types: features.types,
            left_out: features.left_out,
            read_as: features.read_as,
            lags: features.lags,
        }
    }
}

impl TryFrom<Stored> for Features {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        if stored.format != FORMAT {
            return Err(format!(
                "the features have format {}, this version reads format {FORMAT}; fit them again, or use the version that wrote them",
                stored.format
            ));
        }
        for column in &stored.columns {
            column.check().map_err(|problem| {
                format!(
                    "column {:?} holds {problem}; the file was changed",
                    column.names()
                )
            })?;
        }
        let Stored {
            columns,
            target,
            types,
            left_out,
            read_as,
            lags,
            ..
        } = stored;
        let mut features =
            Self::new(columns, target, types, left_out).map_err(|error| error.to_string())?;
        features.read_as = read_as;
        features.lags = lags;
        Ok(features)
    }
}

//! Which columns become features and how, as a user writes it.

mod check;
mod column;
mod steps;
mod target_spec;

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::encoder::{Encoder, TextEncoder};
use crate::{DataError, Result};

pub(super) use column::FREQUENT;
pub use column::{CategorySpec, ColumnSpec, CrossSpec, DateSpec, NumericSpec, TextSpec};
pub use steps::{DatePart, Encode, Impute, Missing, Step, Unseen};
pub use target_spec::{TargetSpec, TargetStep, Task};

/// Which columns become features and how, written in Rust or as TOML.
///
/// ```
/// use tinderbox_tables::FeatureSpec;
///
/// # fn main() -> Result<(), tinderbox_data::DataError> {
/// let spec = FeatureSpec::from_toml(r#"
///     [target]
///     columns = ["price"]
///     transform = ["log"]
///
///     [[column]]
///     name = "area"
///     kind = "numeric"
///     impute = "median"
///     missing_indicator = true
///     steps = [{ clip = { low = 0.0 } }, "log1p", "standardize"]
///
///     [[column]]
///     name = "street"
///     kind = "category"
///     unseen = "rare"
///     rare_below = 10
///
///     [[column]]
///     name = "sold"
///     kind = "date"
///     parts = ["year", "month"]
///     steps = ["standardize"]
///
///     [[column]]
///     name = "description"
///     kind = "text"
///     ngrams = 2
/// "#)?;
/// assert_eq!(spec.columns.len(), 4);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FeatureSpec {
    /// Fitting refuses a category column with more different values than this.
    #[serde(default = "max_categories")]
    pub max_categories: usize,
    /// The target; `None` for a table that is only transformed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetSpec>,
    /// The columns that become features, in this order.
    #[serde(default, rename = "column", skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnSpec>,
    /// Columns that inference left out, and why; fitting ignores this list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<Ignored>,
    #[serde(skip)]
    pub(super) encoder: Encoder,
}

fn max_categories() -> usize {
    10_000
}

impl Default for FeatureSpec {
    fn default() -> Self {
        Self {
            max_categories: max_categories(),
            target: None,
            columns: Vec::new(),
            ignored: Vec::new(),
            encoder: Encoder::default(),
        }
    }
}

/// A column that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignored {
    /// Name of the column.
    pub name: String,
    /// Why it is left out.
    pub reason: String,
}

impl FeatureSpec {
    /// Gives the encoder that columns of text name in [`TextSpec::encoder`]. It is not written to files.
    pub fn with_encoder(mut self, encoder: Arc<dyn TextEncoder>) -> Self {
        self.encoder = Encoder(Some(encoder));
        self
    }

    /// The names of the encoders that columns of text need, each once.
    pub fn encoders(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for column in &self.columns {
            if let ColumnSpec::Text(TextSpec {
                encoder: Some(name),
                ..
            }) = column
                && !names.contains(&name.as_str())
            {
                names.push(name);
            }
        }
        names
    }

    /// Reads a specification written as TOML.
    ///
    /// # Errors
    ///
    /// Text that is not a specification: the message has the line, and the names that are known there.
    pub fn from_toml(text: &str) -> Result<Self> {
        let spec: Self = toml::from_str(text).map_err(|error| DataError::Spec {
            problem: error.to_string(),
        })?;
        spec.check()?;
        Ok(spec)
    }

    /// Reads a specification from a TOML file.
    ///
    /// # Errors
    /// A file that cannot be read, and what [`FeatureSpec::from_toml`] refuses.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| DataError::File {
            path: path.to_owned(),
            source,
        })?;
        Self::from_toml(&text).map_err(|error| DataError::Format {
            path: path.to_owned(),
            problem: error.to_string(),
        })
    }

    /// The specification as TOML, which [`FeatureSpec::from_toml`] reads back.
    ///
    /// # Errors
    /// Values that TOML cannot represent.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(|error| DataError::Spec {
            problem: error.to_string(),
        })
    }
}

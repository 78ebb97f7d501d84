//! Features with the statistics of the training rows.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use tinderbox_data::Slot;

use super::encoder::{CutTexts, Encoder, TextEncoder};
use super::fitted_column::FittedColumn;
use super::output::Output;
use super::spec::Ignored;
use super::target::FittedTarget;
use super::text::TextCoding;
use crate::{ColumnFormat, ColumnType, DataError, Lags, Result, TableFormat};

/// Fitted features: a specification with the statistics of the training rows, which turns any frame
/// with the same columns into numbers.
///
/// Made by [`FeatureSpec::fit`](super::FeatureSpec::fit), stored with the weights of the model as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    pub(super) columns: Vec<FittedColumn>,
    pub(super) target: Option<FittedTarget>,
    pub(super) types: BTreeMap<String, ColumnType>,
    pub(super) left_out: Vec<Ignored>,
    pub(super) read_as: Option<TableFormat>,
    pub(super) lags: Option<Lags>,
    pub(super) encoder: Encoder,
    outputs: Vec<Output>,
    slots: Arc<[Slot]>,
}

pub(super) fn no_features(left_out: &[Ignored]) -> DataError {
    let left_out: Vec<String> = (left_out.iter().take(5))
        .map(|column| format!("\"{}\" is left out: {}", column.name, column.reason))
        .collect();
    let mut problem = "no column gives a feature; name at least one".to_owned();
    if !left_out.is_empty() {
        problem += &format!(" ({})", left_out.join("; "));
    }
    DataError::Spec { problem }
}

impl Features {
    pub(super) fn new(
        columns: Vec<FittedColumn>,
        target: Option<FittedTarget>,
        types: BTreeMap<String, ColumnType>,
        left_out: Vec<Ignored>,
    ) -> Result<Self> {
        let (mut outputs, mut slots) = (Vec::new(), Vec::new());
        for column in &columns {
            column.outputs(&mut outputs);
            column.slots(&mut slots);
        }
        if outputs.is_empty() {
            return Err(no_features(&left_out));
        }
        // A category may have the name of another feature; all names must differ.
        let mut once = HashSet::new();
        for output in &mut outputs {
            while !once.insert(output.name.clone()) {
                output.name.push('_');
            }
        }
        Ok(Self {
            columns,
            target,
            types,
            left_out,
            read_as: None,
            lags: None,
            encoder: Encoder::default(),
            outputs,
            slots: slots.into(),
        })
    }

    /// Names and meaning of the features, in their order.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        self.outputs.len()
    }

    /// Names of the columns that a frame must have to be transformed, without the target.
    pub fn inputs(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for column in &self.columns {
            for name in column.names() {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Types that the input columns had when the features were fitted, where they are those of text
    /// tables.
    pub fn input_types(&self) -> &BTreeMap<String, ColumnType> {
        &self.types
    }

    /// Stores how the file of the training rows was read, for [`format`](Self::format); columns that are
    /// not inputs are dropped.
    pub fn with_format(mut self, mut format: TableFormat) -> Self {
        let inputs = self.inputs();
        format
            .columns
            .retain(|column| inputs.contains(&column.name.as_str()));
        // The columns already have their types.
        format.options.types.clear();
        self.read_as = Some(format);
        self
    }

    /// Stores which columns [`Lags::add`] gave the frame that the features were fitted on.
    pub fn with_lags(mut self, lags: Lags) -> Self {
        self.lags = Some(lags);
        self
    }

    /// Gives the encoder of the columns of text that were fitted with one: [`encoders`](Self::encoders) has their names.
    /// It is not written to files.
    ///
    /// # Errors
    /// Another encoder than the columns were fitted with: of another digest or width.
    pub fn with_encoder(mut self, given: Arc<dyn TextEncoder>) -> Result<Self> {
        for column in &mut self.columns {
            let FittedColumn::Text {
                name,
                coding:
                    TextCoding::Vectors {
                        encoder,
                        digest,
                        shift,
                        ..
                    },
                ..
            } = column
            else {
                continue;
            };
            if digest != given.digest() || shift.len() != given.width() {
                return Err(DataError::Column {
                    column: name.clone(),
                    problem: format!(
                        "its texts were encoded by {encoder}, and {} is another encoder ({} numbers, not {}; or other \
                         files); give the one of the training run",
                        given.name(),
                        given.width(),
                        shift.len()
                    ),
                });
            }
            // The same files may be in another place now.
            *encoder = given.name().to_owned();
        }
        self.encoder = Encoder(Some(given));
        Ok(self)
    }

    /// The texts so far that were longer than the encoder of the columns of text reads; `None` if all were read whole.
    pub fn cut_texts(&self) -> Option<CutTexts> {
        self.encoder.0.as_ref()?.cut_texts()
    }

    /// The names of the encoders that columns of text were fitted with, each once.
    pub fn encoders(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for column in &self.columns {
            if let FittedColumn::Text {
                coding: TextCoding::Vectors { encoder, .. },
                ..
            } = column
                && !names.contains(&encoder.as_str())
            {
                names.push(encoder);
            }
        }
        names
    }

    /// What a frame needs before it is transformed: its past as columns.
    pub fn lags(&self) -> Option<&Lags> {
        self.lags.as_ref()
    }

    /// How to read another file whose rows are to be transformed.
    ///
    /// Separator, null values and the like are those of [`with_format`](Self::with_format); without it
    /// they are inferred. Columns have the types of the training rows, with two exceptions: category
    /// columns are read as text, so that a new value such as `19-25` among whole numbers is an unseen
    /// category and not an error, and columns that are not needed (the target too) may have any type.
    pub fn format(&self) -> TableFormat {
        let mut format = self.read_as.clone().unwrap_or_default();
        let lags = self.lags.iter().flat_map(Lags::names).collect::<Vec<_>>();
        for (name, &kind) in &self.types {
            // They are made of other columns.
            if lags.contains(name) {
                continue;
            }
            if format.column(name).is_none() {
                format.columns.push(ColumnFormat {
                    name: name.clone(),
                    kind,
                    decimal: None,
                    percent: false,
                    dates: None,
                    notes: Vec::new(),
                });
            }
        }
        for column in &mut format.columns {
            let used = self.columns.iter();
            let mut used = used.filter(|other| other.names().contains(&column.name.as_str()));
            // The text `1,299` is not the category 1299.
            let plain = column.decimal.is_none() && !column.percent;
            if plain && used.all(FittedColumn::is_text) {
                column.kind = ColumnType::Text;
            }
        }
        format
    }

    /// Columns of the specification that give no feature, and why: no value in any training row, or only
    /// categories that are too rare.
    pub fn left_out(&self) -> &[Ignored] {
        &self.left_out
    }

    /// The slots of a narrow row.
    pub(crate) fn slots(&self) -> &Arc<[Slot]> {
        &self.slots
    }

    /// Names of the target columns.
    pub fn target_names(&self) -> Vec<&str> {
        self.target
            .as_ref()
            .map_or_else(Vec::new, FittedTarget::names)
    }

    /// Names of the classes, for a target of classes.
    pub fn classes(&self) -> Option<&[String]> {
        self.target.as_ref()?.classes()
    }
}

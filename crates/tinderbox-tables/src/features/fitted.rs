use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::coding::Coding;
use super::columns::WordKind;
use super::target::FittedTarget;
use super::{DatePart, Ignored, Unseen};
use crate::{ColumnFormat, ColumnType, DataError, Result, TableFormat};
use tinderbox_data::Slot;

/// The form that this version writes and reads.
const FORMAT: u32 = 2;

/// Everything that turns a frame into numbers: fitted by [`FeatureSpec::fit`](super::FeatureSpec::fit)
/// on training rows, stored beside the weights, applied to whatever comes later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Features {
    pub(super) columns: Vec<FittedColumn>,
    pub(super) target: Option<FittedTarget>,
    types: BTreeMap<String, ColumnType>,
    left_out: Vec<Ignored>,
    read_as: Option<TableFormat>,
    outputs: Vec<Output>,
    slots: Arc<[Slot]>,
}

/// One feature: a column of [`TensorTable::features`](super::TensorTable).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// Its name.
    pub name: String,
    /// The column of the frame that it is made from; of two crossed columns, both with × between.
    pub source: String,
    /// What its numbers mean.
    pub kind: OutputKind,
}

/// What the numbers of a feature mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputKind {
    /// A quantity.
    Number,
    /// 1 where the row has this category, else 0.
    OneHot,
    /// An index below `size`, for an embedding.
    Index {
        /// Number of different indices, 0 for missing and unseen values included.
        size: usize,
    },
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: u32,
    columns: Vec<FittedColumn>,
    target: Option<FittedTarget>,
    /// Types of the input columns, where they are those of text tables.
    types: BTreeMap<String, ColumnType>,
    left_out: Vec<Ignored>,
    /// How the file of the training rows was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_as: Option<TableFormat>,
}

/// Whether a feature says that a value is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Indicator {
    /// There is none.
    Absent,
    /// There is one, but no training row had a missing value: a model learns nothing about it, so it
    /// stays 0.
    Zero,
    Present,
}

impl Indicator {
    pub fn new(wanted: bool, seen: bool) -> Self {
        match (wanted, seen) {
            (false, _) => Self::Absent,
            (true, false) => Self::Zero,
            (true, true) => Self::Present,
        }
    }

    /// Number of features.
    pub fn width(self) -> usize {
        usize::from(self != Self::Absent)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum FittedColumn {
    Numeric {
        name: String,
        indicator: Indicator,
        number: Number,
    },
    Category {
        name: String,
        words: WordKind,
        coding: Coding,
    },
    Date {
        name: String,
        indicator: Indicator,
        parts: Vec<(DatePart, Number)>,
    },
    Cross {
        names: [String; 2],
        words: [WordKind; 2],
        coding: Coding,
    },
}

/// From a number that may be missing to a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Number {
    pub impute: Option<f64>,
    pub steps: Vec<FittedStep>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FittedStep {
    Clip { low: Option<f64>, high: Option<f64> },
    Log1p,
    Scale { shift: f64, scale: f64 },
}

impl FittedStep {
    pub fn apply(self, value: f64) -> f64 {
        match self {
            Self::Clip { low, high } => {
                let value = low.map_or(value, |low| value.max(low));
                high.map_or(value, |high| value.min(high))
            }
            Self::Log1p => value.ln_1p(),
            Self::Scale { shift, scale } => (value - shift) / scale,
        }
    }
}

impl Number {
    /// The feature for a value, or what is wrong with the value.
    pub fn apply(&self, value: Option<f64>) -> Result<f32, String> {
        let present = value.filter(|value| !value.is_nan()).or(self.impute);
        let Some(mut value) = present else {
            return Err(
                "the value is missing; state impute = \"mean\", or leave the row out".into(),
            );
        };
        for step in &self.steps {
            value = step.apply(value);
        }
        match value as f32 {
            feature if feature.is_finite() => Ok(feature),
            _ => Err(format!(
                "{} becomes {value}; correct the value, or state a clip step before the others",
                present.unwrap_or(f64::NAN)
            )),
        }
    }
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
        // A category may be called what another feature is called; names stay different.
        let mut once = std::collections::HashSet::new();
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
            outputs,
            slots: slots.into(),
        })
    }

    /// The features in their order, with what they mean.
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

    /// Keeps how the file of the training rows was read, for [`format`](Self::format); of columns that
    /// are no input nothing is kept.
    pub fn with_format(mut self, mut format: TableFormat) -> Self {
        let inputs = self.inputs();
        format
            .columns
            .retain(|column| inputs.contains(&column.name.as_str()));
        // The types of the columns say more.
        format.options.types.clear();
        self.read_as = Some(format);
        self
    }

    /// How another file is read whose rows these features are to transform.
    ///
    /// Separator, null values and the like are those of [`with_format`](Self::with_format); without it
    /// they are inferred. The columns have the types of the training rows, with two exceptions: what
    /// becomes categories is read as text, so that a new word among whole numbers is an unseen category
    /// and no mistake, and columns that are not needed, the target among them, may be anything.
    pub fn format(&self) -> TableFormat {
        let mut format = self.read_as.clone().unwrap_or_default();
        for (name, &kind) in &self.types {
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
            // Of numbers written like 1,299 the text is not the category.
            let plain = column.decimal.is_none() && !column.percent;
            if plain && used.all(FittedColumn::is_category) {
                column.kind = ColumnType::Text;
            }
        }
        format
    }

    /// Columns of the specification that give no feature, and why: those without a value in any
    /// training row.
    pub fn left_out(&self) -> &[Ignored] {
        &self.left_out
    }

    /// What a narrow row is made of.
    pub(crate) fn slots(&self) -> &Arc<[Slot]> {
        &self.slots
    }

    /// Names of the target columns.
    pub fn target_names(&self) -> Vec<&str> {
        self.target
            .as_ref()
            .map_or_else(Vec::new, FittedTarget::names)
    }

    /// Names of the classes, where classes are predicted.
    pub fn classes(&self) -> Option<&[String]> {
        self.target.as_ref()?.classes()
    }

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
    /// Another version's form, damaged text, numbers or vocabularies that no fit could have given.
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

impl FittedColumn {
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Numeric { name, .. } | Self::Category { name, .. } | Self::Date { name, .. } => {
                vec![name]
            }
            Self::Cross { names, .. } => names.iter().map(String::as_str).collect(),
        }
    }

    fn outputs(&self, outputs: &mut Vec<Output>) {
        let missing = |name: &str, indicator: &Indicator| {
            (*indicator != Indicator::Absent).then(|| Output {
                name: format!("{name}_missing"),
                source: name.to_owned(),
                kind: OutputKind::OneHot,
            })
        };
        match self {
            Self::Numeric {
                name, indicator, ..
            } => {
                outputs.push(Output {
                    name: name.clone(),
                    source: name.clone(),
                    kind: OutputKind::Number,
                });
                outputs.extend(missing(name, indicator));
            }
            Self::Date {
                name,
                indicator,
                parts,
            } => {
                outputs.extend(parts.iter().map(|(part, _)| Output {
                    name: format!("{name}_{}", part.name()),
                    source: name.clone(),
                    kind: OutputKind::Number,
                }));
                outputs.extend(missing(name, indicator));
            }
            Self::Category { name, coding, .. } => coding.outputs(name, outputs),
            Self::Cross {
                names: [a, b],
                coding,
                ..
            } => coding.outputs(&format!("{a}×{b}"), outputs),
        }
    }

    fn is_category(&self) -> bool {
        matches!(self, Self::Category { .. } | Self::Cross { .. })
    }

    fn slots(&self, slots: &mut Vec<Slot>) {
        let numbers = match self {
            Self::Category { coding, .. } | Self::Cross { coding, .. } => {
                return slots.push(coding.slot());
            }
            Self::Numeric { indicator, .. } => 1 + indicator.width(),
            Self::Date {
                indicator, parts, ..
            } => parts.len() + indicator.width(),
        };
        slots.resize(slots.len() + numbers, Slot::Number);
    }

    fn check(&self) -> Result<(), String> {
        let number = |number: &Number| {
            let steps = number.steps.iter().all(|step| match *step {
                FittedStep::Scale { shift, scale } => {
                    shift.is_finite() && scale.is_finite() && scale != 0.0
                }
                FittedStep::Clip { low, high } => {
                    [low, high].into_iter().flatten().all(|end| !end.is_nan())
                }
                FittedStep::Log1p => true,
            });
            match steps && number.impute.is_none_or(f64::is_finite) {
                true => Ok(()),
                false => Err("a number that cannot be".to_owned()),
            }
        };
        match self {
            Self::Numeric { number: n, .. } => number(n),
            Self::Date { parts, .. } => parts.iter().try_for_each(|(_, part)| number(part)),
            Self::Category { coding, .. } | Self::Cross { coding, .. } => {
                let words = &coding.vocabulary.words;
                let once: std::collections::HashSet<_> = words.iter().collect();
                match once.len() == words.len()
                    && coding.most_frequent.is_none_or(|place| place < words.len())
                    && (coding.rare.is_some() || coding.unseen != Unseen::Rare)
                {
                    true => Ok(()),
                    false => Err("a vocabulary that cannot be".to_owned()),
                }
            }
        }
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
            ..
        } = stored;
        let features =
            Self::new(columns, target, types, left_out).map_err(|error| error.to_string())?;
        Ok(Self {
            read_as,
            ..features
        })
    }
}

//! One column as it was fitted: its names, its features, and the check of what a file holds.

use serde::{Deserialize, Serialize};
use tinderbox_data::Slot;

use super::coding::Coding;
use super::numeric::{FittedStep, Number};
use super::output::{Output, OutputKind};
use super::spec::{DatePart, Unseen};
use super::text::TextCoding;
use super::values::CategoryKind;

/// Whether a column has a feature for missing values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Indicator {
    /// There is none.
    Absent,
    /// There is one, but no training row had a missing value, so that the model cannot learn its weight:
    /// it is always 0.
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

/// A [`ColumnSpec`](super::ColumnSpec) with the statistics of the training rows.
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
        category_kind: CategoryKind,
        coding: Coding,
    },
    Date {
        name: String,
        indicator: Indicator,
        parts: Vec<(DatePart, Number)>,
    },
    Cross {
        names: [String; 2],
        category_kinds: [CategoryKind; 2],
        coding: Coding,
    },
    Text {
        name: String,
        indicator: Indicator,
        coding: TextCoding,
    },
}

impl FittedColumn {
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Numeric { name, .. }
            | Self::Category { name, .. }
            | Self::Date { name, .. }
            | Self::Text { name, .. } => vec![name],
            Self::Cross { names, .. } => names.iter().map(String::as_str).collect(),
        }
    }

    pub fn outputs(&self, outputs: &mut Vec<Output>) {
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
            Self::Text {
                name,
                indicator,
                coding,
            } => {
                outputs.extend(coding.names(name).map(|feature| Output {
                    name: feature,
                    source: name.clone(),
                    kind: OutputKind::Text,
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

    /// Whether its values are read as text.
    pub fn is_text(&self) -> bool {
        matches!(
            self,
            Self::Category { .. } | Self::Cross { .. } | Self::Text { .. }
        )
    }

    pub fn slots(&self, slots: &mut Vec<Slot>) {
        let numbers = match self {
            Self::Category { coding, .. } | Self::Cross { coding, .. } => {
                return slots.push(coding.slot());
            }
            Self::Numeric { indicator, .. } => 1 + indicator.width(),
            Self::Text {
                indicator, coding, ..
            } => coding.width() + indicator.width(),
            Self::Date {
                indicator, parts, ..
            } => parts.len() + indicator.width(),
        };
        slots.resize(slots.len() + numbers, Slot::Number);
    }

    pub fn check(&self) -> Result<(), String> {
        let number = |number: &Number| {
            let steps = number.steps.iter().all(|step| match *step {
                FittedStep::Scale { shift, scale } => {
                    shift.is_finite() && scale.is_finite() && scale != 0.0
                }
                FittedStep::Clip { low, high } => {
                    [low, high].into_iter().flatten().all(|end| !end.is_nan())
                }
                FittedStep::Log1p | FittedStep::SmoothClip => true,
            });
            match steps && number.impute.is_none_or(f64::is_finite) {
                true => Ok(()),
                false => Err("an impossible number".to_owned()),
            }
        };
        match self {
            Self::Numeric { number: n, .. } => number(n),
            Self::Date { parts, .. } => parts.iter().try_for_each(|(_, part)| number(part)),
            Self::Text { coding, .. } => coding.check(),
            Self::Category { coding, .. } | Self::Cross { coding, .. } => {
                let categories = &coding.vocabulary.categories;
                let once: std::collections::HashSet<_> = categories.iter().collect();
                match once.len() == categories.len()
                    && coding
                        .most_frequent
                        .is_none_or(|place| place < categories.len())
                    && (coding.rare.is_some() || coding.unseen != Unseen::Rare)
                {
                    true => Ok(()),
                    false => Err("an impossible vocabulary".to_owned()),
                }
            }
        }
    }
}

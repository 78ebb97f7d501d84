use tinderbox_core::Seed;
use tinderbox_data::{Classes, DataError, Strategy, split};

use super::FineTuneError;

/// Texts with a class or a number each.
#[derive(Clone, Debug, PartialEq)]
pub struct TextData {
    /// The texts.
    pub texts: Vec<String>,
    /// Their classes or numbers.
    pub targets: TextTargets,
    /// The column of the texts; `text` if there is no table.
    pub text: String,
    /// The column of the targets; `target` if there is no table.
    pub target: String,
    /// Rows of the table that were left out.
    pub skipped: usize,
}

/// What is predicted for texts.
#[derive(Clone, Debug, PartialEq)]
pub enum TextTargets {
    /// A class for each.
    Classes(Classes),
    /// A number for each.
    Numbers(Vec<f32>),
}

impl TextTargets {
    /// Those of the texts with these indices.
    fn gather(&self, indices: &[usize]) -> Self {
        match self {
            Self::Classes(classes) => Self::Classes(classes.gather(indices)),
            Self::Numbers(numbers) => {
                Self::Numbers(indices.iter().map(|&at| numbers[at]).collect())
            }
        }
    }
}

impl TextData {
    /// Texts and their targets.
    ///
    /// # Errors
    /// Another number of targets than of texts, less than two classes.
    pub fn new(texts: Vec<String>, targets: TextTargets) -> Result<Self, FineTuneError> {
        let (count, classes) = match &targets {
            TextTargets::Classes(classes) => (classes.labels().len(), Some(classes.names())),
            TextTargets::Numbers(numbers) => (numbers.len(), None),
        };
        if count != texts.len() {
            return Err(DataError::RowsDiffer {
                features: texts.len(),
                targets: count,
            }
            .into());
        }
        if let Some(names) = classes.filter(|names| names.len() < 2) {
            return Err(FineTuneError::Classes {
                names: names.join(", "),
            });
        }
        Ok(Self {
            texts,
            targets,
            text: "text".into(),
            target: "target".into(),
            skipped: 0,
        })
    }

    /// The texts with these indices, in this order.
    pub fn gather(&self, indices: &[usize]) -> Self {
        Self {
            texts: indices
                .iter()
                .map(|&index| self.texts[index].clone())
                .collect(),
            targets: self.targets.gather(indices),
            ..self.clone()
        }
    }

    pub(super) fn classes(&self) -> Option<&Classes> {
        match &self.targets {
            TextTargets::Classes(classes) => Some(classes),
            TextTargets::Numbers(_) => None,
        }
    }

    pub(super) fn numbers(&self) -> &[f32] {
        match &self.targets {
            TextTargets::Classes(_) => &[],
            TextTargets::Numbers(numbers) => numbers,
        }
    }

    /// Parts with these shares, drawn from the seed; classes have the same share in every part.
    pub(super) fn split(&self, shares: &[f64], seed: Seed) -> Result<Vec<Self>, DataError> {
        let strategy = match &self.targets {
            TextTargets::Classes(classes) => {
                Strategy::Stratified(classes.labels().iter().map(|&label| label as u64).collect())
            }
            TextTargets::Numbers(_) => Strategy::Random,
        };
        let parts = split(self.texts.len(), shares, seed, &strategy)?;
        Ok(parts.iter().map(|part| self.gather(part)).collect())
    }
}

use std::fmt;
use std::path::Path;

use polars::prelude::DataFrame;
use tinderbox_core::Seed;
use tinderbox_tables::FeatureSpec;
use tinderbox_train::{History, Report, Run};

use super::weights::Weights;
use super::{Note, Predictor, Scores, TableReport, TabularError};

/// A trained model of a table with its scores.
#[derive(Debug)]
#[non_exhaustive]
pub struct Trained {
    /// The trained model with its features.
    pub predictor: Predictor,
    /// The metrics of every epoch.
    pub history: History,
    /// Scores on the training rows.
    pub train_scores: Scores,
    /// Scores on the validation rows, which chose the weights: too good to be expected of other rows.
    pub valid_scores: Scores,
    /// Scores on the test rows, if there are any.
    pub test_scores: Option<Scores>,
    /// Scores of the exact linear solution on the training, the validation and the test rows, unless
    /// computing it would take minutes.
    pub exact: Option<Vec<Scores>>,
    /// Scores of boosted trees on the same rows, if they were compared
    /// ([`compare_with_trees`](super::Training::compare_with_trees)).
    pub trees: Option<Vec<Scores>>,
    /// Number of training, validation and test rows.
    pub rows: [usize; 3],
    /// The notes of the training run.
    pub notes: Vec<Note>,
    /// The run folder, if there is one.
    pub run: Option<Run>,
    pub(super) spec: FeatureSpec,
    pub(super) frames: Vec<DataFrame>,
    pub(super) weights: Weights,
    pub(super) seed: Seed,
}

impl Trained {
    /// A score on the validation rows: `rmse`, `mae`, `r2`, or `accuracy`, `log_loss`, `auc`.
    ///
    /// # Errors
    /// No score has this name.
    pub fn valid(&self, name: &str) -> Result<f64, TabularError> {
        score(&self.valid_scores, name)
    }

    /// A score on the test rows; on the validation rows if there are no test rows.
    ///
    /// # Errors
    /// No score has this name.
    pub fn test(&self, name: &str) -> Result<f64, TabularError> {
        score(
            self.test_scores.as_ref().unwrap_or(&self.valid_scores),
            name,
        )
    }

    /// A score of the exact linear solution on the test rows; on the validation rows if there are no test
    /// rows.
    ///
    /// # Errors
    /// No score has this name, or the table is too large for the exact solution.
    pub fn exact(&self, name: &str) -> Result<f64, TabularError> {
        match self.exact.as_deref().and_then(<[Scores]>::last) {
            Some(scores) => score(scores, name),
            None => Err(TabularError::NoExact),
        }
    }

    /// All scores, to be printed as a table.
    pub fn scores(&self) -> ScoreTable {
        let names = ["training", "validation", "test"];
        let exact = [
            "training, exact linear",
            "validation, exact linear",
            "test, exact linear",
        ];
        let own = [&self.train_scores, &self.valid_scores];
        let own = own.into_iter().chain(&self.test_scores).cloned();
        let mut lines: Vec<_> = names.into_iter().zip(own).collect();
        lines.extend(exact.into_iter().zip(self.exact.iter().flatten().cloned()));
        let trees = [
            "training, boosted trees",
            "validation, boosted trees",
            "test, boosted trees",
        ];
        lines.extend(trees.into_iter().zip(self.trees.iter().flatten().cloned()));
        ScoreTable { lines }
    }

    /// Writes the model with its features as a bundle, which [`Predictor::open`] opens. With a run
    /// folder this has been done.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), TabularError> {
        self.predictor.save(folder)
    }

    /// The page about the run: scores, curves, predictions, importance of the columns. With a run folder
    /// it has been written there.
    ///
    /// # Errors
    /// Figures that cannot be drawn.
    pub fn report(&self) -> Result<Report, TabularError> {
        let report = TableReport {
            spec: &self.spec,
            training: &self.frames[0],
            history: (!self.history.epochs.is_empty()).then_some(&self.history),
            candidates: &[],
            predictor: &self.predictor,
            part: held_out(self.frames.len()),
            rows: self.frames.last().unwrap_or(&self.frames[0]),
            scores: &self.scores().lines,
            seed: self.seed,
        };
        report.build()
    }
}

/// The name of the last of this many parts.
pub(super) fn held_out(parts: usize) -> &'static str {
    match parts {
        3 => "test",
        _ => "validation",
    }
}

/// Scores of several models or sets of rows; its `Display` is a table, one line each.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreTable {
    /// The rows or the model of the scores: `training`, `validation`, `validation, exact linear`, ….
    pub lines: Vec<(&'static str, Scores)>,
}

impl fmt::Display for ScoreTable {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (place, (of, scores)) in self.lines.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            write!(f, "{of:<26}")?;
            for (name, value) in &scores.0 {
                let space = if *name == scores.0[0].0 { " " } else { "  " };
                write!(f, "{space}{name} {value:.4}")?;
            }
        }
        Ok(())
    }
}

pub(super) fn score(scores: &Scores, name: &str) -> Result<f64, TabularError> {
    scores.get(name).ok_or_else(|| TabularError::NoScore {
        name: name.to_owned(),
        available: scores.0.iter().map(|(name, _)| *name).collect(),
    })
}

use std::fmt;
use std::path::PathBuf;

use polars::prelude::DataFrame;
use tinderbox_core::Seed;
use tinderbox_tables::{FeatureSpec, summarize};
use tinderbox_train::{Bundle, History, Report, Run};

use super::{Note, Predictor, Scores, TableConfig, TableReport, TabularError};

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
    /// Scores on the validation rows.
    pub valid_scores: Scores,
    /// Scores of the exact linear solution on the training and the validation rows, unless computing it
    /// would take minutes.
    pub exact: Option<[Scores; 2]>,
    /// Number of training and of validation rows.
    pub rows: [usize; 2],
    /// The notes of the training run.
    pub notes: Vec<Note>,
    /// The run folder, if there is one.
    pub run: Option<Run>,
    pub(super) spec: FeatureSpec,
    pub(super) config: TableConfig,
    pub(super) frames: [DataFrame; 2],
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

    /// A score of the exact linear solution on the validation rows.
    ///
    /// # Errors
    /// No score has this name, or the table is too large for the exact solution.
    pub fn exact(&self, name: &str) -> Result<f64, TabularError> {
        match &self.exact {
            Some([_, valid]) => score(valid, name),
            None => Err(TabularError::NoExact),
        }
    }

    /// All scores, to be printed as a table.
    pub fn scores(&self) -> ScoreTable {
        let mut lines = vec![
            ("training", self.train_scores.clone()),
            ("validation", self.valid_scores.clone()),
        ];
        if let Some([train, valid]) = self.exact.clone() {
            lines.push(("training, exact linear", train));
            lines.push(("validation, exact linear", valid));
        }
        ScoreTable { lines }
    }

    /// Writes the model with its features as a bundle, which [`Predictor::open`] opens. With a run
    /// folder this has been done.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn save(&self, folder: impl Into<PathBuf>) -> Result<Bundle, TabularError> {
        let (network, features) = (self.predictor.network(), self.predictor.features());
        self.config.save(folder, network, features)
    }

    /// The page about the run: scores, curves, predictions, importance of the columns. With a run folder
    /// it has been written there.
    ///
    /// # Errors
    /// Figures that cannot be drawn.
    pub fn report(&self) -> Result<Report, TabularError> {
        let [train, valid] = &self.frames;
        let names = train.get_column_names();
        let names: Vec<&str> = names.into_iter().map(|name| name.as_str()).collect();
        let targets = self.predictor.features().target_names().join(", ");
        let report = TableReport {
            title: &format!("Predicting {targets}"),
            spec: &self.spec,
            columns: &summarize(train, &names)?,
            history: &self.history,
            predictor: &self.predictor,
            valid,
            scores: &self.scores().lines,
            seed: self.seed,
        };
        report.build()
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

fn score(scores: &Scores, name: &str) -> Result<f64, TabularError> {
    scores.get(name).ok_or_else(|| TabularError::NoScore {
        name: name.to_owned(),
        available: scores.0.iter().map(|(name, _)| *name).collect(),
    })
}

//! The models to choose from, each saved in the run folder when it is complete.

use std::path::PathBuf;

use polars::prelude::DataFrame;
use serde::{Deserialize, Serialize};
use tinderbox_tables::take;
use tinderbox_train::Run;

use super::bags::fold_name;
use super::member::{read_json, write_json};
use super::weights::Weights;
use super::{Model, Parts, Predictor, Scores, TabularError, Trained, Training};

/// A candidate that is complete.
pub(super) struct Done {
    pub model: Model,
    pub predictor: Predictor,
    pub valid: Scores,
    pub test: Option<Scores>,
    pub weights: Weights,
    pub seconds: f64,
}

/// The file beside the bundle of a candidate, written last.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Complete {
    /// The score on the validation rows.
    valid: f64,
    seconds: f64,
}

const COMPLETE: &str = "candidate.json";

fn folder(run: &Run, model: Model, fold: usize) -> PathBuf {
    run.folder().join("candidates").join(fold_name(model, fold))
}

impl Done {
    pub fn new(model: Model, trained: Trained, seconds: f64) -> Self {
        Self {
            model,
            predictor: trained.predictor,
            valid: trained.valid_scores,
            test: trained.test_scores,
            weights: trained.weights,
            seconds,
        }
    }

    /// Into the run folder, as the model of this fold, counted from 0.
    pub fn save(&self, run: &Run, fold: usize) -> Result<(), TabularError> {
        let folder = folder(run, self.model, fold);
        self.predictor.save(&folder)?;
        let valid = main_score(&self.valid).map_or(f64::NAN, |(_, value)| value);
        let seconds = self.seconds;
        write_json(&folder, COMPLETE, &Complete { valid, seconds })
    }
}

impl Training {
    /// The model that a run to resume has trained already on this fold, counted from 0.
    pub(super) fn kept(
        &self,
        model: Model,
        fold: usize,
        frame: &DataFrame,
        parts: &Parts,
        run: Option<&Run>,
    ) -> Result<Option<Done>, TabularError> {
        let Some(run) = run.filter(|_| self.session.resumes()) else {
            return Ok(None);
        };
        let folder = folder(run, model, fold);
        let Some(about) = read_json::<Complete>(&folder, COMPLETE)? else {
            return Ok(None);
        };
        let predictor = Predictor::open(&folder, &self.session.device()?)?;
        let mut rows = vec![parts.train.clone(), parts.valid.clone(), parts.test.clone()];
        rows.retain(|rows| !rows.is_empty());
        let frames = rows.iter().map(|rows| take(frame, rows));
        let frames = frames.collect::<Result<Vec<_>, _>>()?;
        let tables = frames
            .iter()
            .map(|frame| predictor.features().transform(frame));
        let tables = tables.collect::<Result<Vec<_>, _>>()?;
        let weights = Weights::of(self, &frames, &tables, &rows)?;
        let score = |part: usize| Scores::with(&predictor, &frames[part], weights.score(part));
        let valid = score(1)?;
        let same = |(_, value): (_, f64)| (value - about.valid).abs() <= 1e-6 * about.valid.abs();
        if !main_score(&valid).is_some_and(same) {
            return Err(TabularError::OtherRows { folder });
        }
        let test = if frames.len() > 2 {
            Some(score(2)?)
        } else {
            None
        };
        Ok(Some(Done {
            model,
            predictor,
            valid,
            test,
            weights,
            seconds: about.seconds,
        }))
    }
}

/// The score that models are compared by: RMSE or log-loss.
pub(super) fn main_score(scores: &Scores) -> Option<(&'static str, f64)> {
    let of = |name: &'static str| scores.get(name).map(|value| (name, value));
    of("rmse").or_else(|| of("log_loss"))
}

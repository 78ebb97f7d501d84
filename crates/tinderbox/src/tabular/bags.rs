//! Several models of each candidate, whose validation rows take turns (bagging; Breiman 1996).

use std::time::Instant;

use polars::prelude::DataFrame;
use tinderbox_data::k_fold;
use tinderbox_tables::take;
use tinderbox_train::{Run, TrainError};

use super::candidates::{Done, main_score};
use super::weigh::Validation;
use super::{Model, Note, Parts, Predictor, Scores, SplitBy, TabularError, Training};

/// A candidate: a model for each fold that it was trained on, the given parts first.
pub(super) struct Bag {
    pub model: Model,
    pub folds: Vec<Done>,
}

impl Bag {
    /// The seconds of all models.
    pub fn seconds(&self) -> f64 {
        self.folds.iter().map(|done| done.seconds).sum()
    }

    /// The scores of the mean of its models on the test rows.
    pub fn test_scores(&self, test: Option<&DataFrame>) -> Result<Option<Scores>, TabularError> {
        match (&self.folds[..], test) {
            ([one], _) => Ok(one.test.clone()),
            (_, None) => Ok(None),
            (folds, Some(test)) => {
                let models: Vec<&Predictor> = folds.iter().map(|done| &done.predictor).collect();
                let shares = vec![1.0 / models.len() as f64; models.len()];
                let all = Validation::new(&models, test, None)?;
                all.scores(&shares, folds[0].weights.score(2)).map(Some)
            }
        }
    }

    /// Its models, each with its share of this weight.
    pub fn into_members(self, weight: f64) -> impl Iterator<Item = (Predictor, f64)> {
        let share = weight / self.folds.len() as f64;
        self.folds
            .into_iter()
            .map(move |done| (done.predictor, share))
    }
}

impl Training {
    /// The given parts and others with the same test rows, so that every row that is not one of them is a validation
    /// row once; the given parts alone where rows cannot take turns.
    pub(super) fn turns(
        &self,
        frame: &DataFrame,
        parts: &Parts,
    ) -> Result<Vec<Parts>, TabularError> {
        let mut all = vec![parts.clone()];
        let others = self.auto_folds.saturating_sub(1);
        // Later rows must not help to predict earlier ones, and past values of rows are those of others.
        let in_order = matches!(self.split_by, SplitBy::Time(_)) || self.lags.is_some();
        if others < 2 || in_order || parts.train.len() < 10 * others {
            return Ok(all);
        }
        let train = take(frame, &parts.train)?;
        let strategy = match self.strategy(&train, &parts.train, others) {
            Err(TabularError::Groups { .. }) => return Ok(all),
            strategy => strategy?,
        };
        if !strategy.small_classes(others).is_empty() {
            return Ok(all);
        }
        let seed = self.session.seed().child("turns");
        let folds = k_fold(train.height(), others, seed, &strategy)?;
        for fold in &folds {
            let of = |rows: &[usize]| -> Vec<usize> {
                rows.iter().map(|&row| parts.train[row]).collect()
            };
            let mut own = of(&fold.train);
            own.extend(&parts.valid);
            own.sort_unstable();
            all.push(Parts {
                train: own,
                valid: of(&fold.valid),
                test: parts.test.clone(),
            });
        }
        Ok(all)
    }

    /// Trains the candidates that have a weight on further folds, as long as a whole fold fits into the time that is
    /// left; returns the number of folds that all of these have, and which candidates they are.
    pub(super) fn take_turns(
        &mut self,
        frame: &DataFrame,
        turns: &[Parts],
        run: Option<&Run>,
        bags: &mut [Bag],
        chosen: &[usize],
        (begin, seconds): (Instant, f64),
    ) -> Result<usize, TabularError> {
        let classes = |done: &Done| done.predictor.features().classes().map(<[String]>::to_vec);
        for (fold, parts) in turns.iter().enumerate().skip(1) {
            let needed: f64 = chosen.iter().map(|&at| bags[at].folds[0].seconds).sum();
            let mut new = Vec::new();
            for &at in chosen {
                let (model, name) = (bags[at].model, fold_name(bags[at].model, fold));
                let kept = self.kept(model, fold, frame, parts, run)?;
                let done = match kept {
                    Some(kept) => kept,
                    None if begin.elapsed().as_secs_f64() + needed > seconds && new.is_empty() => {
                        return Ok(fold);
                    }
                    None => {
                        // A little more than the first needed: one that was cut off is cut off again.
                        let minutes = bags[at].folds[0].seconds * 1.2 / 60.0;
                        let start = Instant::now();
                        match self.train_one(model, fold, frame, parts.clone(), minutes) {
                            Ok(trained) => {
                                let done = Done::new(model, trained, start.elapsed().as_secs_f64());
                                if let Some(run) = run {
                                    done.save(run, fold)?;
                                }
                                done
                            }
                            Err(TabularError::Train(error)) if is_no_fault(&error) => {
                                let reason = match error {
                                    TrainError::Interrupted { .. } => "interrupted".into(),
                                    error => error.to_string(),
                                };
                                self.note(Note::Skipped { name, reason });
                                return Ok(fold);
                            }
                            Err(error) => return Err(error),
                        }
                    }
                };
                if classes(&done) != classes(&bags[at].folds[0]) {
                    return Ok(fold);
                }
                if let Some(score) = main_score(&done.valid) {
                    let (rows, seconds) = ("validation", done.seconds);
                    self.note(Note::Trained {
                        name,
                        rows,
                        score,
                        seconds,
                    });
                }
                new.push((at, done));
            }
            for (at, done) in new {
                bags[at].folds.push(done);
            }
        }
        Ok(turns.len())
    }
}

/// The name of a candidate's model of a fold, counted from 0.
pub(super) fn fold_name(model: Model, fold: usize) -> String {
    match fold {
        0 => model.name().to_owned(),
        _ => format!("{}-{}", model.name(), fold + 1),
    }
}

/// An interruption, or a network that diverged where others do not.
pub(super) fn is_no_fault(error: &TrainError) -> bool {
    matches!(
        error,
        TrainError::Interrupted { .. }
            | TrainError::NotFinite { .. }
            | TrainError::MetricNotFinite { .. }
    )
}

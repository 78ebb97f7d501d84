//! The best of several models: all are trained within a budget, weighed on validation rows and averaged.

use std::fmt;
use std::time::Instant;

use polars::prelude::DataFrame;
use tinderbox_tables::{Encode, FeatureSpec, take};
use tinderbox_train::{Report, Run, TrainConfig, TrainError};

use super::bags::{Bag, fold_name, is_no_fault};
use super::candidates::{Done, main_score};
use super::defaults::encode;
use super::fit::Fit;
use super::report::TableReport;
use super::trained::{ScoreTable, held_out};
use super::weigh::Validation;
use super::{Model, Note, Parts, Predictor, Scores, TabularError, Trained, Training};

/// The default budget in minutes: the least, for tables of up to [`SMALL`] cells, and the most.
const LEAST: f64 = 0.75;
const MOST: f64 = 5.0;
const SMALL: f64 = 50_000.0;

/// The result of [`Training::fit_auto`].
#[derive(Debug)]
#[non_exhaustive]
pub struct TrainedAuto {
    /// The weighted mean of the predictions of the best models.
    pub predictor: Predictor,
    /// The models, the best on the validation rows first.
    pub candidates: Vec<Candidate>,
    /// Scores of the ensemble on the training, the validation and the test rows.
    pub scores: ScoreTable,
    /// Number of training, validation and test rows.
    pub rows: [usize; 3],
    /// The notes of the training runs.
    pub notes: Vec<Note>,
    /// The run folder, if there is one.
    pub run: Option<Run>,
    spec: FeatureSpec,
    frames: Vec<DataFrame>,
    seed: tinderbox_core::Seed,
}

/// A model that was trained to choose from.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// RMSE or log-loss on the validation rows.
    pub valid: (&'static str, f64),
    /// The same on the test rows, if there are any.
    pub test: Option<f64>,
    /// The seconds that training took.
    pub seconds: f64,
    /// Number of its models, each validated on other rows.
    pub models: usize,
    /// Its weight in the ensemble.
    pub weight: f64,
}

impl Training {
    /// Trains [`candidates`](Self::candidates) within [`minutes`](Self::minutes) and averages the best of
    /// them, with weights chosen on the validation rows (Caruana et al. 2004, "Ensemble Selection from Libraries
    /// of Models").
    ///
    /// Each candidate may use its share of the time that is left (on small tables, of half of it); what one does not
    /// need is left to the next. In the rest of the time those with a weight are trained again on other rows, so that
    /// each row that is not a test row is a validation row of one of [`auto_folds`](Self::auto_folds) models; a
    /// candidate predicts the mean of its models, and the weights are chosen on all of these rows. After an interruption, the models that are complete are used. With a run folder each is saved there
    /// as a bundle when it is complete (`candidates/NAME`): they survive when the process is killed, and resuming the
    /// run trains those that are missing. Callbacks of the trainer are not called. Test rows have no influence: they
    /// are scored at the end.
    ///
    /// # Errors
    /// Those of [`fit_split`](Self::fit_split), a budget that is not positive, no candidate, several ranks, an
    /// interruption before the first model is complete, a run to resume whose models were trained on other rows.
    pub fn fit_auto(mut self, frame: &DataFrame) -> Result<TrainedAuto, TabularError> {
        self.check_auto()?;
        let parts = self.parts(frame)?;
        self.fit_auto_parts(frame, parts)
    }

    /// As [`fit_auto`](Self::fit_auto), with given rows to train, to validate and to test on.
    ///
    /// # Errors
    /// Those of [`fit_auto`](Self::fit_auto), and rows that the frame does not have.
    pub fn fit_auto_parts(
        self,
        frame: &DataFrame,
        parts: Parts,
    ) -> Result<TrainedAuto, TabularError> {
        self.check_auto()?;
        self.train_auto(frame, parts)
    }

    fn check_auto(&self) -> Result<(), TabularError> {
        let minutes = self.minutes.unwrap_or(MOST);
        if !(minutes.is_finite() && minutes > 0.0) {
            return Err(TabularError::Minutes { minutes });
        }
        if self.candidates.is_empty() {
            return Err(TabularError::NoCandidates);
        }
        let ranks = self.session.ranks();
        if ranks > 1 {
            return Err(TabularError::SeveralModels { ranks });
        }
        Ok(())
    }

    fn train_auto(mut self, frame: &DataFrame, parts: Parts) -> Result<TrainedAuto, TabularError> {
        let begin = Instant::now();
        let cells = frame.height() * frame.width();
        let minutes = self.minutes.unwrap_or_else(|| budget(cells));
        let run = self.session.open(&self.shown())?;
        let turns = self.turns(frame, &parts)?;
        // On small tables half of the time is for the other folds; large ones have rows enough.
        let first = match turns.len() > 1 && (cells as f64) <= SMALL {
            true => minutes / 2.0,
            false => minutes,
        };
        let done = self.train_all(frame, &parts, run.as_ref(), begin, first)?;
        let bag = |done: Done| Bag {
            model: done.model,
            folds: vec![done],
        };
        let mut bags: Vec<Bag> = done.into_iter().map(bag).collect();
        let all: Vec<usize> = (0..bags.len()).collect();
        let shares = validation(&bags, &all, &turns[..1], frame)?.weights();
        let chosen: Vec<usize> = all.into_iter().filter(|&at| shares[at] > 0.0).collect();
        let time = (begin, minutes * 60.0);
        let folds = self.take_turns(frame, &turns, run.as_ref(), &mut bags, &chosen, time)?;
        let validation = validation(&bags, &chosen, &turns[..folds], frame)?;
        let shares = validation.weights();

        let parts = [&parts.train, &parts.valid, &parts.test].into_iter();
        let parts = parts.filter(|rows| !rows.is_empty());
        let frames = parts.map(|rows| take(frame, rows));
        let frames: Vec<DataFrame> = frames.collect::<Result<_, _>>()?;
        // The same rows have the same weights for all models.
        let weights_of = bags.first().map(|bag| bag.folds[0].weights.clone());
        let weights_of = weights_of.unwrap_or_default();
        let of_fold = |fold: &Done| fold.weights.score(1).map(<[f64]>::to_vec);
        let of_folds = bags[chosen[0]].folds[..folds].iter().map(of_fold);
        let valid_weights: Option<Vec<Vec<f64>>> = of_folds.collect();
        let valid_weights = valid_weights.map(|all| all.concat());
        let valid_weights = valid_weights.as_deref();
        let mut candidates = Vec::new();
        let mut members = Vec::new();
        for (at, bag) in bags.into_iter().enumerate() {
            let place = chosen.iter().position(|&chosen| chosen == at);
            let valid = match place {
                None => bag.folds[0].valid.clone(),
                Some(place) => {
                    let mut alone = vec![0.0; chosen.len()];
                    alone[place] = 1.0;
                    validation.scores(&alone, valid_weights)?
                }
            };
            let weight = place.map_or(0.0, |place| shares[place]);
            let Some(valid) = main_score(&valid) else {
                continue;
            };
            let test = bag.test_scores(frames.get(2))?;
            candidates.push(Candidate {
                name: bag.model.name().to_owned(),
                valid,
                test: test.as_ref().and_then(main_score).map(|(_, value)| value),
                seconds: bag.seconds(),
                models: bag.folds.len(),
                weight,
            });
            members.extend(bag.into_members(weight));
        }
        candidates.sort_by(|a, b| a.valid.1.total_cmp(&b.valid.1));
        let mut predictor = Predictor::ensemble(members)?;
        if let Some((predicted, truth)) = validation.numbers(&shares)? {
            predictor.learn_intervals(&predicted, &truth);
        }
        let names = ["training", "validation", "test"];
        let scores = frames.iter().enumerate().map(|(part, frame)| match part {
            // By the models that were not trained on the row.
            1 => validation.scores(&shares, valid_weights),
            _ => Scores::with(&predictor, frame, weights_of.score(part)),
        });
        let scores = names.into_iter().zip(scores);
        let lines = scores.map(|(name, scores)| Ok((name, scores?)));
        let mut auto = TrainedAuto {
            scores: ScoreTable {
                lines: lines.collect::<Result<_, TabularError>>()?,
            },
            predictor,
            candidates,
            rows: std::array::from_fn(|part| frames.get(part).map_or(0, DataFrame::height)),
            notes: self.notes,
            run: None,
            spec: self.spec,
            frames,
            seed: self.session.seed().child("importance"),
        };
        if let Some(run) = run {
            // A resumed run may have had another ensemble.
            if let Err(error) = std::fs::remove_dir_all(run.bundle())
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(TabularError::Bundle {
                    path: run.bundle(),
                    problem: error.to_string(),
                });
            }
            auto.predictor.save(run.bundle())?;
            run.write_report(&auto.report()?)?;
            auto.run = Some(run);
        }
        Ok(auto)
    }

    /// The candidates that could be trained within the budget, each with its seconds; one at least.
    fn train_all(
        &mut self,
        frame: &DataFrame,
        parts: &Parts,
        run: Option<&Run>,
        begin: Instant,
        minutes: f64,
    ) -> Result<Vec<Done>, TabularError> {
        let candidates = std::mem::take(&mut self.candidates);
        let mut done = Vec::new();
        let mut failed = None;
        for (place, &model) in candidates.iter().enumerate() {
            if let Some(kept) = self.kept(model, 0, frame, parts, run)? {
                self.note_trained(model, &kept.valid, kept.seconds);
                done.push(kept);
                continue;
            }
            let left = minutes - begin.elapsed().as_secs_f64() / 60.0;
            let name = model.name().to_owned();
            if left <= 0.0 && !done.is_empty() {
                let reason = "the budget is used up".into();
                self.note(Note::Skipped { name, reason });
                continue;
            }
            let share = left.max(0.01) / (candidates.len() - place) as f64;
            let start = Instant::now();
            match self.train_one(model, 0, frame, parts.clone(), share) {
                Ok(trained) => {
                    let seconds = start.elapsed().as_secs_f64();
                    self.note_trained(model, &trained.valid_scores, seconds);
                    let own = Done::new(model, trained, seconds);
                    if let Some(run) = run {
                        own.save(run, 0)?;
                    }
                    done.push(own);
                }
                Err(TabularError::Train(error @ TrainError::Interrupted { .. })) => {
                    let reason = "interrupted".into();
                    self.note(Note::Skipped { name, reason });
                    failed = Some(TabularError::Train(error));
                    break;
                }
                Err(TabularError::Train(error)) if is_no_fault(&error) => {
                    let reason = error.to_string();
                    self.note(Note::Skipped { name, reason });
                    failed = Some(TabularError::Train(error));
                }
                Err(error) => return Err(error),
            }
        }
        match failed {
            Some(error) if done.is_empty() => Err(error),
            _ => Ok(done),
        }
    }

    fn note_trained(&mut self, model: Model, valid: &Scores, seconds: f64) {
        if let Some(score) = main_score(valid) {
            self.note(Note::Trained {
                name: model.name().to_owned(),
                rows: "validation",
                score,
                seconds,
            });
        }
    }

    /// Trains a candidate on a fold, counted from 0.
    pub(super) fn train_one(
        &mut self,
        model: Model,
        fold: usize,
        frame: &DataFrame,
        parts: Parts,
        minutes: f64,
    ) -> Result<Trained, TabularError> {
        let seed = self.session.seed().child(&fold_name(model, fold)).value();
        let mut member = self
            .member(model, seed)
            .configure(move |config: &mut TrainConfig| {
                let given = config.max_minutes.unwrap_or(f64::INFINITY);
                config.max_minutes = Some(given.min(minutes));
            });
        if model == Model::Linear {
            // A linear model has no use for an index.
            encode(&mut member.spec, Encode::OneHot);
        }
        let trained = Fit::of_parts(member, frame, parts)?.run()?;
        for note in &trained.notes {
            if matches!(note, Note::LeftOut { .. }) && !self.notes.contains(note) {
                self.note(note.clone());
            }
        }
        Ok(trained)
    }
}

/// What the models of these bags predict for the rows that they were validated on.
fn validation(
    bags: &[Bag],
    chosen: &[usize],
    turns: &[Parts],
    frame: &DataFrame,
) -> Result<Validation, TabularError> {
    let folds = turns.iter().enumerate().map(|(fold, parts)| {
        let rows = take(frame, &parts.valid)?;
        let models = chosen.iter().map(|&at| &bags[at].folds[fold]);
        let models: Vec<&Done> = models.collect();
        let weights = models.first().and_then(|done| done.weights.loss(1));
        let models: Vec<&Predictor> = models.iter().map(|done| &done.predictor).collect();
        Validation::new(&models, &rows, weights)
    });
    Validation::join(folds.collect::<Result<_, _>>()?)
}

/// The minutes for a table of this many cells.
fn budget(cells: usize) -> f64 {
    (LEAST * cells as f64 / SMALL).clamp(LEAST, MOST)
}

impl TrainedAuto {
    /// The page about the run: leaderboard, scores, predictions, importance of the columns. With a run folder
    /// it has been written there.
    ///
    /// # Errors
    /// Figures that cannot be drawn.
    pub fn report(&self) -> Result<Report, TabularError> {
        let report = TableReport {
            spec: &self.spec,
            training: &self.frames[0],
            history: None,
            candidates: &self.candidates,
            predictor: &self.predictor,
            part: held_out(self.frames.len()),
            rows: self.frames.last().unwrap_or(&self.frames[0]),
            scores: &self.scores.lines,
            seed: self.seed,
        };
        report.build()
    }
}

impl fmt::Display for TrainedAuto {
    /// The leaderboard, then the scores of the ensemble.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (name, _) = self
            .candidates
            .first()
            .map_or(("", 0.0), |first| first.valid);
        let test = if self.rows[2] > 0 { "test" } else { "" };
        writeln!(
            f,
            "{:<16} {:>12} {test:>12} {:>9} {:>7} {:>7}",
            name, "validation", "seconds", "models", "weight"
        )?;
        for candidate in &self.candidates {
            let test = candidate
                .test
                .map_or_else(String::new, |test| format!("{test:.4}"));
            let Candidate {
                name,
                valid,
                seconds,
                models,
                weight,
                ..
            } = candidate;
            writeln!(
                f,
                "{name:<16} {:>12.4} {test:>12} {seconds:>9.1} {models:>7} {weight:>7.2}",
                valid.1
            )?;
        }
        write!(f, "{}", self.scores)
    }
}

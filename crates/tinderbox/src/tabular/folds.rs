//! Cross-validation: a model for each fold, scored on rows that nothing of it has seen.

use std::fmt;
use std::time::Instant;

use polars::prelude::DataFrame;
use tinderbox_data::{Values, k_fold, split};
use tinderbox_tables::take;
use tinderbox_train::{Cell, Report, Run};

use super::fit::Fit;
use super::trained::score;
use super::{Note, Parts, Predictor, Scores, TabularError, Training};

/// The models of a cross-validation.
#[derive(Debug)]
#[non_exhaustive]
pub struct TrainedFolds {
    /// The mean of the predictions of the models of all folds.
    pub predictor: Predictor,
    /// The scores of each fold on its test rows.
    pub folds: Vec<Scores>,
    /// Number of training, validation and test rows of each fold.
    pub rows: Vec<[usize; 3]>,
    /// The notes of the training runs.
    pub notes: Vec<Note>,
    /// The run folder, if there is one; its bundle holds the models of all folds.
    pub run: Option<Run>,
}

impl Training {
    /// Trains `k` models, each scored on its own fold of the rows: every row with a target is a test row of one
    /// model (with [`SplitBy::Time`](super::SplitBy::Time) those after the first block).
    ///
    /// Of the rows that are not in the fold, [`validation_share`](Self::validation_share) decide when training
    /// stops; the test share has no effect. The bundle is an ensemble of the models; expect it to be a
    /// little better than their mean score. Callbacks of the trainer are not called.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit), fewer than 2 folds, folds that cannot be filled, a class of one row, a run to
    /// resume.
    pub fn fit_folds(mut self, frame: &DataFrame, k: usize) -> Result<TrainedFolds, TabularError> {
        let (valid, test) = (self.validation_share, 0.0);
        if !(valid > 0.0 && valid < 1.0) {
            return Err(TabularError::Shares { valid, test });
        }
        if self.session.resumes() {
            return Err(TabularError::NoResume {
                what: "training of folds",
            });
        }
        let rows = self.known(frame)?;
        let known = take(frame, &rows)?;
        let strategy = self.strategy(&known, &rows, k)?;
        if let Some(small) = strategy.small_classes(2).first() {
            return Err(TabularError::ClassOfOneRow {
                class: self.class_of(&known, small[0]),
                rows: small.len(),
            });
        }
        let seed = self.session.seed();
        let folds = k_fold(known.height(), k, seed.child("folds"), &strategy)?;
        let run = self.session.open(&self.shown())?;
        let (mut models, mut scores, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        let (mut predicted, mut truth, mut width) = (Vec::new(), Vec::new(), 1);
        for (place, fold) in (&folds).into_iter().enumerate() {
            let start = Instant::now();
            let of = |part: &[usize]| part.iter().map(|&row| rows[row]).collect::<Vec<_>>();
            let outside = take(&known, &fold.train)?;
            let names = of(&fold.train);
            let strategy = self.strategy(&outside, &names, 2)?;
            let inner = seed.child("validation").at(place as u64);
            let inner = split(outside.height(), &[1.0 - valid, valid], inner, &strategy)?;
            let part = |part: usize| inner[part].iter().map(|&row| names[row]).collect();
            let parts = Parts {
                train: part(0),
                valid: part(1),
                test: of(&fold.valid),
            };
            let own_seed = seed.child("fold").at(place as u64).value();
            let member = self.member(self.model, own_seed);
            let trained = Fit::of_parts(member, frame, parts)?.run()?;
            for note in trained.notes {
                if !self.notes.contains(&note) {
                    self.note(note);
                }
            }
            let of_test = trained.test_scores.unwrap_or_default();
            if let Some(&score) = of_test.0.first() {
                self.note(Note::Trained {
                    name: format!("fold {} of {k}", place + 1),
                    rows: "test",
                    score,
                    seconds: start.elapsed().as_secs_f64(),
                });
            }
            if let Some(test) = trained.frames.get(2)
                && let Some((own, truth_of)) = trained.predictor.with_truth(test)?
            {
                width = own.width();
                predicted.extend(own.into_vec());
                truth.extend(truth_of.into_vec());
            }
            models.push((trained.predictor, 1.0));
            scores.push(of_test);
            sizes.push(trained.rows);
        }
        let mut predictor = Predictor::ensemble(models)?;
        if !truth.is_empty() {
            let (predicted, truth) = (Values::new(predicted, width)?, Values::new(truth, width)?);
            predictor.learn_intervals(&predicted, &truth);
        }
        let trained = TrainedFolds {
            predictor,
            folds: scores,
            rows: sizes,
            notes: self.notes,
            run,
        };
        if let Some(run) = &trained.run {
            trained.predictor.save(run.bundle())?;
            run.write_report(&trained.report())?;
        }
        Ok(trained)
    }
}

impl TrainedFolds {
    /// The page about the run: the scores of every fold, their mean and standard deviation. With a run folder it
    /// has been written there.
    pub fn report(&self) -> Report {
        let targets = self.predictor.features().target_names().join(", ");
        let names = self.folds.iter().take(1).flat_map(|scores| &scores.0);
        let names: Vec<&str> = names.map(|(name, _)| *name).collect();
        let number = |value: f64| Cell::number(format!("{value:.4}"));
        let mut lines = Vec::new();
        for (place, (scores, rows)) in self.folds.iter().zip(&self.rows).enumerate() {
            let sizes = rows.map(|rows| Cell::number(rows.to_string()));
            let own = names
                .iter()
                .map(|name| scores.get(name).unwrap_or(f64::NAN));
            let first = std::iter::once(Cell::text(format!("{}", place + 1)));
            lines.push(first.chain(sizes).chain(own.map(number)).collect());
        }
        for (label, part) in [("mean", 0), ("standard deviation", 1)] {
            let values = names
                .iter()
                .map(|name| self.mean(name).unwrap_or((f64::NAN, f64::NAN)));
            let values = values.map(|(mean, deviation)| number([mean, deviation][part]));
            let empty = ["", "", ""].map(Cell::text);
            let first = std::iter::once(Cell::text(label));
            lines.push(first.chain(empty).chain(values).collect());
        }
        let head = ["fold", "training rows", "validation rows", "test rows"];
        let head: Vec<&str> = head.into_iter().chain(names.iter().copied()).collect();
        let page = Report::new(format!("Predicting {targets}, {} folds", self.folds.len()))
            .paragraph(
                "Each model is scored on the rows of its fold, which nothing of it has seen. The bundle averages the \
                 models.",
            );
        let page = match self.predictor.features().cut_texts() {
            Some(cut) => page.paragraph(&cut.to_string()),
            None => page,
        };
        page.heading("Scores").table(&head, lines)
    }

    /// The mean of a score over the folds, and its standard deviation with `n - 1`.
    ///
    /// # Errors
    /// No score has this name.
    pub fn mean(&self, name: &str) -> Result<(f64, f64), TabularError> {
        let values = self.folds.iter().map(|scores| score(scores, name));
        let values = values.collect::<Result<Vec<f64>, _>>()?;
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Ok((mean, (squares / (count - 1.0).max(1.0)).sqrt()))
    }
}

impl fmt::Display for TrainedFolds {
    /// A line for each score: mean and standard deviation.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "test rows of {} folds", self.folds.len())?;
        for (name, _) in self.folds.iter().take(1).flat_map(|scores| &scores.0) {
            if let Ok((mean, deviation)) = self.mean(name) {
                write!(f, "\n{name:<20} {mean:.4} ± {deviation:.4}")?;
            }
        }
        Ok(())
    }
}

//! Search for good settings: random, and successive halving.

mod log;
mod report;
mod space;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;

pub use report::{SearchReport, TrialRecord};
pub use space::{Range, SettingValue, Settings, Space};

use crate::{MonitorMode, Result, StepError, StopFlag, TrainError};
use log::{Done, Log};
use report::median;
use space::wrong;

/// How many settings are tried, and how long.
///
/// A *budget* is what a trial may spend, in a unit that the caller chooses, usually epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SearchStrategy {
    /// All with the same budget (Bergstra and Bengio 2012, "Random Search for Hyper-Parameter
    /// Optimization").
    Random {
        /// Number of settings.
        trials: usize,
        /// The budget of each.
        budget: usize,
    },
    /// Many with a small budget, then the best of them with `factor` times as much, and so on
    /// (Jamieson and Talwalkar 2016, "Non-stochastic Best Arm Identification"). A trial starts
    /// from scratch with every budget, so that schedules and checkpoints need no special care.
    SuccessiveHalving {
        /// Number of settings in the first round.
        trials: usize,
        /// The budget of each in the first round.
        min_budget: usize,
        /// The budget of each in the last round.
        max_budget: usize,
        /// The factor by which budgets grow from round to round; the best 1 / factor of the settings
        /// continue. 3 is usual.
        factor: usize,
    },
}

/// The input of a trial.
#[derive(Clone, Debug)]
pub struct Trial<'a> {
    /// Which settings these are, counted from 0.
    pub number: usize,
    /// The settings to train with.
    pub settings: &'a Settings,
    /// The budget of the run.
    pub budget: usize,
    /// The seed of everything drawn. Run `k` of all settings has the same seed, so that settings are
    /// compared on the same draws.
    pub seed: Seed,
}

/// A search for good settings, with trials on several threads.
///
/// ```
/// use tinderbox_train::{Search, SearchStrategy, Space};
///
/// let space = Space::new().log_uniform("x", 0.01, 100.0);
/// let search = Search::new(SearchStrategy::Random { trials: 200, budget: 1 });
/// let report = search.run(&space, |trial| Ok(trial.settings.number("x")?.ln().powi(2)))?;
/// let best = report.best().settings.number("x")?;
/// assert!((0.8..1.25).contains(&best));
/// # Ok::<(), tinderbox_train::TrainError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Search {
    /// How many settings are tried, and how long.
    pub strategy: SearchStrategy,
    /// Whether a smaller or a larger score is better.
    pub mode: MonitorMode,
    /// Seed of the settings and of the trials.
    pub seed: Seed,
    /// Runs of every trial, each with a seed of its own; their median counts.
    pub runs: usize,
    /// Trials at the same time. The result does not depend on it (unless a model has Burn's own `Dropout`,
    /// whose generator all threads share: use that of `tinderbox-nn`).
    pub threads: usize,
    /// Settings to try before those that are drawn: what an [`LrFinder`](crate::LrFinder) suggests,
    /// or what has been good so far.
    pub first: Vec<Settings>,
    /// Where every run of a trial is written as soon as it has ended, one line of JSON each.
    pub file: Option<PathBuf>,
    /// Whether to take the runs of [`file`](Self::file) instead of training them again. The report is
    /// that of a search that was never interrupted; more trials than before may be requested.
    pub resume: bool,
    /// What the scores depend on besides settings, budget and seed: the name of the data and a digest,
    /// for instance. A search is resumed only with the same text.
    pub data: String,
    /// Ends the search when it is set: no further run begins, and one that ends after that does not
    /// count, because it may have been stopped by the same flag.
    pub stop: StopFlag,
}

impl Search {
    /// A search for the smallest score, one run a trial, on all cores, with seed 0.
    pub fn new(strategy: SearchStrategy) -> Self {
        Self {
            strategy,
            mode: MonitorMode::Minimize,
            seed: Seed::new(0),
            runs: 1,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            first: Vec::new(),
            file: None,
            resume: false,
            data: String::new(),
            stop: StopFlag::new(),
        }
    }

    /// Runs the search: `score` trains with the settings of a trial and says how good they are.
    ///
    /// A trial that fails, or whose score is NaN or infinite, is ranked last and keeps its error.
    ///
    /// # Errors
    /// A space or counts that nothing can be drawn from, starting points outside the space, a file
    /// that is there but not to be resumed, or is of another search, or cannot be written; a search in
    /// which every trial failed; [`TrainError::SearchInterrupted`].
    pub fn run<F>(&self, space: &Space, score: F) -> Result<SearchReport>
    where
        F: Fn(&Trial<'_>) -> Result<f64, StepError> + Sync,
    {
        let (trials, mut budget, max_budget, factor) = self.check(space)?;
        let log = Log::open(self, space)?;
        let drawn = (0..trials.saturating_sub(self.first.len()) as u64)
            .map(|number| space.draw(self.seed, number));
        let settings: Vec<Settings> = self.first.iter().cloned().chain(drawn).collect();
        let mut alive: Vec<usize> = (0..settings.len()).collect();
        let mut records: Vec<TrialRecord> = Vec::new();
        loop {
            let round = self.round(&settings, &alive, budget, log.as_ref(), &score);
            let mut round = round.map_err(|error| counted(error, records.len() * self.runs))?;
            round.sort_by(|a, b| a.compare(b, self.mode));
            let passed = round.iter().filter(|record| record.score.is_some()).count();
            let keep = (round.len() / factor).clamp(1, passed.max(1));
            alive = round[..keep].iter().map(|record| record.number).collect();
            records.extend(round);
            if budget >= max_budget || passed == 0 {
                break;
            }
            budget = budget.saturating_mul(factor).min(max_budget);
        }
        if let Some(error) = records.iter().find_map(|record| record.error.as_ref())
            && records.iter().all(|record| record.score.is_none())
        {
            return Err(TrainError::NoTrial {
                trials: settings.len(),
                first: error.clone(),
            });
        }
        Ok(SearchReport {
            space: space.clone(),
            mode: self.mode,
            records,
        })
    }

    /// Trials, first budget, last budget, factor.
    fn check(&self, space: &Space) -> Result<(usize, usize, usize, usize)> {
        space.check()?;
        for settings in &self.first {
            space.check_settings(settings)?;
        }
        if self.runs == 0 || self.threads == 0 {
            return Err(wrong("runs and threads", "each must be at least 1"));
        }
        let (trials, min_budget, max_budget, factor) = match self.strategy {
            SearchStrategy::Random { trials, budget } => (trials, budget, budget, 2),
            SearchStrategy::SuccessiveHalving {
                trials,
                min_budget,
                max_budget,
                factor,
            } => (trials, min_budget, max_budget, factor),
        };
        if trials == 0 {
            return Err(wrong("trials", "try at least one"));
        }
        if min_budget == 0 || min_budget > max_budget {
            let what = format!("budgets {min_budget}..{max_budget}");
            return Err(wrong(&what, "give two of at least 1, the smaller first"));
        }
        if factor < 2 {
            return Err(wrong("factor", "at least 2; 3 is usual"));
        }
        Ok((trials.max(self.first.len()), min_budget, max_budget, factor))
    }

    /// All remaining runs of all remaining trials, on at most the given number of threads.
    fn round<F>(
        &self,
        settings: &[Settings],
        alive: &[usize],
        budget: usize,
        log: Option<&Log>,
        score: &F,
    ) -> Result<Vec<TrialRecord>>
    where
        F: Fn(&Trial<'_>) -> Result<f64, StepError> + Sync,
    {
        let jobs = alive.len() * self.runs;
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<Option<Done>>> = Mutex::new(vec![None; jobs]);
        let failure = Mutex::new(None);
        // The run of this number; `None` if the search is to end.
        let end_of = |job: usize| -> Result<Option<Done>> {
            let (number, run) = (alive[job / self.runs], job % self.runs);
            if let Some(known) = log.and_then(|log| log.get((number, budget, run))) {
                return Ok(Some(known.clone()));
            }
            if self.stop.is_set() {
                return Ok(None);
            }
            let start = Instant::now();
            let result = score(&Trial {
                number,
                settings: &settings[number],
                budget,
                seed: self.seed.child("run").at(run as u64),
            });
            if self.stop.is_set() {
                return Ok(None);
            }
            let (score, error) = match result {
                Ok(score) if score.is_finite() => (Some(score), None),
                Ok(score) => (None, Some(format!("the score is {score}"))),
                Err(error) => (None, Some(error.to_string())),
            };
            let done = Done {
                number,
                budget,
                run,
                score,
                error,
                seconds: start.elapsed().as_secs_f64(),
            };
            if let Some(log) = log {
                log.add(&done)?;
            }
            Ok(Some(done))
        };
        let work = || {
            loop {
                let job = next.fetch_add(1, Ordering::Relaxed);
                if job >= jobs {
                    return;
                }
                // A poisoned lock means that another trial panicked: that panic ends the scope.
                match end_of(job) {
                    Ok(Some(end)) => {
                        if let Ok(mut done) = done.lock() {
                            done[job] = Some(end);
                        }
                    }
                    Ok(None) => return,
                    Err(error) => {
                        // The other threads end after their current runs.
                        next.store(jobs, Ordering::Relaxed);
                        if let Ok(mut failure) = failure.lock() {
                            *failure = Some(error);
                        }
                        return;
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.threads.min(jobs) {
                scope.spawn(work);
            }
            work();
        });
        if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        let ends: Vec<Done> = done.into_iter().flatten().collect();
        if ends.len() < jobs {
            return Err(TrainError::SearchInterrupted {
                done: ends.len(),
                file: self.file.clone(),
            });
        }
        let record = |(index, ends): (usize, &[Done])| {
            let number = alive[index];
            let scores: Vec<f64> = ends.iter().filter_map(|end| end.score).collect();
            let error = ends.iter().find_map(|end| end.error.clone());
            TrialRecord {
                number,
                settings: settings[number].clone(),
                budget,
                // Settings that fail with one of several seeds are not reliable.
                score: error.is_none().then(|| median(&scores)),
                scores,
                error,
                seconds: ends.iter().map(|end| end.seconds).sum(),
            }
        };
        let records = ends.chunks(self.runs).enumerate().map(record);
        Ok(records.collect())
    }
}

/// Adds the runs of earlier rounds.
fn counted(mut error: TrainError, before: usize) -> TrainError {
    if let TrainError::SearchInterrupted { done, .. } = &mut error {
        *done += before;
    }
    error
}

#[cfg(test)]
mod tests;

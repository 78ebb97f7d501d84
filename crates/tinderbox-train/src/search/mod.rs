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
/// A *budget* is what a trial may spend, in a unit of the caller's: epochs, mostly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SearchStrategy {
    /// All with the same budget (Bergstra and Bengio 2012, "Random Search for Hyper-Parameter
    /// Optimization").
    Random {
        /// How many settings.
        trials: usize,
        /// What each may spend.
        budget: usize,
    },
    /// Many with a small budget, then the best of them with `factor` times as much, and so on
    /// (Jamieson and Talwalkar 2016, "Non-stochastic Best Arm Identification"). A trial starts
    /// anew with every budget, so that schedules and checkpoints need no thought.
    SuccessiveHalving {
        /// How many settings begin.
        trials: usize,
        /// What each may spend in the first round.
        least: usize,
        /// What the last ones may spend.
        most: usize,
        /// By how much budgets grow from round to round; one in so many goes on. 3 is usual.
        factor: usize,
    },
}

/// What a trial is told.
#[derive(Clone, Debug)]
pub struct Trial<'a> {
    /// Which settings these are, counted from 0.
    pub number: usize,
    /// What to train with.
    pub settings: &'a Settings,
    /// How long to train.
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
    /// Whether a small or a large score is good.
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
    /// Where every run of a trial is written as soon as it has ended, a line of JSON each.
    pub file: Option<PathBuf>,
    /// Whether to take the runs of [`file`](Self::file) instead of training them again. The report is
    /// that of a search that was never interrupted; more trials than before may be asked for.
    pub resume: bool,
    /// What the scores depend on beside settings, budget and seed: the name of the data and a digest,
    /// for instance. A search is not resumed with another text.
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
        let (trials, mut budget, most, factor) = self.check(space)?;
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
            if budget >= most || passed == 0 {
                break;
            }
            budget = budget.saturating_mul(factor).min(most);
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
        let (trials, least, most, factor) = match self.strategy {
            SearchStrategy::Random { trials, budget } => (trials, budget, budget, 2),
            SearchStrategy::SuccessiveHalving {
                trials,
                least,
                most,
                factor,
            } => (trials, least, most, factor),
        };
        if trials == 0 {
            return Err(wrong("trials", "try at least one"));
        }
        if least == 0 || least > most {
            let what = format!("budgets {least}..{most}");
            return Err(wrong(&what, "give two from 1 on, the smaller first"));
        }
        if factor < 2 {
            return Err(wrong("factor", "at least 2; 3 is usual"));
        }
        Ok((trials.max(self.first.len()), least, most, factor))
    }

    /// Every run of every trial that is left, on as many threads as there may be.
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
                        // The others end after the runs under way.
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
                // Settings that fail with one seed of several are not to be trusted.
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

/// The runs of earlier rounds counted in.
fn counted(mut error: TrainError, before: usize) -> TrainError {
    if let TrainError::SearchInterrupted { done, .. } = &mut error {
        *done += before;
    }
    error
}

#[cfg(test)]
mod tests;

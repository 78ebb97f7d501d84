use burn::module::Module;
use tinderbox_core::{Seed, seed_layers};
use tinderbox_data::Batches;
use tinderbox_nn::{deep_copy, seed_backend};
use tinderbox_optim::frozen_group;
use tinderbox_plot::Plot;

use crate::step::{gradients, take_step};
use crate::{Result, Task, TrainConfig, TrainError};

/// A search for a good learning rate: the loss while the learning rate grows from step to step
/// (Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3).
#[derive(Clone, Debug, PartialEq)]
pub struct LrFinder {
    /// The learning rate of the first step.
    pub lowest: f64,
    /// The learning rate of the last step.
    pub highest: f64,
    /// Number of steps between them, in equal ratios.
    pub steps: usize,
    /// How much of the smoothed loss is kept from step to step, in `[0, 1)`.
    pub smoothing: f64,
    /// The search ends when the smoothed loss is this many times the smallest one.
    pub diverged: f64,
    /// Whether the process keeps the memory that a step frees, as
    /// [`Trainer::keep_memory`](crate::Trainer::keep_memory) has it.
    pub keep_memory: bool,
}

impl Default for LrFinder {
    fn default() -> Self {
        Self {
            lowest: 1e-6,
            highest: 10.0,
            steps: 100,
            smoothing: 0.9,
            diverged: 4.0,
            keep_memory: true,
        }
    }
}

/// The result of a learning-rate search.
#[derive(Clone, Debug, PartialEq)]
pub struct LrSearch {
    /// (learning rate, smoothed loss), one per step.
    pub losses: Vec<(f64, f64)>,
    /// The learning rate where the loss falls fastest, if it falls anywhere.
    pub suggestion: Option<f64>,
}

impl LrSearch {
    /// The loss over the learning rate, with the suggestion marked, as SVG.
    ///
    /// # Errors
    /// No loss that is a finite number.
    pub fn plot(&self) -> Result<String> {
        let plot = Plot::new("Learning-rate finder").labels("learning rate", "loss (smoothed)");
        let svg = tinderbox_plot::learning_rates(&plot, &self.losses, self.suggestion)?;
        Ok(svg)
    }
}

impl LrFinder {
    /// Runs the search on a copy of the model, which stays as it is.
    ///
    /// Steps are those of a training run with this `config`: its optimizer, groups (whose factors apply
    /// to every rate), frozen parts, clipping, divisor of the loss and seed, but a step for every
    /// batch.
    ///
    /// # Errors
    /// Bounds that are not positive and ascending, fewer than 2 steps, a config that
    /// [`Trainer::new`](crate::Trainer::new) refuses, and errors of the data, the task or the
    /// optimizer.
    pub fn search<M, B, T>(
        &self,
        model: &M,
        task: &T,
        config: &TrainConfig,
        train: &dyn Batches<Batch = B>,
    ) -> Result<LrSearch>
    where
        M: Module,
        T: Task<M, B>,
    {
        self.check()?;
        config.check()?;
        if self.keep_memory {
            tinderbox_core::keep_memory();
        }
        let device = model
            .devices()
            .into_iter()
            .next()
            .unwrap_or_default()
            .autodiff();
        let model = deep_copy(model).train();
        let frozen = frozen_group(&model, &config.freeze)?;
        let mut model = model.freeze_group(frozen);
        let groups = &config.groups;
        let (mut optimizer, group_rates) = config.optimizer.build_with_groups(groups, &model)?;
        let ratio = (self.highest / self.lowest).powf(1.0 / (self.steps - 1) as f64);
        let (mut smooth, mut smallest) = (0.0, f64::INFINITY);
        let mut losses = Vec::with_capacity(self.steps);
        let mut epoch = 0;
        'search: while losses.len() < self.steps {
            let before = losses.len();
            let mut state = T::State::default();
            for batch in train.epoch(epoch, 0, &device)? {
                let done = losses.len();
                let draws = Seed::new(config.seed).at(done as u64);
                seed_layers(draws);
                seed_backend(&device, draws);
                let at = (epoch + 1, done - before + 1);
                let step = take_step(task, &model, batch?, &mut state, at)?;
                let scaled = config.loss_reduction.scale(&step.loss);
                let mut gradients = gradients(&scaled, &model, None, at)?;
                let loss: f64 = step.loss.mean.into_scalar();
                smooth = self.smoothing * smooth + (1.0 - self.smoothing) * loss;
                // The running mean starts at 0; dividing takes that out (as Adam does).
                let loss = smooth / (1.0 - self.smoothing.powi(done as i32 + 1));
                if !loss.is_finite() || (done > 0 && loss > self.diverged * smallest) {
                    break 'search;
                }
                smallest = smallest.min(loss);
                let rate = self.lowest * ratio.powi(done as i32);
                losses.push((rate, loss));
                if losses.len() == self.steps {
                    break 'search;
                }
                if let Some(clip) = config.clip {
                    // Every loss is read, so the norm may be.
                    clip.apply(&model, &mut gradients, true)?;
                }
                model = optimizer.step(group_rates.at(rate), model, gradients);
            }
            if losses.len() == before {
                return Err(TrainError::NoBatches {
                    which: "the training data",
                    epoch: epoch + 1,
                });
            }
            epoch += 1;
        }
        let suggestion = steepest(&losses);
        Ok(LrSearch { losses, suggestion })
    }

    fn check(&self) -> Result<()> {
        let wrong = |field, value: String, rule| Err(TrainError::Config { field, value, rule });
        if !(self.lowest > 0.0 && self.lowest < self.highest && self.highest.is_finite()) {
            let value = format!("{}..{}", self.lowest, self.highest);
            return wrong(
                "lowest..highest",
                value,
                "give two positive rates, the smaller first",
            );
        }
        if self.steps < 2 {
            return wrong(
                "steps",
                self.steps.to_string(),
                "a search needs at least 2 steps",
            );
        }
        if !(0.0..1.0).contains(&self.smoothing) {
            let rule = "at least 0 (none) and below 1";
            return wrong("smoothing", self.smoothing.to_string(), rule);
        }
        Ok(())
    }
}

/// The learning rate where the loss falls fastest over the logarithm of the rate.
///
/// Slopes are those of straight lines through a tenth of the points, because single steps are noise;
/// the first tenth is left out, because the running mean has not settled there.
fn steepest(losses: &[(f64, f64)]) -> Option<f64> {
    let window = (losses.len() / 10).max(3);
    let settled = losses.get(window..)?;
    settled
        .windows(window)
        .map(|points| (points[window / 2].0, slope(points)))
        .filter(|(_, slope)| *slope < 0.0)
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(rate, _)| rate)
}

/// The least-squares slope of the loss over the logarithm of the rate.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let x_mean = points.iter().map(|point| point.0.ln()).sum::<f64>() / n;
    let y_mean = points.iter().map(|point| point.1).sum::<f64>() / n;
    let (mut xy, mut xx) = (0.0, 0.0);
    for (rate, loss) in points {
        let x = rate.ln() - x_mean;
        xy += x * (loss - y_mean);
        xx += x * x;
    }
    xy / xx
}

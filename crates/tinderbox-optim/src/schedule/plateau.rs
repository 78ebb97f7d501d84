use crate::error::{Result, require, require_not_negative};
use crate::settings::settings;
use serde::{Deserialize, Serialize};

/// Whether a smaller or a larger metric is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlateauMode {
    /// Smaller is better: a loss, an error.
    #[default]
    Min,
    /// Larger is better: an accuracy.
    Max,
}

settings! {
    /// Settings of [`Plateau`]; the defaults are PyTorch's.
    PlateauConfig {
        /// Whether a smaller or a larger metric is better.
        mode: PlateauMode = PlateauMode::Min,
        /// The factor of each cut, in (0, 1).
        factor: f64 = 0.1,
        /// Observations without improvement that are still allowed; the next one cuts.
        patience: usize = 10,
        /// An improvement counts when the metric is better by this fraction of the best value.
        threshold: f64 = 1e-4,
        /// Observations after a cut that do not count.
        cooldown: usize = 0,
        /// The smallest learning rate.
        min_rate: f64 = 0.0,
    }
}

/// Cuts the learning rate when a metric stops improving (`ReduceLROnPlateau` with a relative
/// threshold).
///
/// The only schedule with state: save it with the run (it implements serde's traits) and the resumed
/// run continues as if it had never stopped. It multiplies the learning rate of any other schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    config: PlateauConfig,
    /// Best value so far; `None` before the first, since JSON has no infinity.
    best: Option<f64>,
    bad: usize,
    cooldown_left: usize,
    cuts: u32,
}

impl Plateau {
    /// Starts without observations and cuts.
    ///
    /// # Errors
    /// A factor outside (0, 1), a negative threshold or smallest learning rate.
    pub fn new(config: PlateauConfig) -> Result<Self> {
        require("plateau", "factor", config.factor, "in (0, 1)", |v| {
            v > 0.0 && v < 1.0
        })?;
        require_not_negative("plateau", "threshold", config.threshold)?;
        require_not_negative("plateau", "min_rate", config.min_rate)?;
        Ok(Self {
            config,
            best: None,
            bad: 0,
            cooldown_left: 0,
            cuts: 0,
        })
    }

    /// Observes the metric of an epoch (or of another interval), and cuts when the patience has run out.
    ///
    /// Returns whether the learning rate was cut. NaN counts as no improvement.
    pub fn observe(&mut self, metric: f64) -> bool {
        if self.improves(metric) {
            self.best = Some(metric);
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if self.cooldown_left > 0 {
            self.cooldown_left -= 1;
            self.bad = 0;
        }
        if self.bad > self.config.patience {
            self.cuts += 1;
            self.cooldown_left = self.config.cooldown;
            self.bad = 0;
            return true;
        }
        false
    }

    /// The learning rate after the cuts so far: `max(min_rate, rate * factor^cuts)`, and never more than
    /// `rate`.
    pub fn rate(&self, rate: f64) -> f64 {
        (rate * self.config.factor.powi(self.cuts as i32)).max(self.config.min_rate.min(rate))
    }

    /// The number of cuts so far.
    pub fn cuts(&self) -> u32 {
        self.cuts
    }

    fn improves(&self, metric: f64) -> bool {
        let Some(best) = self.best else {
            return !metric.is_nan();
        };
        match self.config.mode {
            PlateauMode::Min => metric < best * (1.0 - self.config.threshold),
            PlateauMode::Max => metric > best * (1.0 + self.config.threshold),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plateau(mode: PlateauMode) -> Plateau {
        let config = PlateauConfig::default().mode(mode).factor(0.5).patience(1);
        Plateau::new(config.cooldown(2).min_rate(0.1)).unwrap()
    }

    #[test]
    fn cuts_after_patience_waits_for_cooldown_and_stops_at_the_smallest_rate() {
        let mut plateau = plateau(PlateauMode::Min);
        let metrics = [
            1.0,
            0.9,
            0.95,
            0.91,
            0.99,
            0.99,
            0.99,
            0.99,
            0.5,
            f64::NAN,
            f64::NAN,
        ];
        let cuts: Vec<bool> = metrics.iter().map(|&m| plateau.observe(m)).collect();
        let expected = [
            false, false, false, true, false, false, false, true, false, false, false,
        ];
        assert_eq!(cuts, expected);
        assert_eq!(plateau.rate(1.0), 0.25);
        assert!(plateau.rate(0.3) == 0.1, "min_rate");
        assert_eq!(
            plateau.rate(0.05),
            0.05,
            "a smallest rate never raises the rate"
        );
    }

    #[test]
    fn larger_can_be_better() {
        let mut plateau = plateau(PlateauMode::Max);
        assert!([0.5, 0.6, 0.7, 0.7].iter().all(|&m| !plateau.observe(m)));
        assert!(
            plateau.observe(0.70001),
            "below the threshold is no improvement"
        );
    }

    #[test]
    fn a_saved_plateau_continues_where_it_stopped() {
        let metrics = [1.0, 1.0, f64::NAN, 1.0, 1.0, 1.0, 1.0, 0.2, 0.3, 0.4, 0.5];
        let mut whole = plateau(PlateauMode::Min);
        let mut first = plateau(PlateauMode::Min);
        for (index, &metric) in metrics.iter().enumerate() {
            let json = serde_json::to_string(&first).unwrap();
            first = serde_json::from_str(&json).unwrap();
            assert_eq!(whole.observe(metric), first.observe(metric), "at {index}");
        }
        assert_eq!(whole, first);
        assert!(whole.cuts() > 1);
    }

    #[test]
    fn wrong_settings_are_named() {
        for factor in [0.0, 1.0, -1.0, f64::NAN] {
            let error = Plateau::new(PlateauConfig::default().factor(factor))
                .unwrap_err()
                .to_string();
            assert!(error.contains("plateau: `factor`"), "{error}");
        }
    }
}

use crate::error::{Result, require, require_not_negative};
use serde::{Deserialize, Serialize};

/// Which way a metric gets better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Lower is better: a loss, an error.
    #[default]
    Lower,
    /// Higher is better: an accuracy.
    Higher,
}

/// Settings of [`Plateau`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlateauConfig {
    /// Which way the metric gets better.
    pub better: Better,
    /// What the rate is multiplied with at a cut, in (0, 1).
    pub factor: f64,
    /// Observations without improvement that are still allowed; the next one cuts.
    pub patience: usize,
    /// An improvement counts when the metric is better by this part of the best value.
    pub threshold: f64,
    /// Observations after a cut that do not count.
    pub cooldown: usize,
    /// The rate never falls below this.
    pub floor: f64,
}

impl Default for PlateauConfig {
    fn default() -> Self {
        Self {
            better: Better::Lower,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            cooldown: 0,
            floor: 0.0,
        }
    }
}

/// Cuts the rate when a metric stops getting better (`ReduceLROnPlateau` with a relative
/// threshold).
///
/// The only schedule with a memory: save it with the run (it is serialisable) and the resumed run
/// goes on as if nothing had happened. It multiplies whatever rate another schedule gives.
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
    /// Starts with no cut and no observation.
    ///
    /// # Errors
    /// A factor outside (0, 1), a negative threshold or floor.
    pub fn new(config: PlateauConfig) -> Result<Self> {
        require("plateau", "factor", config.factor, "in (0, 1)", |v| {
            v > 0.0 && v < 1.0
        })?;
        require_not_negative("plateau", "threshold", config.threshold)?;
        require_not_negative("plateau", "floor", config.floor)?;
        Ok(Self {
            config,
            best: None,
            bad: 0,
            cooldown_left: 0,
            cuts: 0,
        })
    }

    /// Takes the metric of an epoch (or of whatever is counted) and cuts when it is time.
    ///
    /// Returns whether the rate was cut. NaN counts as no improvement.
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

    /// The rate after the cuts so far: `max(floor, rate * factor^cuts)`, and never more than
    /// `rate`.
    pub fn rate(&self, rate: f64) -> f64 {
        (rate * self.config.factor.powi(self.cuts as i32)).max(self.config.floor.min(rate))
    }

    /// How often the rate was cut.
    pub fn cuts(&self) -> u32 {
        self.cuts
    }

    fn improves(&self, metric: f64) -> bool {
        let Some(best) = self.best else {
            return !metric.is_nan();
        };
        match self.config.better {
            Better::Lower => metric < best * (1.0 - self.config.threshold),
            Better::Higher => metric > best * (1.0 + self.config.threshold),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plateau(better: Better) -> Plateau {
        Plateau::new(PlateauConfig {
            better,
            factor: 0.5,
            patience: 1,
            cooldown: 2,
            floor: 0.1,
            ..Default::default()
        })
        .unwrap()
    }

    #[test]
    fn cuts_after_patience_waits_for_cooldown_and_stops_at_the_floor() {
        let mut plateau = plateau(Better::Lower);
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
        assert!(plateau.rate(0.3) == 0.1, "floor");
        assert_eq!(plateau.rate(0.05), 0.05, "a floor never raises the rate");
    }

    #[test]
    fn higher_can_be_better() {
        let mut plateau = plateau(Better::Higher);
        assert!([0.5, 0.6, 0.7, 0.7].iter().all(|&m| !plateau.observe(m)));
        assert!(
            plateau.observe(0.70001),
            "below the threshold is no improvement"
        );
    }

    #[test]
    fn a_saved_plateau_goes_on_where_it_stopped() {
        let metrics = [1.0, 1.0, f64::NAN, 1.0, 1.0, 1.0, 1.0, 0.2, 0.3, 0.4, 0.5];
        let mut whole = plateau(Better::Lower);
        let mut first = plateau(Better::Lower);
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
        let config = |factor| PlateauConfig {
            factor,
            ..Default::default()
        };
        for factor in [0.0, 1.0, -1.0, f64::NAN] {
            let error = Plateau::new(config(factor)).unwrap_err().to_string();
            assert!(error.contains("plateau: `factor`"), "{error}");
        }
    }
}

//! The published range of a metric, and which of our values fail.

/// A metric as the course published it, over many executions.
pub struct Band {
    pub metric: &'static str,
    /// 5th percentile.
    pub low: f64,
    pub median: f64,
    /// 95th percentile.
    pub high: f64,
    pub check: Check,
}

/// The condition under which a median fails.
#[derive(Clone, Copy, PartialEq)]
pub enum Check {
    /// Outside the band.
    Inside,
    /// Above the band: an error cannot be too small.
    AtMost,
    /// Never: the metric varies so much from run to run that its band is only printed.
    ReportOnly,
}

/// The median must lie inside the band.
pub const fn band(metric: &'static str, low: f64, median: f64, high: f64) -> Band {
    Band {
        metric,
        low,
        median,
        high,
        check: Check::Inside,
    }
}

/// The median must not lie above the band.
pub const fn at_most(metric: &'static str, low: f64, median: f64, high: f64) -> Band {
    Band {
        check: Check::AtMost,
        ..band(metric, low, median, high)
    }
}

/// The median is printed and not checked.
pub const fn reported(metric: &'static str, low: f64, median: f64, high: f64) -> Band {
    Band {
        check: Check::ReportOnly,
        ..band(metric, low, median, high)
    }
}

/// One run was published, so there is no band; the metric is only printed.
pub const fn one_run(metric: &'static str, value: f64) -> Band {
    reported(metric, f64::NAN, value, f64::NAN)
}

/// The metric has no published band; it is only printed.
pub const fn unpublished(metric: &'static str) -> Band {
    reported(metric, f64::NAN, f64::NAN, f64::NAN)
}

impl Band {
    /// Whether the course published it.
    pub fn is_published(&self) -> bool {
        !self.median.is_nan()
    }

    /// Whether the course published one run only.
    pub fn is_one_run(&self) -> bool {
        self.is_published() && self.low.is_nan()
    }

    /// Whether the band holds for this median; false for NaN.
    pub fn holds(&self, median: f64) -> bool {
        let low_enough = median <= self.high;
        low_enough && (self.check == Check::AtMost || median >= self.low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_may_be_small_and_a_loss_may_not() {
        let (loss, error) = (band("loss", 0.4, 0.5, 0.6), at_most("error", 0.4, 0.5, 0.6));
        assert!(loss.holds(0.45) && error.holds(0.45));
        assert!(!loss.holds(0.2) && error.holds(0.2));
        assert!(!loss.holds(0.7) && !error.holds(0.7));
        assert!(!loss.holds(f64::NAN) && !error.holds(f64::NAN));
        assert!(!reported("test accuracy", 0.7, 0.8, 0.9).holds(0.95));
    }
}

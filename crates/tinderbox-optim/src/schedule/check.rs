use super::{
    Chain, Cosine, Factor, LogCosine, OneCycle, PolynomialDecay, Schedule, WarmRestarts, Warmup,
};
use crate::error::{
    OptimError, Result, require, require_count, require_not_negative, require_positive,
};

impl Schedule {
    /// Checks every setting, so that [`Schedule::rate`] is meaningful for every count.
    ///
    /// # Errors
    /// Zero lengths, factors and rates that are negative or not finite, milestones that are not
    /// ascending, an empty chain; also in the parts of a chain and in the schedule after a warm-up.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Constant | Self::SquareRoot => Ok(()),
            Self::Step { size, gamma } => {
                require_count("step", "size", *size)?;
                require_positive("step", "gamma", *gamma)
            }
            Self::MultiStep { milestones, gamma } => {
                require_positive("multi_step", "gamma", *gamma)?;
                for pair in milestones.windows(2) {
                    if pair[1] <= pair[0] {
                        return Err(OptimError::Milestones {
                            previous: pair[0],
                            next: pair[1],
                        });
                    }
                }
                Ok(())
            }
            Self::Factor(Factor { factor, min_rate }) => {
                require_positive("factor", "factor", *factor)?;
                require_not_negative("factor", "min_rate", *min_rate)
            }
            Self::Polynomial { beta, power } => {
                require_not_negative("polynomial", "beta", *beta)?;
                require_not_negative("polynomial", "power", *power)
            }
            Self::PolynomialDecay(PolynomialDecay { length, power, end }) => {
                require_count("polynomial_decay", "length", *length)?;
                require_positive("polynomial_decay", "power", *power)?;
                require_not_negative("polynomial_decay", "end", *end)
            }
            Self::Linear {
                length,
                start_factor,
                end_factor,
            } => {
                require_count("linear", "length", *length)?;
                require_not_negative("linear", "start_factor", *start_factor)?;
                require_not_negative("linear", "end_factor", *end_factor)
            }
            Self::Cosine(Cosine { length, end }) => {
                require_count("cosine", "length", *length)?;
                require_not_negative("cosine", "end", *end)
            }
            Self::Warmup(Warmup {
                length,
                begin,
                then,
            }) => {
                require_count("warmup", "length", *length)?;
                require_not_negative("warmup", "begin", *begin)?;
                then.check()
            }
            Self::OneCycle(OneCycle {
                length,
                rise,
                start_divisor,
                end_divisor,
                cosine: _,
            }) => {
                require_count("one_cycle", "length", *length)?;
                require("one_cycle", "rise", *rise, "in [0, 1]", |v| {
                    (0.0..=1.0).contains(&v)
                })?;
                require_positive("one_cycle", "start_divisor", *start_divisor)?;
                require_positive("one_cycle", "end_divisor", *end_divisor)
            }
            Self::WarmRestarts(WarmRestarts {
                period,
                multiplier,
                end,
            }) => {
                require_count("warm_restarts", "period", *period)?;
                require_count("warm_restarts", "multiplier", *multiplier)?;
                require_not_negative("warm_restarts", "end", *end)
            }
            Self::LogCosine(LogCosine { length, waves }) => {
                require_count("log_cosine", "length", *length)?;
                require_count("log_cosine", "waves", *waves)
            }
            Self::Chain(Chain { parts }) => {
                let Some((_, before_last)) = parts.split_last() else {
                    return Err(OptimError::EmptyChain);
                };
                for part in before_last {
                    require_count("chain", "length", part.length)?;
                }
                parts.iter().try_for_each(|part| part.schedule.check())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(schedule: impl Into<Schedule>) -> String {
        schedule.into().check().unwrap_err().to_string()
    }

    #[test]
    fn wrong_settings_are_named() {
        let cosine = Schedule::cosine;
        assert!(message(cosine(0)).contains("cosine: `length` is 0"));
        assert!(message(cosine(3).end(-0.5)).contains("`end` is -0.5"));
        assert!(message(cosine(3).end(f64::NAN)).contains("`end` is NaN"));
        assert!(message(cosine(0).after_warmup(2)).contains("cosine: `length`"));
        assert!(message(cosine(2).after_warmup(0)).contains("warmup: `length`"));
        assert!(message(cosine(2).after_warmup(1).begin(-1.0)).contains("warmup: `begin`"));
        assert!(message(Schedule::step(0, 0.5)).contains("step: `size`"));
        assert!(message(Schedule::factor(f64::INFINITY)).contains("`factor` is inf"));
        assert!(message(Schedule::factor(0.5).min_rate(-1.0)).contains("`min_rate` is -1"));
        let milestones = Schedule::multi_step([5, 10, 10], 0.5);
        assert!(message(milestones).contains("milestone 10 comes after 10"));
        assert!(message(Schedule::linear(3, -1.0, 0.0)).contains("linear: `start_factor`"));
        assert!(message(Schedule::one_cycle(9).rise(1.5)).contains("`rise` is 1.5"));
        assert!(message(Schedule::warm_restarts(0)).contains("`period` is 0"));
    }

    #[test]
    fn chains_are_checked_to_the_bottom() {
        assert!(message(Schedule::chain()).contains("at least one part"));
        let constant = || Schedule::Constant;
        // The last part has no end, so its length does not matter.
        let last: Schedule = Schedule::chain()
            .part(3, constant())
            .part(0, constant())
            .into();
        last.check().unwrap();
        let first = Schedule::chain().part(0, constant()).part(3, constant());
        assert!(message(first).contains("chain: `length`"));
        let outer: Schedule = Schedule::chain().part(1, Schedule::chain()).into();
        assert!(matches!(outer.check(), Err(OptimError::EmptyChain)));
    }
}

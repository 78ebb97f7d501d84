use super::Schedule;
use crate::error::{
    OptimError, Result, require, require_count, require_not_negative, require_positive,
};

impl Schedule {
    /// Checks every setting, so that [`Schedule::rate`] means something for every count.
    ///
    /// # Errors
    /// Zero lengths, factors and rates that are negative or not finite, milestones that do not
    /// rise, an empty chain; parts of a chain and what follows a warm-up included.
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
            Self::Factor { factor, floor } => {
                require_positive("factor", "factor", *factor)?;
                require_not_negative("factor", "floor", *floor)
            }
            Self::Polynomial { beta, power } => {
                require_not_negative("polynomial", "beta", *beta)?;
                require_not_negative("polynomial", "power", *power)
            }
            Self::PolynomialDecay { length, power, end } => {
                require_count("polynomial_decay", "length", *length)?;
                require_positive("polynomial_decay", "power", *power)?;
                require_not_negative("polynomial_decay", "end", *end)
            }
            Self::Linear { length, from, to } => {
                require_count("linear", "length", *length)?;
                require_not_negative("linear", "from", *from)?;
                require_not_negative("linear", "to", *to)
            }
            Self::Cosine { length, end } => {
                require_count("cosine", "length", *length)?;
                require_not_negative("cosine", "end", *end)
            }
            Self::Warmup {
                length,
                begin,
                then,
            } => {
                require_count("warmup", "length", *length)?;
                require_not_negative("warmup", "begin", *begin)?;
                then.check()
            }
            Self::OneCycle {
                length,
                rise,
                start_divisor,
                end_divisor,
                cosine: _,
            } => {
                require_count("one_cycle", "length", *length)?;
                require("one_cycle", "rise", *rise, "in [0, 1]", |v| {
                    (0.0..=1.0).contains(&v)
                })?;
                require_positive("one_cycle", "start_divisor", *start_divisor)?;
                require_positive("one_cycle", "end_divisor", *end_divisor)
            }
            Self::WarmRestarts {
                period,
                multiplier,
                end,
            } => {
                require_count("warm_restarts", "period", *period)?;
                require_count("warm_restarts", "multiplier", *multiplier)?;
                require_not_negative("warm_restarts", "end", *end)
            }
            Self::Chain { parts } => {
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
    use super::super::ChainPart;
    use super::*;

    fn message(schedule: Schedule) -> String {
        schedule.check().unwrap_err().to_string()
    }

    #[test]
    fn wrong_settings_are_named() {
        let cosine = |length, end| Schedule::Cosine { length, end };
        assert!(message(cosine(0, 0.0)).contains("cosine: `length` is 0"));
        assert!(message(cosine(3, -0.5)).contains("`end` is -0.5"));
        assert!(message(cosine(3, f64::NAN)).contains("`end` is NaN"));
        assert!(message(cosine(0, 0.0).after_warmup(2, 0.0)).contains("cosine: `length`"));
        assert!(message(cosine(2, 0.0).after_warmup(0, 0.0)).contains("warmup: `length`"));
        assert!(
            message(Schedule::Step {
                size: 0,
                gamma: 0.5
            })
            .contains("step: `size`")
        );
        let infinite = Schedule::Factor {
            factor: f64::INFINITY,
            floor: 0.0,
        };
        assert!(message(infinite).contains("`factor` is inf"));
        let milestones = Schedule::MultiStep {
            milestones: vec![5, 10, 10],
            gamma: 0.5,
        };
        assert!(message(milestones).contains("milestone 10 comes after 10"));
    }

    #[test]
    fn chains_are_checked_to_the_bottom() {
        assert!(message(Schedule::Chain { parts: vec![] }).contains("at least one part"));
        let part = |length| ChainPart {
            length,
            schedule: Schedule::Constant,
        };
        // The last part goes on for ever, so its length does not matter.
        Schedule::Chain {
            parts: vec![part(3), part(0)],
        }
        .check()
        .unwrap();
        assert!(
            message(Schedule::Chain {
                parts: vec![part(0), part(3)]
            })
            .contains("chain: `length`")
        );
        let inner = Schedule::Chain { parts: vec![] };
        let outer = Schedule::Chain {
            parts: vec![ChainPart {
                length: 1,
                schedule: inner,
            }],
        };
        assert!(matches!(outer.check(), Err(OptimError::EmptyChain)));
    }
}

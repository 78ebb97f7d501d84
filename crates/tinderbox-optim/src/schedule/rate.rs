use super::{ChainPart, Schedule};
use std::f64::consts::PI;

impl Schedule {
    /// The rate at count `t` (from 0) for the base rate `base`.
    ///
    /// Defined for every `t`; a schedule that did not pass [`Schedule::check`] gives numbers
    /// without meaning, but no panic.
    pub fn rate(&self, t: usize, base: f64) -> f64 {
        let time = t as f64;
        match self {
            Self::Constant => base,
            Self::Step { size, gamma } => base * power(*gamma, t / (*size).max(1)),
            Self::MultiStep { milestones, gamma } => {
                base * power(*gamma, milestones.iter().filter(|&&m| m <= t).count())
            }
            Self::Factor { factor, floor } => (base * power(*factor, t)).max(*floor),
            Self::Polynomial { beta, power } => base * (1.0 + beta * time).powf(-power),
            Self::PolynomialDecay { length, power, end } => {
                end + (base - end) * (1.0 - fraction(t, *length)).powf(*power)
            }
            Self::SquareRoot => base / (time + 1.0).sqrt(),
            Self::Linear { length, from, to } => base * (from + (to - from) * fraction(t, *length)),
            Self::Cosine { length, end } => half_cosine(base, *end, fraction(t, *length)),
            Self::Warmup {
                length,
                begin,
                then,
            } => {
                if t < *length {
                    begin + (base - begin) * fraction(t, *length)
                } else {
                    then.rate(t - length, base)
                }
            }
            Self::OneCycle {
                length,
                rise,
                start_divisor,
                end_divisor,
                cosine,
            } => {
                let start = base / start_divisor;
                let end = start / end_divisor;
                // The peak lies on a real number of counts, as in the reference.
                let last = length.saturating_sub(1) as f64;
                let peak = rise * *length as f64 - 1.0;
                let anneal = if *cosine { half_cosine } else { straight };
                if time <= peak {
                    anneal(start, base, if peak > 0.0 { time / peak } else { 1.0 })
                } else {
                    let down = (time - peak) / (last - peak).max(f64::MIN_POSITIVE);
                    anneal(base, end, down.min(1.0))
                }
            }
            Self::WarmRestarts {
                period,
                multiplier,
                end,
            } => {
                let (mut left, mut length) = (t, (*period).max(1));
                if *multiplier <= 1 {
                    left %= length;
                }
                while left >= length {
                    left -= length;
                    length = length.saturating_mul(*multiplier);
                }
                half_cosine(base, *end, fraction(left, length))
            }
            Self::Chain { parts } => chained(parts, t, base),
        }
    }

    /// The rates at `0..count`: what a plot of the schedule shows.
    pub fn curve(&self, count: usize, base: f64) -> Vec<f64> {
        (0..count).map(|t| self.rate(t, base)).collect()
    }
}

fn chained(parts: &[ChainPart], t: usize, base: f64) -> f64 {
    let mut left = t;
    for (index, part) in parts.iter().enumerate() {
        if left < part.length || index + 1 == parts.len() {
            return part.schedule.rate(left, base);
        }
        left -= part.length;
    }
    base
}

/// `factor^count`; `powi` would overflow its exponent for counts beyond 2^31.
fn power(factor: f64, count: usize) -> f64 {
    factor.powf(count as f64)
}

/// How far `t` is on its way to `length`: 0 to 1.
fn fraction(t: usize, length: usize) -> f64 {
    if t >= length {
        1.0
    } else {
        t as f64 / length as f64
    }
}

fn half_cosine(from: f64, to: f64, part: f64) -> f64 {
    if part >= 1.0 {
        return to; // exactly, without the rounding of the cosine
    }
    to + (from - to) * (1.0 + (PI * part).cos()) / 2.0
}

fn straight(from: f64, to: f64, part: f64) -> f64 {
    from + (to - from) * part
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(schedule: Schedule, base: f64, expected: &[(usize, f64)]) {
        schedule.check().unwrap();
        for &(t, rate) in expected {
            let found = schedule.rate(t, base);
            assert!(
                (found - rate).abs() < 1e-12,
                "{schedule:?} at {t}: {found} != {rate}"
            );
        }
    }

    /// The values of the course's learning-rate chapter, computed from its formulas.
    #[test]
    fn the_courses_schedules() {
        close(
            Schedule::SquareRoot,
            0.1,
            &[(0, 0.1), (3, 0.05), (99, 0.01)],
        );
        let factor = Schedule::Factor {
            factor: 0.9,
            floor: 0.01,
        };
        close(factor, 2.0, &[(0, 2.0), (1, 1.8), (2, 1.62), (1000, 0.01)]);
        let multi_step = Schedule::MultiStep {
            milestones: vec![15, 30],
            gamma: 0.5,
        };
        close(
            multi_step,
            0.5,
            &[(0, 0.5), (14, 0.5), (15, 0.25), (29, 0.25), (30, 0.125)],
        );
        let cosine = Schedule::Cosine {
            length: 20,
            end: 0.01,
        };
        close(
            cosine,
            0.3,
            &[(0, 0.3), (10, 0.155), (20, 0.01), (29, 0.01)],
        );
        let warm = Schedule::Cosine {
            length: 15,
            end: 0.01,
        }
        .after_warmup(5, 0.0);
        close(
            warm,
            0.3,
            &[
                (0, 0.0),
                (1, 0.06),
                (4, 0.24),
                (5, 0.3),
                (20, 0.01),
                (29, 0.01),
            ],
        );
        let polynomial = Schedule::Polynomial {
            beta: 0.1,
            power: 0.5,
        };
        close(polynomial, 1.0, &[(0, 1.0), (30, 0.5)]);
    }

    #[test]
    fn a_chain_starts_each_part_at_zero_and_ends_never() {
        let chain = Schedule::Chain {
            parts: vec![
                ChainPart {
                    length: 2,
                    schedule: Schedule::Constant,
                },
                ChainPart {
                    length: 3,
                    schedule: Schedule::SquareRoot,
                },
                ChainPart {
                    length: 1,
                    schedule: Schedule::Factor {
                        factor: 0.5,
                        floor: 0.0,
                    },
                },
            ],
        };
        let half = 0.5f64.sqrt();
        close(
            chain,
            1.0,
            &[
                (0, 1.0),
                (1, 1.0),
                (2, 1.0),
                (3, half),
                (5, 1.0),
                (6, 0.5),
                (8, 0.125),
            ],
        );
    }

    #[test]
    fn a_schedule_reads_from_the_form_that_users_write() {
        let read: Schedule = serde_json::from_str(
            r#"{"name": "warmup", "length": 5, "then": {"name": "one_cycle", "length": 10}}"#,
        )
        .unwrap();
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&written).unwrap(), read);
        assert!(serde_json::from_str::<Schedule>(r#"{"name": "cosine", "lenght": 5}"#).is_err());
    }

    proptest! {
        #[test]
        fn decreasing_schedules_never_rise(t in 0usize..500, length in 1usize..400, end in 0.0f64..0.1) {
            for schedule in [
                Schedule::Cosine { length, end },
                Schedule::PolynomialDecay { length, power: 2.0, end },
                Schedule::SquareRoot,
                Schedule::Step { size: length, gamma: 0.5 },
                Schedule::Factor { factor: 0.99, floor: end },
            ] {
                let (now, next) = (schedule.rate(t, 0.1), schedule.rate(t + 1, 0.1));
                prop_assert!(next <= now + 1e-15, "{schedule:?} at {t}: {now} then {next}");
                prop_assert!(next >= 0.0);
            }
        }

        #[test]
        fn restarts_begin_at_the_base_rate(period in 1usize..50, multiplier in 1usize..4, count in 0usize..5) {
            let schedule = Schedule::WarmRestarts { period, multiplier, end: 0.0 };
            let start: usize = (0..count).map(|k| period * multiplier.pow(k as u32)).sum();
            prop_assert_eq!(schedule.rate(start, 0.7), 0.7);
        }
    }
}

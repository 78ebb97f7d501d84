use super::{
    Chain, ChainPart, Cosine, Factor, LogCosine, OneCycle, PolynomialDecay, Schedule, WarmRestarts,
    Warmup,
};
use std::f64::consts::PI;

impl Schedule {
    /// The learning rate at count `t` (from 0) for the base learning rate `base`.
    ///
    /// Defined for every `t`; a schedule that [`Schedule::check`] refuses gives meaningless numbers, but
    /// never panics.
    pub fn rate(&self, t: usize, base: f64) -> f64 {
        let time = t as f64;
        match self {
            Self::Constant => base,
            Self::Step { size, gamma } => base * power(*gamma, t / (*size).max(1)),
            Self::MultiStep { milestones, gamma } => {
                base * power(*gamma, milestones.iter().filter(|&&m| m <= t).count())
            }
            Self::Factor(Factor { factor, min_rate }) => (base * power(*factor, t)).max(*min_rate),
            Self::Polynomial { beta, power } => base * (1.0 + beta * time).powf(-power),
            Self::PolynomialDecay(PolynomialDecay { length, power, end }) => {
                end + (base - end) * (1.0 - fraction(t, *length)).powf(*power)
            }
            Self::SquareRoot => base / (time + 1.0).sqrt(),
            Self::Linear {
                length,
                start_factor,
                end_factor,
            } => base * (start_factor + (end_factor - start_factor) * fraction(t, *length)),
            Self::Cosine(Cosine { length, end }) => half_cosine(base, *end, fraction(t, *length)),
            Self::Warmup(Warmup {
                length,
                begin,
                then,
            }) => {
                if t < *length {
                    begin + (base - begin) * fraction(t, *length)
                } else {
                    then.rate(t - length, base)
                }
            }
            Self::OneCycle(OneCycle {
                length,
                rise,
                start_divisor,
                end_divisor,
                cosine,
            }) => {
                let start = base / start_divisor;
                let end = start / end_divisor;
                // The peak is at a fractional count, as in PyTorch.
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
            Self::WarmRestarts(WarmRestarts {
                period,
                multiplier,
                end,
            }) => {
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
            Self::LogCosine(LogCosine { length, waves }) => {
                let part = fraction(t, *length);
                let wave = (1.0 + ((*waves as f64).exp2() - 1.0) * part).log2();
                // At the end the wave is whole, up to rounding.
                let turn = if part < 1.0 { wave.fract() } else { 0.0 };
                base * (1.0 - (2.0 * PI * turn).cos()) / 2.0
            }
            Self::Chain(Chain { parts }) => chained(parts, t, base),
        }
    }

    /// The learning rates at `0..count`, for a plot of the schedule.
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

/// `t / length`, at most 1.
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

    fn close(schedule: impl Into<Schedule>, base: f64, expected: &[(usize, f64)]) {
        let schedule = schedule.into();
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
        let square_root = [(0, 0.1), (3, 0.05), (99, 0.01)];
        close(Schedule::SquareRoot, 0.1, &square_root);
        let factor = [(0, 2.0), (1, 1.8), (2, 1.62), (1000, 0.01)];
        close(Schedule::factor(0.9).min_rate(0.01), 2.0, &factor);
        let multi_step = [(0, 0.5), (14, 0.5), (15, 0.25), (29, 0.25), (30, 0.125)];
        close(Schedule::multi_step([15, 30], 0.5), 0.5, &multi_step);
        let cosine = [(0, 0.3), (10, 0.155), (20, 0.01), (29, 0.01)];
        close(Schedule::cosine(20).end(0.01), 0.3, &cosine);
        let warm = [
            (0, 0.0),
            (1, 0.06),
            (4, 0.24),
            (5, 0.3),
            (20, 0.01),
            (29, 0.01),
        ];
        close(Schedule::cosine(15).end(0.01).after_warmup(5), 0.3, &warm);
        let polynomial = [(0, 1.0), (30, 0.5)];
        close(Schedule::polynomial(0.1, 0.5), 1.0, &polynomial);
    }

    /// Waves begin and end where `1 + 15 t / length` is a power of two, with `base` at √2 of it.
    #[test]
    fn logarithmic_waves_double_in_length() {
        let ends = [
            (0, 0.0),
            (100, 0.0),
            (300, 0.0),
            (700, 0.0),
            (1500, 0.0),
            (9999, 0.0),
        ];
        close(Schedule::log_cosine(1500), 0.3, &ends);
        let peak = (100.0 * (2f64.sqrt() - 1.0)).round() as usize;
        let schedule = Schedule::from(Schedule::log_cosine(1500));
        assert!((schedule.rate(peak, 0.3) - 0.3).abs() < 1e-3);
        let two = Schedule::from(Schedule::log_cosine(300).waves(2));
        close(two, 1.0, &[(0, 0.0), (100, 0.0), (300, 0.0)]);
    }

    #[test]
    fn a_warm_up_begins_where_it_is_told_to() {
        let schedule = Schedule::Constant.after_warmup(4).begin(0.1);
        close(
            schedule,
            0.5,
            &[(0, 0.1), (1, 0.2), (3, 0.4), (4, 0.5), (9, 0.5)],
        );
    }

    #[test]
    fn a_chain_starts_each_part_at_zero_and_has_no_end() {
        let chain = Schedule::chain()
            .part(2, Schedule::Constant)
            .part(3, Schedule::SquareRoot)
            .part(1, Schedule::factor(0.5));
        let half = 0.5f64.sqrt();
        let expected = [
            (0, 1.0),
            (1, 1.0),
            (2, 1.0),
            (3, half),
            (5, 1.0),
            (6, 0.5),
            (8, 0.125),
        ];
        close(chain, 1.0, &expected);
    }

    /// Configuration files keep their form; what is left out has the default of the function.
    #[test]
    fn a_schedule_reads_from_the_form_that_users_write() {
        let read = |json: &str| serde_json::from_str::<Schedule>(json);
        for (json, schedule) in [
            (r#"{"name": "constant"}"#, Schedule::Constant),
            (
                r#"{"name": "step", "size": 3, "gamma": 0.5}"#,
                Schedule::step(3, 0.5),
            ),
            (
                r#"{"name": "factor", "factor": 0.5}"#,
                Schedule::factor(0.5).into(),
            ),
            (
                r#"{"name": "polynomial_decay", "length": 5}"#,
                Schedule::polynomial_decay(5).into(),
            ),
            (
                r#"{"name": "cosine", "length": 5, "end": 0.25}"#,
                Schedule::cosine(5).end(0.25).into(),
            ),
            (
                r#"{"name": "warmup", "length": 5, "then": {"name": "one_cycle", "length": 10}}"#,
                Schedule::one_cycle(10).after_warmup(5).into(),
            ),
            (
                r#"{"name": "warm_restarts", "period": 5}"#,
                Schedule::warm_restarts(5).into(),
            ),
            (
                r#"{"name": "log_cosine", "length": 5}"#,
                Schedule::log_cosine(5).into(),
            ),
            (
                r#"{"name": "chain", "parts": [{"length": 1, "schedule": {"name": "square_root"}}]}"#,
                Schedule::chain().part(1, Schedule::SquareRoot).into(),
            ),
        ] {
            assert_eq!(read(json).unwrap(), schedule, "{json}");
            let written = serde_json::to_string(&schedule).unwrap();
            assert_eq!(read(&written).unwrap(), schedule, "{written}");
        }
        assert!(read(r#"{"name": "cosine", "lenght": 5}"#).is_err());
        assert!(read(r#"{"name": "cosine", "length": 5, "ende": 5}"#).is_err());
    }

    #[test]
    fn setters_set_what_their_names_say() {
        let cycle = Schedule::one_cycle(8)
            .rise(0.5)
            .start_divisor(2.0)
            .end_divisor(4.0)
            .cosine(false);
        let expected = r#"{"name": "one_cycle", "length": 8, "rise": 0.5, "start_divisor": 2.0,
            "end_divisor": 4.0, "cosine": false}"#;
        let read: Schedule = serde_json::from_str(expected).unwrap();
        assert_eq!(read, cycle.into());
        let restarts = Schedule::warm_restarts(3).multiplier(2).end(0.5);
        assert_eq!((restarts.multiplier, restarts.end), (2, 0.5));
        let decay = Schedule::polynomial_decay(3).power(2.0).end(0.5);
        assert_eq!((decay.power, decay.end), (2.0, 0.5));
    }

    proptest! {
        #[test]
        fn decreasing_schedules_never_rise(t in 0usize..500, length in 1usize..400, end in 0.0f64..0.1) {
            for schedule in [
                Schedule::cosine(length).end(end).into(),
                Schedule::polynomial_decay(length).power(2.0).end(end).into(),
                Schedule::SquareRoot,
                Schedule::step(length, 0.5),
                Schedule::factor(0.99).min_rate(end).into(),
            ] {
                let (now, next) = (schedule.rate(t, 0.1), schedule.rate(t + 1, 0.1));
                prop_assert!(next <= now + 1e-15, "{schedule:?} at {t}: {now} then {next}");
                prop_assert!(next >= 0.0);
            }
        }

        #[test]
        fn restarts_begin_at_the_base_rate(period in 1usize..50, multiplier in 1usize..4, count in 0usize..5) {
            let schedule = Schedule::from(Schedule::warm_restarts(period).multiplier(multiplier));
            let start: usize = (0..count).map(|k| period * multiplier.pow(k as u32)).sum();
            prop_assert_eq!(schedule.rate(start, 0.7), 0.7);
        }
    }
}

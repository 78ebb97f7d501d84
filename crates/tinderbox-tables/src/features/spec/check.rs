//! Checks of a specification that need no data.

use super::{
    CategorySpec, ColumnSpec, CrossSpec, FeatureSpec, Impute, Step, TargetStep, Task, TextSpec,
    Unseen,
};
use crate::{DataError, Result};

impl FeatureSpec {
    /// Checks what can be checked without data.
    pub(in crate::features) fn check(&self) -> Result<()> {
        let wrong = |name: &str, problem: &str| {
            Err(DataError::Column {
                column: name.to_owned(),
                problem: problem.to_owned(),
            })
        };
        let steps = |name: &str, steps: &[Step], impute: Impute| {
            let scaling =
                |step: &&Step| matches!(step, Step::Standardize | Step::MinMax | Step::Robust);
            if steps.iter().filter(scaling).count() > 1 {
                return wrong(
                    name,
                    "has two scaling steps; use one of standardize, min_max and robust",
                );
            }
            let scaled = steps.iter().position(|step| scaling(&step));
            if scaled.is_some_and(|scaled| steps[scaled..].contains(&Step::Log1p)) {
                return wrong(
                    name,
                    "log1p comes after a scaling step, where it has no value below -1; put log1p first",
                );
            }
            for step in steps {
                if let Step::Clip { low, high } = *step {
                    let (low, high) = (
                        low.unwrap_or(f64::NEG_INFINITY),
                        high.unwrap_or(f64::INFINITY),
                    );
                    if low > high || low.is_nan() || high.is_nan() {
                        return wrong(name, "the low end of clip is above its high end");
                    }
                }
            }
            match impute {
                Impute::Constant(value) if !value.is_finite() => {
                    wrong(name, "the constant to impute must be a finite number")
                }
                _ => Ok(()),
            }
        };
        for column in &self.columns {
            match column {
                ColumnSpec::Numeric(spec) => steps(&spec.name, &spec.steps, spec.impute)?,
                ColumnSpec::Date(spec) if spec.parts.is_empty() => {
                    return wrong(
                        &spec.name,
                        "no parts are given; name some, such as year and month",
                    );
                }
                ColumnSpec::Date(spec) => steps(&spec.name, &spec.steps, spec.impute)?,
                ColumnSpec::Text(TextSpec {
                    name,
                    width,
                    ngrams,
                    ..
                }) => {
                    // A table in memory has a number for each row and bucket.
                    if !(1..=1 << 16).contains(width) || !(1..=5).contains(ngrams) {
                        return wrong(
                            name,
                            "a text needs a width of 1 to 65536 buckets and ngrams of 1 to 5",
                        );
                    }
                }
                ColumnSpec::Category(CategorySpec {
                    name,
                    unseen,
                    rare_below,
                    keep_most_frequent,
                    ..
                })
                | ColumnSpec::Cross(CrossSpec {
                    columns: [name, _],
                    unseen,
                    rare_below,
                    keep_most_frequent,
                    ..
                }) => {
                    if *unseen == Unseen::Rare && *rare_below == 0 && keep_most_frequent.is_none() {
                        return wrong(
                            name,
                            "unseen = \"rare\" needs rare_below or keep_most_frequent",
                        );
                    }
                    if *keep_most_frequent == Some(0) {
                        return wrong(name, "keep_most_frequent must be at least 1");
                    }
                }
            }
        }
        if let Some(target) = &self.target {
            let one = match target.task {
                Task::Classification => target.columns.len() == 1,
                _ => !target.columns.is_empty(),
            };
            if !one {
                return Err(DataError::Spec {
                    problem: "the target needs one column (several only for regression)".into(),
                });
            }
            if target.task == Task::Classification && !target.transform.is_empty() {
                return Err(DataError::Spec {
                    problem: "classes cannot be transformed; leave transform out or use task = \"regression\"".into(),
                });
            }
            let scaled =
                (target.transform.iter()).position(|step| *step == TargetStep::Standardize);
            if scaled.is_some_and(|scaled| scaled + 1 < target.transform.len()) {
                return Err(DataError::Spec {
                    problem: format!(
                        "standardize must be the last step of the target, once; write transform = {}",
                        target.in_order()
                    ),
                });
            }
            for column in &self.columns {
                if let Some(name) = column
                    .names()
                    .into_iter()
                    .find(|name| target.columns.iter().any(|target| target == name))
                {
                    return wrong(
                        name,
                        "is the target and a feature, so the model would see the answer; leave it out of the columns",
                    );
                }
            }
        }
        Ok(())
    }
}

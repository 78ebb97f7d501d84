use polars::prelude::{DataFrame, PlHashMap};

use super::columns::{Frame, WordKind, find, moments, numbers, require, words};
use super::dates;
use super::fitted::{Coding, Features, FittedColumn, FittedStep, Number, Vocabulary};
use super::spec::{
    CategorySpec, ColumnSpec, CrossSpec, DatePart, Encode, FeatureSpec, Impute, Missing, Step,
    TargetSpec, TargetStep, Task, Unseen,
};
use super::statistics::{Moments, Quantiles};
use super::target::{FittedTarget, FittedTargetStep, MISSING, present};
use super::transform::join;
use crate::{DataError, Result};

impl FeatureSpec {
    /// Looks once at all rows of a frame, which are to be training rows only, and gives what turns
    /// any such frame into numbers.
    ///
    /// Of a `LazyFrame` only parts are in memory at a time. The result does not depend on how the
    /// rows are cut into parts, nor on the number of threads.
    ///
    /// # Errors
    ///
    /// A column that is absent (the nearest names are suggested) or of a type that its kind cannot
    /// use, a value that no step handles (with column and row), a column without any value, more
    /// categories than `max_categories`, a missing target, no rows.
    pub fn fit(&self, frame: &impl Frame) -> Result<Features> {
        self.check()?;
        let schema = frame.columns()?;
        let mut names: Vec<String> = Vec::new();
        for column in &self.columns {
            names.extend(column.names().into_iter().map(String::from));
        }
        names.extend(self.target.iter().flat_map(|target| target.columns.clone()));
        require(&schema, names.iter().map(String::as_str))?;
        let limit = self.max_categories;
        let mut observers: Vec<Observer> = self
            .columns
            .iter()
            .map(|column| Observer::new(column, limit))
            .collect();
        let mut target = match &self.target {
            Some(target) => Some(TargetObserver::new(target, &schema, limit)?),
            None => None,
        };
        let mut rows = 0;
        frame.for_each_part(&names, &mut |part| {
            for (observer, column) in observers.iter_mut().zip(&self.columns) {
                observer.observe(column, part, rows)?;
            }
            if let Some(target) = &mut target {
                target.observe(part, rows)?;
            }
            rows += part.height();
            Ok(())
        })?;
        if rows == 0 {
            return Err(DataError::Empty {
                what: "to fit features on".into(),
            });
        }
        let columns = observers
            .into_iter()
            .zip(&self.columns)
            .map(|(observer, column)| observer.finish(column))
            .collect::<Result<Vec<_>>>()?;
        let target = target.map(TargetObserver::finish).transpose()?;
        Features::new(columns, target)
    }
}

enum Observer {
    Numeric(NumberObserver),
    Date(Vec<(DatePart, NumberObserver)>),
    Words {
        kinds: Vec<Option<WordKind>>,
        counts: Counts,
    },
}

impl Observer {
    fn new(column: &ColumnSpec, limit: usize) -> Self {
        match column {
            ColumnSpec::Numeric(spec) => {
                Self::Numeric(NumberObserver::new(spec.impute, &spec.steps, limit))
            }
            ColumnSpec::Date(spec) => Self::Date(
                (spec.parts.iter())
                    .map(|&part| (part, NumberObserver::new(spec.impute, &spec.steps, limit)))
                    .collect(),
            ),
            ColumnSpec::Category(_) | ColumnSpec::Cross(_) => Self::Words {
                kinds: vec![None; column.names().len()],
                counts: Counts::new(limit),
            },
        }
    }

    fn observe(&mut self, column: &ColumnSpec, frame: &DataFrame, first_row: usize) -> Result<()> {
        let name = column.names()[0].to_owned();
        let at = |row: usize| {
            let column = name.clone();
            move |problem: String| DataError::Value {
                column,
                row: first_row + row,
                problem,
            }
        };
        match (self, column) {
            (Self::Numeric(observer), _) => {
                let values = numbers(find(frame, &name)?, first_row)?;
                for (row, value) in values.iter().enumerate() {
                    observer.add(value).map_err(at(row))?;
                }
            }
            (Self::Date(parts), _) => {
                let moments = moments(find(frame, &name)?)?;
                for (row, moment) in moments.iter().enumerate() {
                    for (part, observer) in parts.iter_mut() {
                        let value = moment.map(|moment| dates::part(moment, *part));
                        observer.add(value).map_err(at(row))?;
                    }
                }
            }
            (Self::Words { kinds, counts }, ColumnSpec::Cross(spec)) => {
                let [a, b] = &spec.columns;
                let (kind_a, first) = words(find(frame, a)?, first_row)?;
                let (kind_b, second) = words(find(frame, b)?, first_row)?;
                kinds[0] = kinds[0].or(kind_a);
                kinds[1] = kinds[1].or(kind_b);
                let mut pair = String::new();
                for (row, (a, b)) in first.iter().zip(second.iter()).enumerate() {
                    let word = join(a, b, &mut pair);
                    forbid_missing(word, spec.missing).map_err(at(row))?;
                    counts.add(&name, word)?;
                }
            }
            (Self::Words { kinds, counts }, _) => {
                let (kind, values) = words(find(frame, &name)?, first_row)?;
                kinds[0] = kinds[0].or(kind);
                let missing = match column {
                    ColumnSpec::Category(spec) => spec.missing,
                    _ => Missing::default(),
                };
                for (row, word) in values.iter().enumerate() {
                    forbid_missing(word, missing).map_err(at(row))?;
                    counts.add(&name, word)?;
                }
            }
        }
        Ok(())
    }

    fn finish(self, column: &ColumnSpec) -> Result<FittedColumn> {
        match (self, column) {
            (Self::Numeric(observer), ColumnSpec::Numeric(spec)) => Ok(FittedColumn::Numeric {
                name: spec.name.clone(),
                missing_indicator: spec.missing_indicator,
                number: observer.finish(&spec.name)?,
            }),
            (Self::Date(parts), ColumnSpec::Date(spec)) => Ok(FittedColumn::Date {
                name: spec.name.clone(),
                missing_indicator: spec.missing_indicator,
                parts: parts
                    .into_iter()
                    .map(|(part, observer)| Ok((part, observer.finish(&spec.name)?)))
                    .collect::<Result<_>>()?,
            }),
            (Self::Words { kinds, counts }, ColumnSpec::Category(spec)) => {
                let CategorySpec {
                    name,
                    encode,
                    missing,
                    unseen,
                    rare_below,
                } = spec;
                let kind = kinds[0].unwrap_or(WordKind::Text);
                Ok(FittedColumn::Category {
                    name: name.clone(),
                    words: kind,
                    coding: counts.finish(name, kind, (*encode, *missing, *unseen), *rare_below)?,
                })
            }
            (Self::Words { kinds, counts }, ColumnSpec::Cross(spec)) => {
                let CrossSpec {
                    columns,
                    encode,
                    missing,
                    unseen,
                    rare_below,
                } = spec;
                let text = WordKind::Text;
                Ok(FittedColumn::Cross {
                    names: columns.clone(),
                    words: [kinds[0].unwrap_or(text), kinds[1].unwrap_or(text)],
                    coding: counts.finish(
                        &columns[0],
                        text,
                        (*encode, *missing, *unseen),
                        *rare_below,
                    )?,
                })
            }
            (_, other) => Err(DataError::Spec {
                problem: format!("column {:?} changed its kind while fitting", other.names()),
            }),
        }
    }
}

fn forbid_missing(word: Option<&str>, missing: Missing) -> Result<(), String> {
    match (word, missing) {
        (None, Missing::Error) => {
            Err("the value is missing; state missing = \"category\", or leave the row out".into())
        }
        _ => Ok(()),
    }
}

/// What is to be known of a column of numbers, in one pass.
///
/// Clip and log1p need no statistics and come before at most one step that scales, so the
/// statistics of that step can be taken while the values go by.
struct NumberObserver {
    impute: Impute,
    steps: Vec<Step>,
    limit: usize,
    values: Moments,
    /// Of the values as the scaling step sees them.
    scaled: Moments,
    quantiles: Option<Quantiles>,
    scaled_quantiles: Option<Quantiles>,
    counts: Option<PlHashMap<u64, u64>>,
}

impl NumberObserver {
    fn new(impute: Impute, steps: &[Step], limit: usize) -> Self {
        Self {
            impute,
            steps: steps.to_vec(),
            limit,
            values: Moments::default(),
            scaled: Moments::default(),
            quantiles: (impute == Impute::Median).then(Quantiles::default),
            scaled_quantiles: steps.contains(&Step::Robust).then(Quantiles::default),
            counts: (impute == Impute::MostFrequent).then(PlHashMap::default),
        }
    }

    fn add(&mut self, value: Option<f64>) -> Result<(), String> {
        let Some(value) = present(value) else {
            return match self.impute {
                Impute::Error => Err(
                    "the value is missing; state impute = \"mean\", or leave the row out".into(),
                ),
                _ => Ok(()),
            };
        };
        let mut scaled = value;
        for step in &self.steps {
            scaled = match step {
                Step::Clip { .. } | Step::Log1p => stateless(*step).apply(scaled),
                _ => break,
            };
        }
        // An infinite value may be clipped, but nothing can be imputed from it.
        let counted =
            matches!(self.impute, Impute::Error | Impute::Constant(_)) || value.is_finite();
        if !scaled.is_finite() || !counted {
            return Err(format!(
                "{value} cannot be used; correct the value, or state a clip step before the others and impute a constant"
            ));
        }
        self.values.add(value);
        self.scaled.add(scaled);
        if let Some(quantiles) = &mut self.quantiles {
            quantiles.add(value);
        }
        if let Some(quantiles) = &mut self.scaled_quantiles {
            quantiles.add(scaled);
        }
        if let Some(counts) = &mut self.counts {
            // Zero has two signs and one meaning.
            *counts.entry((value + 0.0).to_bits()).or_default() += 1;
            if counts.len() > self.limit {
                return Err(format!(
                    "there are more than {} different values; impute the mean or the median, not the most frequent value",
                    self.limit
                ));
            }
        }
        Ok(())
    }

    fn finish(self, name: &str) -> Result<Number> {
        if self.values.count == 0 && !matches!(self.impute, Impute::Constant(_)) {
            return Err(all_missing(name));
        }
        let impute = match self.impute {
            Impute::Error => None,
            Impute::Mean => Some(self.values.mean),
            Impute::Median => self
                .quantiles
                .as_ref()
                .and_then(|quantiles| quantiles.at(0.5)),
            Impute::Constant(value) => Some(value),
            Impute::MostFrequent => (self.counts.iter().flatten())
                .map(|(&bits, &count)| (count, f64::from_bits(bits)))
                .max_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)))
                .map(|(_, value)| value),
        };
        let steps = self.steps.iter().map(|&step| match step {
            Step::Clip { .. } | Step::Log1p => stateless(step),
            Step::Standardise => scale(self.scaled.mean, self.scaled.deviation()),
            Step::MinMax => scale(self.scaled.least, self.scaled.greatest - self.scaled.least),
            Step::Robust => {
                let at = |fraction| {
                    let quantiles = self.scaled_quantiles.as_ref();
                    quantiles
                        .and_then(|quantiles| quantiles.at(fraction))
                        .unwrap_or(0.0)
                };
                scale(at(0.5), at(0.75) - at(0.25))
            }
        });
        Ok(Number {
            impute,
            steps: steps.collect(),
        })
    }
}

fn stateless(step: Step) -> FittedStep {
    match step {
        Step::Clip { low, high } => FittedStep::Clip { low, high },
        _ => FittedStep::Log1p,
    }
}

/// A constant column has no spread: it becomes 0 everywhere.
fn scale(shift: f64, scale: f64) -> FittedStep {
    let usable = scale.is_finite() && scale > 0.0;
    FittedStep::Scale {
        shift: if shift.is_finite() { shift } else { 0.0 },
        scale: if usable { scale } else { 1.0 },
    }
}

fn all_missing(name: &str) -> DataError {
    DataError::Column {
        column: name.to_owned(),
        problem: "has no value in any training row; leave it out, or impute a constant".into(),
    }
}

/// How often each word occurs.
struct Counts {
    counts: PlHashMap<String, u64>,
    limit: usize,
}

impl Counts {
    fn new(limit: usize) -> Self {
        Self {
            counts: PlHashMap::default(),
            limit,
        }
    }

    fn add(&mut self, column: &str, word: Option<&str>) -> Result<()> {
        let Some(word) = word else { return Ok(()) };
        if let Some(count) = self.counts.get_mut(word) {
            *count += 1;
            return Ok(());
        }
        if self.counts.len() == self.limit {
            return Err(DataError::Column {
                column: column.to_owned(),
                problem: format!(
                    "has more than {} different values, so it is hardly a category; leave it out, or raise max_categories",
                    self.limit
                ),
            });
        }
        self.counts.insert(word.to_owned(), 1);
        Ok(())
    }

    /// All words in a fixed order: numbers by value, text by letter.
    fn words(&self, kind: WordKind, keep: impl Fn(u64) -> bool) -> Vec<String> {
        let kept = self.counts.iter().filter(|(_, count)| keep(**count));
        let mut words: Vec<String> = kept.map(|(word, _)| word.clone()).collect();
        match kind {
            WordKind::Integer => {
                words.sort_by_cached_key(|word| word.parse::<i128>().unwrap_or_default())
            }
            WordKind::Text | WordKind::Boolean => words.sort(),
        }
        words
    }

    fn finish(
        self,
        name: &str,
        kind: WordKind,
        (encode, missing, unseen): (Encode, Missing, Unseen),
        rare_below: usize,
    ) -> Result<Coding> {
        if self.counts.is_empty() {
            return Err(all_missing(name));
        }
        let limit = rare_below as u64;
        let vocabulary = Vocabulary::from(self.words(kind, |count| count >= limit));
        let rare = (rare_below > 0).then(|| self.words(kind, |count| count < limit).into());
        let most_frequent = (vocabulary.words.iter().enumerate())
            .max_by(|a, b| self.counts[a.1].cmp(&self.counts[b.1]).then(b.0.cmp(&a.0)))
            .map(|(place, _)| place);
        Ok(Coding {
            most_frequent: most_frequent.filter(|_| missing == Missing::MostFrequent),
            vocabulary,
            encode,
            missing,
            unseen,
            rare,
        })
    }
}

enum TargetObserver {
    Regression(Vec<(String, Vec<TargetStep>, Moments)>),
    Classification {
        column: String,
        kind: Option<WordKind>,
        counts: Counts,
    },
}

impl TargetObserver {
    fn new(spec: &TargetSpec, schema: &polars::prelude::Schema, limit: usize) -> Result<Self> {
        let first = &spec.columns[0];
        let classes = match spec.task {
            Task::Regression => false,
            Task::Classification => true,
            Task::Auto => schema
                .get(first)
                .is_some_and(|dtype| !dtype.is_primitive_numeric()),
        };
        if !classes {
            let columns = spec.columns.iter();
            return Ok(Self::Regression(
                columns
                    .map(|name| (name.clone(), spec.transform.clone(), Moments::default()))
                    .collect(),
            ));
        }
        if spec.columns.len() > 1 || !spec.transform.is_empty() {
            return Err(DataError::Column {
                column: first.clone(),
                problem: "holds classes: give one target column and no transform, or task = \"regression\"".into(),
            });
        }
        Ok(Self::Classification {
            column: first.clone(),
            kind: None,
            counts: Counts::new(limit),
        })
    }

    fn observe(&mut self, frame: &DataFrame, first_row: usize) -> Result<()> {
        match self {
            Self::Regression(columns) => {
                for (name, steps, moments) in columns {
                    let values = numbers(find(frame, name)?, first_row)?;
                    for (row, value) in values.iter().enumerate() {
                        let wrong = |problem: String| DataError::Value {
                            column: name.clone(),
                            row: first_row + row,
                            problem,
                        };
                        let value = present(value).ok_or_else(|| wrong(MISSING.into()))?;
                        let mut target = value;
                        for step in steps.iter() {
                            target = match step {
                                TargetStep::Log => FittedTargetStep::Log.apply(target),
                                TargetStep::Log1p => FittedTargetStep::Log1p.apply(target),
                                TargetStep::Standardise => break,
                            };
                        }
                        if !target.is_finite() {
                            return Err(wrong(format!(
                                "the target {value} becomes {target}; correct it, or leave the row out"
                            )));
                        }
                        moments.add(target);
                    }
                }
                Ok(())
            }
            Self::Classification {
                column,
                kind,
                counts,
            } => {
                let (found, values) = words(find(frame, column)?, first_row)?;
                *kind = kind.or(found);
                for (row, word) in values.iter().enumerate() {
                    if word.is_none() {
                        return Err(DataError::Value {
                            column: column.clone(),
                            row: first_row + row,
                            problem: MISSING.into(),
                        });
                    }
                    counts.add(column, word)?;
                }
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<FittedTarget> {
        match self {
            Self::Regression(columns) => {
                let fitted = columns.into_iter().map(|(name, steps, moments)| {
                    let steps = steps.into_iter().map(|step| match step {
                        TargetStep::Log => FittedTargetStep::Log,
                        TargetStep::Log1p => FittedTargetStep::Log1p,
                        TargetStep::Standardise => {
                            let spread = moments.deviation();
                            FittedTargetStep::Scale {
                                shift: moments.mean,
                                scale: if spread > 0.0 { spread } else { 1.0 },
                            }
                        }
                    });
                    (name, steps.collect())
                });
                Ok(FittedTarget::Regression {
                    columns: fitted.collect(),
                })
            }
            Self::Classification {
                column,
                kind,
                counts,
            } => {
                let kind = kind.unwrap_or(WordKind::Text);
                let classes = counts.words(kind, |_| true);
                if classes.len() < 2 {
                    return Err(DataError::Column {
                        column,
                        problem: format!(
                            "has only the class {}; there must be two at least",
                            classes.join("")
                        ),
                    });
                }
                Ok(FittedTarget::Classification {
                    column,
                    words: kind,
                    classes: classes.into(),
                })
            }
        }
    }
}

use polars::prelude::Schema;
use rayon::prelude::*;

use super::columns::{Frame, require};
use super::look::{COUNTS, Look};
use super::spec::{ColumnSpec, FeatureSpec, Ignored, TargetSpec, Task};
use crate::{DataError, Result};

/// How [`FeatureSpec::infer_with`] decides.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Inference {
    /// Categories with more different values than this are given as an index for an embedding;
    /// `None`: never, as linear models need.
    pub embed_above: Option<usize>,
    /// Whether numbers or classes are predicted.
    pub task: Task,
    /// Columns that are numbers, whatever they look like.
    pub numeric: Vec<String>,
    /// Columns that are categories, whatever they look like.
    pub category: Vec<String>,
    /// Columns that are days or moments.
    pub date: Vec<String>,
    /// Columns that are left out.
    pub ignore: Vec<String>,
}

impl Inference {
    /// Gives categories with more different values than this as an index for an embedding.
    pub fn embed_above(mut self, values: usize) -> Self {
        self.embed_above = Some(values);
        self
    }

    /// States whether numbers or classes are predicted.
    pub fn task(mut self, task: Task) -> Self {
        self.task = task;
        self
    }

    /// States columns that are numbers, whatever they look like.
    pub fn numeric<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.numeric.extend(columns.into_iter().map(Into::into));
        self
    }

    /// States columns that are categories, whatever they look like.
    pub fn category<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.category.extend(columns.into_iter().map(Into::into));
        self
    }

    /// States columns that are days or moments.
    pub fn date<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.date.extend(columns.into_iter().map(Into::into));
        self
    }

    /// States columns that are left out.
    pub fn ignore<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.ignore.extend(columns.into_iter().map(Into::into));
        self
    }

    /// What is stated about a column.
    pub(super) fn stated(&self, name: &str) -> Option<Stated> {
        let stated = self.all().find(|(column, _)| *column == name);
        stated.map(|(_, kind)| kind)
    }

    fn all(&self) -> impl Iterator<Item = (&str, Stated)> {
        let lists = [
            (&self.numeric, Stated::Numeric),
            (&self.category, Stated::Category),
            (&self.date, Stated::Date),
            (&self.ignore, Stated::Ignore),
        ];
        (lists.into_iter()).flat_map(|(columns, kind)| {
            let columns = columns.iter().map(String::as_str);
            columns.map(move |name| (name, kind))
        })
    }

    /// An error unless every stated column is there, is no target, and is stated as one thing.
    fn check(&self, schema: &Schema, target: &str) -> Result<()> {
        require(schema, self.all().map(|(name, _)| name))?;
        for (name, kind) in self.all() {
            let problem = if name == target {
                "is the target, so nothing else can be stated about it"
            } else if self
                .all()
                .any(|(other, kinds)| other == name && kinds != kind)
            {
                "is stated as two kinds; state one of numeric, category, date and ignore"
            } else {
                continue;
            };
            return Err(DataError::Column {
                column: name.to_owned(),
                problem: problem.to_owned(),
            });
        }
        Ok(())
    }
}

/// What a user says about a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stated {
    Numeric,
    Category,
    Date,
    Ignore,
}

impl FeatureSpec {
    /// A sensible default from types and values: numbers are imputed by their mean and
    /// standardized, words become one-hot with a category for missing values, dates become year,
    /// month, day and weekday; row numbers, identifiers and columns without values are left out.
    ///
    /// Numbers among which a few are so large that all others would become the same number are imputed
    /// by their median and scaled by [`Step::Robust`](super::Step::Robust), to -10 to 10 at most. Words
    /// with more than 300 different values are [`ColumnSpec::one_hot_frequent`]. Where nothing but row
    /// numbers would be left, as in a series over time, they are a feature.
    ///
    /// # Errors
    ///
    /// A target that is not there (the nearest names are suggested), a text column that is nearly
    /// all numbers (with the first row that is not one), no rows.
    pub fn infer(frame: &impl Frame, target: &str) -> Result<Self> {
        Self::infer_with(frame, target, &Inference::default())
    }

    /// Like [`FeatureSpec::infer`], with a say in it.
    ///
    /// # Errors
    /// Those of [`FeatureSpec::infer`], a stated column that is not there, and one whose values are not
    /// what is stated (with the first row that is not).
    pub fn infer_with(frame: &impl Frame, target: &str, inference: &Inference) -> Result<Self> {
        let schema = frame.columns()?;
        require(&schema, [target])?;
        inference.check(&schema, target)?;
        let mut spec = Self {
            target: Some(TargetSpec::new([target], inference.task)),
            ..Self::default()
        };
        let names = schema
            .iter_names()
            .filter(|name| *name != target)
            .map(|name| name.to_string());
        let names: Vec<String> = names.collect();
        let mut looks: Vec<Look> = (names.iter())
            .map(|name| Look::new(schema.get(name), inference.stated(name)))
            .collect();
        let (mut rows, limit) = (0, spec.max_categories);
        // With the target, so that a table of nothing else still has rows.
        let columns: Vec<String> = names.iter().cloned().chain([target.to_owned()]).collect();
        frame.for_each_part(&columns, &mut |part| {
            // Cores share the columns; of several wrong ones the first is told.
            let looked: Vec<Result<()>> = (looks.par_iter_mut().zip(&names))
                .map(|(look, name)| look.look(part, name, rows, limit))
                .collect();
            looked.into_iter().collect::<Result<()>>()?;
            rows += part.height();
            Ok(())
        })?;
        if rows == 0 {
            return Err(DataError::Empty {
                what: "to infer features from".into(),
            });
        }
        for (look, name) in looks.into_iter().zip(names) {
            match look.decide(&name, rows, limit, inference)? {
                Ok(column) => spec.columns.push(column),
                Err(reason) => spec.ignored.push(Ignored { name, reason }),
            }
        }
        if spec.columns.is_empty() {
            let counting = spec
                .ignored
                .extract_if(.., |column| column.reason == COUNTS);
            spec.columns = counting
                .map(|column| ColumnSpec::numeric(column.name))
                .collect();
        }
        Ok(spec)
    }
}

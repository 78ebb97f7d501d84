//! The user's statements about the columns of a table that is inferred.

use polars::prelude::Schema;

use super::frame::require;
use super::spec::{ColumnSpec, Task};
use crate::{DataError, Result};

/// Options of [`FeatureSpec::infer_with`](super::FeatureSpec::infer_with): what the user states about columns.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Inference {
    /// Columns with more categories than this become an index for an embedding; `None`: never, as linear
    /// models need.
    pub embed_above: Option<usize>,
    /// Whether numbers or classes are predicted.
    pub task: Task,
    /// Columns that are numbers, whatever they look like.
    pub numeric: Vec<String>,
    /// Columns that are categories, whatever they look like.
    pub category: Vec<String>,
    /// Columns that are dates, or dates with a time.
    pub date: Vec<String>,
    /// Columns of free text, whatever they look like.
    pub text: Vec<String>,
    /// Columns that are left out.
    pub ignore: Vec<String>,
    /// The encoder of all columns of text; `None` for the weights of their words. See
    /// [`TextSpec::encoder`](super::TextSpec).
    pub encoder: Option<String>,
}

impl Inference {
    /// Makes columns with more categories than this an index for an embedding.
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

    /// States columns that are dates, or dates with a time; whole numbers are read as 20010131.
    pub fn date<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.date.extend(columns.into_iter().map(Into::into));
        self
    }

    /// States columns of free text, whatever they look like.
    pub fn text<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.text.extend(columns.into_iter().map(Into::into));
        self
    }

    /// Encodes all columns of text with the encoder of this name.
    pub fn encoder(mut self, name: impl Into<String>) -> Self {
        self.encoder = Some(name.into());
        self
    }

    /// States columns that are left out.
    pub fn ignore<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.ignore.extend(columns.into_iter().map(Into::into));
        self
    }

    /// A column of text with the encoder of all of them.
    pub(super) fn text_column(&self, name: &str) -> ColumnSpec {
        let mut column = ColumnSpec::text(name);
        if let ColumnSpec::Text(text) = &mut column {
            text.encoder.clone_from(&self.encoder);
        }
        column
    }

    /// The statement about a column.
    pub(super) fn stated(&self, name: &str) -> Option<Stated> {
        let stated = self.all().find(|(column, _)| *column == name);
        stated.map(|(_, kind)| kind)
    }

    fn all(&self) -> impl Iterator<Item = (&str, Stated)> {
        let lists = [
            (&self.numeric, Stated::Numeric),
            (&self.category, Stated::Category),
            (&self.date, Stated::Date),
            (&self.text, Stated::Text),
            (&self.ignore, Stated::Ignore),
        ];
        (lists.into_iter()).flat_map(|(columns, kind)| {
            let columns = columns.iter().map(String::as_str);
            columns.map(move |name| (name, kind))
        })
    }

    /// An error unless every stated column exists, is not the target, and is stated as one kind.
    pub(super) fn check(&self, schema: &Schema, target: &str) -> Result<()> {
        require(schema, self.all().map(|(name, _)| name))?;
        for (name, kind) in self.all() {
            let problem = if name == target {
                "is the target, so nothing else can be stated about it"
            } else if self
                .all()
                .any(|(other, kinds)| other == name && kinds != kind)
            {
                "is stated as two kinds; state one of numeric, category, date, text and ignore"
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

/// The kind of a column, as stated by the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stated {
    Numeric,
    Category,
    Date,
    Text,
    Ignore,
}

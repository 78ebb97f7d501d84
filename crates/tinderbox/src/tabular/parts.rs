//! Which rows are trained on, which decide, and which are looked at once.

use polars::prelude::DataFrame;
use tinderbox_data::{Strategy, split};
use tinderbox_tables::{grouped_by, ordered_by, stratified_by, take};

use super::{Note, TabularError, Training};

/// How [`Training::fit_split`], [`Training::fit_folds`] and [`Training::fit_auto`] assign the rows to parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SplitBy {
    /// At random; classes have the same share in every part.
    #[default]
    Random,
    /// In the order of this column of dates, times or whole numbers: the earliest rows for training, the
    /// latest for the test.
    Time(String),
    /// At random, rows with the same value of this column together.
    Group(String),
}

/// The rows of a frame by what they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The model is trained on these, and all statistics are theirs.
    pub train: Vec<usize>,
    /// These decide when training stops, which weights and which models are kept.
    pub valid: Vec<usize>,
    /// These are scored once, at the end; may be empty.
    pub test: Vec<usize>,
}

impl Training {
    /// The rows that have a target.
    pub(super) fn known(&mut self, frame: &DataFrame) -> Result<Vec<usize>, TabularError> {
        let target = self.spec.target.as_ref().ok_or(TabularError::NoTarget)?;
        let mut rows: Vec<usize> = (0..frame.height()).collect();
        for name in &target.columns {
            // A column that is absent is an error of the features.
            if let Ok(column) = frame.column(name) {
                let known = column.is_not_null();
                rows.retain(|&row| known.get(row) == Some(true));
            }
        }
        let missing = frame.height() - rows.len();
        if missing > 0 {
            self.note(Note::NoTarget { rows: missing });
        }
        Ok(rows)
    }

    /// How rows with a target are split into this many parts; `rows` are their numbers in errors.
    pub(super) fn strategy(
        &self,
        known: &DataFrame,
        rows: &[usize],
        parts: usize,
    ) -> Result<Strategy, TabularError> {
        let own = |error: tinderbox_data::DataError| TabularError::Data(error.of_rows(rows));
        match &self.split_by {
            SplitBy::Time(column) => ordered_by(known, column).map_err(own),
            SplitBy::Group(column) => {
                let strategy = grouped_by(known, column).map_err(own)?;
                let Strategy::Grouped(keys) = &strategy else {
                    return Ok(strategy);
                };
                let mut once = keys.clone();
                once.sort_unstable();
                once.dedup();
                if once.len() < parts {
                    return Err(TabularError::Groups {
                        column: column.clone(),
                        groups: once.len(),
                        parts,
                    });
                }
                Ok(strategy)
            }
            SplitBy::Random => {
                let target = self.spec.target.as_ref().ok_or(TabularError::NoTarget)?;
                let fitted = self.spec.fit(known).map_err(own)?;
                Ok(match (fitted.classes(), &target.columns[..]) {
                    (Some(_), [target]) => stratified_by(known, target).map_err(own)?,
                    _ => Strategy::Random,
                })
            }
        }
    }

    /// The parts of a frame; rows without a target are in none.
    pub(super) fn parts(&mut self, frame: &DataFrame) -> Result<Parts, TabularError> {
        let (valid, test) = (self.validation_share, self.test_share);
        if !(valid > 0.0 && test >= 0.0 && valid + test < 1.0) {
            return Err(TabularError::Shares { valid, test });
        }
        let rows = self.known(frame)?;
        let known = take(frame, &rows)?;
        let mut shares = vec![1.0 - valid - test, valid];
        if test > 0.0 {
            shares.push(test);
        }
        let strategy = self.strategy(&known, &rows, shares.len())?;
        for small in strategy.small_classes(shares.len()) {
            let class = self.class_of(&known, small[0]);
            self.note(Note::SmallClass { class });
        }
        let seed = self.session.seed().child("split");
        let mut parts = split(known.height(), &shares, seed, &strategy)?.into_iter();
        let mut next = || {
            let part = parts.next().unwrap_or_default();
            part.into_iter().map(|row| rows[row]).collect()
        };
        Ok(Parts {
            train: next(),
            valid: next(),
            test: next(),
        })
    }

    /// The class of a row.
    pub(super) fn class_of(&self, known: &DataFrame, row: usize) -> String {
        let target = self.spec.target.as_ref();
        let column = target.and_then(|target| known.column(target.columns.first()?).ok());
        let value = column.and_then(|column| column.get(row).ok());
        value.map_or_else(String::new, |value| value.str_value().into_owned())
    }
}

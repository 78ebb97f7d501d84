//! A specification from the types and values of a table.

use rayon::prelude::*;

use super::frame::{Frame, require};
use super::inference::Inference;
use super::profile::{COUNTS, Profile};
use super::spec::{ColumnSpec, FeatureSpec, Ignored, TargetSpec};
use crate::{DataError, Result};

impl FeatureSpec {
    /// Infers a specification from types and values: missing numbers become the mean and numbers are
    /// standardized, text is one-hot encoded with a category for missing values, dates become year, month,
    /// day and weekday; row numbers, identifiers and columns without values are left out.
    ///
    /// A column of text is free text, and not a category, if it has at least 20 different values, more than half of
    /// its values differ (or there are more than `max_categories`), and they have four words or more on average: parts
    /// between blanks that contain a letter, or two Chinese or Japanese characters. See [`TextSpec`](super::TextSpec).
    ///
    /// If a few numbers of a column are so large that all others would be scaled to almost the same
    /// number, the median is imputed and the column is scaled by [`Step::Robust`](super::Step::Robust) and
    /// clipped to -10 to 10. Text with more than 300 different values is encoded by
    /// [`ColumnSpec::one_hot_frequent`], and left out if none of them is in 5 rows. If only row numbers
    /// would be left, as in a time series, they are a feature.
    ///
    /// # Errors
    ///
    /// A target that is not there (the nearest names are suggested), a text column in which almost all
    /// values are numbers (with the first row that has none), no rows.
    pub fn infer(frame: &impl Frame, target: &str) -> Result<Self> {
        Self::infer_with(frame, target, &Inference::default())
    }

    /// Like [`FeatureSpec::infer`], with kinds of columns that the user states.
    ///
    /// # Errors
    /// Those of [`FeatureSpec::infer`], a stated column that is not there, and a column with a value that
    /// is not of the stated kind (with its row).
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
        let mut profiles: Vec<Profile> = (names.iter())
            .map(|name| Profile::new(schema.get(name), inference.stated(name)))
            .collect();
        let (mut rows, limit) = (0, spec.max_categories);
        // With the target, so that a table without other columns still has rows.
        let columns: Vec<String> = names.iter().cloned().chain([target.to_owned()]).collect();
        frame.for_each_part(&columns, &mut |part| {
            // Columns are read in parallel; of several errors the one of the first column is returned.
            let observed: Vec<Result<()>> = (profiles.par_iter_mut().zip(&names))
                .map(|(profile, name)| profile.observe(part, name, rows, limit))
                .collect();
            observed.into_iter().collect::<Result<()>>()?;
            rows += part.height();
            Ok(())
        })?;
        if rows == 0 {
            return Err(DataError::Empty {
                what: "to infer features from".into(),
            });
        }
        for (profile, name) in profiles.into_iter().zip(names) {
            match profile.decide(&name, rows, limit, inference)? {
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

use polars::prelude::DataFrame;

use super::fitted::Features;
use super::fitted_column::FittedColumn;
use super::frame::find;
use super::write::categories_of;
use crate::Result;

/// Categories of a column that no training row had.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnseenCategories {
    /// The column.
    pub column: String,
    /// Number of rows with such a category.
    pub rows: usize,
    /// The first of the categories.
    pub example: String,
}

impl Features {
    /// The columns of a frame with categories that no training row had, in the order of the features.
    ///
    /// Such a category is transformed as the specification sets it (by default to zeros), so that a
    /// column of `yes` and `no` in place of `true` and `false` is lost without an error. Crossed columns
    /// are not checked.
    ///
    /// # Errors
    /// A column that is absent or of another type.
    pub fn unseen(&self, frame: &DataFrame) -> Result<Vec<UnseenCategories>> {
        let mut found = Vec::new();
        for column in &self.columns {
            let FittedColumn::Category {
                name,
                category_kind,
                coding,
            } = column
            else {
                continue;
            };
            let values = categories_of(find(frame, name)?, *category_kind, 0, coding)?;
            let (mut rows, mut example) = (0, None);
            let mut last = None;
            for category in values.iter().flatten() {
                let known = match last {
                    Some((same, known)) if same == category => known,
                    _ => coding.knows(category),
                };
                last = Some((category, known));
                if !known {
                    rows += 1;
                    example.get_or_insert(category);
                }
            }
            if let Some(example) = example {
                found.push(UnseenCategories {
                    column: name.clone(),
                    rows,
                    example: example.to_owned(),
                });
            }
        }
        Ok(found)
    }
}

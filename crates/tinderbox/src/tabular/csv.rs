//! Predictions as a CSV file.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use tinderbox_core::write_atomic_with;
use tinderbox_tables::{Frame, UnseenCategories, transform_together};

use super::predict::most_probable;
use super::{Predicted, Predictor, TabularError};

/// The result of [`Predictor::predict_csv`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Number of rows.
    pub rows: usize,
    /// Categories that no training row had, one entry for each column that has some.
    pub unseen: Vec<UnseenCategories>,
}

impl Written {
    fn add(&mut self, rows: usize, unseen: Vec<UnseenCategories>) {
        self.rows += rows;
        for new in unseen {
            match self.unseen.iter_mut().find(|old| old.column == new.column) {
                Some(old) => old.rows += new.rows,
                None => self.unseen.push(new),
            }
        }
    }
}

impl Predictor {
    /// Writes the predictions for a frame as CSV.
    ///
    /// Numbers are one column for each target, with its name, and with
    /// [`with_interval`](Self::with_interval) `NAME_low` and `NAME_high` after all of them; classes are the column of the target with
    /// the most probable class, then `probability_CLASS` for each. The frame may be larger than memory.
    /// If an error occurs there is no file.
    ///
    /// # Errors
    /// Those of [`Predictor::predict`], and a file that cannot be written.
    pub fn predict_csv(
        &self,
        frame: &impl Frame,
        path: impl AsRef<Path>,
    ) -> Result<Written, TabularError> {
        let mut all = Written::default();
        let mut failed = None;
        let written = write_atomic_with(path, |file| {
            file.write_all(self.header().as_bytes())?;
            let mut line = String::new();
            let done = transform_together(&self.all_features(), frame, |rows, values| {
                let part = self.of(&values)?;
                all.add(rows.height(), self.features().unseen(rows)?);
                line.clear();
                self.lines(&part, &mut line);
                let written = file.write_all(line.as_bytes());
                Ok(written
                    .map_err(|source| tinderbox_core::WriteError::new("predictions", source))?)
            });
            done.map_err(|error: TabularError| {
                let text = error.to_string();
                failed = Some(error);
                io::Error::other(text)
            })
        });
        match failed {
            // A failed write has the path in the error of `write_atomic_with`.
            Some(TabularError::Write(_)) | None => Ok(written.map(|()| all)?),
            Some(error) => Err(error),
        }
    }

    fn header(&self) -> String {
        let features = self.features();
        let targets = features.target_names().into_iter();
        let mut names: Vec<String> = targets.map(quoted).collect();
        let classes = features.classes().unwrap_or_default();
        if self.half_widths().is_some() {
            for target in features.target_names() {
                names.extend(["low", "high"].map(|end| quoted(&format!("{target}_{end}"))));
            }
        }
        names.extend(
            classes
                .iter()
                .map(|name| quoted(&format!("probability_{name}"))),
        );
        names.join(",") + "\n"
    }

    fn lines(&self, part: &Predicted, text: &mut String) {
        let values = part.values();
        let features = self.features();
        let classes: Option<Vec<String>> = features
            .classes()
            .map(|names| names.iter().map(|name| quoted(name)).collect());
        for row in values.as_slice().chunks(values.width()) {
            let mut first = true;
            if let Some(classes) = &classes {
                text.push_str(&classes[most_probable(row)]);
                first = false;
            }
            for value in row {
                if !first {
                    text.push(',');
                }
                first = false;
                // Writing to a string cannot fail.
                let _ = write!(text, "{value}");
            }
            for (value, half) in row.iter().zip(self.half_widths().unwrap_or_default()) {
                let ends = [-half, *half].map(|half| (f64::from(*value) + half) as f32);
                let _ = write!(text, ",{},{}", ends[0], ends[1]);
            }
            text.push('\n');
        }
    }
}

/// A CSV field (RFC 4180).
pub(crate) fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

//! From the rows of a frame to rows of numbers, and back for what is predicted.

use polars::prelude::DataFrame;
use rayon::prelude::*;

use super::fitted::Features;
use super::frame::{Frame, require};
use super::table::{Targets, TensorTable};
use super::target::{FittedTarget, TargetRows};
use super::write::Slots;
use crate::{DataError, Result, Values};

/// Rows of a part of [`Features::transform_parts`].
const ROWS: usize = 4096;

/// Rows that one thread transforms at a time.
const SHARE: usize = 1024;

/// The rows of a frame part by part, as the numbers of several features: those of the models of an ensemble.
/// `each` gets the rows and one [`Values`] for each of the features.
///
/// # Errors
/// Those of [`Features::transform_parts`].
pub fn transform_together<E: From<DataError>>(
    all: &[&Features],
    frame: &impl Frame,
    mut each: impl FnMut(&DataFrame, Vec<Values>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let inputs = || all.iter().flat_map(|features| features.inputs());
    require(&frame.columns()?, inputs())?;
    let columns: Vec<String> = inputs().map(String::from).collect();
    let (mut first_row, mut failed) = (0, None);
    let read = frame.for_each_part(&columns, &mut |part| {
        for start in (0..part.height()).step_by(ROWS) {
            let rows = part.slice(start as i64, ROWS);
            let values = all.iter().map(|features| {
                let mut numbers = Vec::new();
                features.append(&rows, first_row, &mut numbers)?;
                Values::narrow(numbers, features.slots())
            });
            let values = values.collect::<Result<Vec<_>>>()?;
            first_row += rows.height();
            each(&rows, values).map_err(|error| {
                failed = Some(error);
                DataError::WorkerEnded
            })?;
        }
        Ok(())
    });
    match (failed, read) {
        (Some(error), _) => Err(error),
        (None, read) => Ok(read?),
    }
}

impl Features {
    /// The features of a frame as numbers. The frame must have the columns that the features were fitted
    /// on; their order does not matter, and other columns are ignored.
    ///
    /// If the frame has all target columns, the result has targets; if it has none of them, it has none.
    ///
    /// # Errors
    ///
    /// A column that is absent or of another type, a value that no step handles, an unseen category
    /// under [`Unseen::Error`](super::Unseen::Error), some but not all of the target columns; with
    /// column and row.
    pub fn transform(&self, frame: &impl Frame) -> Result<TensorTable> {
        let schema = frame.columns()?;
        require(&schema, self.inputs())?;
        let mut targets = self.target.as_ref();
        if !self.target_names().iter().any(|name| schema.contains(name)) {
            targets = None;
        }
        let mut columns: Vec<String> = self.inputs().into_iter().map(String::from).collect();
        if let Some(target) = targets {
            require(&schema, target.names())?;
            columns.extend(target.names().into_iter().map(String::from));
        }
        let mut features = Vec::new();
        let mut rows = TargetRows::default();
        let mut first_row = 0;
        frame.for_each_part(&columns, &mut |part| {
            self.append(part, first_row, &mut features)?;
            if let Some(target) = targets {
                target.extend(&mut rows, part, first_row)?;
            }
            first_row += part.height();
            Ok(())
        })?;
        Ok(TensorTable {
            features: Values::narrow(features, self.slots())?,
            targets: match targets {
                Some(target) => target.finish(rows)?,
                None => Targets::None,
            },
            feature_names: self
                .outputs()
                .iter()
                .map(|output| output.name.clone())
                .collect(),
            target_names: self.target_names().into_iter().map(String::from).collect(),
        })
    }

    /// The features of a frame as numbers, part by part and without targets: of a `LazyFrame` only parts
    /// are in memory at a time.
    ///
    /// If `each` returns an error, nothing more is read.
    ///
    /// # Errors
    ///
    /// Those of [`Features::transform`], and those of `each`.
    pub fn transform_parts<E: From<DataError>>(
        &self,
        frame: &impl Frame,
        mut each: impl FnMut(Values) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        self.transform_frames(frame, |_, features| each(features))
    }

    /// As [`Features::transform_parts`], with the rows of the frame next to their numbers.
    ///
    /// # Errors
    ///
    /// Those of [`Features::transform_parts`].
    pub fn transform_frames<E: From<DataError>>(
        &self,
        frame: &impl Frame,
        mut each: impl FnMut(&DataFrame, Values) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        transform_together(&[self], frame, |rows, mut features| {
            each(rows, features.remove(0))
        })
    }

    /// Appends the features of these rows to a row-major buffer, in narrow form: see
    /// [`Features::slots`].
    ///
    /// Rows are transformed in parallel; of several errors the one of the first rows is returned.
    pub(crate) fn append(
        &self,
        frame: &DataFrame,
        first_row: usize,
        features: &mut Vec<f32>,
    ) -> Result<()> {
        // An encoder computes on all threads itself.
        let vectors =
            (self.columns.iter()).map(|column| column.vectors(frame, first_row, &self.encoder));
        let vectors = vectors.collect::<Result<Vec<_>>>()?;
        let width = self.slots().len();
        let start = features.len();
        features.resize(start + frame.height() * width, 0.0);
        let shares = features[start..].par_chunks_mut(SHARE * width).enumerate();
        let written: Vec<Result<()>> = shares
            .map(|(share, out)| {
                let row = share * SHARE;
                let part = frame.slice(row as i64, SHARE);
                let mut offset = 0;
                for (column, vectors) in self.columns.iter().zip(&vectors) {
                    let mut slots = Slots {
                        out: &mut *out,
                        width,
                        offset,
                        vectors: vectors.rows(row..row + part.height()),
                    };
                    offset += column.write(&part, first_row + row, &mut slots)?;
                }
                Ok(())
            })
            .collect();
        written.into_iter().collect()
    }
}

impl Features {
    /// The targets of these rows, as numbers or as labels.
    pub(crate) fn targets_of(
        &self,
        frame: &DataFrame,
        first_row: usize,
    ) -> Result<(Vec<f32>, Vec<i32>)> {
        let mut rows = TargetRows::default();
        if let Some(target) = &self.target {
            target.extend(&mut rows, frame, first_row)?;
        }
        Ok((rows.values, rows.labels))
    }

    /// The result of [`Features::targets_of`] as targets.
    pub(crate) fn finish_targets(&self, (values, labels): (Vec<f32>, Vec<i32>)) -> Result<Targets> {
        match &self.target {
            Some(target) => target.finish(TargetRows { values, labels }),
            None => Ok(Targets::None),
        }
    }

    /// Predicted targets in the units of the table: the target's transform undone.
    ///
    /// # Errors
    ///
    /// Rows of another width than there are target columns.
    pub fn invert_targets(&self, predicted: &Values) -> Result<Values> {
        let Some(FittedTarget::Regression { columns }) = &self.target else {
            return Ok(predicted.clone());
        };
        if predicted.width() != columns.len() {
            return Err(DataError::Spec {
                problem: format!(
                    "{} numbers per row are predicted for {} target columns",
                    predicted.width(),
                    columns.len()
                ),
            });
        }
        let inverted = predicted
            .as_slice()
            .iter()
            .enumerate()
            .map(|(place, &value)| {
                let (_, steps) = &columns[place % columns.len()];
                steps
                    .iter()
                    .rev()
                    .fold(f64::from(value), |value, step| step.invert(value)) as f32
            });
        Values::new(inverted.collect(), predicted.width())
    }
}

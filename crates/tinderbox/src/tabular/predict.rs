use std::fmt::Write as _;
use std::io;
use std::path::Path;

use burn::tensor::Device;
use polars::prelude::LazyFrame;
use tinderbox_core::write_atomic_with;
use tinderbox_data::Values;
use tinderbox_nn::Network;
use tinderbox_tables::{Features, Frame, UnseenCategories};
use tinderbox_train::Bundle;

use super::model::outputs;
use super::{TableConfig, TableNetwork, TabularError};

/// The largest number of rows in a batch.
const ROWS: usize = 4096;
/// The largest number of features of those rows.
const NUMBERS: usize = 1 << 22;

/// A trained model of a table with its features: predicts for frames with the columns of the table.
///
/// It needs only the folder of the bundle.
#[derive(Debug)]
pub struct Predictor {
    features: Features,
    network: TableNetwork,
    device: Device,
}

/// The predictions for the rows of a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicted {
    /// Numbers in the units of the table, one column for each target.
    Numbers(Values),
    /// Probabilities, one column for each class in the order of [`Features::classes`].
    Probabilities(Values),
}

impl Predicted {
    /// The numbers or probabilities.
    pub fn values(&self) -> &Values {
        match self {
            Self::Numbers(values) | Self::Probabilities(values) => values,
        }
    }
}

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
    /// A model and the features that transform its inputs.
    ///
    /// # Errors
    /// Features of another width than the model takes, or another number of targets or classes.
    pub fn new(
        features: Features,
        network: TableNetwork,
        device: &Device,
    ) -> Result<Self, TabularError> {
        let predictor = Self {
            features,
            network,
            device: device.clone(),
        };
        predictor.check(Path::new("(in memory)"))?;
        Ok(predictor)
    }

    /// The model of a bundle folder.
    ///
    /// # Errors
    /// A folder that is not a bundle, a bundle of another version, damaged files, files that do not
    /// belong together, a model that is not for tables.
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self, TabularError> {
        let bundle = Bundle::open(folder.as_ref())?;
        let predictor = Self {
            features: bundle.part("features")?,
            network: TableConfig::load(&bundle, device)?,
            device: device.clone(),
        };
        predictor.check(folder.as_ref())?;
        Ok(predictor)
    }

    fn check(&self, path: &Path) -> Result<(), TabularError> {
        let shape = (self.features.width(), outputs(&self.features)?);
        let model = (self.network.input_shape()[0], self.network.outputs());
        if shape == model {
            return Ok(());
        }
        Err(TabularError::Bundle {
            path: path.to_owned(),
            problem: format!(
                "features.json gives {} features and {} outputs, but the model has {} and {}; take all \
                 files of one training run",
                shape.0, shape.1, model.0, model.1
            ),
        })
    }

    /// The fitted features.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The model.
    pub fn network(&self) -> &TableNetwork {
        &self.network
    }

    /// Opens a file, folder or pattern of files as the training rows were read: with the same types,
    /// separator and null values, whatever the values look like. A column that the model does
    /// not need, the target among them, may be absent. See [`Features::format`] to change something.
    ///
    /// # Errors
    /// Those of [`ReadOptions::read`](tinderbox_tables::ReadOptions::read), and a cell that is not of the
    /// type of its column.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<LazyFrame, TabularError> {
        Ok(self.features.format().read(path)?)
    }

    /// Predictions for the rows of a frame, in their order. The target column may be absent.
    ///
    /// # Errors
    /// A column that is absent or of another type, a value that no step handles; with column and
    /// row.
    pub fn predict(&self, frame: &impl Frame) -> Result<Predicted, TabularError> {
        let mut all = Vec::new();
        self.predict_parts(frame, |part| {
            all.extend_from_slice(part.values().as_slice());
            Ok(())
        })?;
        Ok(self.wrap(Values::new(all, self.network.outputs())?))
    }

    /// Predictions part by part: of a lazy frame only parts are in memory at a time.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict), and those of `each`.
    pub fn predict_parts(
        &self,
        frame: &impl Frame,
        mut each: impl FnMut(Predicted) -> Result<(), TabularError>,
    ) -> Result<(), TabularError> {
        self.features
            .transform_parts(frame, |features: Values| each(self.of(&features)?))
    }

    /// Predictions for transformed rows.
    ///
    /// # Errors
    /// Rows of another width.
    pub fn of(&self, features: &Values) -> Result<Predicted, TabularError> {
        self.finish(self.raw(features)?)
    }

    /// The outputs of the model for these rows: transformed targets, or a logit for each class.
    pub(super) fn raw(&self, features: &Values) -> Result<Values, TabularError> {
        // Many one-hot categories make wide rows: fewer of them are in a batch.
        let together = (NUMBERS / features.width()).clamp(1, ROWS);
        let mut all = Vec::with_capacity(features.rows() * self.network.outputs());
        for start in (0..features.rows()).step_by(together) {
            let rows = features.slice(start..features.rows().min(start + together));
            let raw = self.network.predict(rows.into_tensor(&self.device))?;
            all.extend(raw.into_data().iter::<f32>());
        }
        Ok(Values::new(all, self.network.outputs())?)
    }

    fn finish(&self, raw: Values) -> Result<Predicted, TabularError> {
        Ok(match self.features.classes() {
            Some(_) => Predicted::Probabilities(softmax(&raw)?),
            None => Predicted::Numbers(self.features.invert_targets(&raw)?),
        })
    }

    fn wrap(&self, values: Values) -> Predicted {
        match self.features.classes() {
            Some(_) => Predicted::Probabilities(values),
            None => Predicted::Numbers(values),
        }
    }

    /// Writes the predictions for a frame as CSV.
    ///
    /// Numbers are one column for each target, with its name; classes are the column of the target with
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
            let done = self.features.transform_frames(frame, |rows, features| {
                let part = self.of(&features)?;
                all.add(rows.height(), self.features.unseen(rows)?);
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
        let mut names: Vec<String> = self
            .features
            .target_names()
            .into_iter()
            .map(quoted)
            .collect();
        let classes = self.features.classes().unwrap_or_default();
        names.extend(
            classes
                .iter()
                .map(|name| quoted(&format!("probability_{name}"))),
        );
        names.join(",") + "\n"
    }

    fn lines(&self, part: &Predicted, text: &mut String) {
        let values = part.values();
        let classes: Option<Vec<String>> = self
            .features
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
            text.push('\n');
        }
    }
}

/// Probabilities of the classes from their logits, in `f64`.
fn softmax(logits: &Values) -> Result<Values, TabularError> {
    let mut probabilities = Vec::with_capacity(logits.as_slice().len());
    for row in logits.as_slice().chunks(logits.width()) {
        let most = row.iter().fold(f32::NEG_INFINITY, |most, &x| most.max(x));
        let parts = row.iter().map(|x| (f64::from(*x) - f64::from(most)).exp());
        let sum: f64 = parts.clone().sum();
        probabilities.extend(parts.map(|part| (part / sum) as f32));
    }
    Ok(Values::new(probabilities, logits.width())?)
}

/// The index of the largest probability or logit, the first of several.
pub(super) fn most_probable(row: &[f32]) -> usize {
    let mut best = 0;
    for (place, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = place;
        }
    }
    best
}

/// A CSV field (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

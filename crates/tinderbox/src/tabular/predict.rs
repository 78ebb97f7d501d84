use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use polars::prelude::{DataFrame, LazyFrame};
use tinderbox_data::Values;
use tinderbox_tables::{Features, Frame, Targets, TensorTable, TextEncoder, transform_together};

use super::calibrate::temperature;
use super::conformal::Residuals;
use super::member::{self, Member, MemberModel};
use super::texts;
#[cfg(feature = "trees")]
use super::trees::Trees;
use super::{TableConfig, TableNetwork, TabularError};

/// A trained model of a table with its features, or several whose predictions are averaged: predicts for
/// frames with the columns of the table.
///
/// It needs only the folder of the bundle.
#[derive(Debug)]
pub struct Predictor {
    /// One at least.
    members: Vec<Member>,
    device: Device,
    /// The errors on validation rows, of numbers.
    residuals: Option<Residuals>,
    /// Subtracted and added for the ends of the intervals, one for each target.
    half_widths: Option<Vec<f64>>,
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

impl Predictor {
    /// A model, its configuration, and the features that transform its inputs.
    ///
    /// # Errors
    /// Features of another width than the model takes, or another number of targets or classes.
    pub fn new(
        features: Features,
        config: TableConfig,
        network: TableNetwork,
        device: &Device,
    ) -> Result<Self, TabularError> {
        Self::of_model(features, MemberModel::Network(config, network), device)
    }

    /// Boosted trees and the features that transform their inputs.
    #[cfg(feature = "trees")]
    pub(super) fn of_trees(
        features: Features,
        trees: Trees,
        device: &Device,
    ) -> Result<Self, TabularError> {
        Self::of_model(features, MemberModel::Trees(trees), device)
    }

    fn of_model(
        features: Features,
        model: MemberModel,
        device: &Device,
    ) -> Result<Self, TabularError> {
        let member = Member::new(features, model);
        member.check(Path::new("(in memory)"))?;
        Ok(Self::of_members(vec![member], None, device))
    }

    fn of_members(members: Vec<Member>, residuals: Option<Residuals>, device: &Device) -> Self {
        Self {
            members,
            device: device.clone(),
            residuals,
            half_widths: None,
        }
    }

    /// The weighted mean of the predictions of several models of one target; a weight for each.
    ///
    /// # Errors
    /// No model, models of other targets or classes than the first, weights that are negative or whose sum
    /// is not positive.
    pub fn ensemble(models: Vec<(Self, f64)>) -> Result<Self, TabularError> {
        let sum: f64 = models.iter().map(|(_, weight)| weight).sum();
        let fine = |weight: &f64| weight.is_finite() && *weight >= 0.0;
        if !models.iter().all(|(_, weight)| fine(weight)) || !sum.is_finite() || sum <= 0.0 {
            let weights = models.into_iter().map(|(_, weight)| weight).collect();
            return Err(TabularError::EnsembleWeights { weights });
        }
        let device = models[0].0.device.clone();
        let mut members = Vec::new();
        for (model, share) in models {
            for mut member in model.members {
                member.weight *= share / sum;
                members.push(member);
            }
        }
        let target = |member: &Member| {
            let features = &member.features;
            let names = features.target_names().into_iter().map(str::to_owned);
            let classes = features.classes().map(<[String]>::to_vec);
            (names.collect::<Vec<_>>(), classes)
        };
        let first = target(&members[0]);
        if let Some(other) = members.iter().map(target).find(|other| *other != first) {
            return Err(TabularError::EnsembleTargets {
                first: format!("{first:?}"),
                other: format!("{other:?}"),
            });
        }
        members.retain(|member| member.weight > 0.0);
        Ok(Self::of_members(members, None, &device))
    }

    /// The model or the ensemble of a bundle folder. Encoders of columns of text are opened at the path that the bundle
    /// has (feature `tokenizers`).
    ///
    /// # Errors
    /// A folder that is not a bundle, a bundle of another version, damaged files, files that do not
    /// belong together, a model that is not for tables.
    pub fn open(folder: impl AsRef<Path>, device: &Device) -> Result<Self, TabularError> {
        let folder = folder.as_ref();
        let members = texts::attach(member::open(folder, device)?, device)?;
        let residuals = member::open_residuals(folder, &members[0])?;
        Ok(Self::of_members(members, residuals, device))
    }

    /// As [`open`](Self::open), with this encoder for columns of text, in place of the one at the path that the bundle
    /// has: its folder may have been moved since.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and another encoder than that of the training run.
    pub fn open_with_encoder(
        folder: impl AsRef<Path>,
        encoder: &Arc<dyn TextEncoder>,
        device: &Device,
    ) -> Result<Self, TabularError> {
        let folder = folder.as_ref();
        let mut members = Vec::new();
        for mut member in member::open(folder, device)? {
            member.features = member.features.with_encoder(Arc::clone(encoder))?;
            members.push(member);
        }
        let residuals = member::open_residuals(folder, &members[0])?;
        Ok(Self::of_members(members, residuals, device))
    }

    /// Writes the models with their features as a bundle, which [`Predictor::open`] opens: one model as
    /// [`Bundle`](tinderbox_train::Bundle) describes it, an ensemble as `ensemble.json` and a bundle for each
    /// member.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), TabularError> {
        member::save(&self.members, self.residuals.as_ref(), folder.as_ref())
    }

    /// The fitted features; of an ensemble those of its first model.
    pub fn features(&self) -> &Features {
        &self.members[0].features
    }

    /// The columns that the models use, each once.
    pub fn inputs(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self
            .members
            .iter()
            .flat_map(|member| member.features.inputs())
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The number of models.
    pub fn models(&self) -> usize {
        self.members.len()
    }

    /// The number of parameters, of all models together; of trees the number of their nodes.
    pub fn num_params(&self) -> usize {
        let each = self.members.iter().map(|member| member.model.num_params());
        each.sum()
    }

    /// The same model with prediction intervals of this level, 0.9 for example: the truth of a new row lies
    /// between prediction and half width below and above with this probability, if it is like the
    /// validation rows. [`predict_csv`](Self::predict_csv) writes both ends.
    ///
    /// # Errors
    /// Classes, a level outside (0, 1) or one that the validation rows are too few for.
    pub fn with_interval(mut self, level: f64) -> Result<Self, TabularError> {
        let residuals = self.residuals.as_ref().ok_or(TabularError::NoIntervals)?;
        self.half_widths = Some(residuals.half_widths(level)?);
        Ok(self)
    }

    /// Half the width of the intervals of [`with_interval`](Self::with_interval), for each target.
    pub fn half_widths(&self) -> Option<&[f64]> {
        self.half_widths.as_deref()
    }

    /// Takes the errors for prediction intervals from predictions and their truth.
    pub(super) fn learn_intervals(&mut self, predicted: &Values, truth: &Values) {
        self.residuals = Residuals::new(predicted, truth);
    }

    /// Takes the errors for prediction intervals from the rows of a frame, if numbers are predicted; the model
    /// must not have been fitted on them.
    pub(super) fn learn_intervals_on(&mut self, frame: &DataFrame) -> Result<(), TabularError> {
        if let Some((predicted, truth)) = self.with_truth(frame)? {
            self.learn_intervals(&predicted, &truth);
        }
        Ok(())
    }

    /// Predicted and true numbers; `None` for classes, or without targets.
    pub(super) fn with_truth(
        &self,
        frame: &DataFrame,
    ) -> Result<Option<(Values, Values)>, TabularError> {
        let features = self.features();
        Ok(match features.transform(frame)?.targets {
            Targets::Values(truth) => {
                Some((self.outputs_for(frame)?, features.invert_targets(&truth)?))
            }
            _ => None,
        })
    }

    /// Calibrates the probabilities of classes: the temperature with the smallest log-loss on these rows,
    /// which must not be those that the model was trained on.
    pub(super) fn calibrate(
        &mut self,
        table: &TensorTable,
        weights: Option<&[f64]>,
    ) -> Result<(), TabularError> {
        let Targets::Classes(truth) = &table.targets else {
            return Ok(());
        };
        for member in &mut self.members {
            let logits = member.raw(&table.features, &self.device)?;
            member.temperature = temperature(&logits, truth.labels(), weights);
        }
        Ok(())
    }

    /// Opens a file, folder or pattern of files as the training rows were read: with the same types,
    /// separator and null values, whatever the values look like. A column that the model does
    /// not need, the target among them, may be absent. See [`Features::format`] to change something.
    ///
    /// # Errors
    /// Those of [`ReadOptions::read`](tinderbox_tables::ReadOptions::read), and a cell that is not of the
    /// type of its column.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<LazyFrame, TabularError> {
        Ok(self.features().format().read(path)?)
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
        Ok(self.wrap(Values::new(all, self.outputs())?))
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
        transform_together(&self.all_features(), frame, |_, rows| each(self.of(&rows)?))
    }

    pub(super) fn all_features(&self) -> Vec<&Features> {
        self.members.iter().map(|member| &member.features).collect()
    }

    fn outputs(&self) -> usize {
        self.members[0].model.outputs()
    }

    /// Predictions for rows, transformed by the features of each model.
    pub(super) fn of(&self, rows: &[Values]) -> Result<Predicted, TabularError> {
        let outputs = self.raw(rows)?;
        Ok(match self.features().classes() {
            Some(_) => Predicted::Probabilities(softmax(&outputs)?),
            None => Predicted::Numbers(outputs),
        })
    }

    /// Numbers in the units of the table, or a logit for each class, for the rows of a frame.
    pub(super) fn outputs_for(&self, frame: &DataFrame) -> Result<Values, TabularError> {
        let mut all = Vec::new();
        transform_together(&self.all_features(), frame, |_, rows| {
            all.extend(self.raw(&rows)?.into_vec());
            Ok::<_, TabularError>(())
        })?;
        Ok(Values::new(all, self.outputs())?)
    }

    fn raw(&self, rows: &[Values]) -> Result<Values, TabularError> {
        if let ([only], [rows]) = (&self.members[..], rows) {
            return only.outputs(rows, &self.device);
        }
        let width = self.outputs();
        let classes = self.features().classes().is_some();
        let mut sums = vec![0.0f64; rows[0].rows() * width];
        for (member, rows) in self.members.iter().zip(rows) {
            let outputs = member.outputs(rows, &self.device)?;
            for (sums, row) in sums.chunks_mut(width).zip(outputs.as_slice().chunks(width)) {
                let add = |(sum, value): (&mut f64, f64)| *sum += member.weight * value;
                match classes {
                    true => sums.iter_mut().zip(probabilities(row)).for_each(add),
                    false => {
                        let values = row.iter().map(|&value| f64::from(value));
                        sums.iter_mut().zip(values).for_each(add);
                    }
                }
            }
        }
        // The logarithms of probabilities are logits of them.
        let finish = |sum: f64| match classes {
            true => sum.max(f64::MIN_POSITIVE).ln() as f32,
            false => sum as f32,
        };
        Ok(Values::new(sums.into_iter().map(finish).collect(), width)?)
    }

    fn wrap(&self, values: Values) -> Predicted {
        match self.features().classes() {
            Some(_) => Predicted::Probabilities(values),
            None => Predicted::Numbers(values),
        }
    }
}

/// Probabilities of the classes from their logits, in `f64`.
fn softmax(logits: &Values) -> Result<Values, TabularError> {
    let rows = logits.as_slice().chunks(logits.width());
    let all = rows.flat_map(|row| probabilities(row).map(|part| part as f32));
    Ok(Values::new(all.collect(), logits.width())?)
}

/// The probabilities of the classes of a row.
fn probabilities(row: &[f32]) -> impl Iterator<Item = f64> {
    let most = row.iter().fold(f32::NEG_INFINITY, |most, &x| most.max(x));
    let parts = row
        .iter()
        .map(move |x| (f64::from(*x) - f64::from(most)).exp());
    let sum: f64 = parts.clone().sum();
    parts.map(move |part| part / sum)
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

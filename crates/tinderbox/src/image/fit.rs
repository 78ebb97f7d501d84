use std::path::Path;

use tinderbox_core::Seed;
use tinderbox_data::Loader;
use tinderbox_data::images::Images;
use tinderbox_models::{ImageModel, find, summary};
use tinderbox_optim::{OptimizerConfig, ParameterGroup, Select};
use tinderbox_train::{
    Accuracy, Classification, Fitted, Monitor, Run, TopK, TrainConfig, load_matching_weights,
};

use super::{ImageClassifierConfig, ImageError, Note, Training};

/// The smallest number of optimizer steps of a training run.
const STEPS: usize = 800;

/// The smallest number of epochs of a training run.
const EPOCHS: usize = 10;

/// More classes than this are measured by the share of images whose class is among the five most
/// probable too.
const TOP_FIVE: usize = 10;

impl Training {
    /// The description of the model in the bundle.
    pub(super) fn description(&self, test: &Images) -> Result<ImageClassifierConfig, ImageError> {
        let classes = test.classes().names().to_vec();
        let config = match &self.network {
            Some(network) => network.clone(),
            None => (find(&self.model)?.config)(test.shape(), classes.len()),
        };
        Ok(ImageClassifierConfig {
            model: self.model.clone(),
            config,
            classes,
            transforms: test.transforms().to_vec(),
            input: test.stored_shape(),
            background: self.background,
        })
    }

    /// The settings of the trainer, and the batch size, for this many images.
    pub(super) fn plan(
        &mut self,
        model: &ImageModel,
        images: usize,
    ) -> Result<(TrainConfig, usize), ImageError> {
        let batch = (images / 16).next_power_of_two().clamp(8, 128);
        let batch_size = self.session.batch_size.unwrap_or(batch);
        let epochs = STEPS.div_ceil(images.div_ceil(batch).max(1)).max(EPOCHS);
        let optimizer = match &self.session.optimizer {
            Some(optimizer) => optimizer.clone(),
            None => OptimizerConfig::adam().into(),
        };
        let learning_rate = match &optimizer {
            OptimizerConfig::Sgd(sgd) if sgd.momentum == 0.0 => 0.1,
            OptimizerConfig::Sgd(_) => 0.01,
            _ => 0.001,
        };
        let mut config = TrainConfig {
            epochs: self.session.epochs.unwrap_or(epochs),
            learning_rate: self.session.learning_rate.unwrap_or(learning_rate),
            optimizer,
            seed: self.session.seed,
            ..TrainConfig::default()
        };
        if let Some(rate) = self.head_learning_rate {
            let group = ParameterGroup::new(Select::Prefix(head(model)?));
            let factor = rate / config.learning_rate;
            config.groups.push(group.rate_factor(factor));
        }
        Ok((self.session.configured(config), batch_size))
    }

    pub(super) fn train(
        &mut self,
        model: ImageModel,
        config: TrainConfig,
        batch_size: usize,
        [train, test]: [&Images; 2],
        valid: Option<&Images>,
        run: Option<&Run>,
    ) -> Result<Fitted<ImageModel>, ImageError> {
        let session = std::mem::take(&mut self.session);
        let order = Seed::new(session.seed).child("order");
        let loader = Loader::new(train.clone(), batch_size.min(train.len().max(1)))?;
        let loader = loader.shuffle(order);
        let measured = Loader::for_evaluation(valid.unwrap_or(test).clone(), batch_size)?;
        let task = Classification {
            label_smoothing: self.label_smoothing,
        };
        let mut trainer = session.classifier(config, run)?.metric(Accuracy::default());
        if test.classes().names().len() > TOP_FIVE {
            trainer = trainer.metric(TopK::new(5)?);
        }
        if valid.is_some() {
            trainer = trainer.monitor(Monitor::max("valid_accuracy"));
        }
        Ok(trainer.fit(model, &task, &loader, Some(&measured))?)
    }

    /// Loads weights; only those of the last layer may be of another shape, and are then initialized.
    pub(super) fn start_from(
        &mut self,
        model: ImageModel,
        path: &Path,
    ) -> Result<ImageModel, ImageError> {
        let head = head(&model)?;
        let (model, report) = load_matching_weights(model, path)?;
        let shapes = report.misshapen.iter().map(|weights| &weights.name);
        let named = report.missing.iter().chain(&report.unexpected);
        let mut others = named.chain(shapes);
        if others.any(|name| !name.starts_with(&format!("{head}."))) {
            return Err(ImageError::OtherWeights {
                path: path.to_owned(),
                head,
                report: Box::new(report),
            });
        }
        let path = path.to_owned();
        self.note(Note::Weights { path, report });
        Ok(model)
    }
}

/// The name of the last layer with weights.
fn head(model: &ImageModel) -> Result<String, ImageError> {
    let layers = summary(model)?.rows.into_iter().rev();
    let mut named = layers.filter(|layer| !layer.name.is_empty());
    Ok(named.next().ok_or(ImageError::NoWeights)?.name)
}

use tinderbox_core::Seed;
use tinderbox_data::text::LabeledTexts;
use tinderbox_data::{DataError, Loader, Target, Values};
use tinderbox_models::{BertPredictor, BertPredictorConfig, Pooling};
use tinderbox_nn::{Lora, count_parameters, merge_lora, parameters};
use tinderbox_optim::{OptimizerConfig, ParameterGroup, RateSchedule, Schedule, Select};
use tinderbox_train::{
    Accuracy, Classification, ConfusionMatrix, Metric, Monitor, Regression, RegressionMetric,
    RegressionMetrics, TrainConfig, evaluate,
};

use super::{FineTuneError, FineTuned, FineTuning, TextData, TextNote, TextTargets};
use crate::pretrained::find;
use crate::text::encoder::{OpenEncoder, Tokens};
use crate::text::predictor::check_length;
use crate::text::sentences::Settings;
use crate::text::{SentenceError, TextPredictor, TextPredictorConfig, TextScale};

/// The smallest numbers of optimizer steps and of epochs.
const STEPS: usize = 100;
const EPOCHS: usize = 3;

impl FineTuning {
    /// Trains, scores and, with a run folder, writes the bundle and the figures.
    ///
    /// # Errors
    /// A folder without a usable encoder, a layer for LoRA that it does not have, texts that are too few to be split,
    /// more tokens than the encoder has positions, settings that the trainer refuses, an interruption, files that
    /// cannot be written.
    pub fn fit(mut self, data: &TextData) -> Result<FineTuned, FineTuneError> {
        self.check()?;
        let (seed, device) = (self.session.seed(), self.session.device()?);
        let folder = find(&self.folder).map_err(SentenceError::from)?;
        let encoder = OpenEncoder::open(&folder, &device)?;
        let settings = Settings::read(&folder, encoder.config.context)?;
        let layers = encoder.config.layers;
        if self.frozen_layers > layers {
            return Err(FineTuneError::Layers {
                asked: self.frozen_layers,
                layers,
            });
        }
        let most = self.max_tokens.unwrap_or(settings.max_tokens);
        check_length(most, encoder.config.context)?;

        if data.skipped > 0 {
            self.note(TextNote::Skipped { rows: data.skipped });
        }
        let mut shares = vec![1.0 - self.validation - self.test, self.validation];
        shares.extend((self.test > 0.0).then_some(self.test));
        let mut parts = data.split(&shares, seed.child("split"))?;
        if self.test == 0.0 {
            parts.push(parts[1].clone());
        }
        let mut cut = 0;
        let mut ids = Vec::new();
        for part in &parts {
            let tokens = Tokens::of(&encoder.tokenizer, &part.texts, most)?;
            cut += tokens.cut.len();
            ids.push(tokens.ids);
        }
        if cut > 0 {
            let texts = ids.iter().map(Vec::len).sum();
            let tokens = most;
            self.note(TextNote::Cut { cut, texts, tokens });
        }

        let classes = match &data.targets {
            TextTargets::Classes(classes) => Some(classes.names().to_vec()),
            TextTargets::Numbers(_) => None,
        };
        let network = BertPredictorConfig {
            pooling: match settings.first_token {
                true => Pooling::First,
                false => Pooling::Mean,
            },
            outputs: classes.as_ref().map_or(1, Vec::len),
            dropout: encoder.config.dropout,
            separator: None,
            encoder: encoder.config,
        };
        let bert = match &self.lora {
            Some(lora) => lora.apply(encoder.model, seed.child("lora"))?,
            None => encoder.model,
        };
        let model = BertPredictor::new(&network, bert, seed.child("weights"), &device)?;
        let config = self.plan(ids[0].len(), layers);
        self.note(TextNote::Start {
            parameters: count_parameters(&model),
            trained: trained(&model, &config.freeze, self.lora.as_ref()),
            texts: [0, 1, 2].map(|part| match part == 2 && self.test == 0.0 {
                true => 0,
                false => ids[part].len(),
            }),
            classes: classes.as_ref().map(Vec::len),
        });

        let description = TextPredictorConfig {
            network,
            max_tokens: most,
            text: data.text.clone(),
            target: data.target.clone(),
            classes,
            scale: scale(&parts[0].targets),
        };
        let run = self.session.open(&config)?;
        let batch_size = self.session.batch_size.unwrap_or(BATCH);
        let order = seed.child("order");
        let session = std::mem::take(&mut self.session);
        let monitor = Monitor::min("valid_loss").patience(self.patience);
        let (fitted, test, matrix) = match &data.targets {
            TextTargets::Classes(_) => {
                let classes = parts.iter().filter_map(TextData::classes).cloned();
                let [train, valid, test] = loaders(ids, classes.collect(), batch_size, order)?;
                let task = Classification::default();
                let trainer = session.classifier(config, run.as_ref())?;
                let trainer = trainer.metric(Accuracy::default()).monitor(monitor);
                let fitted = trainer
                    .fit(model, &task, &train, Some(&valid))?
                    .finished()?;
                let mut matrix = ConfusionMatrix::default();
                let loss = evaluate(&fitted.model, &task, &test, &mut [&mut matrix])?;
                let scores = vec![("accuracy", matrix.scores().accuracy), ("loss", loss)];
                (fitted, scores, Some(matrix))
            }
            TextTargets::Numbers(_) => {
                let TextScale { shift, scale } = description.scale;
                let numbers = parts.iter().map(|part| {
                    let numbers = part.numbers().iter();
                    Values::new(numbers.map(|number| (number - shift) / scale).collect(), 1)
                });
                let numbers = numbers.collect::<Result<_, _>>()?;
                let [train, valid, test] = loaders(ids, numbers, batch_size, order)?;
                let task = Regression::default();
                let trainer = session.regressor(config, run.as_ref())?.monitor(monitor);
                let fitted = trainer
                    .fit(model, &task, &train, Some(&valid))?
                    .finished()?;
                use RegressionMetric::{Mae, R2, Rmse};
                let mut metrics = RegressionMetrics::new(&[Rmse, Mae, R2]);
                evaluate(&fitted.model, &task, &test, &mut [&mut metrics])?;
                // In the units of the target; R2 has none.
                let units = [scale, scale, 1.0].map(f64::from);
                let scores = metrics.values().into_iter().zip(units);
                let scores = ["rmse", "mae", "r2"].into_iter().zip(scores);
                let scores = scores.map(|(name, ((_, value), unit))| (name, value * unit));
                (fitted, scores.collect(), None)
            }
        };
        // Of a model without adapters this changes nothing.
        let model = merge_lora(fitted.model);
        let tuned = FineTuned {
            predictor: TextPredictor::new(description, model, encoder.tokenizer)?,
            history: fitted.history,
            test,
            matrix,
            notes: self.notes,
            run,
        };
        if let Some(run) = &tuned.run {
            tuned.save(run.bundle())?;
            tuned.write_figures(run.folder())?;
        }
        Ok(tuned)
    }

    fn check(&self) -> Result<(), FineTuneError> {
        let (valid, test) = (self.validation, self.test);
        let shares = "validation and test texts: the first share must be more than 0, the second at least 0, and their \
                      sum less than 1";
        let fine = valid > 0.0 && test >= 0.0 && valid + test < 1.0;
        for (setting, value, fine, rule) in [
            ("validation", valid, fine, shares),
            (
                "layer_decay",
                self.layer_decay,
                self.layer_decay > 0.0 && self.layer_decay <= 1.0,
                "it must be more than 0 and at most 1; 0.9 is common",
            ),
            (
                "head_learning_rate",
                self.head_learning_rate,
                self.head_learning_rate.is_finite() && self.head_learning_rate > 0.0,
                "a learning rate must be positive and finite",
            ),
        ] {
            if !fine {
                return Err(FineTuneError::Setting {
                    setting,
                    value,
                    rule,
                });
            }
        }
        if self.session.batch_size == Some(0) {
            return Err(FineTuneError::Setting {
                setting: "batch_size",
                value: 0.0,
                rule: "a batch has one text at least",
            });
        }
        match self.lora.is_some() && (self.frozen_layers > 0 || self.freeze_encoder) {
            true => Err(FineTuneError::FrozenLora),
            false => Ok(()),
        }
    }

    /// The settings of the trainer for this many training texts.
    fn plan(&self, texts: usize, layers: usize) -> TrainConfig {
        let batches = texts
            .div_ceil(self.session.batch_size.unwrap_or(BATCH))
            .max(1);
        let epochs = self
            .session
            .epochs
            .unwrap_or(STEPS.div_ceil(batches).max(EPOCHS));
        let base = match self.lora {
            Some(_) => 5e-4,
            None => 5e-5,
        };
        let learning_rate = self.session.learning_rate.unwrap_or(base);
        let optimizer = match &self.session.optimizer {
            Some(optimizer) => optimizer.clone(),
            None => OptimizerConfig::adamw().weight_decay(0.01).into(),
        };
        let group = |part: String, factor: f64| {
            ParameterGroup::new(Select::Prefix(part)).rate_factor(factor)
        };
        let mut groups = vec![group(
            "bert.embeddings".into(),
            self.layer_decay.powi(layers as i32),
        )];
        for layer in 0..layers {
            let above = (layers - 1 - layer) as i32;
            groups.push(group(block(layer), self.layer_decay.powi(above)));
        }
        groups.push(group(
            "classifier".into(),
            self.head_learning_rate / learning_rate,
        ));
        let freeze = match (self.freeze_encoder, self.frozen_layers) {
            (true, _) => vec!["bert".into()],
            (false, 0) => Vec::new(),
            (false, count) => {
                let embeddings = std::iter::once("bert.embeddings".to_owned());
                embeddings.chain((0..count).map(block)).collect()
            }
        };
        let steps = epochs * batches;
        let config = TrainConfig {
            epochs,
            learning_rate,
            optimizer,
            seed: self.session.seed,
            // With a number of epochs the learning rate stays, so that a run can be resumed with more.
            schedule: match self.session.epochs {
                Some(_) => RateSchedule::default(),
                None => {
                    let warmup = (steps / 10).max(1);
                    let down = Schedule::polynomial_decay(steps - warmup.min(steps - 1));
                    RateSchedule::per_step(down.after_warmup(warmup))
                }
            },
            groups,
            freeze,
            ..TrainConfig::default()
        };
        self.session.configured(config)
    }
}

/// Texts in a batch.
const BATCH: usize = 16;

fn block(layer: usize) -> String {
    format!("bert.encoder.layer.{layer}")
}

/// The loaders of training, validation and test texts.
fn loaders<T: Target>(
    ids: Vec<Vec<Vec<u32>>>,
    targets: Vec<T>,
    batch_size: usize,
    order: Seed,
) -> Result<[Loader<LabeledTexts<T>>; 3], FineTuneError> {
    let mut texts = ids.into_iter().zip(targets);
    let mut next = |train: bool| -> Result<_, DataError> {
        let (ids, targets) = texts.next().ok_or_else(|| DataError::Empty {
            what: "of texts".into(),
        })?;
        let texts = LabeledTexts::new(ids, targets)?;
        match train {
            true => Ok(Loader::for_evaluation(texts, batch_size)?.shuffle(order)),
            false => Loader::for_evaluation(texts, batch_size.saturating_mul(2)),
        }
    };
    Ok([next(true)?, next(false)?, next(false)?])
}

/// The number of parameters that are trained.
fn trained(model: &BertPredictor, freeze: &[String], lora: Option<&Lora>) -> usize {
    let below = |path: &str, part: &String| path.starts_with(&format!("{part}."));
    let all = parameters(model)
        .into_iter()
        .filter(|parameter| match lora {
            Some(_) => {
                parameter.path.contains(".lora.") || parameter.path.starts_with("classifier.")
            }
            None => !freeze.iter().any(|part| below(&parameter.path, part)),
        });
    all.map(|parameter| parameter.count()).sum()
}

/// Mean and standard deviation of numbers.
fn scale(targets: &TextTargets) -> TextScale {
    let TextTargets::Numbers(numbers) = targets else {
        return TextScale::default();
    };
    let count = numbers.len().max(1) as f64;
    let mean = numbers.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let squares = numbers.iter().map(|&x| (f64::from(x) - mean).powi(2));
    let std = (squares.sum::<f64>() / count).sqrt();
    TextScale {
        shift: mean as f32,
        // Numbers that are all the same.
        scale: if std > 0.0 { std as f32 } else { 1.0 },
    }
}

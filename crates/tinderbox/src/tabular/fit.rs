use burn::tensor::Device;
use polars::prelude::DataFrame;
use tinderbox_core::Seed;
use tinderbox_data::{Batches, DataError, Loader, Rows, Target};
use tinderbox_tables::{Features, Targets, TensorTable, take};
use tinderbox_train::{
    Accuracy, Auc, Classification, Fitted, History, LogLoss, Monitor, Regression, RegressionMetric,
    RegressionMetrics, Run, Task, TrainError, Trainer, evaluate,
};

use super::defaults::Plan;
use super::weights::Weights;
use super::{
    Model, Note, Parts, Predictor, Scores, TableConfig, TableNetwork, TabularError, Trained,
    Training, exact_linear, solve_linear,
};

/// Rows in a validation batch.
const EVALUATED: usize = 1024;

/// The number of training rows that the initial weights of a RealMLP are adapted to.
const ADAPTED: usize = 4096;

/// A training run on transformed rows.
pub(super) struct Fit {
    training: Training,
    features: Features,
    /// Of the training rows, the validation rows and, if there are any, the test rows.
    frames: Vec<DataFrame>,
    tables: Vec<TensorTable>,
    weights: Weights,
    seed: Seed,
    device: Device,
}

/// The result of training: the kept model and its run.
struct Kept {
    fitted: Fitted<TableNetwork>,
    network: TableNetwork,
    note: Option<Note>,
}

impl Fit {
    /// Fits the features on the first frame. `rows` maps the rows of the frames to the row numbers in
    /// errors.
    pub fn new(
        mut training: Training,
        frames: Vec<DataFrame>,
        rows: Vec<Vec<usize>>,
    ) -> Result<Self, TabularError> {
        let of_rows = |error: TabularError, rows: &[usize]| match error {
            TabularError::Data(error) => TabularError::Data(error.of_rows(rows)),
            other => other,
        };
        let features = training.features(&frames[0]);
        let features = features.map_err(|error| of_rows(error, &rows[0]))?;
        let table = |place: usize| -> Result<TensorTable, DataError> {
            let table = features.transform(&frames[place]);
            table.map_err(|error| error.of_rows(&rows[place]))
        };
        let tables: Vec<TensorTable> = (0..frames.len()).map(table).collect::<Result<_, _>>()?;
        let weights = Weights::of(&training, &frames, &tables, &rows)?;
        let (seed, device) = (training.session.seed(), training.session.device()?);
        Ok(Self {
            training,
            features,
            frames,
            tables,
            weights,
            seed,
            device,
        })
    }

    /// As [`new`](Self::new), with rows of one frame.
    pub fn of_parts(
        training: Training,
        frame: &DataFrame,
        parts: Parts,
    ) -> Result<Self, TabularError> {
        let mut rows = vec![parts.train, parts.valid];
        if !parts.test.is_empty() {
            rows.push(parts.test);
        }
        let frames: Result<_, DataError> = rows.iter().map(|rows| take(frame, rows)).collect();
        Self::new(training, frames?, rows)
    }

    pub fn run(mut self) -> Result<Trained, TabularError> {
        if self.training.model == Model::Trees {
            return self.grow();
        }
        let trees = match self.training.compare {
            true => Some(self.compared()?),
            false => None,
        };
        let config = self.training.network(&self.features, &self.tables[0])?;
        // The exact solution has no weights.
        let exact = self.training.session.epochs.is_none() && self.weights.losses.is_none();
        let solved = match (self.training.model, exact) {
            (Model::Linear, true) => solve_linear(&self.tables[0], &self.device)?,
            _ => None,
        };
        let plan = self.training.plan(&self.features, &self.tables[0]);
        let run = self.training.session.open(&plan.config)?;
        let kept = self.train(&config, plan, run.as_ref(), solved)?;
        if let Some(note) = kept.note {
            self.training.note(note);
        }
        let Self {
            features, device, ..
        } = &self;
        let predictor = Predictor::new(features.clone(), config, kept.network, device)?;
        self.finish(predictor, run, kept.fitted.history, trees)
    }

    /// The scores of boosted trees on the same rows.
    fn compared(&self) -> Result<Vec<Scores>, TabularError> {
        let training = self
            .training
            .member(Model::Trees, self.training.session.seed);
        let all = |frame: &DataFrame| (0..frame.height()).collect::<Vec<_>>();
        let rows = self.frames.iter().map(all).collect();
        let grown = Self::new(training, self.frames.clone(), rows)?.run()?;
        let scores = [grown.train_scores, grown.valid_scores].into_iter();
        Ok(scores.chain(grown.test_scores).collect())
    }

    /// Grows boosted trees instead of training a network.
    #[cfg(feature = "trees")]
    fn grow(mut self) -> Result<Trained, TabularError> {
        let config = self.training.shown();
        let run = self.training.session.open(&config)?;
        let trees = super::boost::grow(
            &self.features,
            &self.tables[0],
            &self.tables[1],
            &self.weights,
            config.max_minutes.map(|minutes| 60.0 * minutes),
            self.seed.child("trees"),
        )?;
        let predictor = Predictor::of_trees(self.features.clone(), trees, &self.device)?;
        self.finish(predictor, run, History::default(), None)
    }

    #[cfg(not(feature = "trees"))]
    fn grow(self) -> Result<Trained, TabularError> {
        Err(TabularError::Trees {
            problem: "this program was built without them; build it with the feature `trees` \
                      (cargo run --features trees …)"
                .into(),
        })
    }

    /// Trains numbers or classes, and takes the exact solution where it is better.
    fn train(
        &mut self,
        config: &TableConfig,
        plan: Plan,
        run: Option<&Run>,
        solved: Option<TableNetwork>,
    ) -> Result<Kept, TabularError> {
        let network = self.start(config)?;
        let order = self.seed.child("order");
        // A loss with smoothed labels is not the one that is scored.
        let smoothed = plan.label_smoothing > 0.0 && self.features.classes().is_some();
        let mut monitor = Monitor::min(match smoothed && self.weights.losses.is_none() {
            true => "valid_log_loss",
            false => "valid_loss",
        });
        monitor.patience = plan.patience;
        let session = std::mem::take(&mut self.training.session);
        let (train, valid) = (self.tables[0].clone(), self.tables[1].clone());
        let narrow = |weights: &[f64]| weights.iter().map(|&weight| weight as f32).collect();
        let weights = [0, 1].map(|part| self.weights.loss(part).map(narrow));
        Ok(if let Targets::Classes(_) = train.targets {
            let (train, valid) = (train.classification()?, valid.classification()?);
            let task = Classification {
                label_smoothing: plan.label_smoothing,
            };
            let trainer = session.classifier(plan.config.clone(), run)?;
            let trainer = trainer.metric(Accuracy::default());
            let trainer = trainer.metric(LogLoss::default()).metric(Auc::default());
            let trainer = trainer.monitor(monitor);
            match weights {
                [Some(of_train), Some(of_valid)] => {
                    let (train, valid) = (train.weighted(of_train)?, valid.weighted(of_valid)?);
                    let loaders = loaders(train, valid, &plan, order)?;
                    fit(trainer, network, &task, loaders, solved)?
                }
                _ => {
                    let loaders = loaders(train, valid, &plan, order)?;
                    fit(trainer, network, &task, loaders, solved)?
                }
            }
        } else {
            let (train, valid) = (train.regression()?, valid.regression()?);
            let task = Regression::default();
            let trainer = session.regressor(plan.config.clone(), run)?;
            let trainer = trainer.metric(RegressionMetrics::new(&[RegressionMetric::R2]));
            let trainer = trainer.monitor(monitor);
            match weights {
                [Some(of_train), Some(of_valid)] => {
                    let (train, valid) = (train.weighted(of_train)?, valid.weighted(of_valid)?);
                    let loaders = loaders(train, valid, &plan, order)?;
                    fit(trainer, network, &task, loaders, solved)?
                }
                _ => {
                    let loaders = loaders(train, valid, &plan, order)?;
                    fit(trainer, network, &task, loaders, solved)?
                }
            }
        })
    }

    /// The model with its initial weights; those of a RealMLP depend on the training rows as well.
    fn start(&self, config: &TableConfig) -> Result<TableNetwork, TabularError> {
        let network = config.init(self.seed.child("weights"), &self.device)?;
        let TableNetwork::RealMlp(model) = network else {
            return Ok(network);
        };
        let rows = &self.tables[0].features;
        let mut some = self.seed.child("adapt").rng().permutation(rows.rows());
        some.truncate(ADAPTED);
        let inputs = rows.gather(&some).into_tensor(&self.device);
        let model = model.adapt(inputs, self.seed.child("adapt"));
        Ok(TableNetwork::RealMlp(model))
    }

    /// Scores the model, and writes bundle and report into the run folder.
    fn finish(
        self,
        mut predictor: Predictor,
        run: Option<Run>,
        history: History,
        trees: Option<Vec<Scores>>,
    ) -> Result<Trained, TabularError> {
        let exact_scored = exact_takes_seconds(&self.tables[0]) && self.weights.losses.is_none();
        let linear = self.training.model == Model::Linear;
        let tables: Vec<&TensorTable> = self.tables.iter().collect();
        let exact = match exact_scored {
            true => Some(exact_linear(&predictor, tables[0], &tables)?),
            false => None,
        };
        // A logistic regression is calibrated by its fit.
        if !linear {
            predictor.calibrate(tables[1], self.weights.loss(1))?;
        }
        predictor.learn_intervals_on(&self.frames[1])?;
        let scores = self.frames.iter().enumerate();
        let scores =
            scores.map(|(part, frame)| Scores::with(&predictor, frame, self.weights.score(part)));
        let mut scores = scores.collect::<Result<Vec<_>, _>>()?.into_iter();
        let mut next = || scores.next();
        let mut trained = Trained {
            train_scores: next().unwrap_or_default(),
            valid_scores: next().unwrap_or_default(),
            test_scores: next(),
            exact,
            trees,
            rows: std::array::from_fn(|part| self.frames.get(part).map_or(0, DataFrame::height)),
            predictor,
            history,
            notes: self.training.notes,
            run: None,
            spec: self.training.spec,
            frames: self.frames,
            weights: self.weights,
            seed: self.seed.child("importance"),
        };
        if let Some(run) = run {
            trained.save(run.bundle())?;
            run.write_report(&trained.report()?)?;
            trained.run = Some(run);
        }
        Ok(trained)
    }
}

/// The batches to train and to validate on.
fn loaders<T: Target>(
    train: Rows<T>,
    valid: Rows<T>,
    plan: &Plan,
    order: Seed,
) -> Result<[Loader<Rows<T>>; 2], DataError> {
    let train = Loader::new(train, plan.batch_size)?;
    let train = train.shuffle(order).last_batch(plan.last);
    Ok([train, Loader::for_evaluation(valid, EVALUATED)?])
}

/// Trains a network, and takes the exact solution where it is better.
fn fit<O: Clone + 'static, B, T>(
    trainer: Trainer<TableNetwork, O>,
    network: TableNetwork,
    task: &T,
    [train, valid]: [impl Batches<Batch = B>; 2],
    solved: Option<TableNetwork>,
) -> Result<Kept, TrainError>
where
    T: Task<TableNetwork, B, Output = O>,
{
    let fitted = trainer.fit(network, task, &train, Some(&valid))?;
    better(fitted.finished()?, solved, task, &valid)
}

/// The exact solution takes rows x columns² multiplications: below this limit seconds, above it
/// minutes.
fn exact_takes_seconds(table: &TensorTable) -> bool {
    let (rows, width) = (table.features.rows() as f64, table.features.width() as f64);
    rows * width * width < 2e10
}

/// The exact solution, unless training found a model whose validation loss is smaller by more than the
/// standard error of a mean of squares, √(2 / rows) of it: an exact solution of too many columns, or of
/// classes that do not overlap, can be far worse on other rows.
fn better<B, T: Task<TableNetwork, B>>(
    fitted: Fitted<TableNetwork>,
    solved: Option<TableNetwork>,
    task: &T,
    valid: &dyn Batches<Batch = B>,
) -> Result<Kept, TrainError> {
    let trained = fitted.model.clone();
    let Some(solved) = solved else {
        return Ok(Kept {
            fitted,
            network: trained,
            note: None,
        });
    };
    let loss = |network: &TableNetwork| evaluate(network, task, valid, &mut []);
    let (by_training, exact) = (loss(&trained)?, loss(&solved)?);
    let error = (2.0 / valid.examples().unwrap_or(1) as f64).sqrt();
    let exact_kept = exact <= by_training * (1.0 + error);
    Ok(Kept {
        fitted,
        network: if exact_kept { solved } else { trained },
        note: Some(Note::Solution {
            exact_kept,
            exact,
            trained: by_training,
        }),
    })
}

use burn::tensor::Device;
use polars::prelude::DataFrame;
use tinderbox_core::Seed;
use tinderbox_data::{Batches, DataError, Loader};
use tinderbox_tables::{Features, Targets, TensorTable, take};
use tinderbox_train::{
    Accuracy, Auc, Classification, Fitted, LogLoss, Monitor, Regression, RegressionMetric,
    RegressionMetrics, Run, Task, TrainError, evaluate,
};

use super::defaults::Plan;
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
        let tables = (0..frames.len()).map(table).collect::<Result<_, _>>()?;
        let (seed, device) = (training.session.seed(), training.session.device()?);
        Ok(Self {
            training,
            features,
            frames,
            tables,
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
        let config = self.training.network(&self.features, &self.tables[0])?;
        let solved = match (self.training.model, self.training.session.epochs) {
            (Model::Linear, None) => solve_linear(&self.tables[0], &self.device)?,
            _ => None,
        };
        let plan = self.training.plan(&self.features, &self.tables[0]);
        let run = self.training.session.open(&plan.config)?;
        let kept = self.train(&config, plan, run.as_ref(), solved)?;
        if let Some(note) = kept.note {
            self.training.note(note);
        }
        self.finish(config, run, kept.fitted, kept.network)
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
        let mut monitor = Monitor::min(match smoothed {
            true => "valid_log_loss",
            false => "valid_loss",
        });
        monitor.patience = plan.patience;
        let session = std::mem::take(&mut self.training.session);
        let (train, valid) = (self.tables[0].clone(), self.tables[1].clone());
        Ok(if let Targets::Classes(_) = train.targets {
            let train = Loader::new(train.classification()?, plan.batch_size)?;
            let train = train.shuffle(order).last_batch(plan.last);
            let valid = Loader::for_evaluation(valid.classification()?, EVALUATED)?;
            let task = Classification {
                label_smoothing: plan.label_smoothing,
            };
            let trainer = session.classifier(plan.config, run)?;
            let trainer = trainer.metric(Accuracy::default());
            let trainer = trainer.metric(LogLoss::default()).metric(Auc::default());
            let fitted = trainer
                .monitor(monitor)
                .fit(network, &task, &train, Some(&valid))?;
            better(fitted.finished()?, solved, &task, &valid)?
        } else {
            let train = Loader::new(train.regression()?, plan.batch_size)?;
            let train = train.shuffle(order).last_batch(plan.last);
            let valid = Loader::for_evaluation(valid.regression()?, EVALUATED)?;
            let task = Regression::default();
            let trainer = session.regressor(plan.config, run)?;
            let trainer = trainer.metric(RegressionMetrics::new(&[RegressionMetric::R2]));
            let fitted = trainer
                .monitor(monitor)
                .fit(network, &task, &train, Some(&valid))?;
            better(fitted.finished()?, solved, &task, &valid)?
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
        config: TableConfig,
        run: Option<Run>,
        fitted: Fitted<TableNetwork>,
        network: TableNetwork,
    ) -> Result<Trained, TabularError> {
        let exact_scored = exact_takes_seconds(&self.tables[0]);
        let linear = self.training.model == Model::Linear;
        let mut predictor = Predictor::new(self.features, config, network, &self.device)?;
        let tables: Vec<&TensorTable> = self.tables.iter().collect();
        let exact = match exact_scored {
            true => Some(exact_linear(&predictor, tables[0], &tables)?),
            false => None,
        };
        // A logistic regression is calibrated by its fit.
        if !linear {
            predictor.calibrate(tables[1])?;
        }
        predictor.learn_intervals_on(&self.frames[1])?;
        let scores = self
            .frames
            .iter()
            .map(|frame| Scores::of(&predictor, frame));
        let mut scores = scores.collect::<Result<Vec<_>, _>>()?.into_iter();
        let mut next = || scores.next();
        let mut trained = Trained {
            train_scores: next().unwrap_or_default(),
            valid_scores: next().unwrap_or_default(),
            test_scores: next(),
            exact,
            rows: std::array::from_fn(|part| self.frames.get(part).map_or(0, DataFrame::height)),
            predictor,
            history: fitted.history,
            notes: self.training.notes,
            run: None,
            spec: self.training.spec,
            frames: self.frames,
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

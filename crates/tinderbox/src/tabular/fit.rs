use burn::tensor::Device;
use polars::prelude::DataFrame;
use tinderbox_core::Seed;
use tinderbox_data::{Batches, DataError, Loader};
use tinderbox_tables::{Features, Targets, TensorTable};
use tinderbox_train::{
    Accuracy, Auc, Classification, Fitted, LogLoss, Monitor, Regression, RegressionMetric,
    RegressionMetrics, Run, Task, TrainError, evaluate,
};

use super::training::Plan;
use super::{
    Model, Note, Predictor, Scores, TableConfig, TableNetwork, TabularError, Trained, Training,
    exact_linear, solve_linear,
};

/// Rows in a validation batch.
const EVALUATED: usize = 1024;

/// A training run on transformed rows.
pub(super) struct Fit {
    training: Training,
    features: Features,
    frames: [DataFrame; 2],
    tables: [TensorTable; 2],
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
        frames: [DataFrame; 2],
        rows: [Vec<usize>; 2],
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
        let tables = [table(0)?, table(1)?];
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

    pub fn run(mut self) -> Result<Trained, TabularError> {
        let config = self.training.network(&self.features)?;
        let solved = match (self.training.model, self.training.session.epochs) {
            (Model::Linear, None) => solve_linear(&self.tables[0], &self.device)?,
            _ => None,
        };
        let plan = self.training.plan(self.tables[0].features.rows());
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
        let network = config.init(self.seed.child("weights"), &self.device)?;
        let order = self.seed.child("order");
        let mut monitor = Monitor::min("valid_loss");
        monitor.patience = plan.patience;
        let session = std::mem::take(&mut self.training.session);
        let [train, valid] = self.tables.clone();
        Ok(if let Targets::Classes(_) = train.targets {
            let train = Loader::new(train.classification()?, plan.batch_size)?;
            let train = train.shuffle(order).last_batch(plan.last);
            let valid = Loader::for_evaluation(valid.classification()?, EVALUATED)?;
            let task = Classification::default();
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

    /// Scores the model, and writes bundle and report into the run folder.
    fn finish(
        self,
        config: TableConfig,
        run: Option<Run>,
        fitted: Fitted<TableNetwork>,
        network: TableNetwork,
    ) -> Result<Trained, TabularError> {
        let predictor = Predictor::new(self.features, network, &self.device)?;
        let [train, valid] = &self.tables;
        let exact = match exact_takes_seconds(train) {
            true => Some(exact_linear(&predictor, train, &[train, valid])?),
            false => None,
        };
        let [train_frame, valid_frame] = self.frames;
        let mut trained = Trained {
            train_scores: Scores::of(&predictor, train)?,
            valid_scores: Scores::of(&predictor, valid)?,
            exact: exact.and_then(|exact| exact.try_into().ok()),
            rows: [train_frame.height(), valid_frame.height()],
            predictor,
            history: fitted.history,
            notes: self.training.notes,
            run: None,
            spec: self.training.spec,
            config,
            frames: [train_frame, valid_frame],
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

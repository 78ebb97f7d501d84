use polars::prelude::DataFrame;
use tinderbox_data::{LastBatch, split};
use tinderbox_models::TabularMlpConfig;
use tinderbox_optim::{OptimizerConfig, RateSchedule, Schedule};
use tinderbox_tables::{FeatureSpec, Features, TableFormat, TargetStep, stratified_by, take};
use tinderbox_train::{Interval, TrainConfig};

use super::fit::Fit;
use super::{Note, TableConfig, TableNetwork, TabularError, Trained};
use crate::session::{Change, Listener, Session, session_setters};

/// The model to train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    /// One layer: a weight for each feature. It is solved exactly as well, unless a number of epochs is
    /// set, and the better of the two models is kept.
    #[default]
    Linear,
    /// Hidden layers, and an embedding for every category that is an index.
    Mlp,
}

/// A training run of a model of a table: from frames to a scored, saved and reported model.
///
/// Everything has a default that depends on the number of rows: 3,000 optimizer steps and 20 epochs at
/// least, batches of 16 to 1,024 rows, Adam with a learning rate of 0.02 for the linear model, AdamW with
/// 0.003 and early stopping for the MLP; the learning rate falls to 0 along a cosine. The weights of the
/// epoch with the smallest validation loss are kept. Numbers to predict are standardized; scores are in
/// the units of the table.
///
/// ```
/// use polars::prelude::df;
/// use tinderbox::tables::FeatureSpec;
/// use tinderbox::tabular::{Model, Training};
///
/// let area: Vec<f64> = (0..200).map(|row| f64::from(row % 40) + 20.0).collect();
/// let city: Vec<&str> = (0..200).map(|row| ["Paris", "Lyon"][row % 2]).collect();
/// let price: Vec<f64> = (0..200).map(|row| 5.0 * area[row] + [100.0, 0.0][row % 2]).collect();
/// let frame = df!("area" => area, "city" => city, "price" => price)?;
///
/// let spec = FeatureSpec::infer(&frame, "price")?;
/// let trained = Training::new(spec).model(Model::Linear).seed(1).fit_split(&frame)?;
/// println!("{}", trained.scores());
/// assert!(trained.valid("r2")? > 0.999);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Training {
    pub(super) session: Session<TableNetwork>,
    pub(super) spec: FeatureSpec,
    pub(super) model: Model,
    validation_share: f64,
    format: Option<TableFormat>,
    mlp: Option<Change<TabularMlpConfig>>,
    on_note: Option<Listener<Note>>,
    pub(super) notes: Vec<Note>,
}

/// The smallest number of optimizer steps: a number of epochs would be too short for a small table.
const STEPS: usize = 3_000;

/// The smallest number of epochs, for large tables.
const EPOCHS: usize = 20;

/// Dropout of an MLP.
const DROPOUT: f64 = 0.1;

impl Training {
    /// A training run of a linear model, with a fifth of the rows held out by
    /// [`fit_split`](Self::fit_split).
    pub fn new(spec: FeatureSpec) -> Self {
        Self {
            session: Session::default(),
            spec,
            model: Model::default(),
            validation_share: 0.2,
            format: None,
            mlp: None,
            on_note: None,
            notes: Vec::new(),
        }
    }

    /// The model to train; linear by default.
    pub fn model(mut self, model: Model) -> Self {
        self.model = model;
        self
    }

    /// Trains an MLP, with changes to its configuration (hidden layers, dropout, …).
    pub fn mlp(mut self, change: impl FnOnce(&mut TabularMlpConfig) + 'static) -> Self {
        self.model = Model::Mlp;
        self.mlp = Some(Box::new(change));
        self
    }

    /// The share of the rows that [`fit_split`](Self::fit_split) holds out; 0.2 by default.
    pub fn validation_share(mut self, share: f64) -> Self {
        self.validation_share = share;
        self
    }

    /// How the file of the table was read, so that the bundle reads other files in the same way.
    pub fn format(mut self, format: TableFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Calls this with each note when it arises; all of them are in [`Trained::notes`] too.
    pub fn on_note(mut self, each: impl FnMut(&Note) + 'static) -> Self {
        self.on_note = Some(Box::new(each));
        self
    }

    session_setters!(TableNetwork);

    /// Fits the features on `train`, trains on it, validates on `valid`, scores, and, with a run folder,
    /// writes bundle and report.
    ///
    /// # Errors
    /// No target, rows that the features refuse (with column and row), settings that the trainer refuses,
    /// an interruption, files that cannot be written.
    pub fn fit(self, train: &DataFrame, valid: &DataFrame) -> Result<Trained, TabularError> {
        let all = |frame: &DataFrame| (0..frame.height()).collect::<Vec<_>>();
        let rows = [all(train), all(valid)];
        Fit::new(self, [train.clone(), valid.clone()], rows)?.run()
    }

    /// As [`fit`](Self::fit), with rows of one frame to train and to validate on; errors name the rows
    /// of the frame.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit), and rows that the frame does not have.
    pub fn fit_rows(
        self,
        frame: &DataFrame,
        train: &[usize],
        valid: &[usize],
    ) -> Result<Trained, TabularError> {
        let parts = [take(frame, train)?, take(frame, valid)?];
        Fit::new(self, parts, [train.to_vec(), valid.to_vec()])?.run()
    }

    /// As [`fit`](Self::fit), with rows held out at random, the same share of every class. Rows without a
    /// target are left out.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit), and a share that is not between 0 and 1.
    pub fn fit_split(mut self, frame: &DataFrame) -> Result<Trained, TabularError> {
        let [train, valid] = self.split(frame)?;
        self.fit_rows(frame, &train, &valid)
    }

    /// The rows of the frame to train and to validate on.
    fn split(&mut self, frame: &DataFrame) -> Result<[Vec<usize>; 2], TabularError> {
        let share = self.validation_share;
        if !(share > 0.0 && share < 1.0) {
            return Err(TabularError::Share { share });
        }
        let target = self.spec.target.as_ref().ok_or(TabularError::NoTarget)?;
        let columns = target.columns.clone();
        let mut rows: Vec<usize> = (0..frame.height()).collect();
        for name in &columns {
            // A column that is absent is an error of the features.
            if let Ok(column) = frame.column(name) {
                let known = column.is_not_null();
                rows.retain(|&row| known.get(row) == Some(true));
            }
        }
        let missing = frame.height() - rows.len();
        if missing > 0 {
            self.note(Note::NoTarget { rows: missing });
        }
        let known = take(frame, &rows)?;
        let fitted = self
            .spec
            .fit(&known)
            .map_err(|error| error.of_rows(&rows))?;
        let strategy = match (fitted.classes(), &columns[..]) {
            (Some(_), [target]) => stratified_by(&known, target)?,
            _ => tinderbox_data::Strategy::Random,
        };
        let shares = [1.0 - share, share];
        for small in strategy.small_classes(shares.len()) {
            if let Ok(class) = known
                .column(&columns[0])
                .and_then(|target| target.get(small[0]))
            {
                let class = class.str_value().into_owned();
                self.note(Note::SmallClass { class });
            }
        }
        let seed = self.session.seed().child("split");
        let mut parts = split(known.height(), &shares, seed, &strategy)?;
        for row in parts.iter_mut().flatten() {
            *row = rows[*row];
        }
        let valid = parts.pop().unwrap_or_default();
        Ok([parts.pop().unwrap_or_default(), valid])
    }

    pub(super) fn note(&mut self, note: Note) {
        if let Some(each) = &mut self.on_note {
            each(&note);
        }
        self.notes.push(note);
    }

    /// The features fitted on these rows; numbers to predict are standardized.
    pub(super) fn features(&mut self, train: &DataFrame) -> Result<Features, TabularError> {
        let mut features = self.spec.fit(train)?;
        let target = self.spec.target.as_mut().ok_or(TabularError::NoTarget)?;
        if features.classes().is_none() && !target.transform.contains(&TargetStep::Standardize) {
            target.transform.push(TargetStep::Standardize);
            features = self.spec.fit(train)?;
        }
        if let Some(format) = self.format.take() {
            features = features.with_format(format);
        }
        for column in features.left_out().to_vec() {
            self.note(Note::LeftOut {
                column: column.name,
                reason: column.reason,
            });
        }
        Ok(features)
    }

    /// The model for these features.
    pub(super) fn network(&mut self, features: &Features) -> Result<TableConfig, TabularError> {
        match self.model {
            Model::Linear => TableConfig::linear(features),
            Model::Mlp => {
                let mut config = TabularMlpConfig {
                    dropout: DROPOUT,
                    ..TableConfig::mlp(features)?
                };
                if let Some(change) = self.mlp.take() {
                    change(&mut config);
                }
                Ok(TableConfig::Mlp(config))
            }
        }
    }

    /// The length and the optimizer steps of training on this many rows.
    pub(super) fn plan(&mut self, rows: usize) -> Plan {
        let session = &self.session;
        let batch_size = session.batch_size.unwrap_or((rows / 64).clamp(16, 1024));
        let batch_size = batch_size.min(rows);
        // Batch norm cannot normalize a last batch of one row.
        let (last, batches) = match self.model {
            Model::Linear => (LastBatch::Keep, rows.div_ceil(batch_size.max(1))),
            Model::Mlp => (LastBatch::Drop, rows / batch_size.max(1)),
        };
        let enough = STEPS.div_ceil(batches.max(1)).max(EPOCHS);
        let schedule = match session.epochs {
            Some(_) => RateSchedule::default(),
            None => RateSchedule::per_step(Schedule::cosine(enough * batches)),
        };
        let (optimizer, learning_rate, patience) = match self.model {
            Model::Linear => (OptimizerConfig::from(OptimizerConfig::adam()), 0.02, None),
            Model::Mlp => (
                OptimizerConfig::adamw().into(),
                3e-3,
                Some((enough / 4).max(10)),
            ),
        };
        let optimizer = session.optimizer.clone().unwrap_or(optimizer);
        let config = TrainConfig {
            epochs: session.epochs.unwrap_or(enough),
            learning_rate: session.learning_rate.unwrap_or(learning_rate),
            optimizer,
            schedule,
            seed: session.seed,
            ..TrainConfig::default()
        };
        let config = self.session.configured(config);
        // A checkpoint may take longer than an epoch of a small table.
        let interval = Interval::Epochs(config.epochs.div_ceil(20));
        self.session.checkpoint.get_or_insert((interval, 2));
        Plan {
            config,
            batch_size,
            patience,
            last,
        }
    }
}

/// The length and the optimizer steps of training.
pub(super) struct Plan {
    pub config: TrainConfig,
    pub batch_size: usize,
    /// Epochs without a smaller validation loss before training ends.
    pub patience: Option<usize>,
    pub last: LastBatch,
}

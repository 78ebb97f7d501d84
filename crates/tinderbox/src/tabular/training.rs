use std::rc::Rc;

use polars::prelude::DataFrame;
use tinderbox_models::TabularMlpConfig;
use tinderbox_tables::{
    ColumnSpec, FeatureSpec, Features, Lags, TableFormat, TargetStep, TensorTable,
};
use tinderbox_train::{Interval, TrainConfig};

use super::defaults::{self, Plan};
use super::fit::Fit;
use super::{Note, Parts, SplitBy, TableConfig, TableNetwork, TabularError, Trained};
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
    /// RealMLP, an MLP with tuned defaults ([`RealMlp`](tinderbox_models::RealMlp)).
    RealMlp,
    /// TabM, an ensemble of MLPs that share most weights ([`TabM`](tinderbox_models::TabM)).
    TabM,
    /// A transformer over the columns ([`FtTransformer`](tinderbox_models::FtTransformer)).
    FtTransformer,
    /// Boosted decision trees, for comparison and as a candidate. To train them, build with the feature `trees`.
    Trees,
}

impl Model {
    /// All models that this program can train, the quickest to train first.
    pub const ALL: &[Self] = &[
        Self::Linear,
        #[cfg(feature = "trees")]
        Self::Trees,
        Self::Mlp,
        Self::RealMlp,
        Self::TabM,
        Self::FtTransformer,
    ];

    /// The name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Mlp => "mlp",
            Self::RealMlp => "realmlp",
            Self::TabM => "tabm",
            Self::FtTransformer => "ft-transformer",
            Self::Trees => "trees",
        }
    }
}

/// A training run of a model of a table: from frames to a scored, saved and reported model.
///
/// Everything has a default that depends on the number of rows. The linear model and the MLP take 3,000
/// optimizer steps and 20 epochs at least, in batches of 16 to 1,024 rows, with Adam and a learning rate of
/// 0.02, or with AdamW, 0.003 and early stopping; the learning rate falls to 0 along a cosine. RealMLP
/// takes 256 epochs with the settings of its paper. TabM and FT-Transformer are smaller than in theirs,
/// and early stopping ends them. The weights of the epoch with the smallest validation loss are kept.
/// Numbers to predict are standardized; scores are in the units of the table.
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
    pub(super) validation_share: f64,
    pub(super) test_share: f64,
    pub(super) split_by: SplitBy,
    pub(super) candidates: Vec<Model>,
    pub(super) minutes: Option<f64>,
    pub(super) auto_folds: usize,
    /// The column of weights.
    pub(super) weights: Option<String>,
    /// Whether all classes count the same.
    pub(super) balanced: bool,
    /// Whether trees are grown to be compared with the model.
    pub(super) compare: bool,
    format: Option<TableFormat>,
    pub(super) lags: Option<Lags>,
    mlp: Option<Change<TabularMlpConfig>>,
    on_note: Option<Listener<Note>>,
    pub(super) notes: Vec<Note>,
}

impl Training {
    /// A training run of a linear model, with a fifth of the rows for validation and a fifth for the test.
    pub fn new(spec: FeatureSpec) -> Self {
        Self {
            session: Session::default(),
            spec,
            model: Model::default(),
            validation_share: 0.2,
            test_share: 0.2,
            split_by: SplitBy::default(),
            candidates: Model::ALL.to_vec(),
            minutes: None,
            auto_folds: 5,
            weights: None,
            balanced: false,
            compare: cfg!(feature = "trees"),
            format: None,
            lags: None,
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
    pub fn mlp(mut self, change: impl Fn(&mut TabularMlpConfig) + 'static) -> Self {
        self.model = Model::Mlp;
        self.mlp = Some(Rc::new(change));
        self
    }

    /// The share of the rows that decide when training stops and which weights are kept; 0.2 by default.
    pub fn validation_share(mut self, share: f64) -> Self {
        self.validation_share = share;
        self
    }

    /// The share of the rows that are scored once, at the end; 0.2 by default, 0 for none. The score of
    /// validation rows is too good, as they chose the weights.
    pub fn test_share(mut self, share: f64) -> Self {
        self.test_share = share;
        self
    }

    /// How the rows are assigned to the parts; at random by default.
    pub fn split_by(mut self, split_by: SplitBy) -> Self {
        self.split_by = split_by;
        self
    }

    /// The models that [`fit_auto`](Self::fit_auto) trains, in this order; all by default.
    pub fn candidates(mut self, candidates: impl Into<Vec<Model>>) -> Self {
        self.candidates = candidates.into();
        self
    }

    /// The minutes that [`fit_auto`](Self::fit_auto) may train; by default 0.75 for tables of up to 50,000 cells, and
    /// more for larger ones, at most 5.
    pub fn minutes(mut self, minutes: f64) -> Self {
        self.minutes = Some(minutes);
        self
    }

    /// The number of models that [`fit_auto`](Self::fit_auto) trains of each candidate that it uses, as far as the time
    /// allows, each with other validation rows; 5 by default, 1 for the given ones alone. Rows in the order of time,
    /// tables with lags and classes with fewer rows than folds have one.
    pub fn auto_folds(mut self, folds: usize) -> Self {
        self.auto_folds = folds;
        self
    }

    /// A column of numbers that says how much each row counts, in the loss and in the scores; it is no feature.
    /// The weights of a part must be at least 0, and one must be positive.
    pub fn weights(mut self, column: impl Into<String>) -> Self {
        self.weights = Some(column.into());
        self
    }

    /// Whether the losses of all classes count the same, however many rows they have: a row has the weight
    /// rows / (classes x rows of its class), as with scikit-learn's `class_weight="balanced"`. Probabilities are
    /// then too high for rare classes; scores are those of the rows as they are.
    pub fn balanced_classes(mut self, balanced: bool) -> Self {
        self.balanced = balanced;
        self
    }

    /// Whether boosted trees are grown on the same rows, and their scores are shown beside those of the model; true by
    /// default with the feature `trees`, and without effect otherwise.
    pub fn compare_with_trees(mut self, compare: bool) -> Self {
        self.compare = compare && cfg!(feature = "trees");
        self
    }

    /// How the file of the table was read, so that the bundle reads other files in the same way.
    pub fn format(mut self, format: TableFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Which past values are columns of the frames, which [`Lags::add`] must have added; the bundle stores it.
    pub fn lags(mut self, lags: Lags) -> Self {
        self.lags = Some(lags);
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
        let rows = vec![all(train), all(valid)];
        Fit::new(self, vec![train.clone(), valid.clone()], rows)?.run()
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
        let parts = Parts {
            train: train.to_vec(),
            valid: valid.to_vec(),
            test: Vec::new(),
        };
        self.fit_parts(frame, parts)
    }

    /// As [`fit_rows`](Self::fit_rows), with test rows: they are scored at the end.
    ///
    /// # Errors
    /// Those of [`fit_rows`](Self::fit_rows).
    pub fn fit_parts(self, frame: &DataFrame, parts: Parts) -> Result<Trained, TabularError> {
        Fit::of_parts(self, frame, parts)?.run()
    }

    /// As [`fit_parts`](Self::fit_parts), with parts that are drawn as [`split_by`](Self::split_by) says.
    /// Rows without a target are left out.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit), shares that leave nothing, a column to split by that cannot be.
    pub fn fit_split(mut self, frame: &DataFrame) -> Result<Trained, TabularError> {
        let parts = self.parts(frame)?;
        self.fit_parts(frame, parts)
    }

    /// One of several training runs with these settings: another model and seed, no callbacks, no folder.
    pub(super) fn member(&self, model: Model, seed: u64) -> Self {
        Self {
            session: self.session.member(seed),
            spec: self.spec.clone(),
            model,
            split_by: self.split_by.clone(),
            weights: self.weights.clone(),
            candidates: Vec::new(),
            format: self.format.clone(),
            lags: self.lags.clone(),
            mlp: self.mlp.clone(),
            on_note: None,
            notes: Vec::new(),
            compare: false,
            ..*self
        }
    }

    /// The settings that the run folder of several models shows.
    pub(super) fn shown(&self) -> TrainConfig {
        self.session.configured(TrainConfig {
            seed: self.session.seed,
            ..TrainConfig::default()
        })
    }

    pub(super) fn note(&mut self, note: Note) {
        if let Some(each) = &mut self.on_note {
            each(&note);
        }
        self.notes.push(note);
    }

    /// The features fitted on these rows; numbers to predict are standardized.
    pub(super) fn features(&mut self, train: &DataFrame) -> Result<Features, TabularError> {
        defaults::adapt_spec(self.model, &mut self.spec);
        if let Some(weights) = &self.weights {
            let others = |column: &ColumnSpec| column.names() != [weights.as_str()];
            self.spec.columns.retain(others);
        }
        let mut features = self.spec.fit(train)?;
        let target = self.spec.target.as_mut().ok_or(TabularError::NoTarget)?;
        if features.classes().is_none() && !target.transform.contains(&TargetStep::Standardize) {
            target.transform.push(TargetStep::Standardize);
            features = self.spec.fit(train)?;
        }
        if let Some(format) = self.format.take() {
            features = features.with_format(format);
        }
        if let Some(lags) = &self.lags {
            features = features.with_lags(lags.clone());
        }
        for column in features.left_out().to_vec() {
            self.note(Note::LeftOut {
                column: column.name,
                reason: column.reason,
            });
        }
        Ok(features)
    }

    /// The model for these features and training rows.
    pub(super) fn network(
        &mut self,
        features: &Features,
        train: &TensorTable,
    ) -> Result<TableConfig, TabularError> {
        let mut config = defaults::network(self.model, features, train)?;
        if let (TableConfig::Mlp(config), Some(change)) = (&mut config, self.mlp.take()) {
            change(config);
        }
        Ok(config)
    }

    /// The length and the optimizer steps of training on these rows.
    pub(super) fn plan(&mut self, features: &Features, train: &TensorTable) -> Plan {
        let classes = features.classes().is_some();
        let columns = TableConfig::columns(features);
        let rows = train.features.rows();
        let mut plan = defaults::plan(self.model, rows, &columns, classes, &self.session);
        plan.config = self.session.configured(plan.config);
        // A checkpoint may take longer than an epoch of a small table.
        let interval = Interval::Epochs(plan.config.epochs.div_ceil(20));
        self.session.checkpoint.get_or_insert((interval, 2));
        plan
    }
}

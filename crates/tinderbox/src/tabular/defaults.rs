//! What a training run of each model does unless the user says otherwise.

use tinderbox_data::LastBatch;
use tinderbox_models::{
    CategoryColumn, FtTransformerConfig, NumberEmbeddingConfig, RealActivation, RealMlpConfig,
    TabMConfig, TableColumns, TabularMlpConfig, quantile_edges,
};
use tinderbox_optim::{OptimizerConfig, ParameterGroup, RateSchedule, Schedule, Select};
use tinderbox_tables::{ColumnSpec, Encode, FeatureSpec, Features, Step, Targets, TensorTable};
use tinderbox_train::TrainConfig;

use super::model::outputs;
use super::{Model, TableConfig, TabularError};
use crate::session::Session;

/// The smallest number of optimizer steps: a number of epochs would be too short for a small table.
const STEPS: usize = 3_000;

/// The smallest number of epochs, for large tables.
const EPOCHS: usize = 20;

/// Epochs of a RealMLP, as in the paper.
const REAL_EPOCHS: usize = 256;

/// The largest number of epochs of networks that early stopping ends.
const MOST_EPOCHS: usize = 400;

/// Dropout of an MLP.
const DROPOUT: f64 = 0.1;

/// Bins and width of the piecewise-linear embedding of TabM.
const BINS: usize = 48;
const BIN_WIDTH: usize = 16;

/// The length and the optimizer steps of training.
pub(super) struct Plan {
    pub config: TrainConfig,
    pub batch_size: usize,
    /// Epochs without a smaller validation loss before training ends.
    pub patience: Option<usize>,
    pub last: LastBatch,
    /// For classes.
    pub label_smoothing: f32,
}

/// The specification with the steps that the model was tuned for: a RealMLP scales numbers by their
/// quartiles and clips them smoothly; trees split categories by their indices. Steps that differ from inferred
/// ones are the user's, and are kept.
pub(super) fn adapt_spec(model: Model, spec: &mut FeatureSpec) {
    if model == Model::Trees {
        encode(spec, Encode::Ordinal);
        return;
    }
    if model != Model::RealMlp {
        return;
    }
    let inferred = |steps: &[Step]| {
        matches!(
            steps,
            [Step::Standardize] | [Step::Robust, Step::Clip { .. }]
        )
    };
    for column in &mut spec.columns {
        let steps = match column {
            ColumnSpec::Numeric(number) => &mut number.steps,
            ColumnSpec::Date(date) => &mut date.steps,
            _ => continue,
        };
        if inferred(steps) {
            *steps = vec![Step::Robust, Step::SmoothClip];
        }
    }
}

/// Encodes every category in this way.
pub(super) fn encode(spec: &mut FeatureSpec, encode: Encode) {
    for column in &mut spec.columns {
        match column {
            ColumnSpec::Category(category) => category.encode = encode,
            ColumnSpec::Cross(cross) => cross.encode = encode,
            _ => {}
        }
    }
}

/// The configuration of the model for these features and training rows.
pub(super) fn network(
    model: Model,
    features: &Features,
    train: &TensorTable,
) -> Result<TableConfig, TabularError> {
    let columns = TableConfig::columns(features);
    let outputs = outputs(features)?;
    Ok(match model {
        Model::Linear => TableConfig::linear(features)?,
        Model::Mlp => TableConfig::Mlp(TabularMlpConfig {
            dropout: DROPOUT,
            ..TableConfig::mlp(features)?
        }),
        Model::RealMlp => TableConfig::RealMlp(RealMlpConfig {
            outputs,
            activation: match train.targets {
                Targets::Classes(_) => RealActivation::Selu,
                _ => RealActivation::Mish,
            },
            range: ranges(&train.targets),
            ..RealMlpConfig::new(TableColumns {
                categories: of_width(&columns, 8),
                ..columns
            })
        }),
        Model::TabM => TableConfig::TabM(TabMConfig {
            outputs,
            classes: features.classes().is_some(),
            members: 16,
            hidden: vec![128; 2],
            numbers: Some(NumberEmbeddingConfig::PiecewiseLinear {
                edges: edges(&columns, train),
                width: BIN_WIDTH,
            }),
            ..TabMConfig::new(columns)
        }),
        Model::FtTransformer => TableConfig::FtTransformer(FtTransformerConfig {
            outputs,
            width: 64,
            heads: 4,
            blocks: 2,
            feed_forward: 96,
            ..FtTransformerConfig::new(columns)
        }),
        Model::Trees => {
            return Err(TabularError::Trees {
                problem: "they are no network; train them with `Training::model`".into(),
            });
        }
    })
}

/// The categories with embeddings of this width.
fn of_width(columns: &TableColumns, width: usize) -> Vec<CategoryColumn> {
    let each = columns.categories.iter();
    each.map(|column| CategoryColumn {
        width,
        ..column.clone()
    })
    .collect()
}

/// The least and the greatest value of each target; none for classes.
fn ranges(targets: &Targets) -> Vec<[f64; 2]> {
    let Targets::Values(values) = targets else {
        return Vec::new();
    };
    let mut ranges = vec![[f64::INFINITY, f64::NEG_INFINITY]; values.width()];
    for row in values.as_slice().chunks(values.width()) {
        for (range, &value) in ranges.iter_mut().zip(row) {
            *range = [range[0].min(value.into()), range[1].max(value.into())];
        }
    }
    ranges
}

/// The quantiles of every number of the training rows.
fn edges(columns: &TableColumns, train: &TensorTable) -> Vec<Vec<f64>> {
    let wide = train.features.to_wide();
    let column = |column: usize| wide.iter().skip(column).step_by(columns.inputs).copied();
    let edges = |&place: &usize| quantile_edges(column(place), BINS);
    columns.numbers().iter().map(edges).collect()
}

/// The length and the optimizer steps of training on this many rows.
pub(super) fn plan<M: burn::module::Module>(
    model: Model,
    rows: usize,
    columns: &TableColumns,
    classes: bool,
    session: &Session<M>,
) -> Plan {
    let batch_size = match model {
        // Trees have neither batches nor epochs.
        Model::Linear | Model::Mlp | Model::Trees => (rows / 64).clamp(16, 1024),
        Model::RealMlp => 256,
        Model::TabM | Model::FtTransformer => (rows / 32).clamp(32, 256),
    };
    let batch_size = session.batch_size.unwrap_or(batch_size).min(rows).max(1);
    // Batch norm cannot normalize a last batch of one row.
    let last = match model {
        Model::Linear => LastBatch::Keep,
        _ => LastBatch::Drop,
    };
    let batches = match last {
        LastBatch::Keep => rows.div_ceil(batch_size),
        _ => (rows / batch_size).max(1),
    };
    let enough = STEPS.div_ceil(batches).max(EPOCHS);
    let default = match model {
        Model::Linear | Model::Mlp | Model::Trees => enough,
        Model::RealMlp => REAL_EPOCHS,
        Model::TabM | Model::FtTransformer => enough.clamp(100, MOST_EPOCHS),
    };
    let epochs = session.epochs.unwrap_or(default);
    let steps = epochs.saturating_mul(batches);
    let mut config = TrainConfig {
        epochs,
        seed: session.seed,
        ..TrainConfig::default()
    };
    let (optimizer, learning_rate, patience) = match model {
        Model::Linear | Model::Trees => (OptimizerConfig::adam().into(), 0.02, None),
        Model::Mlp => (
            OptimizerConfig::adamw().into(),
            3e-3,
            Some((enough / 4).max(10)),
        ),
        Model::RealMlp => {
            config.dropout_schedule = RateSchedule::per_step(flat_then_cosine(steps));
            config.groups = real_groups(columns);
            (
                OptimizerConfig::adamw()
                    .beta_2(0.95)
                    .weight_decay(0.02)
                    .decay_schedule(flat_then_cosine(steps))
                    .into(),
                if classes { 0.04 } else { 0.2 },
                None,
            )
        }
        Model::TabM | Model::FtTransformer => (
            OptimizerConfig::adamw().weight_decay(1e-5).into(),
            if model == Model::TabM { 2e-3 } else { 1e-3 },
            Some((400 / batches).max(16)),
        ),
    };
    config.schedule = match (model, session.epochs) {
        (Model::RealMlp, _) => RateSchedule::per_step(Schedule::log_cosine(steps)),
        (Model::Linear | Model::Mlp, None) => RateSchedule::per_step(Schedule::cosine(steps)),
        _ => RateSchedule::default(),
    };
    config.optimizer = session.optimizer.clone().unwrap_or(optimizer);
    config.learning_rate = session.learning_rate.unwrap_or(learning_rate);
    Plan {
        config,
        batch_size,
        patience,
        last,
        label_smoothing: match model {
            Model::RealMlp => 0.1,
            _ => 0.0,
        },
    }
}

/// 1 for the first half, then half a cosine to 0.
fn flat_then_cosine(steps: usize) -> Schedule {
    let half = (steps / 2).max(1);
    Schedule::chain()
        .part(half, Schedule::Constant)
        .part(half, Schedule::cosine(half))
        .into()
}

/// The learning rates of RealMLP's parameters as multiples of the one of its weights.
fn real_groups(columns: &TableColumns) -> Vec<ParameterGroup> {
    let group = |select: Select, factor: f64| ParameterGroup::new(select).rate_factor(factor);
    let named = |part: &str| Select::Contains(part.into());
    let mut groups = vec![
        group(named("bias"), 0.1).weight_decay(0.0),
        group(named("slope"), 0.1),
        group(named("scale"), 6.0),
    ];
    if !columns.numbers().is_empty() {
        groups.push(group(named("inputs.numbers"), 0.1));
    }
    groups
}

//! The data of the search: three parts of a table, and networks for them.

use std::sync::Arc;

use anyhow::Result;
use polars::prelude::{DataFrame, IntoLazy, col};
use tinderbox::data::{Strategy, Target, split};
use tinderbox::prelude::*;
use tinderbox::tables::{
    FeatureSpec, Features, Inference, TargetStep, Targets, TensorTable, collect, stratified_by,
    take,
};
use tinderbox::tabular::{TableNetwork, exact_linear};
use tinderbox::train::{LrFinder, Task};

/// Categories with more different values than this get an embedding.
const EMBED_ABOVE: usize = 12;

/// A table in three parts: 60 % of the rows for training, 20 % for choosing settings, 20 % for the final test. The
/// features are fitted on the first part.
pub struct Data {
    pub features: Features,
    pub train: Train,
    /// The same rows as a table.
    table: TensorTable,
    pub valid: DataFrame,
    pub test: DataFrame,
}

/// The training rows, shared by all trials.
pub enum Train {
    Numbers(Arc<Rows>),
    Classes(Arc<Rows<Classes>>),
}

impl Data {
    pub fn new(frame: &DataFrame, target: &str, seed: Seed) -> Result<Self> {
        let frame = match frame
            .column(target)
            .is_ok_and(|target| target.null_count() > 0)
        {
            true => collect(&frame.clone().lazy().filter(col(target).is_not_null()))?,
            false => frame.clone(),
        };
        let inference = Inference::default().embed_above(EMBED_ABOVE);
        let mut spec = FeatureSpec::infer_with(&frame, target, &inference)?;
        let classes = spec.fit(&frame)?.classes().is_some();
        let strategy = match classes {
            true => stratified_by(&frame, target)?,
            false => Strategy::Random,
        };
        let shares = [0.6, 0.2, 0.2];
        let parts = split(frame.height(), &shares, seed.child("split"), &strategy)?;
        if !classes
            && let Some(target) = &mut spec.target
            && target.transform.is_empty()
        {
            target.transform.push(TargetStep::Standardize);
        }
        let training = take(&frame, &parts[0])?;
        let features = spec.fit(&training)?;
        let table = features.transform(&training)?;
        Ok(Self {
            train: match &table.targets {
                Targets::Classes(_) => Train::Classes(Arc::new(table.clone().classification()?)),
                _ => Train::Numbers(Arc::new(table.clone().regression()?)),
            },
            valid: take(&frame, &parts[1])?,
            test: take(&frame, &parts[2])?,
            table,
            features,
        })
    }

    /// A network with one hidden layer, and an embedding for every category with many values.
    pub fn config(&self, units: usize) -> Result<TableConfig> {
        Ok(TableConfig::Mlp(TabularMlpConfig {
            hidden: vec![units],
            batch_norm: false,
            ..TableConfig::mlp(&self.features)?
        }))
    }

    /// The learning rate that the finder suggests for an optimizer.
    pub fn suggest(&self, optimizer: &str, seed: Seed, device: &Device) -> Result<Option<f64>> {
        let config = TrainConfig {
            optimizer: OptimizerConfig::by_name(optimizer)?,
            ..TrainConfig::default()
        };
        let (finder, order) = (LrFinder::default(), seed.child("order"));
        let model = self.config(64)?.init(seed.child("weights"), device)?;
        let found = match &self.train {
            Train::Numbers(rows) => {
                let loader = batches(rows, 32, order)?;
                finder.search(&model, &Regression::default(), &config, &loader)?
            }
            Train::Classes(rows) => {
                let loader = batches(rows, 32, order)?;
                finder.search(&model, &Classification::default(), &config, &loader)?
            }
        };
        Ok(found.suggestion)
    }

    /// A score of the exact linear solution on the test rows; `None` where computing it takes minutes.
    pub fn exact(&self, predictor: &Predictor, name: &str) -> Result<Option<f64>> {
        let (rows, width) = (self.table.features.rows(), self.table.features.width());
        if rows as f64 * (width as f64).powi(2) > 2e10 {
            return Ok(None);
        }
        let test = self.features.transform(&self.test)?;
        let scores = exact_linear(predictor, &self.table, &[&test])?;
        Ok(scores.first().and_then(|scores| scores.get(name)))
    }

    /// The identity of the data: a search is not resumed with other rows.
    pub fn identity(&self) -> Result<String> {
        let train = match &self.train {
            Train::Numbers(rows) => batches(rows, 1, Seed::new(0))?.identity()?,
            Train::Classes(rows) => batches(rows, 1, Seed::new(0))?.identity()?,
        };
        Ok(format!(
            "{} from {}",
            self.features.target_names().join(", "),
            train.data.unwrap_or_default()
        ))
    }
}

/// Batches of `size` rows, or of all where there are fewer.
pub fn batches<T: Target>(
    rows: &Arc<Rows<T>>,
    size: usize,
    order: Seed,
) -> Result<Loader<Rows<T>>> {
    let size = size.min(rows.len());
    Ok(Loader::new(Arc::clone(rows), size)?.shuffle(order))
}

/// Trains a network.
pub fn train<T: Target, K: Task<TableNetwork, Batch<Tensor<2>, T::Tensor>>>(
    config: TrainConfig,
    model: TableNetwork,
    task: &K,
    loader: Loader<Rows<T>>,
    stop: &StopFlag,
) -> Result<TableNetwork> {
    let trainer = Trainer::new(config)?.stop_flag(stop.clone());
    Ok(trainer.fit(model, task, &loader, None)?.finished()?.model)
}

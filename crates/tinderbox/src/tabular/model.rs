use burn::module::Module;
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;
use tinderbox_models::{
    CategoryColumn, LinearRegression, LinearRegressionConfig, TabularMlp, TabularMlpConfig,
};
use tinderbox_nn::Network;
use tinderbox_tables::{Features, OutputKind};
use tinderbox_train::Bundle;

use super::TabularError;

const LINEAR: &str = "linear_regression";
const MLP: &str = "tabular_mlp";

/// The configuration of a model for tables.
#[derive(Clone, Debug, PartialEq)]
pub enum TableConfig {
    /// One layer: a weight for each feature.
    Linear(LinearRegressionConfig),
    /// Hidden layers, and an embedding for every category that is an index.
    Mlp(TabularMlpConfig),
}

/// A model of a table, of any kind that [`TableConfig`] names.
#[derive(Module, Debug)]
pub enum TableNetwork {
    /// One layer.
    Linear(LinearRegression),
    /// Hidden layers.
    Mlp(TabularMlp),
}

impl TableConfig {
    /// The linear model for these features and their target; its weights start at 0.01 N(0, 1).
    ///
    /// # Errors
    /// Features without a target, or with a category that is an index.
    pub fn linear(features: &Features) -> Result<Self, TabularError> {
        let index = features
            .outputs()
            .iter()
            .find(|output| matches!(output.kind, OutputKind::Index { .. }));
        if let Some(output) = index {
            return Err(TabularError::IndexInLinear {
                column: output.source.clone(),
            });
        }
        Ok(Self::Linear(LinearRegressionConfig {
            outputs: outputs(features)?,
            ..LinearRegressionConfig::new(features.width())
        }))
    }

    /// The MLP for these features and their target, with an embedding for every index among them.
    ///
    /// Sizes, dropout and batch norm are those of [`TabularMlpConfig::new`]; change them in place.
    ///
    /// # Errors
    /// Features without a target.
    pub fn mlp(features: &Features) -> Result<TabularMlpConfig, TabularError> {
        let embedding = |(column, kind)| match kind {
            OutputKind::Index { size } => Some(CategoryColumn::new(column, size)),
            _ => None,
        };
        let kinds = features.outputs().iter().map(|output| output.kind);
        Ok(TabularMlpConfig {
            outputs: outputs(features)?,
            embeddings: kinds.enumerate().filter_map(embedding).collect(),
            ..TabularMlpConfig::new(features.width())
        })
    }

    /// The name of the model in a bundle.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear(_) => LINEAR,
            Self::Mlp(_) => MLP,
        }
    }

    /// The model with its initial weights: a pure function of (config, seed), equal on every backend.
    ///
    /// # Errors
    /// Invalid sizes.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<TableNetwork, TabularError> {
        Ok(match self {
            Self::Linear(config) => TableNetwork::Linear(config.init(seed, device)?),
            Self::Mlp(config) => TableNetwork::Mlp(config.init(seed, device)?),
        })
    }

    /// Writes model and features as a bundle, which [`Predictor`](super::Predictor) opens.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn save(
        &self,
        folder: impl Into<std::path::PathBuf>,
        network: &TableNetwork,
        features: &Features,
    ) -> Result<Bundle, TabularError> {
        let folder = folder.into();
        let bundle = match (self, network) {
            (Self::Linear(config), TableNetwork::Linear(model)) => {
                Bundle::save(folder, LINEAR, config, model)?
            }
            (Self::Mlp(config), TableNetwork::Mlp(model)) => {
                Bundle::save(folder, MLP, config, model)?
            }
            _ => {
                return Err(TabularError::Bundle {
                    path: folder,
                    problem: format!("the configuration is of {}, the model is not", self.name()),
                });
            }
        };
        bundle.save_part("features", features)?;
        Ok(bundle)
    }

    /// The model of a bundle.
    pub(super) fn load(bundle: &Bundle, device: &Device) -> Result<TableNetwork, TabularError> {
        // The weights that are drawn here are all replaced by those of the file.
        let seed = Seed::new(0);
        match bundle.model_name()?.as_str() {
            LINEAR => {
                let config: LinearRegressionConfig = bundle.config(LINEAR)?;
                let model = bundle.load_into(config.init(seed, device)?)?;
                Ok(TableNetwork::Linear(model))
            }
            MLP => {
                let config: TabularMlpConfig = bundle.config(MLP)?;
                let model = bundle.load_into(config.init(seed, device)?)?;
                Ok(TableNetwork::Mlp(model))
            }
            other => Err(TabularError::Bundle {
                path: bundle.folder().to_owned(),
                problem: format!(
                    "it holds the model '{other}', which is none of a table ({LINEAR}, {MLP})"
                ),
            }),
        }
    }
}

/// Number of outputs for each row: target columns, or classes.
pub(super) fn outputs(features: &Features) -> Result<usize, TabularError> {
    match (features.classes(), features.target_names().len()) {
        (_, 0) => Err(TabularError::NoTarget),
        (Some(classes), _) => Ok(classes.len()),
        (None, targets) => Ok(targets),
    }
}

impl Network<2> for TableNetwork {
    /// # Shapes
    /// `[batch, features]` in; `[batch, outputs]` out: numbers, or one logit for each class.
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Linear(model) => model.forward(inputs),
            Self::Mlp(model) => model.forward(inputs),
        }
    }

    fn input_shape(&self) -> Vec<usize> {
        match self {
            Self::Linear(model) => model.input_shape(),
            Self::Mlp(model) => model.input_shape(),
        }
    }

    fn outputs(&self) -> usize {
        match self {
            Self::Linear(model) => model.outputs(),
            Self::Mlp(model) => model.outputs(),
        }
    }
}

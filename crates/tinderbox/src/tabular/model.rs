use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;
use tinderbox_models::{
    CategoryColumn, FtTransformer, FtTransformerConfig, LinearRegression, LinearRegressionConfig,
    RealMlp, RealMlpConfig, TabM, TabMConfig, TableColumns, TabularMlp, TabularMlpConfig,
};
use tinderbox_nn::Network;
use tinderbox_tables::{Features, OutputKind};
use tinderbox_train::Bundle;

use super::TabularError;

/// The models of tables: the variant, its configuration and network, and its name in a bundle.
macro_rules! table_models {
    ($($(#[doc = $doc:literal])+ $variant:ident($config:ty, $network:ty) = $name:literal,)+) => {
        /// The configuration of a model for tables.
        #[derive(Clone, Debug, PartialEq)]
        pub enum TableConfig {
            $($(#[doc = $doc])+ $variant($config),)+
        }

        /// A model of a table, of any kind that [`TableConfig`] names.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant)] // few exist at a time
        pub enum TableNetwork {
            $($(#[doc = $doc])+ $variant($network),)+
        }

        impl TableConfig {
            /// The name of the model in a bundle.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)+
                }
            }

            /// The model with its initial weights: a pure function of (config, seed), equal on every
            /// backend.
            ///
            /// # Errors
            /// Invalid sizes.
            pub fn init(&self, seed: Seed, device: &Device) -> Result<TableNetwork, TabularError> {
                Ok(match self {
                    $(Self::$variant(config) => TableNetwork::$variant(config.init(seed, device)?),)+
                })
            }

            /// Writes model and features as a bundle, which [`Predictor`](super::Predictor) opens.
            ///
            /// # Errors
            /// A folder or file that cannot be written.
            pub fn save(
                &self,
                folder: impl Into<PathBuf>,
                network: &TableNetwork,
                features: &Features,
            ) -> Result<Bundle, TabularError> {
                let folder = folder.into();
                let bundle = match (self, network) {
                    $((Self::$variant(config), TableNetwork::$variant(model)) => {
                        Bundle::save(folder, $name, config, model)?
                    })+
                    _ => {
                        let problem =
                            format!("the configuration is of {}, the model is not", self.name());
                        return Err(TabularError::Bundle { path: folder, problem });
                    }
                };
                bundle.save_part("features", features)?;
                Ok(bundle)
            }

            /// The model of a bundle.
            pub(super) fn load(
                bundle: &Bundle,
                device: &Device,
            ) -> Result<(Self, TableNetwork), TabularError> {
                // The weights that are drawn here are all replaced by those of the file.
                let seed = Seed::new(0);
                match bundle.model_name()?.as_str() {
                    $($name => {
                        let config: $config = bundle.config($name)?;
                        let model = bundle.load_into(config.init(seed, device)?)?;
                        Ok((Self::$variant(config), TableNetwork::$variant(model)))
                    })+
                    other => Err(TabularError::Bundle {
                        path: bundle.folder().to_owned(),
                        problem: format!(
                            "it holds the model '{other}', which is none of a table ({}){}",
                            [$($name),+].join(", "),
                            match other {
                                "text_predictor" => {
                                    "; programs built with the feature tokenizers read fine-tuned encoders of texts"
                                }
                                _ => "",
                            }
                        ),
                    }),
                }
            }
        }

        impl Network<2> for TableNetwork {
            /// # Shapes
            /// `[batch, features]` in; `[batch, outputs]` out: numbers, or one logit for each class.
            fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
                match self {
                    $(Self::$variant(model) => model.forward(inputs),)+
                }
            }

            fn input_shape(&self) -> Vec<usize> {
                match self {
                    $(Self::$variant(model) => model.input_shape(),)+
                }
            }

            fn outputs(&self) -> usize {
                match self {
                    $(Self::$variant(model) => model.outputs(),)+
                }
            }

            fn members(&self, inputs: &Tensor<2>) -> Option<Tensor<3>> {
                match self {
                    $(Self::$variant(model) => model.members(inputs),)+
                }
            }

            fn combine(&self, members: Tensor<3>) -> Tensor<2> {
                match self {
                    $(Self::$variant(model) => model.combine(members),)+
                }
            }
        }
    };
}

table_models! {
    /// One layer: a weight for each feature.
    Linear(LinearRegressionConfig, LinearRegression) = "linear_regression",
    /// Hidden layers, and an embedding for every category that is an index.
    Mlp(TabularMlpConfig, TabularMlp) = "tabular_mlp",
    /// Hidden layers with the tuned defaults of RealMLP.
    RealMlp(RealMlpConfig, RealMlp) = "real_mlp",
    /// An ensemble of MLPs that share most weights.
    TabM(TabMConfig, TabM) = "tabm",
    /// A transformer over the columns.
    FtTransformer(FtTransformerConfig, FtTransformer) = "ft_transformer",
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
        let columns = Self::columns(features);
        Ok(TabularMlpConfig {
            outputs: outputs(features)?,
            embeddings: columns.categories,
            flags: columns.flags,
            ..TabularMlpConfig::new(features.width())
        })
    }

    /// The features as a network for tables takes them: numbers, flags (one-hot), texts and indices of categories.
    pub fn columns(features: &Features) -> TableColumns {
        let mut columns = TableColumns::new(features.width());
        // The text that the feature before belongs to.
        let mut text: Option<&str> = None;
        for (place, output) in features.outputs().iter().enumerate() {
            match output.kind {
                OutputKind::OneHot => columns.flags.push(place),
                OutputKind::Text => {
                    columns.flags.push(place);
                    match (columns.texts.last_mut(), text) {
                        (Some([_, width]), Some(source)) if source == output.source => *width += 1,
                        _ => columns.texts.push([place, 1]),
                    }
                }
                OutputKind::Index { size } => {
                    columns.categories.push(CategoryColumn::new(place, size));
                }
                _ => {}
            }
            text = (output.kind == OutputKind::Text).then_some(&output.source);
        }
        columns
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

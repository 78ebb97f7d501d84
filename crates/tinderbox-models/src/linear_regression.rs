//! Linear regression as a one-layer network (Dive into Deep Learning, chapter "Linear Regression").

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;
use tinderbox_nn::{Initializer, LinearInit, Network, linear};

use crate::ModelError;

/// The settings of a linear regression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearRegressionConfig {
    /// Number of features of an example.
    pub inputs: usize,
    /// Number of values to predict for an example.
    #[serde(default = "one")]
    pub outputs: usize,
    /// Whether there is an intercept.
    #[serde(default = "yes")]
    pub bias: bool,
    /// The initializer of the weights; the bias starts at 0.
    #[serde(default = "small_normal")]
    pub initializer: Initializer,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

/// The course's choice: N(0, 0.01).
fn small_normal() -> Initializer {
    Initializer::Normal { std: 0.01 }
}

/// A linear regression `y = x W + b`: a network of one layer.
#[derive(Module, Debug)]
pub struct LinearRegression {
    /// The layer; its weight has shape `[inputs, outputs]`.
    pub linear: Linear,
}

impl LinearRegressionConfig {
    /// One output, an intercept, weights from N(0, 0.01).
    pub fn new(inputs: usize) -> Self {
        Self {
            inputs,
            outputs: one(),
            bias: yes(),
            initializer: small_normal(),
        }
    }

    /// The model with its initial weights: a pure function of (config, seed), equal on every backend.
    ///
    /// # Errors
    /// No inputs, no outputs, or an initializer with a number that is negative or not finite.
    pub fn init(&self, seed: Seed, device: &Device) -> Result<LinearRegression, ModelError> {
        let model = "linear regression";
        for (field, size) in [("inputs", self.inputs), ("outputs", self.outputs)] {
            if size == 0 {
                return Err(ModelError::Zero { model, field });
            }
        }
        self.initializer
            .check()
            .map_err(|source| ModelError::Init { model, source })?;
        let init = LinearInit {
            bias: self.bias,
            weight: self.initializer,
        };
        Ok(LinearRegression {
            linear: linear(
                self.inputs,
                self.outputs,
                init,
                seed.child("linear"),
                device,
            ),
        })
    }
}

impl LinearRegression {
    /// The model with these weights, such as those of an exact solution:
    /// `weights[output * inputs + input]`, and an intercept for each output.
    ///
    /// # Errors
    /// No weights or intercepts, or a number of weights that is not a multiple of that of the intercepts.
    pub fn from_weights(
        weights: &[f64],
        intercepts: &[f64],
        device: &Device,
    ) -> Result<Self, ModelError> {
        let outputs = intercepts.len();
        let inputs = weights.len() / outputs.max(1);
        let zeros = LinearRegressionConfig {
            outputs,
            initializer: Initializer::Zeros,
            ..LinearRegressionConfig::new(inputs)
        };
        let mut model = zeros.init(Seed::new(0), device)?;
        if weights.len() != inputs * outputs {
            return Err(ModelError::Config {
                model: "linear regression",
                problem: format!(
                    "{} weights are given for {outputs} outputs; each output needs as many",
                    weights.len()
                ),
            });
        }
        let place = |at: usize| weights[at % outputs * inputs + at / outputs] as f32;
        let weights = (0..weights.len()).map(place).collect();
        let weights = TensorData::new::<f32, _>(weights, [inputs, outputs]);
        let bias: Vec<f32> = intercepts.iter().map(|&bias| bias as f32).collect();
        let bias = TensorData::new(bias, [outputs]);
        let linear = &mut model.linear;
        linear.weight = (linear.weight.clone()).map(|_| Tensor::from_data(weights, device));
        linear.bias = (linear.bias.take()).map(|old| old.map(|_| Tensor::from_data(bias, device)));
        Ok(model)
    }
}

impl Network<2> for LinearRegression {
    /// # Shapes
    /// `[batch, inputs]` in, `[batch, outputs]` out.
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        self.linear.forward(inputs)
    }

    fn input_shape(&self) -> Vec<usize> {
        vec![self.linear.weight.lazy_shape()[0]]
    }

    fn outputs(&self) -> usize {
        self.linear.weight.lazy_shape()[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(model: &LinearRegression) -> Vec<f32> {
        let weight = model.linear.weight.val();
        weight.try_into_vec_as::<f32>().unwrap()
    }

    #[test]
    fn shapes_and_parameter_counts() {
        let device = Device::flex();
        let course = LinearRegressionConfig::new(2).init(Seed::new(1), &device);
        assert_eq!(course.unwrap().num_params(), 3);
        let config = LinearRegressionConfig {
            outputs: 10,
            ..LinearRegressionConfig::new(784)
        };
        let model = config.init(Seed::new(1), &device).unwrap();
        assert_eq!(model.num_params(), 7_850);
        assert_eq!((model.input_shape(), model.outputs()), (vec![784], 10));
        let output = model.predict(Tensor::zeros([5, 784], &device)).unwrap();
        assert_eq!(output.dims(), [5, 10]);
    }

    #[test]
    fn weights_are_a_function_of_config_and_seed() {
        let config = LinearRegressionConfig::new(20);
        #[allow(deprecated)] // the feature `ndarray` is ours to keep
        let ndarray = Device::ndarray();
        let of = |seed, device: &Device| weights(&config.init(Seed::new(seed), device).unwrap());
        assert_eq!(of(1, &Device::flex()), of(1, &ndarray));
        assert_ne!(of(1, &ndarray), of(2, &ndarray));
    }

    #[test]
    fn forward_is_the_affine_map() {
        let device = Device::flex();
        let model = LinearRegressionConfig::new(2)
            .init(Seed::new(3), &device)
            .unwrap();
        let [a, b] = weights(&model)[..] else {
            panic!("two weights")
        };
        let output = model.forward(Tensor::from_data([[2.0f32, -1.0], [0.0, 0.0]], &device));
        let output = output.try_into_vec_as::<f32>().unwrap();
        assert!((output[0] - (2.0 * a - b)).abs() < 1e-7);
        assert_eq!(output[1], 0.0);
    }

    #[test]
    fn weights_that_are_given_are_those_of_the_model() {
        let device = Device::flex();
        let model = LinearRegression::from_weights(&[1.0, 2.0, 3.0, 4.0], &[10.0, 20.0], &device);
        let output = model
            .unwrap()
            .forward(Tensor::from_data([[1.0f32, 100.0]], &device));
        let output = output.try_into_vec_as::<f32>().unwrap();
        assert_eq!(output, [211.0, 423.0]);
        let error = LinearRegression::from_weights(&[1.0; 3], &[0.0; 2], &device).unwrap_err();
        assert!(error.to_string().contains("3 weights"), "{error}");
        assert!(LinearRegression::from_weights(&[1.0], &[], &device).is_err());
        assert!(LinearRegression::from_weights(&[], &[1.0], &device).is_err());
    }

    #[test]
    fn the_wrong_width_is_an_error_that_names_both() {
        let device = Device::flex();
        let model = LinearRegressionConfig::new(2)
            .init(Seed::new(3), &device)
            .unwrap();
        let error = model.predict(Tensor::zeros([4, 3], &device)).unwrap_err();
        assert!(
            error.to_string().contains("shape [2] but was given [3]"),
            "{error}"
        );
    }

    #[test]
    fn configurations_without_a_model_are_refused() {
        let device = Device::flex();
        let nothing = LinearRegressionConfig::new(0).init(Seed::new(1), &device);
        assert!(nothing.unwrap_err().to_string().contains("inputs is 0"));
        let config = LinearRegressionConfig {
            initializer: Initializer::Normal { std: f64::NAN },
            ..LinearRegressionConfig::new(1)
        };
        assert!(config.init(Seed::new(1), &device).is_err());
    }

    #[test]
    fn config_round_trips_and_has_defaults() {
        let config: LinearRegressionConfig = serde_json::from_str(r#"{"inputs": 4}"#).unwrap();
        assert_eq!(config, LinearRegressionConfig::new(4));
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(
            serde_json::from_str::<LinearRegressionConfig>(&text).unwrap(),
            config
        );
    }
}

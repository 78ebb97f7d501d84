use burn::module::Module;
use burn::tensor::Tensor;
use tinderbox_kernels::Function;

use crate::{Layer, trace};

/// An activation function as a layer without parameters, for tuples of layers.
#[derive(Module, Debug)]
pub struct Activation {
    /// `None` is the identity.
    #[module(skip)]
    function: Option<Function>,
}

impl Activation {
    /// The identity, as a placeholder in a tuple.
    pub fn identity() -> Self {
        Self { function: None }
    }

    /// max(x, 0).
    pub fn relu() -> Self {
        Self::of(Function::Relu)
    }

    /// min(max(x, 0), 6) (Howard et al. 2017).
    pub fn relu6() -> Self {
        Self::of(Function::Relu6)
    }

    /// 1 / (1 + exp(-x)).
    pub fn sigmoid() -> Self {
        Self::of(Function::Sigmoid)
    }

    /// The hyperbolic tangent.
    pub fn tanh() -> Self {
        Self::of(Function::Tanh)
    }

    /// x sigmoid(x) (Elfwing, Uchibe, Doya 2017).
    pub fn silu() -> Self {
        Self::of(Function::Silu)
    }

    /// x times the standard normal distribution function at x (Hendrycks and Gimpel 2016).
    pub fn gelu() -> Self {
        Self::of(Function::Gelu)
    }

    /// [`gelu`](Self::gelu) with the distribution function approximated by a tanh, as in GPT-2.
    pub fn gelu_tanh() -> Self {
        Self::of(Function::GeluTanh)
    }

    fn of(function: Function) -> Self {
        Self {
            function: Some(function),
        }
    }
}

impl<const D: usize> Layer<D> for Activation {
    fn apply(&self, input: Tensor<D>) -> Tensor<D> {
        let Some(function) = self.function else {
            return input;
        };
        let kind = match function {
            Function::Relu => "ReLU",
            Function::Relu6 => "ReLU6",
            Function::Sigmoid => "Sigmoid",
            Function::Tanh => "Tanh",
            Function::Silu => "SiLU",
            Function::Gelu | Function::GeluTanh => "GELU",
        };
        let output = tinderbox_kernels::activation(input, function);
        trace::step(kind, Vec::new, &output.dims(), || 0);
        output
    }
}

/// [`Activation::relu`] as a function.
pub fn relu<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    Activation::relu().apply(input)
}

/// [`Activation::sigmoid`] as a function.
pub fn sigmoid<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    Activation::sigmoid().apply(input)
}

/// [`Activation::tanh`] as a function.
pub fn tanh<const D: usize>(input: Tensor<D>) -> Tensor<D> {
    Activation::tanh().apply(input)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData, Tolerance};

    use super::*;

    #[test]
    fn values() {
        let input = Tensor::<1>::from_data([-2.0f32, 0.0, 1.0, 9.0], &Device::flex());
        let cases = [
            (Activation::identity(), [-2.0f32, 0.0, 1.0, 9.0]),
            (Activation::relu(), [0.0, 0.0, 1.0, 9.0]),
            (Activation::relu6(), [0.0, 0.0, 1.0, 6.0]),
            (
                Activation::sigmoid(),
                [0.119_202_92, 0.5, 0.731_058_6, 0.999_876_6],
            ),
            (Activation::tanh(), [-0.964_027_6, 0.0, 0.761_594_2, 1.0]),
            (
                Activation::silu(),
                [-0.238_405_84, 0.0, 0.731_058_6, 8.998_889],
            ),
            (Activation::gelu(), [-0.045_500_26, 0.0, 0.841_344_7, 9.0]),
            (
                Activation::gelu_tanh(),
                [-0.045_402_31, 0.0, 0.841_192, 9.0],
            ),
        ];
        for (layer, expected) in cases {
            let output = layer.apply(input.clone()).to_data();
            output.assert_approx_eq::<f32>(&TensorData::from(expected), Tolerance::absolute(2e-6));
        }
    }

    #[test]
    fn the_gradient_of_relu6_is_one_inside_and_zero_outside() {
        let device = Device::flex().autodiff();
        let input = Tensor::<1>::from_data([-1.0f32, 0.5, 5.5, 7.0], &device).require_grad();
        let grads = Activation::relu6().apply(input.clone()).sum().backward();
        let grad = input.grad(&grads).unwrap().to_data();
        assert_eq!(grad, TensorData::from([0.0f32, 1.0, 1.0, 0.0]));
    }
}

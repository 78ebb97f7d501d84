use burn::module::Module;
use burn::tensor::Tensor;

/// A model that maps a batch of inputs of rank `D` to a row of outputs an example.
///
/// The one thing that training needs to know of a regression or classification model.
pub trait Network<const D: usize>: Module {
    /// Inputs `[batch, …]` to outputs `[batch, outputs]`: predicted numbers, or one logit a class.
    fn forward(&self, inputs: Tensor<D>) -> Tensor<2>;

    /// The shape of one example that [`forward`](Self::forward) takes, without the batch.
    fn input_shape(&self) -> Vec<usize>;

    /// Outputs of one example.
    fn outputs(&self) -> usize;

    /// Checks a batch before it goes in, so that a wrong table is an error and not a panic.
    fn check_inputs(&self, inputs: &Tensor<D>) -> Result<(), ShapeError> {
        let got = inputs.dims()[1..].to_vec();
        let expected = self.input_shape();
        if got == expected {
            Ok(())
        } else {
            Err(ShapeError { expected, got })
        }
    }

    /// [`forward`](Self::forward) for inputs that a user brings.
    fn predict(&self, inputs: Tensor<D>) -> Result<Tensor<2>, ShapeError> {
        self.check_inputs(&inputs)?;
        Ok(self.forward(inputs))
    }
}

/// Inputs of a shape that the model does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the model takes examples of shape {expected:?} but was given {got:?}; \
     use the same features, in the same order, as in training"
)]
pub struct ShapeError {
    /// What the model takes, without the batch.
    pub expected: Vec<usize>,
    /// What it was given.
    pub got: Vec<usize>,
}

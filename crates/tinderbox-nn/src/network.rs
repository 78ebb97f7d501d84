use burn::module::Module;
use burn::tensor::Tensor;

/// A model that maps a batch of inputs of rank `D` to a row of outputs for each example.
///
/// All that training requires of a regression or classification model.
pub trait Network<const D: usize>: Module {
    /// Inputs `[batch, …]` to outputs `[batch, outputs]`: predicted numbers, or one logit for each class.
    fn forward(&self, inputs: Tensor<D>) -> Tensor<2>;

    /// The shape of one example that [`forward`](Self::forward) takes, without the batch.
    fn input_shape(&self) -> Vec<usize>;

    /// The number of outputs for one example.
    fn outputs(&self) -> usize;

    /// The outputs of each member of an ensemble that is trained as one network, `[batch, members,
    /// outputs]`; `None`, the default, for any other network.
    ///
    /// Training minimizes the mean of the losses of the members; [`forward`](Self::forward) returns what
    /// [`combine`](Self::combine) makes of their outputs.
    fn members(&self, inputs: &Tensor<D>) -> Option<Tensor<3>> {
        let _ = inputs;
        None
    }

    /// The outputs of the network from those of its members, `[batch, members, outputs]`: by default their
    /// mean.
    fn combine(&self, members: Tensor<3>) -> Tensor<2> {
        members.mean_dim(1).squeeze_dim::<2>(1)
    }

    /// Checks the shape of a batch, so that wrong features are an error and not a panic.
    fn check_inputs(&self, inputs: &Tensor<D>) -> Result<(), ShapeError> {
        let got = inputs.dims()[1..].to_vec();
        let expected = self.input_shape();
        if got == expected {
            Ok(())
        } else {
            Err(ShapeError { expected, got })
        }
    }

    /// [`forward`](Self::forward) with checked inputs.
    fn predict(&self, inputs: Tensor<D>) -> Result<Tensor<2>, ShapeError> {
        self.check_inputs(&inputs)?;
        Ok(self.forward(inputs))
    }
}

/// Inputs of a shape that the model does not accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the model takes examples of shape {expected:?} but was given {got:?}; \
     use the same features, in the same order, as in training"
)]
pub struct ShapeError {
    /// The shape that the model accepts, without the batch.
    pub expected: Vec<usize>,
    /// The shape of the inputs.
    pub got: Vec<usize>,
}

use burn::module::Module;
use burn::tensor::{Int, Tensor};

/// A model that maps a batch of texts to a row of outputs for each: predicted numbers, or one logit for each class.
///
/// It is what [`Network`](crate::Network) is for rows and images.
pub trait TextNetwork: Module {
    /// Outputs of texts as token ids.
    ///
    /// # Shapes
    /// Ids `[batch, steps]`, padded at the end, and the number of ids of each text without padding, `[batch]`, to
    /// `[batch, outputs]`.
    fn forward(&self, tokens: Tensor<2, Int>, lengths: Tensor<1, Int>) -> Tensor<2>;
}

/// A model that maps a batch of pairs of texts to a row of outputs for each: whether the second follows from the first.
pub trait PairNetwork: Module {
    /// Outputs of pairs of texts as token ids, each with the number of its ids without padding.
    ///
    /// # Shapes
    /// Two times ids `[batch, steps]` and `[batch]`, to `[batch, outputs]`.
    fn forward(&self, pair: [(Tensor<2, Int>, Tensor<1, Int>); 2]) -> Tensor<2>;
}

use burn::module::Module;
use burn::tensor::{Int, Tensor};

/// A model that predicts, at every step of a sequence of tokens, the next token.
///
/// The interface of a language model for training and text generation.
pub trait LanguageNetwork: Module {
    /// The state of the model after earlier steps.
    type State;

    /// Logits of the next token at every step, and the state after the last one; without a state the
    /// sequences start from the initial state.
    ///
    /// # Shapes
    /// Token ids `[batch, steps]` to logits `[batch, steps, vocabulary]`; ids are below the
    /// vocabulary, and there is at least one step.
    fn forward(
        &self,
        tokens: Tensor<2, Int>,
        state: Option<Self::State>,
    ) -> (Tensor<3>, Self::State);

    /// Number of different tokens.
    fn vocabulary(&self) -> usize;
}

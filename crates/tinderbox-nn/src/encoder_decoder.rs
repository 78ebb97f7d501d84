use burn::module::Module;
use burn::tensor::{Int, Tensor};

/// A model that reads one sequence of tokens and writes another: an encoder and a decoder (Cho et al.
/// 2014; Sutskever, Vinyals, Le 2014).
///
/// What training and beam search need to know of a translation model.
pub trait EncoderDecoder: Module {
    /// What the decoder knows of the source sentences and of the steps it has taken.
    type State: Clone;

    /// Reads source sentences; gives the state before the first step of the decoder.
    ///
    /// # Shapes
    /// Token ids `[batch, steps]`, padded behind `lengths` `[batch]`; ids are below
    /// [`source_vocabulary`](Self::source_vocabulary), and there is at least one step.
    fn encode(&self, source: Tensor<2, Int>, lengths: Tensor<1, Int>) -> Self::State;

    /// Reads tokens of the translations behind those that the state knows; the logits at a step are
    /// those of the token that follows. Step by step or in one call, the logits are the same.
    ///
    /// # Shapes
    /// Token ids `[batch, steps]`, below [`target_vocabulary`](Self::target_vocabulary) and at least
    /// one step.
    fn decode(&self, tokens: Tensor<2, Int>, state: Self::State) -> Decoded<Self::State>;

    /// Number of different tokens of the source sentences.
    fn source_vocabulary(&self) -> usize;

    /// Number of different tokens of the translations.
    fn target_vocabulary(&self) -> usize;
}

/// What a decoder gives for the tokens it has read.
#[derive(Clone, Debug)]
pub struct Decoded<S> {
    /// Logits of the token behind each of them, `[batch, steps, vocabulary]`.
    pub logits: Tensor<3>,
    /// The state behind the last one.
    pub state: S,
    /// How much each step looked at each token of the source, `[batch, heads, steps, source steps]` for
    /// every layer with attention; rows sum to 1.
    pub attention: Vec<Tensor<4>>,
}

use burn::module::Module;
use burn::tensor::{Int, Tensor};

use crate::RecurrentState;
use crate::attention::KeyValueCache;

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

/// The state of a decoder-only Transformer: the tokens that it sees, and their keys and values.
#[derive(Clone, Debug, Default)]
pub struct AttentionState {
    tokens: Option<Tensor<2, Int>>,
    /// The keys and values of each block.
    pub caches: Vec<KeyValueCache>,
}

impl AttentionState {
    /// Number of tokens that the model sees.
    pub fn steps(&self) -> usize {
        self.tokens.as_ref().map_or(0, |tokens| tokens.dims()[1])
    }

    /// Appends tokens `[batch, new]`; there is a cache for each block afterwards.
    pub fn push(&mut self, tokens: Tensor<2, Int>, blocks: usize) {
        self.caches.resize_with(blocks, KeyValueCache::default);
        self.tokens = Some(match self.tokens.take() {
            Some(before) => Tensor::cat(vec![before, tokens], 1),
            None => tokens,
        });
    }

    /// The last `count` tokens; `None` for none.
    pub fn last(&self, count: usize) -> Option<Tensor<2, Int>> {
        let steps = self.steps();
        let count = count.min(steps);
        let tokens = self.tokens.clone().filter(|_| count > 0)?;
        Some(tokens.narrow(1, steps - count, count))
    }
}

/// The state of a language model of any kind.
#[derive(Clone, Debug)]
pub enum LanguageState {
    /// The hidden state of recurrent layers.
    Recurrent(RecurrentState),
    /// The tokens, keys and values of a decoder-only Transformer.
    Attention(AttentionState),
}

impl LanguageState {
    /// The state of recurrent layers, if it is one.
    pub fn recurrent(self) -> Option<RecurrentState> {
        match self {
            Self::Recurrent(state) => Some(state),
            Self::Attention(_) => None,
        }
    }

    /// The state of a decoder-only Transformer, if it is one.
    pub fn attention(self) -> Option<AttentionState> {
        match self {
            Self::Attention(state) => Some(state),
            Self::Recurrent(_) => None,
        }
    }
}

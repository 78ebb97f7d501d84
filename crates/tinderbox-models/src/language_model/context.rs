use burn::tensor::{Int, Tensor};
use tinderbox_nn::AttentionState;

/// Outputs `[batch, steps, size]` of the blocks of a decoder-only Transformer for tokens `[batch, steps]`, at most
/// `context` of them at once. When the context is full its last half is read again, and the text goes on behind it.
///
/// `blocks` computes tokens that fit into the context behind those of the state, and adds them to it.
pub(super) fn within_context(
    context: usize,
    tokens: Tensor<2, Int>,
    state: Option<AttentionState>,
    blocks: impl Fn(Tensor<2, Int>, &mut AttentionState) -> Tensor<3>,
) -> (Tensor<3>, AttentionState) {
    let [_, steps] = tokens.dims();
    let mut state = state.unwrap_or_default();
    let mut outputs = Vec::new();
    let mut done = 0;
    while done < steps {
        if state.steps() == context {
            let last = state.last(context / 2);
            state = AttentionState::default();
            if let Some(last) = last {
                blocks(last, &mut state);
            }
        }
        let new = (steps - done).min(context - state.steps());
        outputs.push(blocks(tokens.clone().narrow(1, done, new), &mut state));
        done += new;
    }
    let hidden = match outputs.len() {
        1 => outputs.remove(0),
        _ => Tensor::cat(outputs, 1),
    };
    (hidden, state)
}

use burn::tensor::Tensor;

use crate::RecurrentCell;

#[cfg(feature = "flex")]
use crate::extension::{Kernels, is_ours};
#[cfg(feature = "flex")]
use burn::backend::Dispatch;

/// What a recurrent layer computes with, in one direction.
#[derive(Clone, Debug)]
pub struct RecurrentTensors {
    /// `[steps, batch, inputs]`.
    pub input: Tensor<3>,
    /// The state before the first step, `[batch, hidden]`.
    pub hidden: Tensor<2>,
    /// The memory of an LSTM before the first step, `[batch, hidden]`.
    pub memory: Option<Tensor<2>>,
    /// `[gates * hidden, inputs]`, in PyTorch's order of gates.
    pub weight_ih: Tensor<2>,
    /// `[gates * hidden, hidden]`.
    pub weight_hh: Tensor<2>,
    /// `[gates * hidden]`.
    pub bias_ih: Tensor<1>,
    /// `[gates * hidden]`.
    pub bias_hh: Tensor<1>,
}

/// What [`recurrent`] returns.
#[derive(Clone, Debug)]
pub struct RecurrentOutput {
    /// The state after every step, `[steps, batch, hidden]`.
    pub output: Tensor<3>,
    /// The state after the last step, `[batch, hidden]`.
    pub hidden: Tensor<2>,
    /// The memory of an LSTM after the last step, `[batch, hidden]`.
    pub memory: Option<Tensor<2>>,
}

/// A whole sequence through a recurrent layer, as one operation; with `reverse` from its last step to its
/// first. `None` where the kernels do not compute: on other devices and types, with sizes that do not fit
/// each other or are 0, with `TINDERBOX_KERNELS=stock`.
pub fn recurrent(
    cell: RecurrentCell,
    reverse: bool,
    tensors: &RecurrentTensors,
) -> Option<RecurrentOutput> {
    #[cfg(feature = "flex")]
    {
        flex(cell, reverse, tensors)
    }
    #[cfg(not(feature = "flex"))]
    {
        let _ = (cell, reverse, tensors);
        None
    }
}

#[cfg(feature = "flex")]
fn flex(cell: RecurrentCell, reverse: bool, tensors: &RecurrentTensors) -> Option<RecurrentOutput> {
    let is_lstm = cell == RecurrentCell::Lstm;
    if !fits(cell, tensors) {
        return None;
    }
    let [steps, batch, _] = tensors.input.dims();
    let [_, hidden] = tensors.hidden.dims();
    let RecurrentTensors {
        input,
        hidden: state,
        memory,
        weight_ih,
        weight_hh,
        bias_ih,
        bias_hh,
    } = tensors.clone();
    // Cells without a memory ignore it.
    let memory = memory.filter(|_| is_lstm).unwrap_or_else(|| state.clone());
    let [state, memory, ih, hh] = [state, memory, weight_ih, weight_hh].map(Tensor::into_dispatch);
    let [input, b_ih, b_hh] = [
        input.into_dispatch(),
        bias_ih.into_dispatch(),
        bias_hh.into_dispatch(),
    ];
    if !is_ours([&input, &state, &memory, &ih, &hh, &b_ih, &b_hh].map(Some)) {
        return None;
    }
    let output =
        Dispatch::tinder_recurrent(input, state, memory, ih, hh, b_ih, b_hh, cell, reverse);
    let all: Tensor<3> = Tensor::from_dispatch(output);
    let step = |at: usize| all.clone().narrow(0, at, 1).reshape([batch, hidden]);
    let last = if reverse { 0 } else { steps - 1 };
    Some(RecurrentOutput {
        hidden: step(last),
        memory: is_lstm.then(|| step(steps)),
        output: match is_lstm {
            true => all.clone().narrow(0, 0, steps),
            false => all.clone(),
        },
    })
}

#[cfg(feature = "flex")]
fn fits(cell: RecurrentCell, tensors: &RecurrentTensors) -> bool {
    let [steps, batch, inputs] = tensors.input.dims();
    let [_, hidden] = tensors.hidden.dims();
    let (rows, state) = (cell.gates() * hidden, [batch, hidden]);
    let memory = tensors.memory.as_ref().map(Tensor::dims);
    let has_memory = match cell {
        RecurrentCell::Lstm => memory == Some(state),
        _ => true,
    };
    let biases = [tensors.bias_ih.dims(), tensors.bias_hh.dims()];
    steps * batch * inputs * hidden > 0
        && has_memory
        && tensors.hidden.dims() == state
        && tensors.weight_ih.dims() == [rows, inputs]
        && tensors.weight_hh.dims() == [rows, hidden]
        && biases == [[rows]; 2]
}

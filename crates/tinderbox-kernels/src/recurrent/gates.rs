//! What a step does with the products of its gates, forward and backward.
//!
//! Rows lie in the first cache, so a step is several short loops: each has few slices, and the compiler
//! turns it into vector instructions.

use super::{RecurrentCell, State};
use crate::math::{sigmoid, tanh};
use crate::simd::{Kernel, Simd};

/// Turns the products of a step into gates, and the state before it into the state after it.
pub(super) struct Forward<'a> {
    pub cell: RecurrentCell,
    pub units: usize,
    /// Numbers between the gates of two sequences.
    pub row: usize,
    /// The gates of every sequence, side by side.
    pub gates: &'a mut [f32],
    pub state: &'a mut State,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let Self {
            cell,
            units,
            row,
            gates,
            state,
        } = self;
        let hidden = state.hidden.chunks_exact_mut(units);
        let gates = gates.chunks_exact_mut(row);
        let gates = gates.map(|gates| &mut gates[..cell.kept() * units]);
        match cell {
            RecurrentCell::Tanh => {
                for (gates, hidden) in gates.zip(hidden) {
                    each(gates, tanh::<S>);
                    hidden.copy_from_slice(gates);
                }
            }
            RecurrentCell::Relu => {
                for (gates, hidden) in gates.zip(hidden) {
                    // Not a number stays so.
                    each(gates, |x| if x < 0.0 { 0.0 } else { x });
                    hidden.copy_from_slice(gates);
                }
            }
            RecurrentCell::Gru => {
                for (gates, hidden) in gates.zip(hidden) {
                    each(&mut gates[..2 * units], sigmoid::<S>);
                    let [reset, update, candidate, product] = quarters(gates, units);
                    for k in 0..units {
                        candidate[k] = tanh::<S>(S::mul_add(reset[k], product[k], candidate[k]));
                    }
                    let hidden = &mut hidden[..units];
                    for k in 0..units {
                        hidden[k] = S::mul_add(update[k], hidden[k] - candidate[k], candidate[k]);
                    }
                }
            }
            RecurrentCell::Lstm => {
                let memory = state.memory.chunks_exact_mut(units);
                for ((gates, hidden), memory) in gates.zip(hidden).zip(memory) {
                    each(&mut gates[..2 * units], sigmoid::<S>);
                    each(&mut gates[2 * units..3 * units], tanh::<S>);
                    each(&mut gates[3 * units..], sigmoid::<S>);
                    let [input, forget, candidate, output] = quarters(gates, units);
                    let (memory, hidden) = (&mut memory[..units], &mut hidden[..units]);
                    for k in 0..units {
                        memory[k] = S::mul_add(forget[k], memory[k], input[k] * candidate[k]);
                    }
                    for k in 0..units {
                        hidden[k] = output[k] * tanh::<S>(memory[k]);
                    }
                }
            }
        }
    }
}

/// Turns gates into the gradients of their products, and the gradient of the state after a step into
/// what reaches the state before it other than through the products.
pub(super) struct Backward<'a> {
    pub cell: RecurrentCell,
    pub units: usize,
    /// Numbers between the gates of two sequences.
    pub row: usize,
    /// The gates of every sequence, side by side.
    pub gates: &'a mut [f32],
    /// The state before the step: hidden, memory.
    pub before: [&'a [f32]; 2],
    /// The memory after the step.
    pub memory: &'a [f32],
    pub gradient: &'a mut State,
    /// A row of numbers.
    pub scratch: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn call<S: Simd>(self) {
        let Self {
            cell,
            units,
            row,
            gates,
            before: [hidden_before, memory_before],
            memory,
            gradient,
            scratch,
        } = self;
        let of_hidden = gradient.hidden.chunks_exact_mut(units);
        let gates = gates.chunks_exact_mut(row);
        let gates = gates.map(|gates| &mut gates[..cell.kept() * units]);
        match cell {
            RecurrentCell::Tanh => {
                for (gates, of_hidden) in gates.zip(of_hidden) {
                    for (output, gradient) in gates.iter_mut().zip(&*of_hidden) {
                        *output = gradient * (1.0 - *output * *output);
                    }
                    of_hidden.fill(0.0);
                }
            }
            RecurrentCell::Relu => {
                for (gates, of_hidden) in gates.zip(of_hidden) {
                    for (output, gradient) in gates.iter_mut().zip(&*of_hidden) {
                        *output = if *output > 0.0 { *gradient } else { 0.0 };
                    }
                    of_hidden.fill(0.0);
                }
            }
            RecurrentCell::Gru => {
                let before = hidden_before.chunks_exact(units);
                for ((gates, of_hidden), before) in gates.zip(of_hidden).zip(before) {
                    let [reset, update, candidate, product] = quarters(gates, units);
                    let (of_hidden, before) = (&mut of_hidden[..units], &before[..units]);
                    for k in 0..units {
                        let (z, n, gradient) = (update[k], candidate[k], of_hidden[k]);
                        update[k] = gradient * (before[k] - n) * z * (1.0 - z);
                        candidate[k] = gradient * (1.0 - z) * (1.0 - n * n);
                        of_hidden[k] = gradient * z;
                    }
                    for k in 0..units {
                        let (r, gradient) = (reset[k], candidate[k]);
                        reset[k] = gradient * product[k] * r * (1.0 - r);
                        product[k] = gradient * r;
                    }
                }
            }
            RecurrentCell::Lstm => {
                let of_memory = gradient.memory.chunks_exact_mut(units);
                let memories = memory.chunks_exact(units);
                let memories = memories.zip(memory_before.chunks_exact(units));
                let states = of_hidden.zip(of_memory).zip(memories);
                for (gates, ((of_hidden, of_memory), (memory, before))) in gates.zip(states) {
                    let [input, forget, candidate, output] = quarters(gates, units);
                    let (of_hidden, of_memory) = (&mut of_hidden[..units], &mut of_memory[..units]);
                    let (memory, before) = (&memory[..units], &before[..units]);
                    let squashed = &mut scratch[..units];
                    for k in 0..units {
                        squashed[k] = tanh::<S>(memory[k]);
                    }
                    for k in 0..units {
                        let slope = output[k] * (1.0 - squashed[k] * squashed[k]);
                        of_memory[k] = S::mul_add(of_hidden[k], slope, of_memory[k]);
                    }
                    for k in 0..units {
                        let o = output[k];
                        output[k] = of_hidden[k] * squashed[k] * o * (1.0 - o);
                    }
                    for k in 0..units {
                        let (i, g, gradient) = (input[k], candidate[k], of_memory[k]);
                        input[k] = gradient * g * i * (1.0 - i);
                        candidate[k] = gradient * i * (1.0 - g * g);
                    }
                    for k in 0..units {
                        let (f, gradient) = (forget[k], of_memory[k]);
                        forget[k] = gradient * before[k] * f * (1.0 - f);
                        of_memory[k] = gradient * f;
                    }
                    of_hidden.fill(0.0);
                }
            }
        }
    }
}

#[inline(always)]
fn each(numbers: &mut [f32], function: impl Fn(f32) -> f32) {
    for number in numbers {
        *number = function(*number);
    }
}

/// The four gates of a row.
#[inline(always)]
fn quarters(gates: &mut [f32], units: usize) -> [&mut [f32]; 4] {
    let (first, rest) = gates.split_at_mut(units);
    let (second, rest) = rest.split_at_mut(units);
    let (third, rest) = rest.split_at_mut(units);
    [first, second, third, &mut rest[..units]]
}

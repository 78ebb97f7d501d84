//! Fused loops over tensors that already lie in the memory of the processor.

use burn::tensor::{DType, Device, Tensor, TensorData};
use rayon::prelude::*;
use std::fmt::{self, Write};

/// Numbers a task takes at a time; fewer than two of these are not worth a second thread.
pub(crate) const CHUNK: usize = 1 << 15;

/// Whether a tensor's numbers are `f32` in the memory of this processor.
///
/// On such devices taking the data out of a tensor and putting it back copies nothing, as long as
/// nobody else holds the tensor. A wrong answer would cost speed, never correctness.
pub(crate) fn on_host<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32 && is_host(&tensor.device())
}

fn is_host(device: &Device) -> bool {
    // Backends are named in no crate below the facade, so the device is asked for its own name.
    let mut name = Prefix {
        bytes: [0; 48],
        length: 0,
    };
    let _full = write!(name, "{device:?}");
    let name = &name.bytes[..name.length];
    [&b"Flex"[..], b"NdArray"]
        .iter()
        .any(|host| name.windows(host.len()).any(|part| part == *host))
}

/// Keeps the first bytes of what is written; a step must not allocate to look at a name.
struct Prefix {
    bytes: [u8; 48],
    length: usize,
}

impl Write for Prefix {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = (self.bytes.len() - self.length).min(text.len());
        self.bytes[self.length..self.length + room].copy_from_slice(&text.as_bytes()[..room]);
        self.length += room;
        if room < text.len() {
            Err(fmt::Error)
        } else {
            Ok(())
        }
    }
}

/// Applies `update(parameter, gradient, slots)` to every number; returns the new parameter.
///
/// The result does not depend on the number of threads.
pub(crate) fn update<const D: usize, const N: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    slots: &mut [Tensor<D>; N],
    update: impl Fn(f32, f32, &mut [f32; N]) -> f32 + Sync,
) -> Tensor<D> {
    let device = parameter.device();
    let gradient = take(gradient);
    let mut parameter = take(parameter);
    let mut states = std::mem::replace(
        slots,
        std::array::from_fn(|_| Tensor::empty([0; D], &device)),
    )
    .map(take);
    {
        let gradient = read(&gradient);
        let parameter = write(&mut parameter);
        let states = states.each_mut().map(write);
        if parameter.len() < 2 * CHUNK {
            run(parameter, gradient, states, &update);
        } else {
            let mut states = states.map(|state| state.chunks_mut(CHUNK));
            let tasks: Vec<_> = parameter
                .chunks_mut(CHUNK)
                .zip(gradient.chunks(CHUNK))
                .map(|(p, g)| {
                    let states = states
                        .each_mut()
                        .map(|chunks| chunks.next().unwrap_or_default());
                    (p, g, states)
                })
                .collect();
            tasks
                .into_par_iter()
                .for_each(|(p, g, states)| run(p, g, states, &update));
        }
    }
    *slots = states.map(|state| give(state, &device));
    give(parameter, &device)
}

fn run<const N: usize>(
    parameter: &mut [f32],
    gradient: &[f32],
    states: [&mut [f32]; N],
    update: &(impl Fn(f32, f32, &mut [f32; N]) -> f32 + Sync),
) {
    let length = parameter.len();
    // The same length for all, said in a way that removes the bounds checks from the loop.
    let gradient = &gradient[..length];
    let mut states = states.map(|state| &mut state[..length]);
    for index in 0..length {
        let mut slots: [f32; N] = std::array::from_fn(|k| states[k][index]);
        parameter[index] = update(parameter[index], gradient[index], &mut slots);
        for (state, slot) in states.iter_mut().zip(slots) {
            state[index] = slot;
        }
    }
}

/// Takes the numbers out of a tensor, without a copy when nobody else holds it.
pub(crate) fn take<const D: usize>(tensor: Tensor<D>) -> TensorData {
    let mut data = tensor.into_data();
    if data.as_mut_slice::<f32>().is_err() {
        // Bytes that may not be written in place, or that are not aligned for f32.
        let shape = data.shape().clone();
        let numbers: Vec<f32> = data.iter::<f32>().collect();
        data = TensorData::new(numbers, shape);
    }
    data
}

/// Puts numbers back into a tensor.
pub(crate) fn give<const D: usize>(data: TensorData, device: &Device) -> Tensor<D> {
    Tensor::from_data(data, (device, DType::F32))
}

/// The numbers of data that [`take`] returned.
pub(crate) fn read(data: &TensorData) -> &[f32] {
    data.as_slice::<f32>()
        .expect("`take` checked that these are f32")
}

/// The numbers of data that [`take`] returned, for writing.
pub(crate) fn write(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice::<f32>()
        .expect("`take` checked that these are f32")
}

//! Fused loops over tensors that are already in host memory.

use burn::tensor::{DType, Device, Tensor, TensorData};
use tinderbox_kernels::{for_each, threads};
use tinderbox_nn::is_host;

/// Numbers in a cache line, which two threads should not share.
const LINE: usize = 16;

/// Numbers that are updated together, in vector registers.
const WIDE: usize = 16;

/// Whether a tensor holds `f32` in host memory, without autodiff.
///
/// On such devices taking the data out of a tensor and putting it back copies nothing, as long as
/// the tensor is not shared. A wrong answer would cost speed, never correctness.
pub(crate) fn on_host<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32 && is_host(&tensor.device())
}

/// Applies `update(parameter, gradient, slots)` to every number; returns the new parameter.
pub(crate) fn update<const D: usize, const N: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    slots: [Tensor<D>; N],
    update: impl Fn(f32, f32, &mut [f32; N]) -> f32 + Sync,
) -> (Tensor<D>, [Tensor<D>; N]) {
    let device = parameter.device();
    let gradient = take(gradient);
    let mut parameter = take(parameter);
    let mut states = slots.map(take);
    let views = states.each_mut().map(write);
    update_slices(write(&mut parameter), read(&gradient), views, update);
    let slots = states.map(|state| give(state, &device));
    (give(parameter, &device), slots)
}

/// Applies `update(a, b, slots)` to every number and writes the result over `a`.
///
/// The result does not depend on the number of threads.
pub(crate) fn update_slices<const N: usize>(
    a: &mut [f32],
    b: &[f32],
    slots: [&mut [f32]; N],
    update: impl Fn(f32, f32, &mut [f32; N]) -> f32 + Sync,
) {
    // Each thread gets one long piece, always the same one: memory is read in order, and the piece may
    // still be in the cache of the core.
    let numbers = (N + 2) * a.len();
    let piece = a.len().div_ceil(threads()).next_multiple_of(LINE).max(LINE);
    let mut slots = slots.map(|slot| slot.chunks_mut(piece));
    let pieces = a.chunks_mut(piece).zip(b.chunks(piece)).map(|(a, b)| {
        let slots = slots
            .each_mut()
            .map(|pieces| pieces.next().unwrap_or_default());
        (a, b, slots)
    });
    let pieces: Vec<_> = pieces.collect();
    for_each(pieces, numbers, |(a, b, slots)| run(a, b, slots, &update));
}

fn run<const N: usize>(
    a: &mut [f32],
    b: &[f32],
    slots: [&mut [f32]; N],
    update: &(impl Fn(f32, f32, &mut [f32; N]) -> f32 + Sync),
) {
    let length = a.len();
    let whole = length - length % WIDE;
    let (a, last_a) = a.as_chunks_mut::<WIDE>();
    let (b, last_b) = b[..length].as_chunks::<WIDE>();
    let mut slots = slots.map(|slot| slot[..length].split_at_mut(whole));
    // Local arrays of a fixed size, so that the compiler vectorizes the loop.
    for (index, (a, b)) in a.iter_mut().zip(b).enumerate() {
        let place = index * WIDE;
        let mut wide = [[0.0; WIDE]; N];
        for (wide, (slot, _)) in wide.iter_mut().zip(&slots) {
            wide.copy_from_slice(&slot[place..place + WIDE]);
        }
        for lane in 0..WIDE {
            let mut values: [f32; N] = std::array::from_fn(|k| wide[k][lane]);
            a[lane] = update(a[lane], b[lane], &mut values);
            for (wide, value) in wide.iter_mut().zip(values) {
                wide[lane] = value;
            }
        }
        for (wide, (slot, _)) in wide.iter().zip(&mut slots) {
            slot[place..place + WIDE].copy_from_slice(wide);
        }
    }
    for (index, (a, b)) in last_a.iter_mut().zip(last_b).enumerate() {
        let mut values: [f32; N] = std::array::from_fn(|k| slots[k].1[index]);
        *a = update(*a, *b, &mut values);
        for ((_, slot), value) in slots.iter_mut().zip(values) {
            slot[index] = value;
        }
    }
}

/// Takes the `f32` numbers out of a tensor, without a copy if it is not shared.
pub(crate) fn take<const D: usize>(tensor: Tensor<D>) -> TensorData {
    let mut data = tensor.into_data();
    if data.as_mut_slice::<f32>().is_err() {
        // Read-only or unaligned bytes, or another type.
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
    data.as_slice::<f32>().expect("`take` made these f32")
}

/// The numbers of data that [`take`] returned, for writing.
pub(crate) fn write(data: &mut TensorData) -> &mut [f32] {
    data.as_mut_slice::<f32>().expect("`take` made these f32")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cpu_devices_are_recognized() {
        for device in crate::test_devices() {
            assert!(on_host(&Tensor::<1>::zeros([1], &device)), "{device:?}");
            // With autodiff the numbers must not change without the graph.
            assert!(!on_host(&Tensor::<1>::zeros([1], &device.autodiff())));
        }
        let double = Tensor::<1>::zeros([1], (&Device::flex(), DType::F64));
        assert!(!on_host(&double));
    }

    #[test]
    fn an_update_writes_in_place() {
        let mut data = take(Tensor::<1>::zeros([10], &Device::flex()));
        let address = write(&mut data).as_ptr();
        let tensor: Tensor<1> = give(data, &Device::flex());
        let ones = Tensor::ones([10], &Device::flex());
        let (tensor, _) = update(tensor, ones, [], |a, b, _: &mut [f32; 0]| a + b);
        let data = take(tensor);
        assert_eq!(read(&data).as_ptr(), address);
        assert_eq!(read(&data), [1.0; 10]);
    }

    #[test]
    fn nothing_is_updated_where_there_is_nothing() {
        update_slices(&mut [], &[], [&mut []], |a, _, _| a);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn threads_see_the_right_numbers(length in 0usize..300_000) {
            let b: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let (mut a, mut s, mut t) = (vec![1.0f32; length], b.clone(), vec![0.0f32; length]);
            update_slices(&mut a, &b, [&mut s, &mut t], |a, b, [s, t]| {
                *t = *s - b;
                *s += 1.0;
                a + b
            });
            for i in 0..length {
                prop_assert_eq!((a[i], s[i], t[i]), (b[i] + 1.0, b[i] + 1.0, 0.0));
            }
        }
    }
}

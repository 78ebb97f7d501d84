//! The state that a task carries from one batch to the next.

use std::vec::IntoIter;

use burn::tensor::{DType, Device, Tensor, TensorData};

/// The state that a [`Task`](crate::Task) carries from batch to batch, as the hidden state of a
/// recurrent network.
///
/// The default is the state before the first batch of an epoch. `()`, `Option<Tensor<D>>`,
/// `Vec<Tensor<D>>` and pairs and triples of states are states; a struct of states implements the
/// trait field by field.
pub trait TaskState: Default {
    /// Takes the tensors off the graph, so that gradients do not flow back into an earlier batch.
    fn detach(&mut self);

    /// Appends the tensors of the state, for a checkpoint.
    fn save(&self, tensors: &mut Vec<TensorData>);

    /// The state that [`save`](Self::save) wrote, its tensors on this device; `None` if the tensors
    /// are those of another state.
    fn load(tensors: &mut SavedTensors, device: &Device) -> Option<Self>;
}

/// The tensors of a saved [`TaskState`], in the order in which they were saved.
pub struct SavedTensors(IntoIter<TensorData>);

impl SavedTensors {
    /// The next tensor with `D` dimensions; `None` if there is none.
    pub fn tensor<const D: usize>(&mut self, device: &Device) -> Option<Tensor<D>> {
        let data = self.0.next().filter(|data| data.shape().num_dims() == D)?;
        let dtype = data.dtype();
        Some(Tensor::from_data(data, (device, dtype)))
    }

    /// The next number, as [`save_count`] wrote it.
    fn count(&mut self) -> Option<usize> {
        let data = self.0.next()?;
        let numbers = data.as_slice::<i64>().ok()?;
        usize::try_from(*numbers.first()?).ok()
    }
}

fn save_count(count: usize, tensors: &mut Vec<TensorData>) {
    tensors.push(TensorData::new(vec![count as i64], [1]));
}

impl TaskState for () {
    fn detach(&mut self) {}

    fn save(&self, _: &mut Vec<TensorData>) {}

    fn load(_: &mut SavedTensors, _: &Device) -> Option<Self> {
        Some(())
    }
}

impl<const D: usize> TaskState for Vec<Tensor<D>> {
    fn detach(&mut self) {
        for tensor in self {
            *tensor = tensor.clone().detach();
        }
    }

    fn save(&self, tensors: &mut Vec<TensorData>) {
        save_count(self.len(), tensors);
        tensors.extend(self.iter().map(Tensor::to_data));
    }

    fn load(tensors: &mut SavedTensors, device: &Device) -> Option<Self> {
        let count = tensors.count()?;
        (0..count).map(|_| tensors.tensor(device)).collect()
    }
}

impl<const D: usize> TaskState for Option<Tensor<D>> {
    fn detach(&mut self) {
        *self = self.take().map(Tensor::detach);
    }

    fn save(&self, tensors: &mut Vec<TensorData>) {
        save_count(usize::from(self.is_some()), tensors);
        tensors.extend(self.iter().map(Tensor::to_data));
    }

    fn load(tensors: &mut SavedTensors, device: &Device) -> Option<Self> {
        match tensors.count()? {
            0 => Some(None),
            _ => tensors.tensor(device).map(Some),
        }
    }
}

impl<A: TaskState, B: TaskState> TaskState for (A, B) {
    fn detach(&mut self) {
        self.0.detach();
        self.1.detach();
    }

    fn save(&self, tensors: &mut Vec<TensorData>) {
        self.0.save(tensors);
        self.1.save(tensors);
    }

    fn load(tensors: &mut SavedTensors, device: &Device) -> Option<Self> {
        Some((A::load(tensors, device)?, B::load(tensors, device)?))
    }
}

impl<A: TaskState, B: TaskState, C: TaskState> TaskState for (A, B, C) {
    fn detach(&mut self) {
        self.0.detach();
        self.1.detach();
        self.2.detach();
    }

    fn save(&self, tensors: &mut Vec<TensorData>) {
        self.0.save(tensors);
        self.1.save(tensors);
        self.2.save(tensors);
    }

    fn load(tensors: &mut SavedTensors, device: &Device) -> Option<Self> {
        Some((
            A::load(tensors, device)?,
            B::load(tensors, device)?,
            C::load(tensors, device)?,
        ))
    }
}

/// The state as bytes: a header in JSON (element type and shape of every tensor), its length before
/// it, and the numbers.
pub(crate) fn state_bytes<S: TaskState>(state: &S) -> Vec<u8> {
    let mut tensors = Vec::new();
    state.save(&mut tensors);
    let header: Vec<(DType, Vec<usize>)> = tensors
        .iter()
        .map(|data| (data.dtype(), data.shape().to_vec()))
        .collect();
    let header = serde_json::to_vec(&header).expect("types and shapes can be written as JSON");
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    for data in &tensors {
        bytes.extend_from_slice(data.as_bytes());
    }
    bytes
}

/// The state of these bytes; `None` if they are not of such a state.
pub(crate) fn state_from_bytes<S: TaskState>(bytes: &[u8], device: &Device) -> Option<S> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (header, mut rest) = rest.split_at_checked(length)?;
    let header: Vec<(DType, Vec<usize>)> = serde_json::from_slice(header).ok()?;
    let mut tensors = Vec::new();
    for (dtype, shape) in header {
        let numbers = shape
            .iter()
            .try_fold(dtype.size(), |all, &n| all.checked_mul(n))?;
        let (data, after) = rest.split_at_checked(numbers)?;
        rest = after;
        tensors.push(TensorData::from_bytes_vec(data.to_vec(), shape, dtype));
    }
    let mut tensors = SavedTensors(tensors.into_iter());
    let state = S::load(&mut tensors, device)?;
    (rest.is_empty() && tensors.0.next().is_none()).then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    type State = (Option<Tensor<2>>, (Vec<Tensor<1>>, Option<Tensor<3>>), ());

    #[test]
    fn a_state_comes_back_bit_by_bit_without_a_graph() {
        let device = Device::flex().autodiff();
        let hidden = Tensor::<2>::from_data([[0.1, f32::NAN], [-0.0, 3e-42]], &device);
        let cells = vec![Tensor::<1>::from_data([1.0, 2.0, 3.0], &device).require_grad()];
        let mut state: State = (Some(hidden.clone()), (cells, None), ());
        state.1.0[0] = state.1.0[0].clone() * 2.0;
        assert!(state.1.0[0].is_tracked());
        state.detach();
        assert!(!state.1.0[0].is_tracked());
        let bytes = state_bytes(&state);
        let read: State = state_from_bytes(&bytes, &device).unwrap();
        let bits = |tensor: &Tensor<2>| {
            let data = tensor.to_data();
            data.iter::<f32>().map(f32::to_bits).collect::<Vec<_>>()
        };
        assert_eq!(bits(read.0.as_ref().unwrap()), bits(&hidden));
        let cell = &read.1.0[0];
        assert_eq!(cell.to_data().try_to_vec::<f32>().unwrap(), [2.0, 4.0, 6.0]);
        assert!(!cell.is_tracked() && cell.device() == device);
        assert!(read.1.1.is_none());
        // Bytes of another state type are refused.
        assert!(state_from_bytes::<()>(&bytes, &device).is_none());
        assert!(state_from_bytes::<Option<Tensor<1>>>(&bytes, &device).is_none());
        for cut in 0..bytes.len() {
            assert!(state_from_bytes::<State>(&bytes[..cut], &device).is_none());
        }
    }
}

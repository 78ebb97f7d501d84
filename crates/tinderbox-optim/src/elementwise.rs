use crate::host::{self, on_host};
use crate::rule::Rule;
use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};
use std::marker::PhantomData;

/// An optimizer made of a [`Rule`] with `N` state tensors of the parameter's shape.
#[derive(Clone)]
pub(crate) struct Elementwise<R, const N: usize>(pub(crate) R);

/// The state of one parameter: the number of steps taken, and the rule's tensors.
#[derive(Clone)]
pub(crate) struct Slots<R, const N: usize, const D: usize> {
    time: usize,
    tensors: [Tensor<D>; N],
    rule: PhantomData<R>,
}

impl<R: Rule<N>, const N: usize> Optimizer for Elementwise<R, N> {
    type State<const D: usize> = Slots<R, N, D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let (time, mut tensors) = match state {
            Some(state) => (state.time + 1, state.tensors),
            None => (1, std::array::from_fn(|_| tensor.zeros_like())),
        };
        let step = self.0.prepare(lr, time);
        let tensor = if on_host(&tensor) {
            let update = |p: f32, g: f32, slots: &mut [f32; N]| R::update(&step, p, g, slots);
            host::update(tensor, grad, &mut tensors, update)
        } else {
            R::update(&step, tensor, grad, &mut tensors)
        };
        let state = Slots {
            time,
            tensors,
            rule: PhantomData,
        };
        (tensor, Some(state))
    }

    fn to_device<const D: usize>(mut state: Self::State<D>, device: &Device) -> Self::State<D> {
        state.tensors = state.tensors.map(|tensor| tensor.to_device(device));
        state
    }
}

impl<R: Rule<N>, const N: usize, const D: usize> RecordState for Slots<R, N, D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_scalar(prefix, &name::<R, N>("time"), self.time.into());
        for (index, tensor) in self.tensors.iter().enumerate() {
            out.push_tensor(prefix, &name::<R, N>(R::slot(index)), tensor.to_data());
        }
    }

    fn state_unflatten(prefix: &str, src: &mut StateSource, device: &Device) -> Option<Self> {
        let time = src.take_scalar(prefix, &name::<R, N>("time"))?;
        let time = usize::try_from(time).ok()?;
        let mut tensors = Vec::with_capacity(N);
        for index in 0..N {
            let data = src.take_tensor(prefix, &name::<R, N>(R::slot(index)))?;
            let dtype = data.dtype();
            tensors.push(Tensor::from_data(data, (device, dtype)));
        }
        Some(Self {
            time,
            tensors: tensors.try_into().ok()?,
            rule: PhantomData,
        })
    }
}

fn name<R: Rule<N>, const N: usize>(leaf: &str) -> String {
    format!("{}.{leaf}", R::NAME)
}

use crate::host::{self, on_host};
use crate::rule::Rule;
use burn::optim::{LearningRate, Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};
use std::marker::PhantomData;

/// An optimizer made of a [`Rule`] with `N` state tensors of the parameter's shape.
#[derive(Clone)]
pub(crate) struct Elementwise<R, const N: usize>(pub(crate) R);

impl<R: Rule<N>, const N: usize> Optimizer for Elementwise<R, N> {
    type State<const D: usize> = Slots<R, N, D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let (time, mut slots) = Slots::next(state, &tensor);
        let step = self.0.prepare(lr, time);
        if on_host(&tensor) {
            let update = |p: f32, g: f32, slots: &mut [f32; N]| R::update(&step, p, g, slots);
            let (tensor, slots) = host::update(tensor, grad, slots, update);
            return (tensor, Some(Slots::new(time, slots)));
        }
        let tensor = R::update(&step, tensor, grad, &mut slots);
        (tensor, Some(Slots::new(time, slots)))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        state.onto_device(device)
    }
}

/// The state of one parameter: the number of steps so far, and the tensors of the rule.
#[derive(Clone)]
pub(crate) struct Slots<R, const N: usize, const D: usize> {
    time: usize,
    tensors: [Tensor<D>; N],
    rule: PhantomData<R>,
}

impl<R: Rule<N>, const N: usize, const D: usize> Slots<R, N, D> {
    pub(crate) fn new(time: usize, tensors: [Tensor<D>; N]) -> Self {
        Self {
            time,
            tensors,
            rule: PhantomData,
        }
    }

    /// The number of the next step (from 1) and the tensors, zeros like `parameter` at first.
    pub(crate) fn next(state: Option<Self>, parameter: &Tensor<D>) -> (usize, [Tensor<D>; N]) {
        match state {
            Some(state) => (state.time + 1, state.tensors),
            None => (1, std::array::from_fn(|_| parameter.zeros_like())),
        }
    }

    pub(crate) fn onto_device(mut self, device: &Device) -> Self {
        self.tensors = self.tensors.map(|tensor| tensor.to_device(device));
        self
    }

    fn name(leaf: &str) -> String {
        format!("{}.{leaf}", R::NAME)
    }
}

impl<R: Rule<N>, const N: usize, const D: usize> RecordState for Slots<R, N, D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_scalar(prefix, &Self::name("time"), self.time.into());
        for (index, tensor) in self.tensors.iter().enumerate() {
            out.push_tensor(prefix, &Self::name(R::slot(index)), tensor.to_data());
        }
    }

    fn state_unflatten(prefix: &str, src: &mut StateSource, device: &Device) -> Option<Self> {
        let time = src.take_scalar(prefix, &Self::name("time"))?;
        let time = usize::try_from(time).ok()?;
        let mut tensors = Vec::with_capacity(N);
        for index in 0..N {
            let data = src.take_tensor(prefix, &Self::name(R::slot(index)))?;
            let dtype = data.dtype();
            tensors.push(Tensor::from_data(data, (device, dtype)));
        }
        Some(Self::new(time, tensors.try_into().ok()?))
    }
}

use std::collections::HashSet;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Tensor, TensorData};

use crate::{deep_copy, parameters};

/// The running statistics of all batch norms of a model as one vector, in the order of its fields.
pub fn running_statistics<M: Module>(model: &M) -> Vec<f32> {
    let ids = ids(model);
    if ids.is_empty() {
        return Vec::new();
    }
    let mut read = Read {
        ids,
        numbers: Vec::new(),
    };
    // Burn applies the last update late; in the copy it is applied.
    deep_copy(model).visit(&mut read);
    read.numbers
}

/// A copy of the model with these running statistics; `numbers` has the order of [`running_statistics`].
pub fn with_running_statistics<M: Module>(model: &M, numbers: &[f32]) -> M {
    let ids = ids(model);
    deep_copy(model).map(&mut Write { ids, numbers })
}

fn ids<M: Module>(model: &M) -> HashSet<ParamId> {
    let all = parameters(model).into_iter();
    let running = all.filter(|parameter| parameter.running);
    running.map(|parameter| parameter.id).collect()
}

struct Read {
    ids: HashSet<ParamId>,
    numbers: Vec<f32>,
}

impl ModuleVisitor for Read {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.ids.contains(&param.id) {
            self.numbers.extend(param.val().into_data().iter::<f32>());
        }
    }
}

struct Write<'a> {
    ids: HashSet<ParamId>,
    numbers: &'a [f32],
}

impl ModuleMapper for Write<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let count = param.lazy_shape().num_elements();
        if !self.ids.contains(&param.id) || count > self.numbers.len() {
            return param;
        }
        let (own, rest) = self.numbers.split_at(count);
        self.numbers = rest;
        let (id, tensor, mapper) = param.consume();
        let data = TensorData::new(own.to_vec(), tensor.dims());
        let device = tensor.device();
        let mut value = Tensor::from_data(data, &device.clone().inner());
        if device.is_autodiff() {
            value = Tensor::from_inner(value);
        }
        Param::from_mapped_value(id, value, mapper)
    }
}

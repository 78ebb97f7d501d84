use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

/// One tensor of a model: a trainable parameter or a running statistic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its path in the module tree, e.g. `layer1.0.conv1.weight`.
    pub path: String,
    /// Its id.
    pub id: ParamId,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Whether it is a running mean or variance of a batch norm, which no optimizer changes.
    pub running: bool,
}

impl Parameter {
    /// The number of its elements.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The parameters and running statistics of a model, in the order of its fields.
///
/// Draws no weights.
pub fn parameters<M: Module>(model: &M) -> Vec<Parameter> {
    let mut list = List::default();
    model.visit(&mut list);
    list.found
}

/// The number of trainable parameters of a model, as papers and PyTorch count them.
///
/// Burn's own `num_params` counts the running statistics of batch norms as well.
pub fn count_parameters<M: Module>(model: &M) -> usize {
    let all = parameters(model);
    let trainable = all.iter().filter(|parameter| !parameter.running);
    trainable.map(Parameter::count).sum()
}

#[derive(Default)]
struct List {
    path: Vec<String>,
    containers: Vec<String>,
    found: Vec<Parameter>,
}

impl ModuleVisitor for List {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.last().map(String::as_str).unwrap_or_default();
        // The container of a parameter is on the stack next to its own name.
        let of_batch_norm = self
            .containers
            .last()
            .is_some_and(|kind| kind == "Struct:BatchNorm");
        self.found.push(Parameter {
            path: self.path.join("."),
            id: param.id,
            shape: param.lazy_shape().to_vec(),
            running: of_batch_norm && name.starts_with("running_"),
        });
    }

    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push(name.to_owned());
        self.containers.push(container_type.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
        self.containers.pop();
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use tinderbox_core::Seed;

    use super::*;
    use crate::{Conv, Init, Initializer, Numbered};

    crate::layer_enum! {
        /// A part.
        enum Part { Conv(burn::nn::conv::Conv2d), Norm(burn::nn::BatchNorm) }
    }

    #[test]
    fn names_are_those_of_a_state_dict_and_statistics_are_not_trainable() {
        let device = Device::flex();
        let init = Init::new(Seed::new(1), &device, Initializer::Zeros);
        let conv = init.conv2d("conv", Conv::new(1, 2, 3).no_bias());
        let parts = vec![Part::Conv(conv), Part::Norm(init.batch_norm(2))];
        let model = Numbered::new("block", vec![parts]);
        let all = parameters(&model);
        let paths: Vec<_> = all
            .iter()
            .map(|parameter| parameter.path.as_str())
            .collect();
        assert_eq!(
            paths,
            [
                "block1.0.weight",
                "block1.1.gamma",
                "block1.1.beta",
                "block1.1.running_mean",
                "block1.1.running_var",
            ]
        );
        assert_eq!(count_parameters(&model), 18 + 4);
        assert_eq!(model.num_params(), 18 + 8);
        let mapped = model.clone().to_device(&device).valid();
        assert_eq!(parameters(&mapped), all);
    }
}

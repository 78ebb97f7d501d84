use burn::module::{Flag, Module, ModuleVisitor, Param, ParamId, Parameter as Value};
use burn::tensor::{Bool, Int, Tensor};

/// One tensor of a model: a trainable parameter or a running statistic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its path in the module tree, e.g. `layer1.0.conv1.weight`.
    pub path: String,
    /// For each part of the path, the kind of module that it is a field of, as Burn names it:
    /// `Struct:Conv2d`, `Vec`, `Enum:Layer`.
    pub containers: Vec<String>,
    /// Its id.
    pub id: ParamId,
    /// Its shape; empty for a flag.
    pub shape: Vec<usize>,
    /// What it holds.
    pub kind: ParameterKind,
    /// Whether it is a running mean or variance of a batch norm, which no optimizer changes.
    pub running: bool,
    /// Whether gradients are computed for it: `false` in a frozen part, and before it is drawn.
    pub requires_grad: bool,
}

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Floating-point numbers.
    Float,
    /// Integers.
    Int,
    /// True or false.
    Bool,
    /// Not a tensor: whether a batch norm or dropout is in training.
    Flag,
}

impl Parameter {
    /// The number of its elements.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The parameters and running statistics of a model that are floating-point numbers, in the order of its
/// fields.
///
/// Draws no weights.
pub fn parameters<M: Module>(model: &M) -> Vec<Parameter> {
    let mut found = all_parameters(model);
    found.retain(|parameter| parameter.kind == ParameterKind::Float);
    found
}

/// The parameters, running statistics and flags of a model, in the order of its fields.
///
/// Draws no weights. Every walk that needs names and shapes but no numbers uses this one: a visitor is
/// compiled anew for each model.
pub fn all_parameters<M: Module>(model: &M) -> Vec<Parameter> {
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

impl List {
    fn add(&mut self, id: ParamId, shape: Vec<usize>, kind: ParameterKind, requires_grad: bool) {
        let name = self.path.last().map(String::as_str).unwrap_or_default();
        // The container of a parameter is on the stack next to its own name.
        let container = self.containers.last();
        let of_batch_norm = container.is_some_and(|kind| kind == "Struct:BatchNorm");
        self.found.push(Parameter {
            path: self.path.join("."),
            containers: self.containers.clone(),
            id,
            shape,
            kind,
            running: of_batch_norm && name.starts_with("running_"),
            requires_grad,
        });
    }
}

/// Whether a parameter asks for a gradient; asking one that is not drawn would draw it.
fn requires_grad<T: Value>(param: &Param<T>) -> bool {
    param.is_initialized() && param.is_require_grad()
}

impl ModuleVisitor for List {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = param.lazy_shape().to_vec();
        self.add(param.id, shape, ParameterKind::Float, requires_grad(param));
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        let shape = param.lazy_shape().to_vec();
        self.add(param.id, shape, ParameterKind::Int, false);
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        let shape = param.lazy_shape().to_vec();
        self.add(param.id, shape, ParameterKind::Bool, false);
    }

    fn visit_flag(&mut self, flag: &Param<Flag>) {
        self.add(flag.id, Vec::new(), ParameterKind::Flag, false);
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
        let same = |of: Vec<Parameter>| {
            let each = of.into_iter().map(|p| (p.path, p.id, p.shape, p.running));
            each.collect::<Vec<_>>()
        };
        assert_eq!(same(parameters(&mapped)), same(all));
    }
}

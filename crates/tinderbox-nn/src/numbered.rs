use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
};
use burn::tensor::{Device, Tensor};

use crate::Layer;

/// Modules of one type with the names `prefix1`, `prefix2`, … in a state dict, as torchvision's
/// DenseNet names the layers of a block.
#[derive(Clone, Debug)]
pub struct Numbered<M> {
    prefix: &'static str,
    parts: Vec<M>,
}

impl<M> Numbered<M> {
    /// These modules with the names `prefix1`, `prefix2`, ….
    pub fn new(prefix: &'static str, parts: Vec<M>) -> Self {
        Self { prefix, parts }
    }

    /// The modules in order.
    pub fn parts(&self) -> &[M] {
        &self.parts
    }

    fn name(&self, index: usize) -> String {
        format!("{}{}", self.prefix, index + 1)
    }

    fn each(self, change: impl FnMut(M) -> M) -> Self {
        Self {
            prefix: self.prefix,
            parts: self.parts.into_iter().map(change).collect(),
        }
    }
}

impl<M: Module> Module for Numbered<M> {
    fn collect_devices(&self, devices: Devices) -> Devices {
        self.parts.collect_devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        self.each(|part| part.fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        self.each(|part| part.to_device(device))
    }

    fn train(self) -> Self {
        self.each(Module::train)
    }

    fn valid(&self) -> Self {
        Self {
            prefix: self.prefix,
            parts: self.parts.valid(),
        }
    }

    fn materialize(self) -> Self {
        self.each(Module::materialize)
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        for (index, part) in self.parts.iter().enumerate() {
            let name = self.name(index);
            visitor.enter_module(&name, "Vec");
            part.visit(visitor);
            visitor.exit_module(&name, "Vec");
        }
    }

    fn map<P: ModuleMapper>(self, mapper: &mut P) -> Self {
        let prefix = self.prefix;
        let mut index = 0;
        self.each(|part| {
            index += 1;
            let name = format!("{prefix}{index}");
            mapper.enter_module(&name, "Vec");
            let part = part.map(mapper);
            mapper.exit_module(&name, "Vec");
            part
        })
    }
}

impl<M: ModuleDisplay> ModuleDisplayDefault for Numbered<M> {
    fn content(&self, content: Content) -> Option<Content> {
        let all = self.parts.iter().enumerate();
        all.fold(content, |content, (index, part)| {
            content.add(&self.name(index), part)
        })
        .optional()
    }
}

impl<M: ModuleDisplay> ModuleDisplay for Numbered<M> {}

impl<const D: usize, M: Layer<D>> Layer<D> for Numbered<M> {
    fn apply(&self, input: Tensor<D>) -> Tensor<D> {
        self.parts.apply(input)
    }
}

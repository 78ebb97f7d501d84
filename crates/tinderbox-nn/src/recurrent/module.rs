//! A recurrent layer as a module of Burn, under PyTorch's names: `weight_ih_l0`, not
//! `directions.0.weight_ih`.

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
};
use burn::tensor::Device;

use super::{Direction, Recurrent};

const KIND: &str = "Struct:Recurrent";

impl Recurrent {
    fn with(self, change: impl FnOnce(Vec<Direction>) -> Vec<Direction>) -> Self {
        Self {
            directions: change(self.directions),
            ..self
        }
    }
}

impl Module for Recurrent {
    fn collect_devices(&self, devices: Devices) -> Devices {
        self.directions.collect_devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        self.with(|directions| directions.fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        self.with(|directions| directions.to_device(device))
    }

    fn train(self) -> Self {
        let dropout = self.dropout.clone().train();
        Self {
            dropout,
            ..self.with(Module::train)
        }
    }

    fn valid(&self) -> Self {
        Self {
            config: self.config,
            directions: self.directions.valid(),
            dropout: self.dropout.valid(),
        }
    }

    fn materialize(self) -> Self {
        self.with(Module::materialize)
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        fn named<M: Module, V: ModuleVisitor>(visitor: &mut V, name: &str, part: &M) {
            visitor.enter_module(name, KIND);
            part.visit(visitor);
            visitor.exit_module(name, KIND);
        }
        for (index, direction) in self.directions.iter().enumerate() {
            let suffix = self.config.suffix(index);
            let name = |what: &str| format!("{what}_{suffix}");
            named(visitor, &name("weight_ih"), &direction.weight_ih);
            named(visitor, &name("weight_hh"), &direction.weight_hh);
            named(visitor, &name("bias_ih"), &direction.bias_ih);
            named(visitor, &name("bias_hh"), &direction.bias_hh);
        }
        named(visitor, "dropout", &self.dropout);
    }

    fn map<P: ModuleMapper>(self, mapper: &mut P) -> Self {
        fn named<M: Module, P: ModuleMapper>(mapper: &mut P, name: &str, part: M) -> M {
            mapper.enter_module(name, KIND);
            let part = part.map(mapper);
            mapper.exit_module(name, KIND);
            part
        }
        let mut directions = Vec::with_capacity(self.directions.len());
        for (index, direction) in self.directions.into_iter().enumerate() {
            let suffix = self.config.suffix(index);
            let name = |what: &str| format!("{what}_{suffix}");
            directions.push(Direction {
                weight_ih: named(mapper, &name("weight_ih"), direction.weight_ih),
                weight_hh: named(mapper, &name("weight_hh"), direction.weight_hh),
                bias_ih: named(mapper, &name("bias_ih"), direction.bias_ih),
                bias_hh: named(mapper, &name("bias_hh"), direction.bias_hh),
            });
        }
        Self {
            config: self.config,
            directions,
            dropout: named(mapper, "dropout", self.dropout),
        }
    }
}

impl ModuleDisplayDefault for Recurrent {
    fn content(&self, content: Content) -> Option<Content> {
        let content = content.set_top_level_type(self.config.cell.name());
        content
            .add_debug_attribute("inputs", &self.config.inputs)
            .add_debug_attribute("hidden", &self.config.hidden)
            .add_debug_attribute("layers", &self.config.layers)
            .add_debug_attribute("bidirectional", &self.config.bidirectional)
            .optional()
    }
}

impl ModuleDisplay for Recurrent {}

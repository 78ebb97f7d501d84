use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;
use tinderbox_nn::{Fans, Initializer};

/// A part of a model in which every matrix is Xavier-uniform, as the course has it, and all else as it
/// was. `in_proj_weight`, which is three matrices in one, is drawn as three.
pub(super) fn xavier<M: Module>(part: M, seed: Seed, device: &Device) -> M {
    part.map(&mut Xavier {
        path: Vec::new(),
        seed,
        device: device.clone(),
    })
}

struct Xavier {
    path: Vec<String>,
    seed: Seed,
    device: Device,
}

impl ModuleMapper for Xavier {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape: [usize; D] = param.lazy_shape().dims();
        let &[rows, columns] = &shape[..] else {
            return param;
        };
        let three = self
            .path
            .last()
            .is_some_and(|name| name == "in_proj_weight");
        let fans = Fans {
            fan_in: columns,
            fan_out: if three { rows / 3 } else { rows },
        };
        let seed = self.seed.child(&self.path.join("."));
        Initializer::XavierUniform { gain: 1.0 }.param(shape, fans, seed, &self.device)
    }
}

use std::any::Any;
use std::collections::VecDeque;

use burn::module::{Flag, Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Bool, Int, Tensor};

/// A copy of a model that shares no mutable state with the original.
///
/// Burn's `clone()` of a batch norm shares its running statistics with the original: loading weights
/// into the clone, averaging it or moving it to another device changes the original too. Functions
/// that take a model and return another one start from this copy.
///
/// Parameters keep their ids, devices, gradient settings and training flags; parameters that were not
/// drawn yet remain so.
///
/// ```
/// use burn::module::Module;
/// use burn::nn::{BatchNorm, BatchNormConfig};
/// use burn::tensor::{Device, Tensor};
/// use tinderbox_nn::deep_copy;
///
/// let device = Device::flex();
/// let means = |norm: &BatchNorm| norm.running_mean.value().try_into_vec_as::<f32>();
/// let norm = BatchNormConfig::new(2).init(&device);
/// let other = BatchNormConfig::new(2).init(&device);
/// other.running_mean.update(Tensor::ones([2], &device));
///
/// let loaded = deep_copy(&norm).load_record(other.valid().into_record());
/// assert_eq!(means(&loaded)?, [1.0, 1.0]);
/// assert_eq!(means(&norm)?, [0.0, 0.0]); // with `norm.clone()` these would be 1 as well
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn deep_copy<M: Module>(model: &M) -> M {
    // Only `train` and `valid` copy running statistics. They also draw initial weights and change
    // flags and devices, so everything else is restored afterwards.
    let copy = model.clone().map(&mut LeaveOutUndrawn).valid();
    let mut parts = Parts::default();
    model.visit(&mut parts);
    copy.map(&mut parts)
}

/// Replaces parameters that are not drawn yet with a single number, so that copying draws nothing.
struct LeaveOutUndrawn;

impl ModuleMapper for LeaveOutUndrawn {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // Running statistics are always initialized, and shared with the original at this point.
        if param.is_initialized() {
            return param;
        }
        Param::initialized(param.id, Tensor::zeros([1; D], &param.lazy_device()))
    }
}

/// The parts of the original, in the order of both `visit` and `map`.
#[derive(Default)]
struct Parts(VecDeque<Box<dyn Any>>);

impl Parts {
    fn next<P: 'static>(&mut self, copied: P) -> P {
        let original = self.0.pop_front().and_then(|part| part.downcast().ok());
        original.map_or(copied, |original| *original)
    }
}

impl ModuleVisitor for Parts {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push_back(Box::new(param.clone()));
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.0.push_back(Box::new(param.clone()));
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.0.push_back(Box::new(param.clone()));
    }

    fn visit_flag(&mut self, flag: &Param<Flag>) {
        self.0.push_back(Box::new(flag.clone()));
    }
}

impl ModuleMapper for Parts {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.next(param)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        self.next(param)
    }

    fn map_bool<const D: usize>(
        &mut self,
        param: Param<Tensor<D, Bool>>,
    ) -> Param<Tensor<D, Bool>> {
        self.next(param)
    }

    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        self.next(flag)
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{BatchNorm, BatchNormConfig, Linear};
    use burn::tensor::Device;
    use tinderbox_core::Seed;

    use super::*;
    use crate::{Dropout, Initializer, LinearInit, linear};

    #[derive(Module, Debug)]
    struct Net {
        linear: Linear,
        norm: BatchNorm,
        dropout: Dropout,
        parts: Vec<Option<BatchNorm>>,
    }

    fn net(device: &Device) -> Net {
        let init = LinearInit {
            bias: true,
            weight: Initializer::Normal { std: 1.0 },
        };
        Net {
            linear: linear(3, 4, init, Seed::new(1), device),
            norm: BatchNormConfig::new(4).init(device),
            dropout: Dropout::new(0.5),
            parts: vec![None, Some(BatchNormConfig::new(2).init(device))],
        }
    }

    fn means(net: &Net) -> Vec<f32> {
        let last = net.parts[1].as_ref().unwrap();
        let both = [&net.norm, last].map(|norm| norm.running_mean.value_sync());
        both.into_iter()
            .flat_map(|mean| mean.try_into_vec_as::<f32>().unwrap())
            .collect()
    }

    /// Adds 1 to all numbers.
    struct AddOne;

    impl ModuleMapper for AddOne {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| (tensor.inner() + 1.0).detach())
        }
    }

    #[test]
    fn running_statistics_are_the_copys_own() {
        for device in [Device::flex(), Device::flex().autodiff()] {
            let model = net(&device);
            // An update that Burn has not applied yet.
            model.norm.running_mean.update(Tensor::ones([4], &device));
            let copy = deep_copy(&model);
            assert_eq!(means(&copy), [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
            let changed = copy.map(&mut AddOne);
            assert_eq!(means(&changed), [2.0, 2.0, 2.0, 2.0, 1.0, 1.0]);
            assert_eq!(means(&model), [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
            // The reason for this function: a clone shares its statistics.
            model.clone().map(&mut AddOne);
            assert_eq!(means(&model), [2.0, 2.0, 2.0, 2.0, 1.0, 1.0]);
        }
    }

    #[test]
    fn everything_else_is_unchanged() {
        let device = Device::flex().autodiff();
        let frozen = net(&device).no_grad();
        assert!(!deep_copy(&frozen).linear.weight.is_require_grad());
        let model = net(&device);
        let copy = deep_copy(&model);
        assert!(!copy.linear.weight.is_initialized(), "nothing was drawn");
        assert_eq!(copy.linear.weight.id, model.linear.weight.id);
        assert!(copy.linear.weight.is_require_grad());
        assert!(copy.norm.training.is_enabled());
        assert_eq!(
            copy.linear.weight.val().into_data(),
            model.linear.weight.val().into_data()
        );
        // In training mode the copy drops and moves its statistics, the original does not.
        let x = Tensor::<2>::ones([8, 4], &device) * 3.0;
        copy.norm.forward(copy.dropout.forward(x));
        assert_ne!(means(&copy)[..4], [0.0; 4]);
        assert_eq!(means(&model), [0.0; 6]);
        assert!(!deep_copy(&model.valid()).norm.training.is_enabled());
        assert!(deep_copy(&model.valid()).train().norm.training.is_enabled());
    }
}

use crate::error::{OptimError, Result, require_fraction};
use crate::host::{on_host, update};
use crate::parameters::distinct_parameters;
use crate::state::{unpack, unreadable};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Bytes, Shape, Tensor, TensorData};
use burn_pack::{Tensor as PackedTensor, Writer};
use std::collections::{BTreeMap, HashMap, HashSet};
use tinderbox_nn::deep_copy;

/// Identifies the file format.
const FORMAT: (&str, &str) = ("format", "tinderbox-average-1");

/// An exponential moving average of a model's weights (Polyak and Juditsky 1992).
///
/// `average += (1 - decay) * (weights - average)` after every step; the first update takes the
/// weights as they are, so that no bias correction is needed. The averaged model is often better than
/// the last one, and its metrics are less noisy. All float parameters are averaged, including the
/// running statistics of batch norms, which then belong to the averaged weights (as in timm's
/// `ModelEma`, and in PyTorch's `AveragedModel` with `use_buffers=True`).
pub struct Ema {
    decay: f64,
    /// As long vectors.
    averages: HashMap<ParamId, Tensor<1>>,
    updates: usize,
}

impl Ema {
    /// An average over about `1 / (1 - decay)` steps.
    ///
    /// # Errors
    /// A decay outside [0, 1).
    pub fn new(decay: f64) -> Result<Self> {
        require_fraction("ema", "decay", decay)?;
        Ok(Self {
            decay,
            averages: HashMap::new(),
            updates: 0,
        })
    }

    /// The number of updates so far.
    pub fn updates(&self) -> usize {
        self.updates
    }

    /// Adds the weights of `module` to the average; call it after every optimizer step.
    pub fn update<M: Module>(&mut self, module: &M) {
        // Burn applies the last update of running statistics late; `valid` applies it now.
        module.valid().visit(&mut Update {
            ema: self,
            seen: HashSet::new(),
        });
        self.updates += 1;
    }

    /// A copy of `module` with the averaged weights; parameters that [`Ema::update`] never saw are
    /// unchanged.
    pub fn apply<M: Module>(&self, module: &M) -> M {
        deep_copy(module).map(&mut Apply(self))
    }

    /// The averages as bytes, keyed by the paths of the parameters in `module`.
    ///
    /// # Errors
    /// Data that cannot be packed.
    pub fn save<M: Module>(&self, module: &M) -> Result<Vec<u8>> {
        let mut packed = BTreeMap::new();
        for parameter in distinct_parameters(module) {
            let Some(average) = self.averages.get(&parameter.id) else {
                continue;
            };
            let (bytes, _, dtype) = average.clone().into_data().into_parts();
            let path = parameter.path;
            let tensor = PackedTensor::new(
                path.clone(),
                dtype,
                Shape::from(parameter.shape),
                None,
                bytes,
            );
            packed.insert(path, tensor);
        }
        let writer = Writer::new(packed.into_values().collect())
            .with_metadata(FORMAT.0, FORMAT.1)
            .with_scalar("decay", self.decay.into())
            .with_scalar("updates", self.updates.into());
        Ok(writer.into_bytes().map_err(unreadable)?.to_vec())
    }

    /// Restores averages for `module`, whose parameter ids may differ from those of the saved model.
    ///
    /// # Errors
    /// Bytes that are cut off or hold something else, parameters that `module` does not have or has
    /// in another shape.
    pub fn load<M: Module>(bytes: &[u8], module: &M) -> Result<Self> {
        let (tensors, scalars, metadata) = unpack(Bytes::from_bytes_vec(bytes.to_vec()))?;
        if metadata.get(FORMAT.0).map(String::as_str) != Some(FORMAT.1) {
            return Err(OptimError::Unreadable(format!(
                "it is not of format {}",
                FORMAT.1
            )));
        }
        let scalar = |name: &str| {
            let missing = || OptimError::Unreadable(format!("it has no entry `{name}`"));
            scalars.get(name).copied().ok_or_else(missing)
        };
        let decay = f64::try_from(scalar("decay")?).map_err(unreadable)?;
        let mut ema = Self::new(decay)?;
        ema.updates = usize::try_from(scalar("updates")?).map_err(unreadable)?;
        let mut saved = BTreeMap::new();
        for tensor in tensors {
            let (path, dtype, shape, _, bytes) = tensor.into_parts().map_err(unreadable)?;
            let data = TensorData::try_from_bytes(bytes, shape, dtype).map_err(unreadable)?;
            saved.insert(path, data);
        }
        let device = module.devices().into_iter().next().unwrap_or_default();
        for parameter in distinct_parameters(module) {
            let Some(data) = saved.remove(&parameter.path) else {
                continue;
            };
            if data.shape().to_vec() != parameter.shape {
                return Err(OptimError::Shape {
                    what: format!("the saved average of parameter `{}`", parameter.path),
                    expected: data.shape().to_vec(),
                    found: parameter.shape,
                });
            }
            let count = parameter.count();
            let (bytes, _, dtype) = data.into_parts();
            let flat = TensorData::try_from_bytes(bytes, [count], dtype).map_err(unreadable)?;
            let average = Tensor::from_data(flat, (&device.clone().inner(), dtype));
            ema.averages.insert(parameter.id, average);
        }
        if let Some(path) = saved.into_keys().next() {
            return Err(OptimError::UnknownParameter { path });
        }
        Ok(ema)
    }
}

struct Update<'a> {
    ema: &'a mut Ema,
    seen: HashSet<ParamId>,
}

impl ModuleVisitor for Update<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.seen.insert(param.id) {
            return;
        }
        let weights = param.base().inner().flatten::<1>(0, D - 1);
        let averages = &mut self.ema.averages;
        let average = match averages.remove(&param.id) {
            None => weights,
            Some(average) => blend(
                average.to_device(&weights.device()),
                weights,
                self.ema.decay,
            ),
        };
        averages.insert(param.id, average);
    }
}

/// `average + (1 - decay) * (weights - average)`: weights that do not change keep their bits.
fn blend(average: Tensor<1>, weights: Tensor<1>, decay: f64) -> Tensor<1> {
    if on_host(&average) {
        let take = (1.0 - decay) as f32;
        let blend = |a: f32, w: f32, _: &mut [f32; 0]| a + (w - a) * take;
        return update(average, weights, [], blend).0;
    }
    average.clone() + (weights - average).mul_scalar(1.0 - decay)
}

struct Apply<'a>(&'a Ema);

impl ModuleMapper for Apply<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(average) = self.0.averages.get(&param.id) else {
            return param;
        };
        let (id, tensor, mapper) = param.consume();
        let device = tensor.device();
        let average: Tensor<D> = average.clone().reshape(tensor.shape());
        let mut value = average.to_device(&device.clone().inner());
        if device.is_autodiff() {
            value = Tensor::from_inner(value).set_require_grad(tensor.is_require_grad());
        }
        Param::from_mapped_value(id, value, mapper)
    }
}

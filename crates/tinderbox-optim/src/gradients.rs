use crate::error::{OptimError, Result, require_positive};
use crate::host::{give, on_host, read, take};
use crate::parameters::distinct_parameters;
use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{DType, FloatDType, Tensor, TensorData};
use std::collections::{HashMap, HashSet};
use tinderbox_kernels::for_each_chunk;

/// The Euclidean norm of all gradients of `module` as one long vector; 0 without gradients.
///
/// On a CPU the squares are summed in `f64`, in an order that does not depend on the number of
/// threads.
pub fn global_norm<M: Module>(grads: &GradientsParams, module: &M) -> f64 {
    let mut norm = Norm {
        grads,
        squares: 0.0,
        seen: HashSet::new(),
    };
    module.visit(&mut norm);
    norm.squares.sqrt()
}

/// Scales all gradients of `module` so that their global norm is at most `max_norm`; returns the
/// norm before clipping.
///
/// The norm is that of all gradients together, so their direction does not change (Pascanu et al.
/// 2013). The factor is `max_norm / (norm + 1e-6)`, as in PyTorch's `clip_grad_norm_`. Burn's own
/// clipping treats each tensor separately.
///
/// # Errors
/// A `max_norm` that is not positive and finite; a norm that is NaN or infinite, in which case the
/// gradients are unchanged.
pub fn clip_global_norm<M: Module>(
    grads: &mut GradientsParams,
    module: &M,
    max_norm: f64,
) -> Result<f64> {
    require_positive("clip_global_norm", "max_norm", max_norm)?;
    let mut sum = 0.0;
    change_gradients(grads, module, &mut |_, grad| {
        let grad = grad?;
        if !on_host(&grad) {
            sum += sum_of_squares(grad.clone());
            return Some(grad);
        }
        // Taken out and put back, nothing is copied.
        let device = grad.device();
        let data = take(grad);
        sum += squares(read(&data));
        Some(give(data, &device))
    });
    let norm = sum.sqrt();
    if !norm.is_finite() {
        return Err(OptimError::Diverged {
            what: "the norm of the gradients",
            value: norm,
        });
    }
    let factor = max_norm / (norm + 1e-6);
    if factor < 1.0 {
        scale_gradients(grads, module, factor);
    }
    Ok(norm)
}

/// [`clip_global_norm`] for a device that computes ahead of the program: the norm is not read.
///
/// A norm that is NaN or infinite makes all gradients NaN, and with them the next loss.
///
/// # Errors
/// A `max_norm` that is not positive and finite.
pub fn clip_global_norm_unread<M: Module>(
    grads: &mut GradientsParams,
    module: &M,
    max_norm: f64,
) -> Result<()> {
    require_positive("clip_global_norm", "max_norm", max_norm)?;
    let mut sum: Option<Tensor<1>> = None;
    change_gradients(grads, module, &mut |_, grad| {
        let grad = grad?;
        // Half precision overflows at a norm of 256.
        let wide = grad.clone().cast(FloatDType::F32);
        let squares = wide.square().sum();
        sum = Some(match sum.take() {
            Some(sum) => sum + squares,
            None => squares,
        });
        Some(grad)
    });
    let Some(sum) = sum else {
        return Ok(());
    };
    // Of NaN and infinity NaN; 0 times infinity too.
    let norm = sum.sqrt();
    let finite = norm.clone() * 0.0;
    let factor = (norm + 1e-6).recip() * max_norm;
    let factor = factor.clamp_max(1.0) + finite;
    change_gradients(grads, module, &mut |_, grad| {
        let grad = grad?;
        let factor = factor.clone().cast(FloatDType::from(grad.dtype()));
        Some(grad * factor)
    });
    Ok(())
}

/// Clamps every number in the gradients of `module` to `[-limit, limit]` (PyTorch's
/// `clip_grad_value_`).
///
/// # Errors
/// A limit that is not positive and finite.
pub fn clip_value<M: Module>(grads: &mut GradientsParams, module: &M, limit: f64) -> Result<()> {
    require_positive("clip_value", "limit", limit)?;
    change_gradients(grads, module, &mut |_, grad| {
        Some(grad?.clamp(-limit, limit))
    });
    Ok(())
}

/// Multiplies all gradients of `module` with `factor`.
pub fn scale_gradients<M: Module>(grads: &mut GradientsParams, module: &M, factor: f64) {
    change_gradients(grads, module, &mut |_, grad| Some(grad?.mul_scalar(factor)));
}

/// Gradient accumulation: the mean over the examples of several micro-batches.
///
/// A batch that does not fit in memory is split into micro-batches. Each adds the gradient of its
/// *mean* loss and its number of examples; the result is the mean over all examples, whatever the
/// sizes of the micro-batches.
#[derive(Default)]
pub struct GradientMean {
    /// As long vectors.
    sum: HashMap<ParamId, Tensor<1>>,
    examples: usize,
}

impl GradientMean {
    /// Starts without gradients.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the gradients of a mean loss over `examples` examples.
    pub fn add<M: Module>(&mut self, module: &M, grads: GradientsParams, examples: usize) {
        if examples == 0 {
            return;
        }
        let mut grads = grads;
        change_gradients(&mut grads, module, &mut |id, grad| {
            let scaled = grad?.mul_scalar(examples as f64);
            let sum = match self.sum.remove(&id) {
                Some(sum) => sum + scaled,
                None => scaled,
            };
            self.sum.insert(id, sum);
            None
        });
        self.examples += examples;
    }

    /// The number of examples so far.
    pub fn examples(&self) -> usize {
        self.examples
    }

    /// The gradients of the mean loss over all examples; resets the sum.
    pub fn take<M: Module>(&mut self, module: &M) -> GradientsParams {
        let examples = self.examples.max(1);
        self.take_divided(module, examples as f64)
    }

    /// The sum of the gradients, each times its number of examples, divided by `divisor`; resets the sum.
    pub fn take_divided<M: Module>(&mut self, module: &M, divisor: f64) -> GradientsParams {
        let mut sum = std::mem::take(&mut self.sum);
        self.examples = 0;
        let mut grads = GradientsParams::new();
        change_gradients(&mut grads, module, &mut |id, _| {
            Some(sum.remove(&id)?.mul_scalar(1.0 / divisor))
        });
        grads
    }
}

/// All gradients of a model as one vector of numbers, in the order of its parameters: what several processes
/// add up.
///
/// ```
/// # use burn::{module::Module, nn::LinearConfig, optim::GradientsParams, tensor::{Device, Tensor}};
/// use tinderbox_optim::{FlatGradients, global_norm};
///
/// # let device = Device::flex().autodiff();
/// # let model = LinearConfig::new(2, 1).init(&device);
/// # let loss = model.forward(Tensor::<2>::ones([3, 2], &device)).sum();
/// # let gradients = GradientsParams::from_grads(loss.backward(), &model);
/// let norm = global_norm(&gradients, &model);
/// let mut flat = FlatGradients::new(&model);
/// flat.fill(gradients, &model, 5.0);
/// // Here another process would add its own: flat.numbers_mut()
/// let gradients = flat.take(&model, 10.0);
/// assert_eq!(global_norm(&gradients, &model), norm / 2.0);
/// ```
pub struct FlatGradients {
    /// The trained parameters and the number of their elements.
    layout: Vec<(ParamId, usize)>,
    /// The gradients of all of them, then one number each: how many of the added ones had a gradient.
    numbers: Vec<f32>,
}

impl FlatGradients {
    /// Room for the gradients of the parameters of `module` that are trained.
    pub fn new<M: Module>(module: &M) -> Self {
        let trained = distinct_parameters(module).into_iter();
        let trained = trained.filter(|parameter| parameter.requires_grad);
        let layout: Vec<_> = trained.map(|p| (p.id, p.count())).collect();
        let all: usize = layout.iter().map(|(_, count)| count + 1).sum();
        Self {
            layout,
            numbers: vec![0.0; all],
        }
    }

    /// Replaces the numbers by these gradients times `weight`; 0 where there is no gradient.
    pub fn fill<M: Module>(&mut self, grads: GradientsParams, module: &M, weight: f32) {
        let mut grads = grads;
        let gradients = self.numbers.len() - self.layout.len();
        let (numbers, present) = self.numbers.split_at_mut(gradients);
        let mut places = HashMap::new();
        let mut rest = numbers;
        for (&(id, count), present) in self.layout.iter().zip(present) {
            *present = 0.0;
            let (own, after) = rest.split_at_mut(count);
            own.fill(0.0);
            places.insert(id, (own, present));
            rest = after;
        }
        change_gradients(&mut grads, module, &mut |id, grad| {
            let data = grad?.into_data();
            let (own, present) = places.get_mut(&id)?;
            **present = 1.0;
            match data.as_slice::<f32>() {
                Ok(numbers) => {
                    for (to, from) in own.iter_mut().zip(numbers) {
                        *to = from * weight;
                    }
                }
                Err(_) => {
                    for (to, from) in own.iter_mut().zip(data.iter::<f32>()) {
                        *to = from * weight;
                    }
                }
            }
            None
        });
    }

    /// The numbers, to add those of others; their number must not change.
    pub fn numbers_mut(&mut self) -> &mut Vec<f32> {
        &mut self.numbers
    }

    /// The gradients divided by `divisor`; a parameter without a gradient anywhere has none.
    pub fn take<M: Module>(&self, module: &M, divisor: f64) -> GradientsParams {
        let device = module.devices().into_iter().next().unwrap_or_default();
        let device = device.inner();
        let factor = (1.0 / divisor) as f32;
        let mut places = HashMap::new();
        let (mut rest, present) = self
            .numbers
            .split_at(self.numbers.len() - self.layout.len());
        for (&(id, count), &present) in self.layout.iter().zip(present) {
            let (own, after) = rest.split_at(count);
            if present > 0.0 {
                places.insert(id, own);
            }
            rest = after;
        }
        let mut grads = GradientsParams::new();
        change_gradients(&mut grads, module, &mut |id, _| {
            let own = places.get(&id)?;
            let numbers: Vec<f32> = own.iter().map(|number| number * factor).collect();
            let data = TensorData::new(numbers, [own.len()]);
            Some(Tensor::from_data(data, &device))
        });
        grads
    }
}

/// The sum of squares of a tensor's numbers.
pub(crate) fn sum_of_squares<const D: usize>(tensor: Tensor<D>) -> f64 {
    if on_host(&tensor) {
        let data = tensor.into_data();
        if let Ok(numbers) = data.as_slice::<f32>() {
            return squares(numbers);
        }
        return data.iter::<f64>().map(|value| value * value).sum();
    }
    // Half precision overflows at a norm of 256.
    let tensor = match tensor.dtype() {
        DType::F16 | DType::BF16 => tensor.cast(FloatDType::F32),
        _ => tensor,
    };
    tensor.square().sum().into_scalar::<f64>()
}

/// Numbers in a chunk of a sum of squares.
const CHUNK: usize = 1 << 15;

/// The sum of squares in `f64`, by chunks of a fixed size, so that it does not depend on threads.
pub(crate) fn squares(numbers: &[f32]) -> f64 {
    let chunk = |part: &[f32]| {
        // Eight sums side by side, which the compiler turns into vector instructions.
        let mut sums = [0.0f64; 8];
        let (eights, rest) = part.as_chunks::<8>();
        for eight in eights {
            for (sum, &value) in sums.iter_mut().zip(eight) {
                *sum += f64::from(value) * f64::from(value);
            }
        }
        let rest: f64 = rest.iter().map(|&value| f64::from(value).powi(2)).sum();
        sums.iter().sum::<f64>() + rest
    };
    let mut sums = vec![0.0; numbers.len().div_ceil(CHUNK)];
    for_each_chunk(&mut sums, 1, numbers.len(), |place, sum| {
        let rest = &numbers[place * CHUNK..];
        sum[0] = chunk(&rest[..CHUNK.min(rest.len())]);
    });
    sums.iter().sum()
}

struct Norm<'a> {
    grads: &'a GradientsParams,
    squares: f64,
    /// A parameter that a model uses twice is visited twice, but has one gradient.
    seen: HashSet<ParamId>,
}

impl ModuleVisitor for Norm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.seen.insert(param.id) {
            return;
        }
        if let Some(grad) = self.grads.get::<D>(param.id) {
            self.squares += sum_of_squares(grad);
        }
    }
}

/// Calls `change` with the gradient of each float parameter of a module as one long vector; what it returns
/// is the gradient from then on.
///
/// Gradients are removed and registered again, so that an owned tensor is changed in place. All changes
/// share this one visitor, because a visitor is compiled anew for each model.
fn change_gradients<M: Module>(
    grads: &mut GradientsParams,
    module: &M,
    change: &mut dyn FnMut(ParamId, Option<Tensor<1>>) -> Option<Tensor<1>>,
) {
    module.visit(&mut Change {
        grads,
        change,
        seen: HashSet::new(),
    });
}

struct Change<'a> {
    grads: &'a mut GradientsParams,
    change: &'a mut dyn FnMut(ParamId, Option<Tensor<1>>) -> Option<Tensor<1>>,
    seen: HashSet<ParamId>,
}

impl ModuleVisitor for Change<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.seen.insert(param.id) {
            return;
        }
        let grad = self.grads.remove::<D>(param.id);
        let flat = grad.map(|grad| grad.flatten::<1>(0, D - 1));
        if let Some(flat) = (self.change)(param.id, flat) {
            let shaped: Tensor<D> = flat.reshape(param.lazy_shape());
            self.grads.register(param.id, shaped);
        }
    }
}

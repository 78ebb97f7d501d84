use super::adam::check;
use crate::elementwise::Slots;
use crate::error::{Result, require_not_negative};
use crate::gradients::squares;
use crate::host::{give, on_host, read, take, update_slices, write};
use crate::rule::{Rule, Value};
use crate::settings::{optimizer_settings, settings};
use burn::optim::{LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

settings! {
    /// LAMB (You et al. 2020), for very large batches: Adam's direction plus weight decay, scaled for
    /// every tensor so that each layer moves by the same fraction of its norm.
    ///
    /// `u = m^ / (sqrt(v^) + epsilon) + weight_decay * p`; `p -= rate * |p| / |u| * u`; the ratio is 1
    /// when one of the norms is 0.
    LambConfig {
        /// The fraction of the first moment that is kept at each step, in [0, 1).
        beta_1: f64 = 0.9,
        /// The fraction of the second moment that is kept at each step, in [0, 1).
        beta_2: f64 = 0.999,
        /// Added to the square root in the denominator.
        epsilon: f64 = 1e-6,
        /// The multiple of the parameter that is added to the direction.
        weight_decay: f64 = 0.0,
    }
}
optimizer_settings!(LambConfig, Lamb);

impl LambConfig {
    pub(crate) const NAME: &'static str = "lamb";

    pub(crate) fn check(&self) -> Result<()> {
        check(Self::NAME, [self.beta_1, self.beta_2], self.epsilon)?;
        require_not_negative(Self::NAME, "weight_decay", self.weight_decay)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct LambStep {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    scale: f64,
    root: f64,
    weight_decay: f64,
}

/// The direction, not yet the step: that needs the norms of whole tensors.
impl Rule<2> for LambConfig {
    const NAME: &'static str = Self::NAME;

    type Step = LambStep;

    fn slot(index: usize) -> &'static str {
        ["first_moment", "second_moment"][index]
    }

    fn prepare(&self, _rate: f64, time: usize) -> LambStep {
        let correction = |beta: f64| 1.0 - beta.powf(time as f64);
        LambStep {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            scale: correction(self.beta_1).recip(),
            root: correction(self.beta_2).sqrt().recip(),
            weight_decay: self.weight_decay,
        }
    }

    #[inline(always)]
    fn update<V: Value>(
        step: &LambStep,
        parameter: V,
        gradient: V,
        [first, second]: &mut [V; 2],
    ) -> V {
        *first = first.clone().scale(step.beta_1) + gradient.clone().scale(1.0 - step.beta_1);
        *second = second.clone().scale(step.beta_2)
            + (gradient.clone() * gradient).scale(1.0 - step.beta_2);
        let direction = first.clone().scale(step.scale)
            / second.clone().root().scale(step.root).shift(step.epsilon);
        if step.weight_decay == 0.0 {
            direction
        } else {
            direction + parameter.scale(step.weight_decay)
        }
    }
}

/// The optimizer that these settings describe.
#[derive(Clone)]
pub(crate) struct Lamb(pub(crate) LambConfig);

impl Optimizer for Lamb {
    type State<const D: usize> = Slots<LambConfig, 2, D>;

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
            let (tensor, slots) = step_on_host(&step, lr, tensor, grad, slots);
            return (tensor, Some(Slots::new(time, slots)));
        }
        let direction = LambConfig::update(&step, tensor.clone(), grad, &mut slots);
        let norm = |tensor: &Tensor<D>| tensor.clone().square().sum().sqrt();
        let (size, length) = (norm(&tensor), norm(&direction));
        let none = (size.clone() * length.clone()).equal_scalar(0.0);
        let ratio = (size / length).mask_fill(none, 1.0);
        let tensor = tensor - direction.mul_scalar(lr) * ratio.unsqueeze();
        (tensor, Some(Slots::new(time, slots)))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        state.onto_device(device)
    }
}

/// Two passes over memory: the direction, written over the gradient, and the step.
fn step_on_host<const D: usize>(
    step: &LambStep,
    rate: f64,
    tensor: Tensor<D>,
    grad: Tensor<D>,
    slots: [Tensor<D>; 2],
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let device = tensor.device();
    let (mut parameter, mut direction) = (take(tensor), take(grad));
    let mut states = slots.map(take);
    update_slices(
        write(&mut direction),
        read(&parameter),
        states.each_mut().map(write),
        |g, p, slots: &mut [f32; 2]| LambConfig::update(step, p, g, slots),
    );
    let size = squares(read(&parameter)).sqrt();
    let length = squares(read(&direction)).sqrt();
    let ratio = if size > 0.0 && length > 0.0 {
        size / length
    } else {
        1.0
    };
    let update = |p: f32, u: f32, _: &mut [f32; 0]| p - u.scale(rate * ratio);
    update_slices(write(&mut parameter), read(&direction), [], update);
    let slots = states.map(|state| give(state, &device));
    (give(parameter, &device), slots)
}

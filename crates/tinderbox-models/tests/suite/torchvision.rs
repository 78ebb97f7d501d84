//! Both sides of the comparison with torchvision: weights unlike initial ones, and one forward and
//! backward pass.

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use tinderbox_core::{Rng, Seed};
use tinderbox_models::{ImageConfig, ImageModel, ModelEntry};
use tinderbox_nn::Network;

/// Two colour images of 64 x 64, ten classes.
pub const SHAPE: [usize; 4] = [2, 3, 64, 64];
/// Classes of the models that are compared.
pub const CLASSES: usize = 10;

/// The model of an entry for [`SHAPE`] and [`CLASSES`].
pub fn config(entry: &ModelEntry) -> ImageConfig {
    (entry.config)([SHAPE[1], SHAPE[2], SHAPE[3]], CLASSES)
}

/// The model on the CPU, with random numbers in norms, statistics and biases: with zeros and ones,
/// exchanged names would go unnoticed.
pub fn model(entry: &ModelEntry) -> ImageModel {
    let model = config(entry).init(Seed::new(7), &Device::flex());
    let model = model.expect("registered models can be built at 64 x 64");
    model.map(&mut Shake {
        path: Vec::new(),
        seed: Seed::new(8),
    })
}

/// Images for an entry.
///
/// Chosen so that no ReLU of the model has an input so close to 0 that rounding decides whether its
/// gradient passes: in a small layer a single such number changes it by 1e-2. (On the processors where
/// they were chosen; the deepest ResNets have one on others.)
pub fn images(entry: &ModelEntry, device: &Device) -> Tensor<4> {
    let seed = match entry.name {
        "resnet101" => 12,
        "densenet121" | "resnet152" | "vgg11" | "vgg13" | "vgg16" | "vgg19" => 10,
        _ => 9,
    };
    let mut rng = Seed::new(seed).rng();
    let numbers: Vec<f32> = (0..SHAPE.iter().product::<usize>())
        .map(|_| rng.normal() as f32)
        .collect();
    Tensor::from_data(TensorData::new(numbers, SHAPE), device)
}

/// Logits, and gradients of `Σ logits[i] ((i mod 7) - 3)`, with batch norms and dropouts as in
/// prediction.
pub fn forward_and_backward(entry: &ModelEntry) -> (TensorData, ImageModel, GradientsParams) {
    let device = Device::flex().autodiff();
    // Frozen layers are in inference mode; their parameters still get gradients.
    let model = model(entry).train().freeze().set_require_grad(true);
    let logits = model.forward(images(entry, &device));
    let weights: Vec<f32> = (0..SHAPE[0] * CLASSES)
        .map(|i| (i % 7) as f32 - 3.0)
        .collect();
    let weights = TensorData::new(weights, [SHAPE[0], CLASSES]);
    let loss = (logits.clone() * Tensor::from_data(weights, &device)).sum();
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    (logits.into_data(), model, gradients)
}

struct Shake {
    path: Vec<String>,
    seed: Seed,
}

impl Shake {
    fn numbers(&self, count: usize) -> Option<Vec<f32>> {
        let mut rng = self.seed.child(&self.path.join(".")).rng();
        let draw: fn(&mut Rng) -> f64 = match self.path.last()?.as_str() {
            "running_var" => |rng| 0.5 + rng.uniform(),
            "running_mean" | "bias" | "beta" => |rng| 0.1 * rng.normal(),
            "gamma" => |rng| 1.0 + 0.1 * rng.normal(),
            "layer_scale" => |rng| 0.5 + 0.1 * rng.normal(),
            _ => return None,
        };
        Some((0..count).map(|_| draw(&mut rng) as f32).collect())
    }
}

impl ModuleMapper for Shake {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.lazy_shape();
        match self.numbers(shape.num_elements()) {
            Some(numbers) => param
                .map(|old| Tensor::from_data(TensorData::new(numbers, old.dims()), &old.device())),
            None => param,
        }
    }

    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }
}

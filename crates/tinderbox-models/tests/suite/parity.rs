//! The standard models compute what torchvision's do, under torchvision's names.
//!
//! The reference was made by torchvision itself from the same weights and images
//! (`tests/python/compare.py`, which compares all gradients one by one).

use crate::torchvision;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn_store::{BurnToPyTorchAdapter, ModuleSnapshot};
use serde_json::Value;
use tinderbox_core::Seed;
use tinderbox_models::{ImageConfig, ModelEntry, registry};
use tinderbox_nn::Initializer;

fn reference() -> Value {
    serde_json::from_str(include_str!("../reference/torchvision.json")).unwrap()
}

fn standard() -> impl Iterator<Item = &'static ModelEntry> {
    registry().iter().filter(|entry| entry.standard)
}

/// 64-bit FNV-1a, as in `compare.py`.
fn fnv(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// The same configuration with zeros for the weights, where that saves drawing 100 million.
fn for_names(entry: &ModelEntry) -> ImageConfig {
    let mut config = torchvision::config(entry);
    if let ImageConfig::Vgg(vgg) = &mut config {
        vgg.convolution_initializer = Initializer::Zeros;
        vgg.linear_initializer = Initializer::Zeros;
    }
    config
}

#[test]
fn names_shapes_and_counts_are_those_of_torchvision() {
    let reference = reference();
    for entry in standard() {
        let device = burn::tensor::Device::flex();
        let model = for_names(entry).init(Seed::new(1), &device).unwrap();
        let tensors = model.collect(None, Some(Box::new(BurnToPyTorchAdapter)), false);
        let mut lines: Vec<String> = tensors
            .iter()
            .map(|tensor| format!("{} {:?}", tensor.name, tensor.shape.to_vec()))
            .collect();
        lines.sort();
        let expected = &reference["models"][entry.name];
        assert_eq!(
            fnv(&lines.join("\n")),
            expected["names"],
            "{}: {lines:#?}",
            entry.name
        );
        assert_eq!(entry.parameters, expected["parameters"], "{}", entry.name);
    }
}

/// The sum of the squares of all gradients.
struct Squares<'a>(&'a GradientsParams, f64);

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.0.get::<D>(param.id) {
            self.1 += f64::from(gradient.powi_scalar(2).sum().into_scalar::<f32>());
        }
    }
}

#[test]
fn logits_and_gradients_are_those_of_torchvision() {
    let reference = reference();
    // The larger VGGs differ from VGG-11 in nothing but the number of convolutions.
    let slow = ["vgg13", "vgg16", "vgg19"];
    for entry in standard().filter(|entry| !slow.contains(&entry.name)) {
        let (logits, model, gradients) = torchvision::forward_and_backward(entry);
        let expected = &reference["models"][entry.name];
        let theirs: Vec<f64> = serde_json::from_value(expected["logits"].clone()).unwrap();
        let ours = logits.try_to_vec_as::<f32>().unwrap();
        let pairs = ours.iter().zip(&theirs);
        let difference: f64 = pairs.map(|(&a, b)| (f64::from(a) - b).powi(2)).sum();
        let size: f64 = theirs.iter().map(|x| x * x).sum();
        let relative = (difference / size).sqrt();
        assert!(
            ours.len() == theirs.len() && relative < 1e-4,
            "{}: logits {relative}",
            entry.name
        );
        let mut squares = Squares(&gradients, 0.0);
        model.visit(&mut squares);
        let relative = squares.1.sqrt() / expected["gradient_norm"].as_f64().unwrap() - 1.0;
        // Among that many ReLUs, some have an input so close to 0 that rounding decides, and the
        // sizes of a processor's caches decide the order of sums: 1e-5 to 6e-4 were seen.
        let most = match entry.name {
            "resnet101" | "resnet152" => 5e-3,
            _ => 1e-4,
        };
        assert!(
            relative.abs() < most,
            "{}: gradients {relative}",
            entry.name
        );
    }
}

//! Layers for sequences compared with PyTorch's: weights load strictly, and outputs and all gradients agree.
//!
//! The files are made by `reference/make_sequences.py`.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use serde::Deserialize;
use tinderbox_core::Seed;
use tinderbox_nn::attention::{MultiheadAttentionConfig, causal_mask, length_mask};
use tinderbox_nn::{Cell, RecurrentConfig, RecurrentState, TransformerConfig};
use tinderbox_train::{load_weights, save_weights};

use super::reference;

const STEPS: usize = 5;
const BATCH: usize = 2;
const SIZE: usize = 8;
const HEADS: usize = 2;
const KEYS: usize = 6;

#[derive(Deserialize)]
struct Case {
    inputs: BTreeMap<String, Vec<f32>>,
    outputs: BTreeMap<String, Vec<f64>>,
    gradients: BTreeMap<String, Vec<f64>>,
}

fn case(name: &str) -> Case {
    let text = std::fs::read(reference("sequences.json")).unwrap();
    let mut cases: BTreeMap<String, Case> = serde_json::from_slice(&text).unwrap();
    cases.remove(name).unwrap()
}

/// A layer with PyTorch's weights; what is saved is the same again.
fn loaded<M: Module>(name: &str, layer: M) -> M {
    let layer = load_weights(layer, reference(&format!("{name}.pt"))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    save_weights(&layer, &path).unwrap();
    let before = numbers_of(&layer);
    let after = load_weights(layer.clone(), &path).unwrap();
    assert_eq!(numbers_of(&after), before);
    layer
}

#[derive(Default)]
struct Visit<'a> {
    path: Vec<String>,
    gradients: Option<&'a Gradients>,
    found: BTreeMap<String, Vec<f64>>,
}

impl ModuleVisitor for Visit<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.into());
    }
    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = match self.gradients {
            Some(gradients) => param.val().grad(gradients).unwrap(),
            None => param.val(),
        };
        // PyTorch keeps linear weights the other way round.
        let name = self.path.join(".");
        let linear = ["out_proj.weight", "linear1.weight", "linear2.weight"];
        let tensor = match linear.iter().any(|linear| name.ends_with(linear)) {
            true => tensor.swap_dims(0, 1),
            false => tensor,
        };
        let name = name.replace("gamma", "weight").replace("beta", "bias");
        self.found.insert(name, numbers(tensor));
    }
}

fn numbers_of<M: Module>(module: &M) -> BTreeMap<String, Vec<f64>> {
    let mut visit = Visit::default();
    module.visit(&mut visit);
    visit.found
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Within 1e-4 of the largest number of each tensor.
fn near(what: &str, got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-3f64, |all, x| all.max(x.abs()));
    for (place, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs() / largest;
        assert!(error < 1e-4, "{what}, {place}: {got}, PyTorch {expected}");
    }
}

struct Tensors {
    case: Case,
    device: Device,
    made: BTreeMap<String, Tensor<3>>,
}

impl Tensors {
    fn of(name: &str) -> Self {
        Self {
            case: case(name),
            device: Device::flex().autodiff(),
            made: BTreeMap::new(),
        }
    }

    fn input(&mut self, name: &str, shape: [usize; 3]) -> Tensor<3> {
        let data = TensorData::new(self.case.inputs[name].clone(), shape);
        let tensor = Tensor::<3>::from_data(data, &self.device).require_grad();
        self.made.insert(format!("inputs.{name}"), tensor.clone());
        tensor
    }

    /// Compares outputs (in the order of PyTorch's loss) and all gradients.
    fn check<M: Module>(self, name: &str, layer: &M, outputs: &[(&str, Tensor<1>)]) {
        for (key, output) in outputs {
            let got = numbers(output.clone());
            near(&format!("{name} {key}"), &got, &self.case.outputs[*key]);
        }
        let every = Tensor::cat(outputs.iter().map(|(_, x)| x.clone()).collect(), 0);
        let factors = (1..=every.dims()[0]).map(|place| f64::sin(place as f64) as f32);
        let factors = factors.collect::<Vec<_>>();
        let factors = Tensor::<1>::from_data(factors.as_slice(), &self.device);
        let gradients = (every * factors).sum().backward();
        let mut visit = Visit {
            gradients: Some(&gradients),
            ..Visit::default()
        };
        layer.visit(&mut visit);
        let mut found = visit.found;
        for (key, tensor) in self.made {
            found.insert(key, numbers(tensor.grad(&gradients).unwrap()));
        }
        let names = |map: &BTreeMap<String, Vec<f64>>| map.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&self.case.gradients), "{name}");
        for (key, expected) in &self.case.gradients {
            near(&format!("{name} gradient of {key}"), &found[key], expected);
        }
    }
}

fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    tensor.flatten(0, D - 1)
}

#[test]
fn recurrent_layers_are_pytorch_s() {
    for (name, cell) in [
        ("rnn", Cell::Rnn),
        ("rnn_relu", Cell::RnnRelu),
        ("gru", Cell::Gru),
        ("lstm", Cell::Lstm),
    ] {
        let mut tensors = Tensors::of(name);
        let config = RecurrentConfig::new(cell, 3, 4).layers(2).bidirectional();
        let layer = loaded(name, config.init(Seed::new(1), &tensors.device).unwrap());
        let state = RecurrentState {
            hidden: tensors.input("hidden", [4, BATCH, 4]),
            memory: (cell == Cell::Lstm).then(|| tensors.input("memory", [4, BATCH, 4])),
        };
        let (output, state) = layer.forward(tensors.input("x", [STEPS, BATCH, 3]), Some(state));
        let mut outputs = vec![("output", flat(output)), ("hidden", flat(state.hidden))];
        outputs.extend(state.memory.map(|memory| ("memory", flat(memory))));
        tensors.check(name, &layer, &outputs);
    }
}

#[test]
fn attention_is_pytorch_s() {
    let mut tensors = Tensors::of("attention");
    let device = tensors.device.clone();
    let config = MultiheadAttentionConfig::new(SIZE, HEADS);
    let layer = loaded("attention", config.init(Seed::new(1), &device).unwrap());
    let padding = length_mask(Tensor::from_data([6, 4], &device), KEYS);
    let (output, weights) = layer.forward(
        tensors.input("q", [BATCH, STEPS, SIZE]),
        tensors.input("k", [BATCH, KEYS, SIZE]),
        tensors.input("v", [BATCH, KEYS, SIZE]),
        Some(padding),
    );
    let outputs = [("output", flat(output)), ("weights", flat(weights))];
    tensors.check("attention", &layer, &outputs);
}

#[test]
fn transformers_are_pytorch_s() {
    for (norm, norm_first) in [("post", false), ("pre", true)] {
        let config = TransformerConfig {
            size: SIZE,
            heads: HEADS,
            feed_forward: 16,
            layers: 2,
            dropout: 0.0,
            norm_first,
        };
        let name = format!("encoder_{norm}");
        let mut tensors = Tensors::of(&name);
        let device = tensors.device.clone();
        let padding = length_mask(Tensor::from_data([6, 4], &device), KEYS);
        let encoder = config.encoder(true, Seed::new(1), &device).unwrap();
        let encoder = loaded(&name, encoder);
        let x = tensors.input("x", [BATCH, KEYS, SIZE]);
        let (output, _) = encoder.forward(x, Some(padding.clone()));
        tensors.check(&name, &encoder, &[("output", flat(output))]);

        let name = format!("decoder_{norm}");
        let mut tensors = Tensors::of(&name);
        let decoder = config.decoder(true, Seed::new(1), &device).unwrap();
        let decoder = loaded(&name, decoder);
        let x = tensors.input("x", [BATCH, STEPS, SIZE]);
        let memory = tensors.input("memory", [BATCH, KEYS, SIZE]);
        let causal = causal_mask(STEPS, STEPS, &device);
        let (output, _) = decoder.forward(x, memory, Some(causal), Some(padding));
        tensors.check(&name, &decoder, &[("output", flat(output))]);
    }
}

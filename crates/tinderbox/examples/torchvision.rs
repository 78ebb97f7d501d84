//! The side of Tinderbox in the comparison with torchvision, which
//! `crates/tinderbox-models/tests/python/compare.py` starts for every standard model.
//!
//! `torchvision export FOLDER NAME` writes the weights of a model, its inputs and outputs, and
//! the gradients; `torchvision import FOLDER NAME` loads a state dict of torchvision and compares
//! the logits.

#[path = "../../tinderbox-models/tests/suite/torchvision.rs"]
#[allow(dead_code)] // used by the tests only
mod torchvision;

use std::error::Error;
use std::path::Path;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;
use tinderbox_models::{ModelEntry, find};
use tinderbox_nn::Network;
use tinderbox_train::{load_weights, save_weights};

/// Inputs and outputs.
#[derive(Module, Debug)]
struct InOut {
    images: Param<Tensor<4>>,
    logits: Param<Tensor<2>>,
}

/// Puts the gradients in the places of the parameters, and zeros in those of statistics.
struct AsParameters<'a>(&'a GradientsParams);

impl ModuleMapper for AsParameters<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id: ParamId = param.id;
        let gradient = self.0.get::<D>(id);
        param.map(|old| gradient.unwrap_or_else(|| old.zeros_like()))
    }
}

fn export(folder: &Path, entry: &ModelEntry) -> Result<(), Box<dyn Error>> {
    let path = |what: &str| folder.join(format!("{what}.safetensors"));
    let (logits, trained, gradients) = torchvision::forward_and_backward(entry);
    save_weights(&torchvision::model(entry), path("model"))?;
    let gradients = trained.map(&mut AsParameters(&gradients)).valid();
    save_weights(&gradients, path("gradients"))?;
    let device = Device::flex();
    let in_out = InOut {
        images: Param::from_tensor(torchvision::images(entry, &device)),
        logits: Param::from_data(logits, &device),
    };
    Ok(save_weights(&in_out, path("in_out"))?)
}

/// Prints the error of the logits, relative to their size.
fn import(folder: &Path, entry: &ModelEntry) -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    let model = torchvision::config(entry).init(Seed::new(1), &device)?;
    let model = load_weights(model, folder.join("theirs.pth"))?;
    let in_out = InOut {
        images: Param::from_tensor(Tensor::zeros(torchvision::SHAPE, &device)),
        logits: Param::from_tensor(Tensor::zeros(
            [torchvision::SHAPE[0], torchvision::CLASSES],
            &device,
        )),
    };
    let in_out = load_weights(in_out, folder.join("theirs.safetensors"))?;
    let logits = model.predict(in_out.images.val())?;
    let size = |tensor: Tensor<2>| tensor.square().sum().sqrt().into_scalar::<f32>();
    let expected = in_out.logits.val();
    println!("{:.1e}", size(logits - expected.clone()) / size(expected));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["export", folder, name] => export(folder.as_ref(), find(name)?),
        ["import", folder, name] => import(folder.as_ref(), find(name)?),
        _ => Err("usage: torchvision export|import FOLDER NAME".into()),
    }
}

//! Writes every standard model with its logits and gradients for `tests/python/compare.py`, which
//! runs this and compares with torchvision.
//!
//! `cargo run --release -p tinderbox-models --example torchvision_export FOLDER [NAME…]`

#[path = "../tests/torchvision/mod.rs"]
mod torchvision;

use std::error::Error;
use std::path::Path;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use burn_store::{BurnToPyTorchAdapter, ModuleSnapshot, SafetensorsStore};
use tinderbox_models::registry;

/// What goes in and what comes out.
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

fn save<M: Module>(module: &M, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut store = SafetensorsStore::from_bytes(None).with_to_adapter(BurnToPyTorchAdapter);
    module.save_into(&mut store)?;
    tinderbox_core::write_atomic(path, store.get_bytes()?)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("usage: torchvision_export FOLDER [NAME…]")?;
    let names: Vec<String> = arguments.collect();
    let device = Device::flex();
    for entry in registry().iter().filter(|entry| entry.standard) {
        if !names.is_empty() && !names.iter().any(|name| name == entry.name) {
            continue;
        }
        let path =
            |what: &str| Path::new(&folder).join(format!("{}.{what}.safetensors", entry.name));
        let (logits, trained, gradients) = torchvision::forward_and_backward(entry);
        save(&torchvision::model(entry), &path("model"))?;
        let gradients = trained.map(&mut AsParameters(&gradients)).valid();
        save(&gradients, &path("gradients"))?;
        let in_out = InOut {
            images: Param::from_tensor(torchvision::images(entry, &device)),
            logits: Param::from_data(logits, &device),
        };
        save(&in_out, &path("in_out"))?;
        println!("{}", entry.name);
    }
    Ok(())
}

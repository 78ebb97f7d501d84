use std::collections::HashSet;

use burn::module::Module;
use tinderbox_nn::{Parameter, parameters};

/// The float parameters of a module in the order of its fields; a shared one is listed once.
pub(crate) fn distinct_parameters<M: Module>(module: &M) -> Vec<Parameter> {
    let mut seen = HashSet::new();
    let mut found = parameters(module);
    found.retain(|parameter| seen.insert(parameter.id));
    found
}

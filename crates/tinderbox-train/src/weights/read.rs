//! The tensors of a file under the names that the model has.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use burn_store::burn_pack;
use burn_store::pytorch_reader::{PickleValue, PytorchReader};
use burn_store::{ModuleStore, PytorchStore, SafetensorsStore};

use super::fault;
use crate::{Result, TrainError};

pub(super) type Tensors = BTreeMap<String, burn_pack::Tensor>;
/// The names and shapes of a model.
pub(super) type Shapes = BTreeMap<String, Vec<usize>>;

/// The tensors of a file by name, their numbers unread.
pub(super) fn read(path: &Path, expected: &Shapes) -> Result<Tensors> {
    let mut tensors = if is_safetensors(path)? {
        let mut store = SafetensorsStore::from_file(path);
        let all = store
            .get_all_tensors()
            .map_err(|error| fault(path, error))?;
        all.clone()
    } else {
        read_pytorch(path, expected)?
    };
    tensors = unwrapped(tensors, expected);
    let counters: Vec<String> = tensors
        .keys()
        .filter(|name| {
            let norm = name.strip_suffix("num_batches_tracked");
            let tracked = norm.map(|norm| format!("{norm}running_mean"));
            tracked.is_some_and(|mean| tensors.contains_key(&mean))
                || (*name == "n_averaged" && !expected.contains_key(*name))
        })
        .cloned()
        .collect();
    for counter in counters {
        tensors.remove(&counter);
    }
    Ok(tensors)
}

/// The parts of a name that PyTorch's wrappers put there: `DataParallel`, `AveragedModel`;
/// `torch.compile`.
const WRAPPERS: [&str; 2] = ["module", "_orig_mod"];

/// The tensors with the names that the model has most of: as they are, without what wrappers put
/// before them, one wrapper less each time, and without what wrappers put anywhere.
fn unwrapped(tensors: Tensors, expected: &Shapes) -> Tensors {
    let mut names: Vec<String> = tensors.keys().cloned().collect();
    let mut best = (known(names.iter(), expected), names.clone());
    let without = |name: &String| {
        let parts = name.split('.').filter(|part| !WRAPPERS.contains(part));
        parts.collect::<Vec<_>>().join(".")
    };
    let everywhere: Vec<String> = names.iter().map(without).collect();
    let mut candidates = Vec::new();
    loop {
        let outer = |name: &String| match name.split_once('.') {
            Some((first, rest)) if WRAPPERS.contains(&first) => rest.to_owned(),
            _ => name.clone(),
        };
        let fewer: Vec<String> = names.iter().map(outer).collect();
        if fewer == names {
            break;
        }
        candidates.push(fewer.clone());
        names = fewer;
    }
    candidates.push(everywhere);
    for names in candidates {
        let count = known(names.iter(), expected);
        let different: HashSet<&String> = names.iter().collect();
        if count > best.0 && different.len() == names.len() {
            best = (count, names);
        }
    }
    let renamed = tensors.into_values().zip(best.1).map(|(mut tensor, name)| {
        tensor.name.clone_from(&name);
        (name, tensor)
    });
    renamed.collect()
}

/// How many of the names the model has.
fn known<'a>(names: impl Iterator<Item = &'a String>, expected: &Shapes) -> usize {
    names.filter(|name| expected.contains_key(*name)).count()
}

/// Whether a file starts as one of safetensors does: the length of its header in 8 bytes, then the
/// header, which is JSON.
fn is_safetensors(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(9).read_to_end(&mut start));
    read.map_err(|source| TrainError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(start.get(8) == Some(&b'{'))
}

/// The state dict of a file that `torch.save` wrote.
fn read_pytorch(path: &Path, expected: &Shapes) -> Result<Tensors> {
    let unreadable = |error: &dyn fmt::Display| {
        fault(
            path,
            match path.extension().is_some_and(|end| end == "safetensors") {
                true => "this is no file of safetensors: an empty or interrupted download, a page that was saved in its \
                         place, or a pointer of Git LFS; download it again"
                    .into(),
                false => format!("{error}; give a .safetensors file, or a state dict that torch.save wrote"),
            },
        )
    };
    let tensors = |store: PytorchStore| -> Result<Tensors> {
        // Our indices are those of PyTorch, with the same gaps.
        let mut store = store.map_indices_contiguous(false);
        let all = store.get_all_tensors();
        Ok(all.map_err(|error| unreadable(&error))?.clone())
    };
    let fitting = |tensors: &Tensors| {
        let unwrapped = unwrapped(tensors.clone(), expected);
        known(unwrapped.keys(), expected)
    };
    let mut best = tensors(PytorchStore::from_file(path))?;
    let top = PytorchReader::read_pickle_data(path, None).map_err(|error| unreadable(&error))?;
    if let PickleValue::Dict(entries) = top {
        let nested = |(key, value): (String, PickleValue)| {
            matches!(value, PickleValue::Dict(_)).then_some(key)
        };
        let mut keys: Vec<String> = entries.into_iter().filter_map(nested).collect();
        keys.sort();
        for key in keys {
            let entry = tensors(PytorchStore::from_file(path).with_top_level_key(key))?;
            if fitting(&entry) > fitting(&best) {
                best = entry;
            }
        }
    }
    Ok(best)
}

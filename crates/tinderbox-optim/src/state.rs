//! Saving and restoring the state of an optimizer, by the paths of the parameters.

use crate::error::{OptimError, Result};
use crate::parameters::distinct_parameters;
use burn::module::Module;
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::tensor::Bytes;
use burn_pack::{Reader, Scalar, Tensor as PackedTensor, Writer};
use std::collections::{BTreeMap, BTreeSet};
use tinderbox_nn::Parameter;

/// Identifies the file format; raised when the meaning of its contents changes.
const FORMAT: (&str, &str) = ("format", "tinderbox-optimizer-1");
/// Prefix of the entries with the shapes of the parameters.
const SHAPE: &str = "shape:";
/// Between the path of a parameter and the name of an entry; cannot occur in a Rust field name.
const SEPARATOR: char = ':';

/// The state of `optimizer` as bytes, keyed by the paths of the parameters in `module`.
///
/// Burn's own record is keyed by `ParamId`, which is random for every model, so it fits no model of
/// another process.
///
/// # Errors
/// State of a parameter that `module` does not have.
pub fn save_state<M: Module>(optimizer: &ModuleOptimizer, module: &M) -> Result<Vec<u8>> {
    let by_id: BTreeMap<String, Parameter> = distinct_parameters(module)
        .into_iter()
        .map(|parameter| (parameter.id.val().to_string(), parameter))
        .collect();
    let (tensors, scalars, paths) = unpack(optimizer.into_bytes().map_err(unreadable)?)?;
    let find = |id: &str| {
        by_id.get(id).ok_or_else(|| OptimError::UnknownParameter {
            path: paths.get(id).cloned().unwrap_or_else(|| id.to_string()),
        })
    };
    let rename = |name: &str| -> Result<String> {
        let (id, leaf) = name.split_once('.').unwrap_or((name, ""));
        Ok(format!("{}{SEPARATOR}{leaf}", find(id)?.path))
    };

    let mut packed = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let (name, dtype, shape, _, bytes) = tensor.into_parts().map_err(unreadable)?;
        packed.push(PackedTensor::new(rename(&name)?, dtype, shape, None, bytes));
    }
    // They are in the order of the random ids; the same state must give the same bytes.
    packed.sort_by(|a, b| a.name.cmp(&b.name));
    let mut writer = Writer::new(packed).with_metadata(FORMAT.0, FORMAT.1);
    for (name, value) in &scalars {
        writer = writer.with_scalar(&rename(name)?, *value);
    }
    for id in paths.keys() {
        let parameter = find(id)?;
        let shape = format!("{:?}", parameter.shape);
        writer = writer.with_metadata(&format!("{SHAPE}{}", parameter.path), &shape);
    }
    Ok(writer.into_bytes().map_err(unreadable)?.to_vec())
}

/// Restores a saved state into `optimizer`, which then continues with `module` as if it had never
/// stopped.
///
/// `optimizer` must be built from the same settings (and groups) as the one that was saved, and
/// `module` must have the same parameters; their ids may differ. The state that `optimizer` had is
/// replaced.
///
/// # Errors
/// Bytes that are cut off or no optimizer state, parameters that `module` does not have or has in
/// another shape, the state of another optimizer. Burn's own loading would silently drop entries that
/// do not fit and reset the state of those parameters.
pub fn load_state<M: Module>(
    optimizer: ModuleOptimizer,
    bytes: &[u8],
    module: &M,
) -> Result<ModuleOptimizer> {
    let by_path: BTreeMap<String, Parameter> = distinct_parameters(module)
        .into_iter()
        .map(|parameter| (parameter.path.clone(), parameter))
        .collect();
    let (tensors, scalars, metadata) = unpack(Bytes::from_bytes_vec(bytes.to_vec()))?;
    if metadata.get(FORMAT.0).map(String::as_str) != Some(FORMAT.1) {
        return Err(OptimError::Unreadable(format!(
            "it is not of format {}",
            FORMAT.1
        )));
    }
    let find = |path: &str| {
        by_path
            .get(path)
            .ok_or_else(|| OptimError::UnknownParameter {
                path: path.to_string(),
            })
    };
    let rename = |name: &str| -> Result<(&Parameter, String)> {
        let (path, leaf) = name
            .split_once(SEPARATOR)
            .ok_or_else(|| OptimError::Unreadable(format!("entry `{name}` has no path")))?;
        let parameter = find(path)?;
        Ok((parameter, format!("{}.{leaf}", parameter.id.val())))
    };

    let mut paths = BTreeMap::new();
    for (name, saved) in &metadata {
        let Some(path) = name.strip_prefix(SHAPE) else {
            continue;
        };
        let parameter = find(path)?;
        let found = format!("{:?}", parameter.shape);
        if *saved != found {
            return Err(OptimError::Shape {
                what: format!("the saved optimizer state of parameter `{path}`"),
                expected: parse_shape(saved)?,
                found: parameter.shape.clone(),
            });
        }
        paths.insert(parameter.id.val().to_string(), path.to_string());
    }
    let mut names = BTreeSet::new();
    let mut packed = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let (name, dtype, shape, _, bytes) = tensor.into_parts().map_err(unreadable)?;
        let (parameter, renamed) = rename(&name)?;
        // Burn panics on a tensor of another rank.
        if shape.num_dims() != parameter.shape.len() {
            return Err(OptimError::Shape {
                what: format!("the saved entry `{name}`"),
                expected: parameter.shape.clone(),
                found: shape.to_vec(),
            });
        }
        names.insert(renamed.clone());
        let id = Some(parameter.id.val());
        packed.push(PackedTensor::new(renamed, dtype, shape, id, bytes));
    }
    let mut writer = Writer::new(packed);
    for (name, value) in &scalars {
        let (_, renamed) = rename(name)?;
        writer = writer.with_scalar(&renamed, *value);
        names.insert(renamed);
    }
    for (id, path) in &paths {
        writer = writer.with_metadata(id, path);
    }
    let bytes = writer.into_bytes().map_err(unreadable)?;
    let record = OptimizerRecord::from_bytes(bytes).map_err(unreadable)?;
    let optimizer = optimizer.load_record(record);

    // Burn silently drops entries that it does not know; all others come out again.
    let (tensors, scalars, _) = unpack(optimizer.into_bytes().map_err(unreadable)?)?;
    let understood: BTreeSet<String> = tensors
        .into_iter()
        .map(|tensor| tensor.name)
        .chain(scalars.into_keys())
        .collect();
    // The entry that says most about its optimizer comes first.
    let mut dropped: Vec<&String> = names.symmetric_difference(&understood).collect();
    dropped.sort_by_key(|name| name.contains("__"));
    if let Some(name) = dropped.first() {
        let (id, leaf) = name.split_once('.').unwrap_or((name, ""));
        return Err(OptimError::OtherOptimizer {
            path: paths.get(id).cloned().unwrap_or_else(|| id.to_string()),
            found: leaf.to_string(),
        });
    }
    Ok(optimizer)
}

pub(crate) type Unpacked = (
    Vec<PackedTensor>,
    BTreeMap<String, Scalar>,
    BTreeMap<String, String>,
);

pub(crate) fn unpack(bytes: Bytes) -> Result<Unpacked> {
    let reader = Reader::from_bytes(bytes).map_err(unreadable)?;
    let scalars = reader.scalars().clone();
    let metadata = reader.metadata().clone();
    Ok((
        reader.into_tensors().map_err(unreadable)?,
        scalars,
        metadata,
    ))
}

pub(crate) fn unreadable(error: impl std::fmt::Display) -> OptimError {
    OptimError::Unreadable(error.to_string())
}

fn parse_shape(text: &str) -> Result<Vec<usize>> {
    let numbers = text.trim_matches(['[', ']']);
    numbers
        .split(", ")
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().map_err(unreadable))
        .collect()
}

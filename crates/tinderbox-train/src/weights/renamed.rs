//! Weights under names that another program gave them.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::TensorData;
use burn_store::{bridge, burn_pack};

use super::read::{Tensors, read};
use super::{apply, compare, pytorch_shapes};
use crate::{Result, TrainError};

/// How a tensor of a file is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// Under this name of the model.
    Name(String),
    /// Under this name of the model; the file has its two dimensions the other way round.
    Transposed(String),
    /// Under this name of the model; the file has a first dimension of size 1 more.
    Squeezed(String),
    /// Not at all.
    Ignored,
}

/// The names of the tensors in files of weights, in order.
///
/// # Errors
/// A file that cannot be read or is damaged.
pub fn weight_names(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in files {
        names.extend(read(file, &Default::default())?.into_keys());
    }
    names.sort();
    Ok(names)
}

/// As [`load_weights`](crate::load_weights), for a model whose weights are in one or several files under other names.
///
/// # Errors
/// Those of [`load_weights`](crate::load_weights); no file, a name that is in two of them.
pub fn load_renamed_weights<M: Module>(
    model: M,
    files: &[PathBuf],
    renamed: impl Fn(&str) -> Renamed,
) -> Result<M> {
    let expected = pytorch_shapes(&model);
    let mut all = Tensors::new();
    for file in files {
        for (name, mut tensor) in read(file, &expected)? {
            let name = match renamed(&name) {
                Renamed::Ignored => continue,
                Renamed::Name(name) => name,
                Renamed::Transposed(name) => {
                    tensor = transposed(tensor);
                    name
                }
                Renamed::Squeezed(name) => {
                    tensor = squeezed(tensor);
                    name
                }
            };
            tensor.name.clone_from(&name);
            if all.insert(name.clone(), tensor).is_some() {
                return Err(super::fault(file, format!("{name} is in two of the files")));
            }
        }
    }
    let path = match files {
        [] => Path::new(""),
        [file] => file,
        [file, ..] => file.parent().unwrap_or(file),
    };
    let (tensors, report) = compare(expected, all);
    if !report.is_complete() {
        return Err(TrainError::OtherWeights {
            path: path.to_owned(),
            report: Box::new(report),
        });
    }
    apply(&model, tensors, path)
}

/// A tensor `[1, …]` as `[…]`; others as they are, for the comparison of shapes to refuse.
fn squeezed(tensor: burn_pack::Tensor) -> burn_pack::Tensor {
    let [1, rest @ ..] = tensor.shape.as_slice() else {
        return tensor;
    };
    let (dtype, name, rest) = (tensor.dtype, tensor.name.clone(), rest.to_vec());
    let shape = rest.clone().into();
    bridge::map_data(tensor, name, dtype, shape, move |data| {
        TensorData::from_bytes_vec(data.as_bytes().to_vec(), rest.clone(), dtype)
    })
}

/// A tensor `[a, b]` as `[b, a]`; others as they are, for the comparison of shapes to refuse.
fn transposed(tensor: burn_pack::Tensor) -> burn_pack::Tensor {
    let &[rows, columns] = tensor.shape.as_slice() else {
        return tensor;
    };
    let (dtype, name) = (tensor.dtype, tensor.name.clone());
    bridge::map_data(tensor, name, dtype, [columns, rows].into(), move |data| {
        let size = dtype.size();
        let bytes = data.as_bytes();
        let mut turned = Vec::with_capacity(bytes.len());
        for column in 0..columns {
            for row in 0..rows {
                let at = (row * columns + column) * size;
                turned.extend_from_slice(&bytes[at..at + size]);
            }
        }
        TensorData::from_bytes_vec(turned, [columns, rows], dtype)
    })
}

//! Weights as files that PyTorch writes and reads.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{BoolStore, DType, Shape};
use burn_store::burn_pack;
use burn_store::{
    BurnToPyTorchAdapter, FloatCastAdapter, ModuleAdapter, ModuleContext, ModuleSnapshot,
    PyTorchToBurnAdapter, SafetensorsStore, bridge,
};
use tinderbox_core::write_atomic;
use tinderbox_nn::{Parameter, ParameterKind, all_parameters, deep_copy};

use crate::{Result, TrainError};

mod read;
mod renamed;

use read::{Shapes, Tensors, read};

pub use renamed::{Renamed, load_renamed_weights, weight_names};

/// How the names in a file of weights match those of the model; each list is sorted.
///
/// Names and shapes are those of PyTorch: `bn1.weight`, and `[outputs, inputs]` of a linear layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WeightsReport {
    /// Names that were loaded.
    pub loaded: Vec<String>,
    /// Names in the model, but not in the file.
    pub missing: Vec<String>,
    /// Names in the file, but not in the model.
    pub unexpected: Vec<String>,
    /// Names in both, with different shapes.
    pub misshapen: Vec<Misshapen>,
}

/// Weights that have another shape in the file than in the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misshapen {
    /// Their name.
    pub name: String,
    /// Their shape in the file.
    pub file: Vec<usize>,
    /// Their shape in the model.
    pub model: Vec<usize>,
}

impl WeightsReport {
    /// Whether everything in the file was loaded and the model needs nothing else.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty()
    }
}

impl fmt::Display for Misshapen {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { name, file, model } = self;
        write!(f, "{name} {file:?} instead of {model:?}")
    }
}

/// One line with the names that do not fit, at most ten of a kind.
impl fmt::Display for WeightsReport {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} fit", self.loaded.len())?;
        list(f, "missing", &self.missing)?;
        list(f, "unexpected", &self.unexpected)?;
        list(f, "of another shape", &self.misshapen)
    }
}

fn list(f: &mut fmt::Formatter, what: &str, all: &[impl fmt::Display]) -> fmt::Result {
    const SHOWN: usize = 10;
    if all.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = all.iter().take(SHOWN).map(ToString::to_string).collect();
    write!(f, "; {} {what}: {}", all.len(), shown.join(", "))?;
    if all.len() > SHOWN {
        write!(f, ", …")?;
    }
    Ok(())
}

/// Puts the weights of a file into a model: a `.safetensors` file, or a state dict that `torch.save`
/// wrote (`.pt`, `.pth`), under PyTorch's names.
///
/// A state dict may be an entry of a dictionary, as in a checkpoint of a training run (`state_dict`,
/// `model`, …): the entry with most of the model's names is taken. What PyTorch's wrappers add to the
/// names is left off, in whatever order and at any depth: `module.` (`DataParallel`, `AveragedModel`)
/// and `_orig_mod.` (`torch.compile`). Counters (`num_batches_tracked` of batch norms, `n_averaged` of
/// averaged models) are ignored: Burn has none. Numbers of another precision become the model's.
///
/// If `model` is a clone, the original does not change, including its running statistics.
///
/// # Errors
/// A file that cannot be read or is damaged; names that are missing or unexpected, or shapes that
/// differ: all of them are in the error. [`load_matching_weights`] loads the rest.
pub fn load_weights<M: Module>(model: M, path: impl AsRef<Path>) -> Result<M> {
    let path = path.as_ref();
    let (tensors, report) = read_fitting(&model, path)?;
    if !report.is_complete() {
        return Err(TrainError::OtherWeights {
            path: path.to_owned(),
            report: Box::new(report),
        });
    }
    apply(&model, tensors, path)
}

/// As [`load_weights`], but names that are missing, unexpected or of another shape are skipped and
/// reported: for a model whose head was replaced.
///
/// # Errors
/// A file that cannot be read or is damaged, or one that shares nothing with the model.
pub fn load_matching_weights<M: Module>(
    model: M,
    path: impl AsRef<Path>,
) -> Result<(M, WeightsReport)> {
    let path = path.as_ref();
    let (tensors, report) = read_fitting(&model, path)?;
    if report.loaded.is_empty() {
        return Err(TrainError::OtherWeights {
            path: path.to_owned(),
            report: Box::new(report),
        });
    }
    Ok((apply(&model, tensors, path)?, report))
}

/// Writes the weights of a model as a `.safetensors` file that PyTorch's
/// `load_state_dict(load_file(path), strict=True)` takes: with PyTorch's names, linear weights as
/// `[outputs, inputs]`.
///
/// Counters of batch norms (`num_batches_tracked`) are not in it. PyTorch expects them only in
/// state dicts that carry the version of the module, which those from safetensors never do.
///
/// # Errors
/// A file that cannot be written, numbers that the format does not have (quantised ones).
pub fn save_weights<M: Module>(model: &M, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let mut store = SafetensorsStore::from_bytes(None)
        .with_to_adapter(BurnToPyTorchAdapter)
        .skip_enum_variants(true)
        .clear_metadata();
    // Burn applies the last update of running statistics late; in a copy it is applied.
    deep_copy(model)
        .save_into(&mut store)
        .map_err(|error| fault(path, error))?;
    let bytes = store.get_bytes().map_err(|error| fault(path, error))?;
    let bytes = with_metadata(bytes).map_err(|error| fault(path, error))?;
    Ok(write_atomic(path, bytes)?)
}

/// Adds the metadata to a safetensors file. Burn would write it in a random order, and the same
/// weights are to be the same bytes.
fn with_metadata(file: Vec<u8>) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let (length, rest) = file.split_first_chunk::<8>().ok_or("it has no header")?;
    let length = usize::try_from(u64::from_le_bytes(*length))?;
    let (header, tensors) = rest.split_at_checked(length).ok_or("it has no header")?;
    let mut header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header)?;
    // `format` tells PyTorch's libraries whose names these are.
    let metadata = serde_json::json!({ "format": "pt", "framework": "tinderbox" });
    header.insert("__metadata__".into(), metadata);
    let mut header = serde_json::to_vec(&header)?;
    // The tensors that follow start at a multiple of eight.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(tensors);
    Ok(file)
}

fn fault(path: &Path, reason: impl fmt::Display) -> TrainError {
    TrainError::Weights {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// The tensors of a file that fit the model, and the report on all names.
fn read_fitting<M: Module>(
    model: &M,
    path: &Path,
) -> Result<(Vec<burn_pack::Tensor>, WeightsReport)> {
    let expected = pytorch_shapes(model);
    let found = read(path, &expected)?;
    Ok(compare(expected, found))
}

/// The found tensors that fit what is expected, and the report on all names.
fn compare(mut missing: Shapes, found: Tensors) -> (Vec<burn_pack::Tensor>, WeightsReport) {
    let mut report = WeightsReport::default();
    let mut fitting = Vec::new();
    for (name, tensor) in found {
        match missing.remove(&name) {
            Some(shape) if shape == tensor.shape.to_vec() => {
                report.loaded.push(name);
                fitting.push(tensor);
            }
            Some(shape) => report.misshapen.push(Misshapen {
                name,
                file: tensor.shape.to_vec(),
                model: shape,
            }),
            None => report.unexpected.push(name),
        }
    }
    report.missing = missing.into_keys().collect();
    (fitting, report)
}

fn apply<M: Module>(model: &M, tensors: Vec<burn_pack::Tensor>, path: &Path) -> Result<M> {
    let mut model = deep_copy(model);
    let device = model.devices().into_iter().next().unwrap_or_default();
    let float: DType = device.settings().float_dtype.into();
    let adapter = PyTorchToBurnAdapter.chain(FloatCastAdapter::to(float));
    let result = model.apply(tensors, None, Some(Box::new(adapter)), true);
    match result.errors.first() {
        Some(error) => Err(fault(path, error)),
        None => Ok(model),
    }
}

/// The names and shapes that PyTorch has for the tensors of a module; draws no weights.
fn pytorch_shapes<M: Module>(model: &M) -> Shapes {
    let tensor = |parameter: Parameter| {
        let dtype = match parameter.kind {
            ParameterKind::Float => DType::F32,
            ParameterKind::Int => DType::I64,
            ParameterKind::Bool => DType::Bool(BoolStore::Native),
            ParameterKind::Flag => return None,
        };
        // PyTorch has no enums, so their variants are not in its names.
        let parts = parameter.path.split('.').zip(&parameter.containers);
        let parts = parts.filter(|(_, container)| !container.starts_with("Enum:"));
        let name: Vec<&str> = parts.map(|(part, _)| part).collect();
        // The adapter derives name and shape from those of Burn; it does not read the numbers.
        let nothing = || Err(burn_pack::Error::ValidationError("no numbers".into()));
        let shape = Shape::from(parameter.shape);
        let tensor = bridge::deferred(name.join("."), dtype, shape, None, nothing);
        let context = ModuleContext::new(&parameter.containers);
        let tensor = BurnToPyTorchAdapter.adapt(tensor, context);
        Some((tensor.name, tensor.shape.to_vec()))
    };
    all_parameters(model)
        .into_iter()
        .filter_map(tensor)
        .collect()
}

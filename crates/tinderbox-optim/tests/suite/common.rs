use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};
use serde_json::Value;
use tinderbox_optim::{GradientsParams, OptimizerConfig};

/// `ndarray` stays supported until Burn drops it.
#[allow(deprecated)]
pub fn devices() -> [Device; 2] {
    [Device::flex(), Device::ndarray()]
}

/// The cases of a reference file; see `tests/reference/make_reference.py`.
pub fn reference(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/reference/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(file["cases"].take()).unwrap()
}

pub fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

#[derive(Module, Debug)]
pub struct Pair {
    pub matrix: Param<Tensor<2>>,
    pub vector: Param<Tensor<1>>,
}

pub fn tensor<const D: usize>(
    values: &[f64],
    shape: [usize; D],
    device: &Device,
    dtype: DType,
) -> Tensor<D> {
    let data = TensorData::new(values.to_vec(), shape).convert_dtype(dtype);
    Tensor::from_data(data, (device, dtype))
}

pub fn start(count: usize) -> Vec<f64> {
    (0..count).map(|i| (0.5 * i as f64).cos()).collect()
}

/// The gradient of step `step` (from 0) that the reference script uses, too.
pub fn gradient(step: usize, count: usize) -> Vec<f64> {
    (0..count)
        .map(|i| (1.0 + 1.7 * step as f64 + 0.9 * i as f64).sin() * (1.0 + i as f64 / 3.0))
        .collect()
}

/// A parameter that trains: Burn's optimizers refuse those of a device without autodiff.
pub fn parameter<const D: usize>(
    values: &[f64],
    shape: [usize; D],
    device: &Device,
    dtype: DType,
) -> Param<Tensor<D>> {
    trained(tensor(values, shape, &device.clone().autodiff(), dtype))
}

/// The tensor as a parameter that trains.
pub fn trained<const D: usize>(tensor: Tensor<D>) -> Param<Tensor<D>> {
    let tensor = Tensor::from_inner(tensor.inner());
    Param::from_tensor(tensor.require_grad())
}

impl Pair {
    pub fn new(device: &Device, dtype: DType) -> Self {
        Self {
            matrix: parameter(&start(6), [3, 2], device, dtype),
            vector: parameter(&start(4), [4], device, dtype),
        }
    }

    pub fn gradients(&self, step: usize) -> GradientsParams {
        let (device, dtype) = (
            self.matrix.val().device().inner(),
            self.matrix.val().dtype(),
        );
        let mut grads = GradientsParams::new();
        grads.register(
            self.matrix.id,
            tensor(&gradient(step, 6), [3, 2], &device, dtype),
        );
        grads.register(
            self.vector.id,
            tensor(&gradient(step, 4), [4], &device, dtype),
        );
        grads
    }

    pub fn numbers(&self) -> [Vec<f64>; 2] {
        [vec(self.matrix.val()), vec(self.vector.val())]
    }
}

pub fn vec<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

pub fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (f, e)) in found.iter().zip(expected).enumerate() {
        let allowed = tolerance * (1.0 + e.abs());
        assert!(
            (f - e).abs() <= allowed,
            "{what}, number {index}: {f} is not {e}"
        );
    }
}

/// Every optimizer, plain and with everything switched on.
pub fn all_optimizers() -> Vec<OptimizerConfig> {
    let mut configs: Vec<OptimizerConfig> = OptimizerConfig::NAMES
        .iter()
        .map(|name| OptimizerConfig::by_name(name).unwrap())
        .collect();
    for case in reference("optimizers.json") {
        configs.push(serde_json::from_value(case["config"].clone()).unwrap());
    }
    for name in ["yogi", "lion", "lamb"] {
        configs.push(
            OptimizerConfig::by_name(name)
                .unwrap()
                .with_weight_decay(0.1),
        );
    }
    configs
}

//! Weights that PyTorch wrote, and weights for PyTorch.
//!
//! The files are made by `reference/make_weights.py`.

#[path = "weights/sequences.rs"]
mod sequences;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};
use serde_json::Value;
use tinderbox_core::Seed;
use tinderbox_models::image::{
    BatchNormLeNet, BatchNormLeNetConfig, LeNetConfig, MobileNetV2Config,
};
use tinderbox_models::{LinearRegressionConfig, registry};
use tinderbox_nn::Network;
use tinderbox_train::{Misshapen, TrainError, load_matching_weights, load_weights, save_weights};

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reference")
        .join(name)
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(reference("lenet.json")).unwrap()).unwrap()
}

fn lenet(classes: usize, seed: u64) -> BatchNormLeNet {
    let config = BatchNormLeNetConfig::new([1, 16, 16], classes);
    config.init(Seed::new(seed), &Device::flex()).unwrap()
}

fn logits(model: &BatchNormLeNet) -> Vec<f32> {
    let pixels: Vec<f32> = (0..512).map(|i| (37 * i % 256) as f32 / 255.0).collect();
    let images = Tensor::from_data(TensorData::new(pixels, [2, 1, 16, 16]), &Device::flex());
    model.forward(images).try_into_vec_as::<f32>().unwrap()
}

/// The largest difference of the logits to those of PyTorch, relative to the largest of these.
fn error(model: &BatchNormLeNet) -> f64 {
    let theirs: Vec<f64> = serde_json::from_value(expected()["logits"].clone()).unwrap();
    let ours = logits(model);
    assert_eq!(ours.len(), theirs.len());
    let pairs = ours.iter().zip(&theirs);
    let differences = pairs.map(|(&a, b)| (f64::from(a) - b).abs());
    differences.fold(0.0, f64::max) / theirs.iter().map(|x| x.abs()).fold(0.0, f64::max)
}

/// The bits of all numbers of a module by path.
fn bits<M: Module>(module: &M) -> BTreeMap<String, Vec<u32>> {
    #[derive(Default)]
    struct Bits {
        path: Vec<String>,
        found: BTreeMap<String, Vec<u32>>,
    }

    impl ModuleVisitor for Bits {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.into());
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            assert_eq!(param.val().dtype(), DType::F32);
            let numbers = param.val().try_into_vec_as::<f32>().unwrap();
            let numbers = numbers.into_iter().map(f32::to_bits).collect();
            self.found.insert(self.path.join("."), numbers);
        }
    }

    let mut bits = Bits::default();
    module.visit(&mut bits);
    bits.found
}

/// Shape and bytes of every tensor in a safetensors file.
fn tensors(path: &Path) -> BTreeMap<String, (Value, Vec<u8>)> {
    let file = std::fs::read(path).unwrap();
    let (length, rest) = file.split_first_chunk::<8>().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: BTreeMap<String, Value> = serde_json::from_slice(header).unwrap();
    let entry = |(name, entry): (String, Value)| {
        let range: (usize, usize) = serde_json::from_value(entry["data_offsets"].clone()).ok()?;
        Some((
            name,
            (entry["shape"].clone(), data[range.0..range.1].to_vec()),
        ))
    };
    header.into_iter().filter_map(entry).collect()
}

#[test]
fn every_format_that_pytorch_writes_gives_its_logits() {
    assert!(error(&lenet(10, 1)) > 0.1, "other weights, other logits");
    for name in ["lenet.safetensors", "lenet.pt"] {
        let model = load_weights(lenet(10, 1), reference(name)).unwrap();
        let error = error(&model);
        assert!(error < 1e-5, "{name}: {error}");
    }
    // An entry of a checkpoint, with the names of DataParallel and 16 bits a number.
    let half = load_weights(lenet(10, 1), reference("lenet_checkpoint.pth")).unwrap();
    let error = error(&half);
    assert!(error < 2e-3, "{error}");
    // The same, compiled.
    let compiled = load_weights(lenet(10, 1), reference("lenet_compiled.pth")).unwrap();
    assert_eq!(bits(&compiled), bits(&half));
    let whole = load_weights(lenet(10, 1), reference("lenet.pt")).unwrap();
    for ((path, half), whole) in bits(&half).iter().zip(bits(&whole).values()) {
        for (&a, &b) in half.iter().zip(whole) {
            let (a, b) = (f32::from_bits(a), f32::from_bits(b));
            assert!((a - b).abs() <= b.abs() * 5e-4 + 1e-6, "{path}: {a} {b}");
        }
    }
}

/// The bytes of a safetensors file with other names, and with a counter of 8 bytes if it has a name.
fn renamed(file: &[u8], rename: impl Fn(&str) -> String, counter: Option<&str>) -> Vec<u8> {
    let (length, rest) = file.split_first_chunk::<8>().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: BTreeMap<String, Value> = serde_json::from_slice(header).unwrap();
    let rename = |(name, entry): (String, Value)| match name.as_str() {
        "__metadata__" => (name, entry),
        name => (rename(name), entry),
    };
    let mut header: BTreeMap<String, Value> = header.into_iter().map(rename).collect();
    let mut data = data.to_vec();
    if let Some(counter) = counter {
        let offsets = [data.len(), data.len() + 8];
        let entry = serde_json::json!({"dtype": "I64", "shape": [], "data_offsets": offsets});
        header.insert(counter.to_owned(), entry);
        data.extend(5u64.to_le_bytes());
    }
    let mut header = serde_json::to_vec(&header).unwrap();
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()
}

#[test]
fn prefixes_of_wrappers_are_removed_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrapped.safetensors");
    let file = std::fs::read(reference("lenet.safetensors")).unwrap();
    let plain = bits(&load_weights(lenet(10, 1), reference("lenet.safetensors")).unwrap());
    let load = |rename: &dyn Fn(&str) -> String, counter: Option<&str>| {
        std::fs::write(&path, renamed(&file, rename, counter)).unwrap();
        load_weights(lenet(10, 1), &path)
    };
    let prefixes = [
        "_orig_mod.",
        "module.",
        "_orig_mod.module.",
        "module._orig_mod.",
        "module.module.",
    ];
    for prefix in prefixes {
        let loaded = load(&|name| format!("{prefix}{name}"), None);
        assert!(bits(&loaded.unwrap()) == plain, "{prefix}");
    }
    // Some layers compiled on their own; and an averaged model with its counter.
    let inner = |name: &str| match name.split_once('.') {
        Some((layer @ ("conv1" | "fc2"), rest)) => format!("{layer}._orig_mod.{rest}"),
        _ => name.to_owned(),
    };
    assert!(bits(&load(&inner, None).unwrap()) == plain);
    let averaged = load(&|name| format!("module.{name}"), Some("n_averaged"));
    assert!(bits(&averaged.unwrap()) == plain);
    // Names that are not those of a wrapper stay in the error.
    let error = load(&|name| format!("model.{name}"), None).unwrap_err();
    assert!(error.to_string().contains("model.bn1.bias"), "{error}");
}

/// A model whose own parts have the name of a wrapper.
#[derive(Module, Debug)]
struct Wrapper {
    module: tinderbox_models::LinearRegression,
}

#[test]
fn a_part_that_is_called_module_keeps_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let wrapper = |seed| Wrapper {
        module: LinearRegressionConfig::new(3)
            .init(Seed::new(seed), &Device::flex())
            .unwrap(),
    };
    let model = wrapper(1);
    save_weights(&model, &path).unwrap();
    let loaded = load_weights(wrapper(2), &path).unwrap();
    assert_eq!(bits(&loaded), bits(&model));
    let file = std::fs::read(&path).unwrap();
    let compiled = renamed(&file, |name| format!("_orig_mod.{name}"), None);
    std::fs::write(&path, compiled).unwrap();
    let loaded = load_weights(wrapper(2), &path).unwrap();
    assert_eq!(bits(&loaded), bits(&model));
}

#[test]
fn the_same_weights_are_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str| {
        let path = folder.path().join(name);
        save_weights(&lenet(10, 1), &path).unwrap();
        std::fs::read(path).unwrap()
    };
    let first = save("first");
    for again in 0..8 {
        assert!(save("again") == first, "time {again}");
    }
    let length = u64::from_le_bytes(*first.first_chunk().unwrap()) as usize;
    assert_eq!(length % 8, 0);
    let header: Value = serde_json::from_slice(&first[8..8 + length]).unwrap();
    let metadata = serde_json::json!({"format": "pt", "framework": "tinderbox"});
    assert_eq!(header["__metadata__"], metadata);
}

#[test]
fn what_is_saved_is_what_pytorch_saved_but_for_its_counters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let model = load_weights(lenet(10, 1), reference("lenet.pt")).unwrap();
    save_weights(&model, &path).unwrap();
    let mut theirs = tensors(&reference("lenet.safetensors"));
    assert_eq!(theirs.len(), 30);
    theirs.retain(|name, _| !name.ends_with("num_batches_tracked"));
    assert_eq!(theirs.len(), 26);
    assert!(tensors(&path) == theirs, "names, shapes and bytes");
    let again = load_weights(lenet(10, 2), &path).unwrap();
    assert_eq!(bits(&again), bits(&model));
}

#[test]
fn weights_of_another_model_are_listed_with_both_shapes() {
    let path = reference("lenet.safetensors");
    let refuse = |result: Result<(), TrainError>| match result.unwrap_err() {
        error @ TrainError::OtherWeights { .. } => {
            let message = error.to_string();
            let TrainError::OtherWeights { report, .. } = error else {
                unreachable!()
            };
            (message, *report)
        }
        other => panic!("{other}"),
    };
    let (message, report) = refuse(load_weights(lenet(12, 1), &path).map(drop));
    let misshapen = |name: &str, file: &[usize], model: &[usize]| Misshapen {
        name: name.into(),
        file: file.to_vec(),
        model: model.to_vec(),
    };
    let head = [
        misshapen("fc3.bias", &[10], &[12]),
        misshapen("fc3.weight", &[10, 84], &[12, 84]),
    ];
    assert_eq!(report.misshapen, head);
    assert_eq!((report.loaded.len(), report.missing.len()), (24, 0));
    assert!(
        message.contains("lenet.safetensors")
            && message.contains("2 of another shape: fc3.bias [10] instead of [12], fc3.weight"),
        "{message}"
    );

    // LeNet has the layers but no batch norms.
    let plain = LeNetConfig::new([1, 16, 16], 10).init(Seed::new(1), &Device::flex());
    let plain = plain.unwrap();
    let (message, report) = refuse(load_weights(plain.clone(), &path).map(drop));
    assert_eq!(report.unexpected.len(), 16);
    assert!(report.unexpected.contains(&"bn1.running_mean".into()));
    assert!(
        message.contains("16 unexpected: bn1.bias, bn1.running_mean"),
        "{message}"
    );

    let folder = tempfile::tempdir().unwrap();
    let less = folder.path().join("less.safetensors");
    save_weights(&plain, &less).unwrap();
    let (message, report) = refuse(load_weights(lenet(10, 1), &less).map(drop));
    assert_eq!(report.missing.len(), 16);
    assert!(message.contains("16 missing: bn1.bias"), "{message}");

    let line = LinearRegressionConfig::new(3);
    let line = line.init(Seed::new(1), &Device::flex()).unwrap();
    let (message, report) = refuse(load_matching_weights(line, &path).map(drop));
    assert!(
        report.loaded.is_empty() && message.contains("0 fit"),
        "{message}"
    );
}

#[test]
fn what_fits_is_loaded_and_a_new_head_stays_as_it_was() {
    let path = reference("lenet_checkpoint.pth");
    let start = lenet(12, 7);
    let (model, report) = load_matching_weights(lenet(12, 7), &path).unwrap();
    assert!(!report.is_complete());
    assert_eq!(report.misshapen.len(), 2);
    assert_eq!(report.loaded.len(), 24);
    let (before, after) = (bits(&start), bits(&model));
    for (path, numbers) in &after {
        let same = &before[path] == numbers;
        assert_eq!(same, path.starts_with("fc3."), "{path}");
    }
    let (_, report) = load_matching_weights(lenet(10, 7), &path).unwrap();
    assert!(report.is_complete());
    assert_eq!(report.to_string(), "26 fit");
}

#[test]
fn damaged_files_and_files_of_another_kind_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let whole = |name: &str| std::fs::read(reference(name)).unwrap();
    let (safetensors, pickle) = (whole("lenet.safetensors"), whole("lenet.pt"));
    let cases = [
        (
            "cut.safetensors",
            safetensors[..safetensors.len() - 5].to_vec(),
        ),
        ("head.safetensors", safetensors[..100].to_vec()),
        ("cut.pt", pickle[..pickle.len() - 5].to_vec()),
        ("half.pt", pickle[..pickle.len() / 2].to_vec()),
        ("picture.pt", b"\x89PNG\r\n\x1a\n0123456789".to_vec()),
        ("text.safetensors", b"no weights at all".to_vec()),
        ("empty.pt", Vec::new()),
    ];
    for (name, bytes) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = load_weights(lenet(10, 1), &path).unwrap_err();
        assert!(matches!(error, TrainError::Weights { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let error = load_weights(lenet(10, 1), folder.path().join("none.pt")).unwrap_err();
    assert!(matches!(error, TrainError::Read { .. }), "{error}");
}

#[test]
fn code_in_a_pickle_is_never_run() {
    let folder = tempfile::tempdir().unwrap();
    let ran = folder.path().join("ran");
    let command = format!("touch {}", ran.display());
    // What Python's `pickle.loads` would run: os.system(command), alone and as the value of a state dict.
    let call = [
        b"cposix\nsystem\n(X".as_slice(),
        &(command.len() as u32).to_le_bytes(),
        command.as_bytes(),
        b"tR",
    ]
    .concat();
    let alone = [b"\x80\x02".as_slice(), &call, b"."].concat();
    let dict = [b"\x80\x02}X\x06\0\0\0weight".as_slice(), &call, b"s."].concat();
    for (name, bytes) in [("alone.pt", alone), ("dict.pt", dict)] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = load_weights(lenet(10, 1), &path).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        assert!(!ran.exists(), "{name} was run");
    }
}

#[test]
fn every_model_comes_back_to_the_bit_whatever_it_started_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    // The large ones have no layer that the others have not.
    for entry in registry()
        .iter()
        .filter(|entry| entry.parameters < 12_000_000)
    {
        let init = |seed| {
            let config = (entry.config)([entry.input[0], entry.small, entry.small], 10);
            config.init(Seed::new(seed), &Device::flex()).unwrap()
        };
        let model = init(1);
        save_weights(&model, &path).unwrap();
        let loaded = load_weights(init(2), &path).unwrap();
        assert!(bits(&loaded) == bits(&model), "{}", entry.name);
    }
    // A file of one model is none of another.
    let other = MobileNetV2Config::new([3, 32, 32], 10).init(Seed::new(1), &Device::flex());
    assert!(load_weights(other.unwrap(), &path).is_err());
}

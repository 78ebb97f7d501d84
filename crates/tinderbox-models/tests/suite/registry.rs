//! Checks the metadata of every registered image model.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::store::ModuleRecord;
use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_core::Seed;
use tinderbox_models::{ImageConfig, ImageModel, ModelEntry, registry, summary};
use tinderbox_nn::{Initializer, Network, count_parameters, parameters};

/// Images that are different from each other, the same on every run.
fn images(shape: [usize; 4], device: &Device) -> Tensor<4> {
    let mut rng = Seed::new(11).rng();
    let numbers: Vec<f32> = (0..shape.iter().product::<usize>())
        .map(|_| rng.uniform() as f32)
        .collect();
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

/// Checks that there is a finite gradient for every trainable parameter, and sums their squares.
struct Check<'a> {
    gradients: &'a GradientsParams,
    trainable: Vec<burn::module::ParamId>,
    squares: f64,
    faults: Vec<String>,
}

impl ModuleVisitor for Check<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !self.trainable.contains(&param.id) {
            return;
        }
        let Some(gradient) = self.gradients.get::<D>(param.id) else {
            self.faults
                .push(format!("{:?} has no gradient", param.lazy_shape()));
            return;
        };
        let square = f64::from(gradient.powi_scalar(2).sum().into_scalar::<f32>());
        if !square.is_finite() {
            self.faults
                .push(format!("{:?}: {square}", param.lazy_shape()));
        }
        self.squares += square;
    }
}

fn backward_reaches_every_parameter(entry: &ModelEntry, model: &ImageModel, side: usize) {
    let device = Device::flex().autodiff();
    let model = model.clone().train();
    let logits = model.forward(images([2, entry.input[0], side, side], &device));
    assert_eq!(logits.dims(), [2, entry.classes], "{}", entry.name);
    let labels = Tensor::<1, Int>::from_data([0i32, 1], &device);
    let loss = burn::nn::loss::CrossEntropyLossConfig::new()
        .init(&device)
        .forward(logits, labels);
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let mut check = Check {
        gradients: &gradients,
        trainable: parameters(&model)
            .into_iter()
            .filter(|parameter| !parameter.running)
            .map(|parameter| parameter.id)
            .collect(),
        squares: 0.0,
        faults: Vec::new(),
    };
    model.visit(&mut check);
    assert!(
        check.faults.is_empty(),
        "{}: {:?}",
        entry.name,
        check.faults
    );
    assert!(check.squares > 0.0, "{}: all gradients are 0", entry.name);
}

fn records_round_trip(entry: &ModelEntry, config: &ImageConfig, model: &ImageModel, side: usize) {
    let device = Device::flex();
    let input = images([1, entry.input[0], side, side], &device);
    let before = model.forward(input.clone()).to_data();
    let bytes = model.clone().into_record().into_bytes().unwrap();
    let other = config.init(Seed::new(99), &device).unwrap();
    let record = ModuleRecord::from_bytes(bytes).unwrap();
    let loaded = other.try_load_record(record).unwrap().valid();
    assert_eq!(loaded.forward(input).to_data(), before, "{}", entry.name);
}

/// The five VGGs have 120 million weights each in their linear layers. Counting does not draw them, ...
fn cheap_to_count(mut config: ImageConfig) -> ImageConfig {
    if let ImageConfig::Vgg(vgg) = &mut config {
        vgg.convolution_initializer = Initializer::Zeros;
        vgg.linear_initializer = Initializer::Zeros;
    }
    config
}

/// ... and narrow linear layers test gradients and records just as well.
fn cheap_to_train(mut config: ImageConfig) -> ImageConfig {
    if let ImageConfig::Vgg(vgg) = &mut config {
        vgg.hidden = 64;
    }
    config
}

#[test]
fn every_registered_model_is_what_the_registry_says() {
    let device = Device::flex();
    let mut wrong = Vec::new();
    for entry in registry() {
        let full = (entry.config)(entry.input, entry.classes);
        let full = cheap_to_count(full).init(Seed::new(1), &device).unwrap();
        if count_parameters(&full) != entry.parameters {
            let count = count_parameters(&full);
            wrong.push(format!("{}: {count} parameters", entry.name));
        }
        let table = summary(&full).unwrap();
        if table.multiply_adds != entry.multiply_adds {
            let count = table.multiply_adds;
            wrong.push(format!("{}: {count} multiply-adds", entry.name));
        }
        let named: usize = table.rows.iter().map(|row| row.parameters).sum();
        assert_eq!(
            named, table.parameters,
            "{}: every parameter is of a layer",
            entry.name
        );
        let last = &table.rows.last().unwrap().output;
        assert_eq!(last[..], [entry.classes], "{}", entry.name);

        let input = [entry.input[0], entry.small, entry.small];
        let config = cheap_to_train((entry.config)(input, entry.classes));
        let model = config.init(Seed::new(1), &device).unwrap();
        records_round_trip(entry, &config, &model.valid(), entry.small);
        backward_reaches_every_parameter(entry, &model, entry.small);
    }
    assert!(wrong.is_empty(), "the registry is wrong: {wrong:#?}");
}

#[test]
fn weights_are_a_pure_function_of_config_and_seed() {
    #[allow(deprecated)] // the feature `ndarray` is ours to keep
    let devices = [Device::flex(), Device::ndarray()];
    for name in ["lenet", "resnet18_course", "mobilenet_v2"] {
        let entry = tinderbox_models::find(name).unwrap();
        let all = |seed, device: &Device| {
            let config = (entry.config)([1, 96, 96], 10);
            let mut read = Read::default();
            config
                .init(Seed::new(seed), device)
                .unwrap()
                .visit(&mut read);
            read.0
        };
        let first = all(1, &devices[0]);
        assert_eq!(first, all(1, &devices[1]), "{name}");
        assert_ne!(first, all(2, &devices[0]), "{name}");
    }
}

/// All numbers of a model.
#[derive(Default)]
struct Read(Vec<f32>);

impl ModuleVisitor for Read {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.extend(param.val().try_into_vec_as::<f32>().unwrap());
    }
}

#[test]
fn layers_of_one_model_start_differently() {
    // Two layers of one shape that draw the same numbers would be two copies of one layer.
    for entry in registry() {
        let config = (entry.config)([entry.input[0], 96, 96], 10);
        let model = config.init(Seed::new(1), &Device::flex()).unwrap();
        if count_parameters(&model) > 15_000_000 {
            continue;
        }
        let mut starts = Starts::default();
        model.visit(&mut starts);
        let count = starts.0.len();
        starts.0.sort();
        starts.0.dedup();
        assert_eq!(
            starts.0.len(),
            count,
            "{}: layers that start alike",
            entry.name
        );
    }
}

/// The first numbers of every parameter that is drawn, by bits.
#[derive(Default)]
struct Starts(Vec<(Vec<usize>, Vec<u32>)>);

impl ModuleVisitor for Starts {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values = param.val().try_into_vec_as::<f32>().unwrap();
        let constant = values.iter().all(|value| *value == values[0]);
        if !constant && values.len() >= 4 {
            let bits = values[..4].iter().map(|value| value.to_bits()).collect();
            self.0.push((param.lazy_shape().to_vec(), bits));
        }
    }
}

#[test]
fn configurations_round_trip_through_json_with_their_family() {
    for entry in registry() {
        let config = (entry.config)(entry.input, entry.classes);
        let text = serde_json::to_string(&config).unwrap();
        assert!(text.contains("\"family\":"), "{text}");
        let back: ImageConfig = serde_json::from_str(&text).unwrap();
        assert_eq!(back, config, "{}", entry.name);
    }
    let short = r#"{"family": "le_net", "input": [1, 28, 28], "classes": 10}"#;
    let config: ImageConfig = serde_json::from_str(short).unwrap();
    let entry = tinderbox_models::find("lenet").unwrap();
    assert_eq!(config, (entry.config)([1, 28, 28], 10));
}

#[test]
fn configurations_without_a_model_are_refused() {
    let device = Device::flex();
    for entry in registry() {
        let error = |input, classes| {
            let model = (entry.config)(input, classes).init(Seed::new(1), &device);
            model.err().map(|error| error.to_string())
        };
        let side = entry.input[1];
        let text = error([entry.input[0], side, side], 0).unwrap();
        assert!(text.contains("classes is 0"), "{text}");
        let text = error([0, side, side], 10).unwrap();
        assert!(text.contains("channels is 0"), "{text}");
        let text = error([1, 0, side], 10).unwrap();
        assert!(text.contains("too small"), "{text}");
    }
}

#[test]
fn images_of_another_size_or_colour_are_an_error() {
    let device = Device::flex();
    let entry = tinderbox_models::find("lenet").unwrap();
    let model = entry.init(Seed::new(1), &device).unwrap();
    for shape in [[2, 3, 28, 28], [2, 1, 32, 32]] {
        let error = model
            .predict(images(shape, &device))
            .unwrap_err()
            .to_string();
        assert!(error.contains("[1, 28, 28]"), "{error}");
    }
}

/// The `_ops` of the weights in torchvision's documentation, in billions of multiply-adds.
#[test]
fn multiply_adds_are_the_published_ones() {
    let published = [
        ("vgg11", 7.609),
        ("vgg13", 11.308),
        ("vgg16", 15.470),
        ("vgg19", 19.632),
        ("resnet18", 1.814),
        ("resnet34", 3.664),
        ("resnet50", 4.089),
        ("resnet101", 7.801),
        ("resnet152", 11.514),
        ("resnext50_32x4d", 4.230),
        ("densenet121", 2.834),
        ("mobilenet_v2", 0.301),
        ("efficientnet_b0", 0.386),
        ("convnext_tiny", 4.456),
    ];
    for (name, expected) in published {
        let found = tinderbox_models::find(name).unwrap().multiply_adds as f64 / 1e9;
        assert!(
            (found - expected).abs() <= 0.000_51,
            "{name}: {found} against {expected}"
        );
    }
    let standard = registry().iter().filter(|entry| entry.standard).count();
    assert_eq!(
        standard,
        published.len(),
        "every standard model is in the list"
    );
}

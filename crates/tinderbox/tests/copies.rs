//! Functions that take a model do not change the original: its weights and its running statistics.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;
use tinderbox_data::images::Images;
use tinderbox_data::{Classes, Loader};
use tinderbox_models::{ImageModel, ModelEntry, registry};
use tinderbox_nn::{Network, count_parameters, deep_copy, parameters};
use tinderbox_optim::Ema;
use tinderbox_train::{
    Bundle, Classification, LrFinder, Monitor, Resume, Run, TrainConfig, Trainer, evaluate,
    load_matching_weights, load_weights, save_weights,
};

/// The bits of all numbers of a module.
fn bits<M: Module>(module: &M) -> Vec<u32> {
    #[derive(Default)]
    struct Bits(Vec<u32>);

    impl ModuleVisitor for Bits {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let numbers = param.val().try_into_vec_as::<f32>().unwrap();
            self.0.extend(numbers.into_iter().map(f32::to_bits));
        }
    }

    let mut bits = Bits::default();
    // With the last update of the running statistics.
    module.valid().visit(&mut bits);
    bits.0
}

fn has_batch_norm(model: &ImageModel) -> bool {
    parameters(model).iter().any(|parameter| parameter.running)
}

fn init(entry: &ModelEntry, seed: u64) -> ImageModel {
    let config = (entry.config)([entry.input[0], entry.small, entry.small], 2);
    config.init(Seed::new(seed), &Device::flex()).unwrap()
}

/// Two images, one of each class.
fn pictures(entry: &ModelEntry) -> Images {
    let shape = [entry.input[0], entry.small, entry.small];
    let pixels = (0..2 * shape.iter().product::<usize>()).map(|i| (37 * i % 256) as u8);
    let names = ["a", "b"].map(String::from).to_vec();
    let classes = Classes::new(vec![0, 1], names).unwrap();
    Images::new(pixels.collect(), shape, classes).unwrap()
}

#[test]
fn every_model_with_batch_norm_stays_as_it_is() {
    let mut seen = Vec::new();
    // The large ones have no layer that the others have not.
    let small = registry()
        .iter()
        .filter(|entry| entry.parameters < 9_000_000);
    for entry in small.filter(|entry| has_batch_norm(&init(entry, 1))) {
        seen.push(entry.name);
        stays(entry);
    }
    for name in ["lenet_batch_norm", "densenet_course", "mobilenet_v2"] {
        assert!(seen.contains(&name), "{seen:?}");
    }
}

fn stays(entry: &ModelEntry) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let images = Loader::new(pictures(entry), 2).unwrap();
    let device = Device::flex();
    let task = Classification::default();
    let config = TrainConfig {
        epochs: 1,
        // Batch norms over two examples have steep gradients.
        learning_rate: 1e-6,
        ema_decay: Some(0.5),
        ..TrainConfig::default()
    };

    // A model whose running statistics are not those of the start, and other weights for it.
    let model = init(entry, 1).train();
    let shape = [2, entry.input[0], entry.small, entry.small];
    let x = Tensor::<4>::ones(shape, &device.clone().autodiff());
    let x = x.clone() + x.cumsum(0);
    model.forward(x.clone());
    let other = init(entry, 2);
    let file = folder.join("other.safetensors");
    save_weights(&other, &file).unwrap();
    let mut average = Ema::new(0.5).unwrap();
    average.update(&model);
    model.forward(x.clone() * 3.0);

    let before = bits(&model);
    let check = |what: &str, result: Option<&ImageModel>| {
        assert!(bits(&model) == before, "{}: {what}", entry.name);
        // And the returned model is another one.
        if let Some(result) = result {
            assert!(bits(result) != before, "{}: {what}", entry.name);
        }
    };
    check("Ema::apply", Some(&average.apply(&model)));
    let loaded = load_weights(model.clone(), &file).unwrap();
    check("load_weights", Some(&loaded));
    assert!(bits(&loaded) == bits(&other), "{}", entry.name);
    let (loaded, _) = load_matching_weights(model.clone(), &file).unwrap();
    check("load_matching_weights", Some(&loaded));
    let bundle = Bundle::save(folder.join("bundle"), entry.name, &(), &other).unwrap();
    check(
        "Bundle::load_into",
        Some(&bundle.load_into(model.clone()).unwrap()),
    );
    let mine = Bundle::save(folder.join("mine"), entry.name, &(), &model).unwrap();
    check("Bundle::save", None);
    let again = mine.load_into(other).unwrap();
    assert!(bits(&again) == before, "{}: all of it is saved", entry.name);

    let copy = deep_copy(&model);
    copy.forward(x);
    check("deep_copy", Some(&copy));
    evaluate(&model, &task, &images, &mut []).unwrap();
    model
        .valid()
        .predict(Tensor::zeros(shape, &device))
        .unwrap();
    assert!(count_parameters(&model) > 0);
    check("evaluate, predict, count_parameters", None);

    if entry.parameters > 4_000_000 {
        return; // a training run of these takes seconds
    }
    let search = LrFinder {
        steps: 2,
        ..LrFinder::default()
    };
    let found = search.search(&model, &task, &config, &images).unwrap();
    assert!(!found.losses.is_empty());
    check("LrFinder::search", None);
    // With a checkpoint, the best weights, averaged ones, and a resume from all of them.
    let fit = |epochs, resume| {
        let config = TrainConfig {
            epochs,
            ..config.clone()
        };
        let trainer = Trainer::new(config).unwrap();
        let trainer = trainer
            .run(Run::open(folder.join("run")).unwrap())
            .resume(resume)
            .monitor(Monitor::min("train_loss"));
        trainer.fit(model.clone(), &task, &images, Some(&images))
    };
    check("Trainer::fit", Some(&fit(1, Resume::No).unwrap().model));
    check("Resume", Some(&fit(2, Resume::Latest).unwrap().model));
}

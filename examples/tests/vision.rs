//! What the examples about pictures do, on pictures made here.

use std::path::Path;

use clap::Parser;
use examples::vision::{
    Args, Augment, Normalize, Trained, Training, at_most, hold_out, images, predicted, prepare,
    train,
};
use tinderbox::data::images::{Colors, FolderOptions, Images, digit_classes};
use tinderbox::data::{Classes, Examples};
use tinderbox::image::ImageClassifier;
use tinderbox::models::{ImageConfig, find, image::LeNetConfig};
use tinderbox::prelude::*;
use tinderbox::train::{TrainError, evaluate};

/// Pictures of one of ten "digits": a bright square at a place of its own, on noise.
fn digits(count: usize, side: usize, seed: u64) -> Images {
    let mut rng = Seed::new(seed).rng();
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let label = rng.below(10) as usize;
        let (top, left) = (side * (label / 5) / 2, side * (label % 5) / 5);
        for row in 0..side {
            for column in 0..side {
                let inside = (top..top + side / 2).contains(&row)
                    && (left..left + side / 5).contains(&column);
                pixels.push(rng.below(60) as u8 + if inside { 190 } else { 0 });
            }
        }
        labels.push(label as i32);
    }
    let classes = Classes::new(labels, digit_classes()).unwrap();
    Images::new(pixels, [1, side, side], classes).unwrap()
}

fn options(folder: &Path) -> examples::Common {
    let out = folder.to_str().unwrap();
    Args::parse_from(["test", "--device", "flex", "--out", out]).common
}

fn plan<'a>(common: &'a examples::Common, model: &'a str) -> Training<'a> {
    let network = (find(model).unwrap().config)([1, 28, 28], 10);
    Training {
        config: TrainConfig {
            epochs: 1,
            learning_rate: 0.005,
            optimizer: OptimizerConfig::adam().into(),
            ..TrainConfig::default()
        },
        batch_size: 8,
        ..Training::new("test", common, model, network)
    }
}

fn trained(folder: &Path, model: &str) -> (Trained, Images) {
    let (training, test) = (digits(256, 28, 1), digits(64, 28, 2));
    let common = options(folder);
    let trained = train(plan(&common, model), &training, None, &test).unwrap();
    (trained, test)
}

#[test]
fn an_epoch_lowers_the_loss_and_the_bundle_predicts_the_same() {
    // Sigmoids learn too slowly for one short epoch: the LeNet with ReLU.
    for name in ["softmax_regression", "lenet_modern"] {
        let folder = tempfile::tempdir().unwrap();
        let (trained, test) = trained(folder.path(), name);
        let device = device(Some("flex")).unwrap();

        let config = (find(name).unwrap().config)([1, 28, 28], 10);
        let first = config.init(Seed::new(0).child("weights"), &device).unwrap();
        let loader = Loader::for_evaluation(test.clone(), 64).unwrap();
        let before = evaluate(&first, &Classification::default(), &loader, &mut []).unwrap();
        let after = trained.test_loss;
        assert!(after < 0.9 * before, "{name}: {before} to {after}");
        assert!(trained.test_accuracy() > 0.3, "{name}");

        for file in [
            "config.json",
            "history.csv",
            "curves.svg",
            "accuracy.svg",
            "confusion.svg",
            "classes.txt",
            "predictions.svg",
        ] {
            assert!(trained.file(file).is_file(), "{file}");
        }
        let table = std::fs::read_to_string(trained.file("classes.txt")).unwrap();
        assert_eq!(table.lines().count(), 1 + 10 + 3, "{table}");
        let grid = std::fs::read_to_string(trained.file("predictions.svg")).unwrap();
        let some = at_most(test.clone(), Some(40)).unwrap();
        let guesses = predicted(&trained.model, &some, &device).unwrap();
        let labels = some.classes().labels().iter();
        let wrong = labels
            .zip(&guesses)
            .filter(|(label, guess)| **label as usize != **guess);
        assert_eq!(grid.matches("<image").count(), 40);
        assert_eq!(grid.matches("data-framed").count(), wrong.count());

        let bundle = ImageClassifier::open(trained.run.bundle(), &device).unwrap();
        assert_eq!(bundle.config().classes, digit_classes());
        let batch = || {
            let every: Vec<usize> = (0..test.len()).collect();
            let host = test.gather(&every, Seed::new(0)).unwrap();
            test.upload(host, &device).inputs
        };
        assert_eq!(
            bundle.model().forward(batch()).into_data(),
            trained.model.forward(batch()).into_data(),
            "{name}"
        );
    }
}

#[test]
fn what_does_not_fit_together_is_said_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let common = options(folder.path());
    let (training, test) = (digits(32, 28, 1), digits(16, 28, 2));
    let error = |plan, training, test| {
        let error = train(plan, training, None, test).unwrap_err();
        format!("{error:#}")
    };

    let mut five = plan(&common, "lenet");
    five.network = ImageConfig::LeNet(LeNetConfig::new([1, 28, 28], 5));
    let text = error(five, &training, &test);
    assert!(
        text.contains("10 classes, but the model has 5 outputs"),
        "{text}"
    );

    let (other, other_test) = (digits(32, 20, 1), digits(16, 20, 2));
    let text = error(plan(&common, "lenet"), &other, &other_test);
    assert!(
        text.contains("[1, 28, 28]") && text.contains("[1, 20, 20]"),
        "{text}"
    );

    let mut smoothed = plan(&common, "softmax_regression");
    smoothed.label_smoothing = 1.0;
    let text = error(smoothed, &training, &test);
    assert!(text.contains("label_smoothing = 1"), "{text}");
}

/// Labels that the model has no class for are found in the batch, whoever made it.
#[test]
fn labels_beyond_the_classes_of_the_model_are_an_error_of_the_batch() {
    let images = digits(32, 28, 1);
    let config = LeNetConfig::new([1, 28, 28], 5);
    let model = config.init(Seed::new(1), &device(Some("flex")).unwrap());
    let loader = Loader::new(images, 8).unwrap();
    let trainer = Trainer::new(TrainConfig::default()).unwrap();
    let fitted = trainer.fit(model.unwrap(), &Classification::default(), &loader, None);
    let error = fitted.unwrap_err();
    assert!(matches!(error, TrainError::Step { batch: 1, .. }));
    let text = error.to_string();
    assert!(text.contains("the model has 5 classes"), "{text}");
}

#[test]
fn sizes_and_names_that_make_no_sense_are_refused() {
    let error = |images: anyhow::Result<Images>| format!("{:#}", images.unwrap_err());
    let text = error(prepare(digits(4, 28, 1), Some(0), None, None));
    assert!(text.contains("no side may be 0"), "{text}");

    let options = FolderOptions::new(Colors::Rgb);
    let text = error(images("fashon-mnist", &options, Seed::new(1)).map(|parts| parts.train));
    assert!(
        text.contains("fashion-mnist") && text.contains("nor a folder"),
        "{text}"
    );
    let text = find("resnt18").unwrap_err().to_string();
    assert!(text.contains("resnet18"), "{text}");

    // Weights of another model.
    let folder = tempfile::tempdir().unwrap();
    let (trained, test) = trained(folder.path(), "softmax_regression");
    let elsewhere = tempfile::tempdir().unwrap();
    let common = self::options(elsewhere.path());
    let mut other = plan(&common, "mlp");
    other.weights = Some(trained.run.bundle().join("model.safetensors"));
    let error = train(other, &test, None, &test).unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("model.safetensors"), "{text}");

    // A picture of another size than the model takes.
    let small = digits(4, 20, 1);
    let device = device(Some("flex")).unwrap();
    let error = predicted(&trained.model, &small, &device).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("[1, 28, 28]") && text.contains("[1, 20, 20]"),
        "{text}"
    );
}

#[test]
fn training_starts_from_weights_whose_head_has_other_classes() {
    let folder = tempfile::tempdir().unwrap();
    let (first, _) = trained(folder.path(), "lenet_modern");
    // The same pictures, told apart by their row only: two classes.
    let two = digits(64, 28, 3);
    let labels = two.classes().labels().iter().map(|label| label / 5);
    let names = ["above", "below"].map(String::from).to_vec();
    let classes = Classes::new(labels.collect(), names).unwrap();
    let pixels = (0..64).flat_map(|index| two.pixels(index).to_vec());
    let two = Images::new(pixels.collect(), [1, 28, 28], classes).unwrap();

    let elsewhere = tempfile::tempdir().unwrap();
    let common = options(elsewhere.path());
    let mut again = plan(&common, "lenet_modern");
    again.network = (find("lenet_modern").unwrap().config)([1, 28, 28], 2);
    again.config.epochs = 5;
    again.weights = Some(first.run.bundle().join("model.safetensors"));
    again.head_rate = Some(0.02);
    again.config.freeze = vec!["conv1".into(), "conv2".into(), "fc1".into(), "fc2".into()];
    let second = train(again, &two, None, &two).unwrap();
    assert!(second.test_accuracy() > 0.7, "{}", second.test_accuracy());
    let written = |trained: &Trained| {
        let opened = ImageClassifier::open(trained.run.bundle(), &device(Some("flex")).unwrap());
        format!("{:?}", opened.unwrap().config().classes)
    };
    assert_eq!(written(&second), r#"["above", "below"]"#);
}

#[test]
fn subsets_are_spread_and_stratified() {
    let images = digits(100, 28, 5);
    let some = at_most(images.clone(), Some(4)).unwrap();
    for (place, index) in [0, 25, 50, 75].into_iter().enumerate() {
        assert_eq!(some.pixels(place), images.pixels(index));
    }
    assert_eq!(at_most(images.clone(), Some(1000)).unwrap().len(), 100);
    let (training, valid) = hold_out(&images, 0.2, Seed::new(1)).unwrap();
    assert_eq!(training.len() + valid.len(), 100);
    assert!((15..=25).contains(&valid.len()));

    let augment = Some(Augment { mirror: true });
    let normalize = Normalize::Data.of(&images).unwrap();
    let larger = prepare(images, Some(32), augment, Some(&normalize)).unwrap();
    assert_eq!(larger.shape(), [1, 32, 32]);
    assert!(larger.transforms().iter().any(|step| step.is_random()));
    assert!(Normalize::Imagenet.of(&larger).is_err());
}

#[test]
fn normalised_images_have_mean_0_and_deviation_1() {
    let images = digits(20, 28, 6);
    let normalize = Normalize::Data.of(&images).unwrap();
    let images = prepare(images, None, None, Some(&normalize)).unwrap();
    let every: Vec<usize> = (0..20).collect();
    let numbers = images.gather(&every, Seed::new(0)).unwrap().pixels;
    let mean = |of: fn(f64) -> f64| {
        let sum: f64 = numbers.iter().map(|&x| of(x.into())).sum();
        sum / numbers.len() as f64
    };
    assert!(mean(|x| x).abs() < 1e-5 && (mean(|x| x * x) - 1.0).abs() < 1e-5);
}

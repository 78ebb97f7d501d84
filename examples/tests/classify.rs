//! The example `classify` on a saved bundle.

#[path = "../classify.rs"]
#[allow(dead_code)] // its `main`
mod program;

use std::path::Path;

use clap::Parser;
use image::{GrayImage, Luma, Rgb, RgbImage};
use program::{Args, classify};
use tinderbox::data::images::{Images, Transform, WHITE};
use tinderbox::image::{ImageClassifier, ImageClassifierConfig, ImageError};
use tinderbox::models::{ImageConfig, ImageModel, find};
use tinderbox::prelude::*;

/// A description of a model of the registry that classifies which side of an image is bright.
fn config(model: &str, input: [usize; 3]) -> ImageClassifierConfig {
    ImageClassifierConfig {
        model: model.into(),
        config: (find(model).unwrap().config)(input, 2),
        classes: vec!["left".into(), "right half".into()],
        transforms: vec![Transform::Normalize {
            mean: vec![0.5; input[0]],
            std: vec![0.5; input[0]],
        }],
        input,
        background: WHITE,
    }
}

fn untrained(config: &ImageClassifierConfig) -> ImageModel {
    let device = device(Some("flex")).unwrap();
    config.config.init(Seed::new(1), &device).unwrap()
}

/// An image that is bright on one side.
fn bright(width: u32, height: u32, left: bool, noise: u64) -> GrayImage {
    let mut rng = Seed::new(noise).rng();
    GrayImage::from_fn(width, height, |x, _| {
        let level = if (x < width / 2) == left { 180 } else { 20 };
        Luma([level + rng.below(50) as u8])
    })
}

/// Softmax regression on 8 x 8 images, trained until it distinguishes left from right.
fn trained(folder: &Path) -> ImageClassifierConfig {
    let config = config("softmax_regression", [1, 8, 8]);
    let pictures = (0..100).map(|example| bright(8, 8, example % 2 == 0, example).into_raw());
    let labels = (0..100).map(|example| example % 2).collect();
    let classes = Classes::new(labels, config.classes.clone()).unwrap();
    let images = Images::new(pictures.flatten().collect(), config.input, classes).unwrap();
    let images = images.with_transforms(config.transforms.clone()).unwrap();
    let loader = Loader::new(images, 10).unwrap().shuffle(Seed::new(2));
    let settings = TrainConfig {
        epochs: 5,
        learning_rate: 0.1,
        ..TrainConfig::default()
    };
    let trainer = Trainer::new(settings).unwrap();
    let task = Classification::default();
    let fitted = trainer
        .fit(untrained(&config), &task, &loader, None)
        .unwrap();
    config.save(folder, &fitted.model).unwrap();
    config
}

fn run(arguments: &[&Path], options: &[&str]) -> anyhow::Result<String> {
    let words = [Path::new("classify")];
    let words = words.iter().chain(arguments).map(|word| word.as_os_str());
    let options = options.iter().map(AsRef::as_ref);
    let device = ["--device", "flex"].map(AsRef::as_ref);
    classify(&Args::try_parse_from(words.chain(options).chain(device))?)
}

#[test]
fn images_of_any_size_and_colour_are_classified() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    trained(&bundle);
    let left = folder.path().join("left.png");
    bright(8, 8, true, 1000).save(&left).unwrap();
    // Colours, another size, another format.
    let right = folder.path().join("right.jpg");
    let grey = bright(50, 30, false, 1001);
    RgbImage::from_fn(50, 30, |x, y| Rgb([grey.get_pixel(x, y)[0]; 3]))
        .save(&right)
        .unwrap();

    let table = run(&[&bundle, &left, &right], &[]).unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    assert_eq!(rows.len(), 4, "{table}");
    let name = |path: &Path| path.display().to_string();
    assert_eq!(rows[0][..2], [&name(&left)[..], "left"], "{table}");
    assert_eq!(rows[1][0], "right half", "{table}");
    assert_eq!(rows[2][..2], [&name(&right)[..], "right half"], "{table}");
    let numbers: Vec<f32> = rows
        .iter()
        .map(|row| row.last().unwrap().parse().unwrap())
        .collect();
    for pair in numbers.chunks(2) {
        assert!(
            pair[0] > 0.9 && (pair[0] + pair[1] - 1.0).abs() < 2e-4,
            "{table}"
        );
    }
    let table = run(&[&bundle, &left, &right], &["--top", "1"]).unwrap();
    assert_eq!(table.lines().count(), 2, "{table}");
}

#[test]
fn probabilities_of_many_images_are_those_of_each() {
    let folder = tempfile::tempdir().unwrap();
    let config = ImageClassifierConfig {
        transforms: vec![Transform::Resize {
            height: 20,
            width: 20,
        }],
        config: (find("lenet").unwrap().config)([1, 20, 20], 2),
        ..config("lenet", [1, 12, 10])
    };
    config.save(folder.path(), &untrained(&config)).unwrap();
    let device = device(Some("flex")).unwrap();
    let classifier = ImageClassifier::open(folder.path(), &device).unwrap();
    assert_eq!(classifier.config(), &config);
    let files: Vec<_> = (0..40)
        .map(|index| {
            let path = folder.path().join(format!("{index}.png"));
            bright(10, 12, index % 2 == 0, index).save(&path).unwrap();
            path
        })
        .collect();
    let all = classifier.predict(&files).unwrap();
    assert_eq!(all.len(), 40);
    for index in [0, 31, 32, 39] {
        let alone = classifier.predict([&files[index]]).unwrap().remove(0);
        for (a, b) in alone.iter().zip(&all[index]) {
            assert!((a - b).abs() < 1e-6, "{index}: {alone:?} {:?}", all[index]);
        }
    }
    assert_ne!(all[0], all[1]);
}

#[test]
fn images_and_bundles_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    trained(&bundle);
    let good = folder.path().join("good.png");
    bright(8, 8, true, 1).save(&good).unwrap();
    let text = folder.path().join("text.png");
    std::fs::write(&text, "no image").unwrap();
    let error = |arguments: &[&Path]| run(arguments, &[]).unwrap_err().to_string();
    let message = error(&[&bundle, &good, &text]);
    assert!(message.contains("text.png"), "{message}");
    let none = folder.path().join("none.png");
    assert!(error(&[&bundle, &none]).contains("none.png"));
    assert!(error(&[&none, &good]).contains("model.json"));
    assert!(error(&[&bundle]).contains("IMAGES"));

    // A bundle of a table, damaged weights.
    let description = bundle.join("model.json");
    let whole = std::fs::read_to_string(&description).unwrap();
    let other = whole.replace("\"image_classifier\"", "\"tabular_mlp\"");
    std::fs::write(&description, other).unwrap();
    let message = error(&[&bundle, &good]);
    assert!(
        message.contains("'tabular_mlp', not 'image_classifier'"),
        "{message}"
    );
    std::fs::write(&description, whole).unwrap();
    let weights = bundle.join("model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    assert!(error(&[&bundle, &good]).contains("model.safetensors"));
}

#[test]
fn a_description_that_does_not_fit_its_model_is_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let good = config("lenet", [1, 20, 20]);
    let model = untrained(&good);
    let refuse = |config: ImageClassifierConfig| {
        let error: ImageError = config.save(folder.path(), &model).unwrap_err();
        error.to_string()
    };
    let message = refuse(ImageClassifierConfig {
        classes: vec!["one".into(); 3],
        ..good.clone()
    });
    assert!(
        message.contains("3 classes, but the model has 2 outputs"),
        "{message}"
    );
    let message = refuse(ImageClassifierConfig {
        transforms: vec![Transform::HorizontalFlip { probability: 0.5 }],
        ..good.clone()
    });
    assert!(message.contains("is random"), "{message}");
    let message = refuse(ImageClassifierConfig {
        input: [1, 28, 28],
        ..good.clone()
    });
    assert!(
        message.contains("[1, 20, 20] but was given [1, 28, 28]"),
        "{message}"
    );
    let message = refuse(ImageClassifierConfig {
        input: [3, 20, 20],
        ..good.clone()
    });
    assert!(message.contains("each of 3 channels"), "{message}");
    assert!(matches!(good.config, ImageConfig::LeNet(_)));
    assert!(!folder.path().join("model.json").exists());
}

//! Training of image classifiers, end to end, on images made here.

use std::path::Path;

use image::{GrayImage, Luma};
use tinderbox::data::images::{Colors, FolderOptions, Images, digit_classes};
use tinderbox::data::{Classes, Examples};
use tinderbox::image::{
    Augment, ImageClassifier, ImageError, Normalize, Note, Parts, Trained, Training, at_most,
    hold_out,
};
use tinderbox::models::{ImageConfig, find, image::LeNetConfig};
use tinderbox::prelude::*;
use tinderbox::train::{TrainError, evaluate};

use crate::StopAfter;

/// Images of one of ten "digits": a bright square at a place of its own, on noise.
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

fn flex() -> Device {
    device(Some("flex")).unwrap()
}

/// One epoch of Adam, in batches of 8.
fn training(model: &str) -> Training {
    Training::new(model)
        .device(&flex())
        .epochs(1)
        .learning_rate(0.005)
        .optimizer(OptimizerConfig::adam())
        .batch_size(8)
}

fn trained(folder: &Path, model: &str) -> (Trained, Images) {
    let (train, test) = (digits(256, 28, 1), digits(64, 28, 2));
    let trained = training(model).run_folder(folder).fit(&train, None, &test);
    (trained.unwrap(), test)
}

#[test]
fn an_epoch_lowers_the_loss_and_the_bundle_predicts_the_same() {
    // Sigmoids learn too slowly for one short epoch: the LeNet with ReLU.
    for name in ["softmax_regression", "lenet_modern"] {
        let folder = tempfile::tempdir().unwrap();
        let (trained, test) = trained(folder.path(), name);
        let config = (find(name).unwrap().config)([1, 28, 28], 10);
        let first = config.init(Seed::new(0).child("weights"), &flex()).unwrap();
        let loader = Loader::for_evaluation(test.clone(), 64).unwrap();
        let before = evaluate(&first, &Classification::default(), &loader, &mut []).unwrap();
        let after = trained.test_loss;
        assert!(after < 0.9 * before, "{name}: {before} to {after}");
        assert!(trained.test_accuracy() > 0.3, "{name}");
        assert_eq!(
            trained.last("valid_accuracy").unwrap(),
            trained.test_accuracy()
        );
        let error = trained.last("valid_f1").unwrap_err().to_string();
        assert!(
            error.contains("'valid_f1'") && error.contains("valid_loss"),
            "{error}"
        );

        for file in [
            "config.json",
            "history.csv",
            "curves.svg",
            "accuracy.svg",
            "confusion.svg",
            "classes.txt",
            "predictions.svg",
        ] {
            assert!(folder.path().join(file).is_file(), "{file}");
        }
        let table = std::fs::read_to_string(folder.path().join("classes.txt")).unwrap();
        assert_eq!(table.lines().count(), 1 + 10 + 3, "{table}");

        let bundle = trained.run.as_ref().unwrap().bundle();
        let opened = ImageClassifier::open(bundle, &flex()).unwrap();
        assert_eq!(opened.config(), trained.classifier.config());
        assert_eq!(opened.config().classes, digit_classes());
        let probabilities = trained.classifier.predict_images(&test).unwrap();
        assert_eq!(opened.predict_images(&test).unwrap(), probabilities);
        let right = probabilities.iter().zip(test.classes().labels());
        let right = right.filter(|(row, label)| {
            let truth = row[**label as usize];
            row.iter().filter(|other| **other > truth).count() == 0
        });
        assert_eq!(right.count() as f64 / 64.0, trained.test_accuracy());
        let grid = std::fs::read_to_string(folder.path().join("predictions.svg")).unwrap();
        assert_eq!(grid.matches("<image").count(), 40);

        let Note::Start {
            model,
            train: 256,
            test: 64,
            shape: [1, 28, 28],
            classes: 10,
            ..
        } = &trained.notes[0]
        else {
            panic!("{:?}", trained.notes);
        };
        assert_eq!(model, name);
    }
}

#[test]
fn an_interrupted_run_resumes_to_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let (train, test) = (digits(64, 28, 1), digits(16, 28, 2));
    let training = |name: &str| {
        training("softmax_regression")
            .epochs(4)
            .augment(Augment { mirror: true })
            .run_folder(folder.path().join(name))
    };
    let whole = training("whole").fit(&train, None, &test).unwrap();
    let stop = StopFlag::new();
    let stopping = training("parts")
        .stop_flag(&stop)
        .callback(StopAfter(2, stop.clone()));
    let error = stopping.fit(&train, None, &test).unwrap_err();
    let interrupted = matches!(
        error,
        ImageError::Train(TrainError::Interrupted { epoch: 3, .. })
    );
    assert!(
        interrupted && !folder.path().join("parts/bundle").exists(),
        "{error}"
    );
    let resumed = training("parts")
        .callback(StopAfter(usize::MAX, stop))
        .resume(Resume::Latest)
        .fit(&train, None, &test)
        .unwrap();
    assert_eq!(
        resumed.history.series("train_loss"),
        whole.history.series("train_loss")
    );
    let weights = |name: &str| {
        std::fs::read(folder.path().join(name).join("bundle/model.safetensors")).unwrap()
    };
    assert!(
        weights("parts") == weights("whole"),
        "the weights are the same to the last bit"
    );
}

#[test]
fn validation_images_choose_the_best_epoch() {
    let (train, test) = (digits(200, 28, 1), digits(40, 28, 2));
    let training = training("softmax_regression")
        .epochs(3)
        .validation_share(0.2);
    let trained = training.fit(&train, None, &test).unwrap();
    let Note::Start { train: count, .. } = &trained.notes[0] else {
        panic!("{:?}", trained.notes);
    };
    assert!((150..=170).contains(count), "{count}");
    for share in [0.0, 1.0, f64::NAN] {
        let training = self::training("softmax_regression").validation_share(share);
        let error = training.fit(&train, None, &test).unwrap_err();
        assert!(matches!(error, ImageError::Share { .. }), "{error}");
    }
}

#[test]
fn settings_that_do_not_match_are_errors_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let (train, test) = (digits(32, 28, 1), digits(16, 28, 2));
    let error = |training: Training, train: &Images, test: &Images| {
        let fitted = training.run_folder(&run).fit(train, None, test);
        assert!(!run.exists(), "nothing is written");
        fitted.unwrap_err().to_string()
    };
    let five = ImageConfig::LeNet(LeNetConfig::new([1, 28, 28], 5));
    let text = error(training("lenet").network(five), &train, &test);
    assert!(
        text.contains("10 classes, but the model has 5 outputs"),
        "{text}"
    );
    let small = ImageConfig::LeNet(LeNetConfig::new([1, 28, 28], 10));
    let (other, other_test) = (digits(32, 20, 1), digits(16, 20, 2));
    let text = error(training("lenet").network(small), &other, &other_test);
    assert!(
        text.contains("[1, 28, 28]") && text.contains("[1, 20, 20]"),
        "{text}"
    );
    let text = error(training("resnt18"), &train, &test);
    assert!(text.contains("resnet18"), "{text}");
    let text = error(training("lenet").resize(0), &train, &test);
    assert!(text.contains("no side may be 0"), "{text}");
    let text = error(
        training("lenet").normalize(Normalize::ImageNet),
        &train,
        &test,
    );
    assert!(text.contains("3 channels"), "{text}");
    let smoothed = training("softmax_regression").label_smoothing(1.0);
    let text = smoothed.fit(&train, None, &test).unwrap_err().to_string();
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
fn training_starts_from_weights_whose_last_layer_has_other_classes() {
    let folder = tempfile::tempdir().unwrap();
    let (first, test) = trained(folder.path(), "lenet_modern");
    let weights = first
        .run
        .as_ref()
        .unwrap()
        .bundle()
        .join("model.safetensors");
    // The same images, classified by their row only: two classes.
    let two = digits(64, 28, 3);
    let labels = two.classes().labels().iter().map(|label| label / 5);
    let names = ["above", "below"].map(String::from).to_vec();
    let classes = Classes::new(labels.collect(), names.clone()).unwrap();
    let pixels = (0..64).flat_map(|index| two.pixels(index).to_vec());
    let two = Images::new(pixels.collect(), [1, 28, 28], classes).unwrap();

    let second = training("lenet_modern")
        .epochs(5)
        .weights(&weights)
        .head_learning_rate(0.02)
        .configure(|config| {
            config.freeze = ["conv1", "conv2", "fc1", "fc2"].map(String::from).to_vec()
        })
        .fit(&two, None, &two)
        .unwrap();
    assert!(second.test_accuracy() > 0.7, "{}", second.test_accuracy());
    assert_eq!(second.classifier.config().classes, names);
    assert!(matches!(&second.notes[0], Note::Weights { path, .. } if path == &weights));

    // Weights of another model, images of another size.
    let error = training("mlp")
        .weights(&weights)
        .fit(&test, None, &test)
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("model.safetensors") && text.contains("do not fit this model"),
        "{text}"
    );
    let error = first
        .classifier
        .predict_images(&digits(4, 20, 1))
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("[1, 28, 28]") && text.contains("[1, 20, 20]"),
        "{text}"
    );
}

#[test]
fn subsets_are_spread_and_stratified() {
    let images = digits(100, 28, 5);
    let some = at_most(&images, 4).unwrap();
    for (place, index) in [0, 25, 50, 75].into_iter().enumerate() {
        assert_eq!(some.pixels(place), images.pixels(index));
    }
    assert_eq!(at_most(&images, 1000).unwrap().len(), 100);
    let (train, valid) = hold_out(&images, 0.2, Seed::new(1)).unwrap();
    assert_eq!(train.len() + valid.len(), 100);
    assert!((15..=25).contains(&valid.len()));
}

#[test]
fn normalized_images_have_mean_0_and_deviation_1() {
    let images = digits(20, 28, 6);
    let normalize = Normalize::Data.transform(&images).unwrap();
    let images = images.with_transforms(vec![normalize]).unwrap();
    let every: Vec<usize> = (0..20).collect();
    let numbers = images.gather(&every, Seed::new(0)).unwrap().pixels;
    let mean = |of: fn(f64) -> f64| {
        let sum: f64 = numbers.iter().map(|&x| of(x.into())).sum();
        sum / numbers.len() as f64
    };
    assert!(mean(|x| x).abs() < 1e-5 && (mean(|x| x * x) - 1.0).abs() < 1e-5);
}

/// Images of 16 x 16 of which the left, the right or the top half is bright, `each` of each class.
fn write(folder: &Path, each: u64) {
    for (class, name) in ["left", "right", "top"].into_iter().enumerate() {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        for number in 0..each {
            let mut rng = Seed::new(number).child(name).rng();
            let picture = GrayImage::from_fn(16, 16, |x, y| {
                let bright = [x < 8, x >= 8, y < 8][class];
                Luma([rng.below(80) as u8 + if bright { 150 } else { 0 }])
            });
            let file = folder.join(name).join(format!("{number}.png"));
            picture.save(file).unwrap();
        }
    }
}

#[test]
fn a_folder_of_images_becomes_a_classifier_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write(&data, 20);
    std::fs::create_dir(data.join("later")).unwrap();
    std::fs::write(data.join("left/list.txt"), "0.png").unwrap();
    let options = FolderOptions::new(Colors::Gray);
    let parts = Parts::read(data.to_str().unwrap(), &options, Seed::new(1)).unwrap();
    assert_eq!((parts.train.len(), parts.test.len()), (48, 12));
    let said = parts.notes[0].to_string();
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].contains("1 files that are not images") && lines[0].ends_with("list.txt"),
        "{said}"
    );
    assert!(lines[1].ends_with("not classes: later"), "{said}");

    let trained = training("softmax_regression")
        .epochs(10)
        .normalize(Normalize::Data)
        .run_folder(folder.path().join("run"))
        .fit(&parts.train, parts.valid.as_ref(), &parts.test)
        .unwrap();
    assert_eq!(trained.test_accuracy(), 1.0);
    let files = ["left", "right", "top"].map(|class| data.join(class).join("0.png"));
    let bundle = folder.path().join("run/bundle");
    let found = ImageClassifier::open(bundle, &flex())
        .unwrap()
        .predict(&files)
        .unwrap();
    assert_eq!(found, trained.classifier.predict(&files).unwrap());
    for (class, probabilities) in found.iter().enumerate() {
        assert!(probabilities[class] > 0.5, "{found:?}");
    }
}

#[test]
fn parts_have_the_usual_folder_names() {
    let options = FolderOptions::new(Colors::Gray);
    let read = |folder: &Path| Parts::folder(folder, &options, Seed::new(1));
    for (train, held_out) in [("train", "val"), ("Train", "VALIDATION"), ("train", "test")] {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join(train), 4);
        write(&folder.path().join(held_out), 2);
        // A class without an image in the held-out part.
        std::fs::remove_dir_all(folder.path().join(held_out).join("top")).unwrap();
        let parts = read(folder.path()).unwrap();
        assert_eq!((parts.train.len(), parts.test.len()), (12, 4), "{held_out}");
        assert!(parts.valid.is_none() && parts.notes[1].to_string().ends_with("no image of top"));
        write(&folder.path().join("valid"), 1);
        write(&folder.path().join("testing"), 1);
        match held_out {
            "test" => {
                let error = read(folder.path()).unwrap_err();
                assert!(matches!(error, ImageError::TwoFolders { .. }), "{error}");
            }
            _ => assert!(matches!(
                read(folder.path()),
                Err(ImageError::TwoFolders { .. })
            )),
        }
    }
    let unknown = Parts::read("fashon-mnist", &options, Seed::new(1)).unwrap_err();
    let text = unknown.to_string();
    assert!(
        text.contains("neither a data set nor a folder") && text.contains("fashion-mnist"),
        "{text}"
    );
}

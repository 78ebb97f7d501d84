//! Training by hand and with the framework, and the checks of the quick forms.

use tinderbox::data::images::Images;
use tinderbox::train::EpochRecord;

use super::*;
use crate::reproduce::{Work, experiments};

/// Random pixels, brighter in one of ten patterns for each class.
fn data(images: usize, side: usize) -> Data {
    let mut draw = Seed::new(5).rng();
    let labels: Vec<i32> = (0..images).map(|_| draw.below(10) as i32).collect();
    let mut pixels = Vec::with_capacity(images * side * side);
    for label in &labels {
        for place in 0..side * side {
            let bright = place as i32 % 10 == *label;
            pixels.push(draw.below(100) as u8 + if bright { 150 } else { 0 });
        }
    }
    let names = (0..10).map(|class| class.to_string()).collect();
    let classes = Classes::new(labels, names).unwrap();
    let train = Images::new(pixels, [1, side, side], classes).unwrap();
    let test = train.subset(&(0..images / 4).collect::<Vec<_>>()).unwrap();
    Data { train, test }
}

fn seed_run(seed: u64, device: Device) -> SeedRun {
    SeedRun {
        seed,
        device,
        folder: None,
        resume: false,
    }
}

fn training(name: &str) -> &'static ImageTraining {
    let found = experiments().find(|one| one.name == name).unwrap();
    match &found.work {
        Work::Train(training) => training,
        Work::Measure(_) | Work::Sized { .. } | Work::TrainText(_) | Work::Translate(_) => {
            panic!("{name} trains no image model")
        }
    }
}

/// By hand and with the framework, the same seed gives the same metrics: the mean of loss and accuracy over an
/// epoch whose last batch is short, and the accuracy after it.
#[test]
fn scratch_and_concise_agree() {
    let data = data(250, 20);
    for (by_hand, concise) in [
        ("softmax-regression-scratch", "softmax-regression-concise"),
        ("mlp-scratch", "mlp-concise"),
        ("batch-norm-scratch", "batch-norm-concise"),
    ] {
        let settings = Settings {
            batch_size: 64,
            epochs: 3,
            ..training(concise).full
        };
        let run = seed_run(3, Device::flex());
        let by_hand = (training(by_hand).train)(&settings, &data, &run).unwrap();
        let other = (training(concise).train)(&settings, &data, &run).unwrap();
        assert_eq!((by_hand.epochs.len(), other.epochs.len()), (3, 3));
        for (epoch, (a, b)) in by_hand.epochs.iter().zip(&other.epochs).enumerate() {
            let (a_loss, b_loss) = (a.get("train_loss").unwrap(), b.get("train_loss").unwrap());
            assert!(
                (a_loss - b_loss).abs() < 1e-3,
                "{concise}, epoch {epoch}: {a_loss} {b_loss}"
            );
            for name in ["train_accuracy", "valid_accuracy"] {
                let (a, b) = (a.get(name).unwrap(), b.get(name).unwrap());
                // An example on the decision boundary may change its class.
                assert!(
                    (a - b).abs() < 0.02,
                    "{concise}, epoch {epoch}, {name}: {a} {b}"
                );
            }
        }
    }
}

#[test]
fn dropout_by_hand_learns() {
    let settings = Settings {
        batch_size: 32,
        epochs: 12,
        ..training("dropout-scratch").full
    };
    let train = training("dropout-scratch").train;
    let history = train(&settings, &data(500, 12), &seed_run(0, Device::flex())).unwrap();
    let last = history.last().unwrap();
    assert!(last.get("valid_accuracy") > Some(0.9), "{last:?}");
}

#[test]
fn an_interrupted_training_run_resumes() {
    let (data, folder) = (data(128, 12), tempfile::tempdir().unwrap());
    let settings = |epochs| Settings {
        batch_size: 32,
        epochs,
        ..training("mlp-concise").full
    };
    let mut run = seed_run(1, Device::flex());
    let whole = train(&settings(4), &data, &run).unwrap();
    run.folder = Some(folder.path().join("seed-1"));
    train(&settings(2), &data, &run).unwrap();
    run.resume = true;
    let resumed = train(&settings(4), &data, &run).unwrap();
    assert_eq!(resumed.series("train_loss"), whole.series("train_loss"));
    run.resume = false;
    let anew = train(&settings(1), &data, &run).unwrap();
    assert_eq!(anew.epochs.len(), 1);
}

fn history(loss: f64, accuracy: f64) -> History {
    let figures = vec![
        ("train_loss".into(), loss),
        ("train_accuracy".into(), accuracy),
    ];
    History {
        epochs: vec![EpochRecord {
            epoch: 7,
            step: 1,
            learning_rate: 0.1,
            metrics: figures,
            seconds: 1.0,
        }],
    }
}

#[test]
fn a_dead_network_and_a_loss_that_is_not_finite_are_failures() {
    check(&history(0.4, 0.85)).unwrap();
    let error = check(&history(2.303, 0.1)).unwrap_err().to_string();
    assert!(
        error.contains("0.1000 after epoch 7") && error.contains("learns nothing"),
        "{error}"
    );
    assert!(check(&history(2.3, f64::NAN)).is_err());
    let error = check(&history(f64::NAN, 0.1)).unwrap_err().to_string();
    assert!(error.contains("epoch 7 is not finite"), "{error}");
}

#[test]
fn a_loss_that_overflows_names_the_epoch() {
    let settings = Settings {
        learning_rate: 1e30,
        batch_size: 32,
        ..training("mlp-concise").full
    };
    let data = data(128, 12);
    for name in ["mlp-scratch", "mlp-concise"] {
        let error = (training(name).train)(&settings, &data, &seed_run(0, Device::flex()));
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("epoch 1") && error.contains("loss is"),
            "{name}: {error}"
        );
    }
}

/// Every model can be made at the image size of the course and at that of its quick form.
#[test]
fn settings_fit_their_models() {
    let mut count = 0;
    for experiment in experiments() {
        let Work::Train(training) = &experiment.work else {
            continue;
        };
        count += 1;
        for settings in [&training.full, &training.quick] {
            let shape = [1, settings.side, settings.side];
            let model = settings.model.config(shape, 10).unwrap();
            model.init(Seed::new(0), &Device::flex()).unwrap();
            (settings.schedule)().check().unwrap();
            OptimizerConfig::by_name(settings.optimizer).unwrap();
        }
        assert_eq!(training.full.images, [60_000, 10_000]);
    }
    assert_eq!(count, 20);
}

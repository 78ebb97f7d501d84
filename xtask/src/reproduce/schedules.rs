//! Section "Learning Rate Scheduling": points on the curves of its five schedules, and a LeNet trained with each.
//!
//! The curves are formulas, so every band is one value: that of the formula, computed by hand.

use anyhow::Result;
use tinderbox::models::ImageConfig;
use tinderbox::models::image::LeNetConfig;
use tinderbox::prelude::*;

use super::images::{ImageTraining, Model, Settings, full, quick, train};
use super::{Band, Experiment, SeedRun, Work, band, reported};

/// The same file that draws the curves.
#[path = "../../../examples/schedules.rs"]
#[allow(dead_code)] // its `main`
mod lesson;

/// (schedule in `lesson::course`, epoch), in the order of the bands.
const POINTS: [(usize, usize); 12] = [
    (0, 0),
    (0, 29),
    (1, 3),
    (1, 24),
    (2, 14),
    (2, 15),
    (3, 0),
    (3, 10),
    (3, 20),
    (4, 1),
    (4, 5),
    (4, 20),
];

pub const CURVES: &[Experiment] = &[Experiment {
    name: "lr-scheduler",
    seeds: (1, 1),
    bands: &[
        point("constant 0.3, epoch 0", 0.3),
        point("constant 0.3, epoch 29", 0.3),
        point("square root from 0.1, epoch 3", 0.05),
        point("square root from 0.1, epoch 24", 0.02),
        point("multi-step from 0.5, epoch 14", 0.5),
        point("multi-step from 0.5, epoch 15", 0.25),
        point("cosine 0.3 to 0.01, epoch 0", 0.3),
        point("cosine 0.3 to 0.01, epoch 10", 0.155),
        point("cosine 0.3 to 0.01, epoch 20", 0.01),
        point("warm-up of 5, epoch 1", 0.06),
        point("warm-up of 5, epoch 5", 0.3),
        point("warm-up of 5, epoch 20", 0.01),
    ],
    work: Work::Measure(rates),
}];

const fn point(metric: &'static str, rate: f64) -> Band {
    band(metric, rate - 1e-12, rate, rate + 1e-12)
}

fn rates(_: &SeedRun) -> Result<Vec<f64>> {
    let schedules = lesson::course();
    let rate = |(schedule, epoch): (usize, usize)| {
        let (_, base, shape) = &schedules[schedule];
        shape.rate(epoch, *base)
    };
    Ok(POINTS.into_iter().map(rate).collect())
}

pub const TRAINING_RUNS: &[Experiment] = &[
    Experiment {
        name: "lr-scheduler-constant",
        seeds: (1, 1),
        bands: &[
            loss(0.133, 0.159, 0.215),
            test_accuracy(0.859, 0.884, 0.899),
        ],
        work: lenet_with(0.3, || Schedule::Constant),
    },
    Experiment {
        name: "lr-scheduler-square-root",
        seeds: (1, 1),
        bands: &[
            loss(0.266, 0.275, 0.287),
            test_accuracy(0.864, 0.880, 0.886),
        ],
        work: lenet_with(0.1, || an_epoch_late(1)),
    },
    // The course's numbers are those of a constant rate of 0.125: drawing the curve has taken its scheduler past
    // both milestones, and with it the optimizer's rate, before training starts.
    Experiment {
        name: "lr-scheduler-multi-step",
        seeds: (1, 1),
        bands: &[
            loss(0.180, 0.194, 0.207),
            test_accuracy(0.864, 0.889, 0.901),
        ],
        work: lenet_with(0.125, || Schedule::Constant),
    },
    Experiment {
        name: "lr-scheduler-cosine",
        seeds: (1, 1),
        bands: &[
            loss(0.159, 0.187, 0.222),
            test_accuracy(0.888, 0.899, 0.907),
        ],
        work: lenet_with(0.3, || an_epoch_late(3)),
    },
    Experiment {
        name: "lr-scheduler-warm-up",
        seeds: (1, 1),
        bands: &[
            loss(0.174, 0.196, 0.260),
            test_accuracy(0.878, 0.899, 0.905),
        ],
        work: lenet_with(0.3, || an_epoch_late(4)),
    },
];

const fn loss(low: f64, median: f64, high: f64) -> Band {
    band("train loss", low, median, high)
}

const fn test_accuracy(low: f64, median: f64, high: f64) -> Band {
    reported("test accuracy", low, median, high)
}

/// LeNet with ReLU and max-pooling, 30 epochs.
const fn lenet_with(learning_rate: f64, schedule: fn() -> Schedule) -> Work {
    Work::Train(ImageTraining {
        full: Settings {
            epochs: lesson::EPOCHS,
            schedule,
            ..full(Model::Made(lenet), learning_rate)
        },
        quick: Settings {
            schedule,
            ..quick(Model::Made(lenet), learning_rate)
        },
        heavy: true,
        train,
    })
}

/// A schedule of the lesson as the course's loop applies it. The loop sets the learning rate of epoch `t` after that
/// epoch: the first epoch has the optimizer's own rate, and each later one that of the epoch before it.
fn an_epoch_late(index: usize) -> Schedule {
    let (_, _, shape) = lesson::course().swap_remove(index);
    Schedule::chain()
        .part(1, Schedule::Constant)
        .part(lesson::EPOCHS, shape)
        .into()
}

/// Weights from U(±1/√inputs), PyTorch's default, which the section does not change.
fn lenet(input: [usize; 3], classes: usize) -> ImageConfig {
    ImageConfig::LeNet(LeNetConfig {
        modern: true,
        initializer: Initializer::PYTORCH,
        ..LeNetConfig::new(input, classes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_courses_loop() {
        let rates = |name: &str| {
            let name = format!("lr-scheduler-{name}");
            let found = TRAINING_RUNS.iter().find(|one| one.name == name).unwrap();
            let Work::Train(training) = &found.work else {
                panic!("{name} trains nothing")
            };
            let settings = &training.full;
            (settings.schedule)().curve(settings.epochs, settings.learning_rate)
        };
        let near = |rates: &[f64], expected: &[f64]| {
            for (rate, expected) in rates.iter().zip(expected) {
                assert!((rate - expected).abs() < 1e-12, "{rates:?}");
            }
        };
        near(&rates("constant"), &[0.3; 30]);
        let root = |epoch: f64| 0.1 / epoch.sqrt();
        near(&rates("square-root"), &[0.1, 0.1, root(2.0), root(3.0)]);
        let cosine = rates("cosine");
        near(&cosine, &[0.3, 0.3]);
        near(&cosine[11..12], &[0.155]);
        near(&cosine[21..], &[0.01; 9]);
        let warm = rates("warm-up");
        near(&warm, &[0.3, 0.0, 0.06, 0.12, 0.18, 0.24, 0.3]);
        near(&warm[21..], &[0.01; 9]);
    }
}

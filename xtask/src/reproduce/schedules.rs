//! Section "Learning Rate Scheduling": points on the curves of its five schedules, and a LeNet trained with each.
//!
//! The curves themselves are formulas, so every band is a point: the formula's value, worked out by hand.

use anyhow::Result;
use tinderbox::models::ImageConfig;
use tinderbox::models::image::LeNetConfig;
use tinderbox::optim::ChainPart;
use tinderbox::prelude::*;

use super::images::{Plan, Training, concise, full, small};
use super::{Band, Experiment, Setting, Work, band, reported};

/// The very file that draws the curves.
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

pub const SCHEDULES: Experiment = Experiment {
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
    work: Work::Figures(rates),
};

const fn point(figure: &'static str, rate: f64) -> Band {
    band(figure, rate - 1e-12, rate, rate + 1e-12)
}

fn rates(_: &Setting) -> Result<Vec<f64>> {
    let schedules = lesson::course();
    let rate = |(schedule, epoch): (usize, usize)| {
        let (_, base, shape) = &schedules[schedule];
        shape.rate(epoch, *base)
    };
    Ok(POINTS.into_iter().map(rate).collect())
}

/// LeNet with ReLU and max-pooling, 30 epochs; one seed in full, too long for CI.
macro_rules! training {
    ($name:literal, rate $rate:literal, $schedule:expr, $loss:expr, $accuracy:expr) => {
        Experiment {
            name: $name,
            seeds: (1, 1),
            bands: &[$loss, $accuracy],
            work: Work::Training(Training {
                course: Plan {
                    epochs: lesson::EPOCHS,
                    schedule: $schedule,
                    ..full(lenet, $rate)
                },
                quick: Plan {
                    schedule: $schedule,
                    ..small(lenet, $rate)
                },
                heavy: true,
                train: concise,
            }),
        }
    };
}

pub const CONSTANT: Experiment = training!(
    "lr-scheduler-constant",
    rate 0.3,
    || Schedule::Constant,
    band("train loss", 0.133, 0.159, 0.215),
    reported("test accuracy", 0.859, 0.884, 0.899)
);

pub const SQUARE_ROOT: Experiment = training!(
    "lr-scheduler-square-root",
    rate 0.1,
    || an_epoch_late(1),
    band("train loss", 0.266, 0.275, 0.287),
    reported("test accuracy", 0.864, 0.880, 0.886)
);

/// The course's figures are those of a constant rate of 0.125: drawing the curve has taken its scheduler past both
/// milestones, and with it the optimizer's rate, before the training starts.
pub const MULTI_STEP: Experiment = training!(
    "lr-scheduler-multi-step",
    rate 0.125,
    || Schedule::Constant,
    band("train loss", 0.180, 0.194, 0.207),
    reported("test accuracy", 0.864, 0.889, 0.901)
);

pub const COSINE: Experiment = training!(
    "lr-scheduler-cosine",
    rate 0.3,
    || an_epoch_late(3),
    band("train loss", 0.159, 0.187, 0.222),
    reported("test accuracy", 0.888, 0.899, 0.907)
);

pub const WARM_UP: Experiment = training!(
    "lr-scheduler-warm-up",
    rate 0.3,
    || an_epoch_late(4),
    band("train loss", 0.174, 0.196, 0.260),
    reported("test accuracy", 0.878, 0.899, 0.905)
);

/// A schedule of the lesson, as the course's loop applies it: it asks for the rate of epoch `t` after that epoch, so
/// that the first one has the optimizer's own rate, and each other the one meant for the epoch before it.
fn an_epoch_late(index: usize) -> Schedule {
    let (_, _, shape) = lesson::course().swap_remove(index);
    let part = |length, schedule| ChainPart { length, schedule };
    Schedule::Chain {
        parts: vec![part(1, Schedule::Constant), part(lesson::EPOCHS, shape)],
    }
}

/// Weights from U(±1/√inputs), PyTorch's own choice, which the section leaves as it is.
fn lenet(input: [usize; 3], classes: usize) -> Result<ImageConfig> {
    Ok(ImageConfig::LeNet(LeNetConfig {
        modern: true,
        initializer: Initializer::PYTORCH,
        ..LeNetConfig::new(input, classes)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_courses_loop() {
        let rates = |experiment: &Experiment| {
            let Work::Training(training) = &experiment.work else {
                panic!("{} is no training", experiment.name)
            };
            let plan = &training.course;
            (plan.schedule)().curve(plan.epochs, plan.rate)
        };
        let near = |rates: &[f64], expected: &[f64]| {
            for (rate, expected) in rates.iter().zip(expected) {
                assert!((rate - expected).abs() < 1e-12, "{rates:?}");
            }
        };
        near(&rates(&CONSTANT), &[0.3; 30]);
        let root = |epoch: f64| 0.1 / epoch.sqrt();
        near(&rates(&SQUARE_ROOT), &[0.1, 0.1, root(2.0), root(3.0)]);
        let cosine = rates(&COSINE);
        near(&cosine, &[0.3, 0.3]);
        near(&cosine[11..12], &[0.155]);
        near(&cosine[21..], &[0.01; 9]);
        let warm = rates(&WARM_UP);
        near(&warm, &[0.3, 0.0, 0.06, 0.12, 0.18, 0.24, 0.3]);
        near(&warm[21..], &[0.01; 9]);
    }
}

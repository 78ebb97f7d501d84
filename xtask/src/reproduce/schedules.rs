//! Section "Learning Rate Scheduling": points on the curves of its five schedules.
//!
//! What LeNet reaches with them is another experiment; the curves themselves are formulas, so every band is a
//! point: the formula's value, worked out by hand.

use anyhow::Result;

use super::{Band, Experiment, Setting, band};

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
    run: rates,
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

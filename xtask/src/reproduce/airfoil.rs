//! Chapter "Optimization Algorithms": the airfoil data with every optimizer and batch size, and the exact solution,
//! which is a lower bound for all of them.

use anyhow::Result;
use tinderbox::prelude::*;

use super::{Band, Experiment, SeedRun, Work, at_most, band};

/// The file of the example.
#[path = "../../../examples/optimizers.rs"]
#[allow(dead_code)] // its `main` and its table
mod lesson;

pub const EXPERIMENTS: &[Experiment] = &[FLOOR, OPTIMIZERS];

/// The final losses, in the order of `lesson::entries`; the low end is the lowest of all published runs.
const OPTIMIZERS: Experiment = Experiment {
    name: "airfoil-optimizers",
    seeds: (25, 3),
    bands: &[
        loss("gradient descent, all 1500 rows", 0.247, 0.254),
        loss("SGD, batch 1", 0.244, 0.254),
        loss("SGD, batch 100", 0.245, 0.254),
        loss("SGD, batch 10", 0.246, 0.254),
        loss("SGD, concise", 0.244, 0.254),
        loss("momentum 0.5", 0.245, 0.248),
        loss("momentum 0.9, rate 0.01", 0.248, 0.259),
        loss("momentum 0.9, rate 0.005", 0.245, 0.250),
        loss("momentum 0.9, concise", 0.246, 0.250),
        loss("Adagrad", 0.243, 0.246),
        loss("Adagrad, concise", 0.242, 0.246),
        loss("RMSProp", 0.245, 0.249),
        loss("RMSProp, concise", 0.244, 0.249),
        loss("Adadelta", 0.244, 0.246),
        loss("Adadelta, concise", 0.243, 0.246),
        loss("Adam", 0.244, 0.248),
        loss("Adam, concise", 0.244, 0.248),
        loss("Yogi", 0.244, 0.248),
    ],
    work: Work::Measure(optimizers),
};

/// No published run goes below 0.242, the loss of the exact solution. Nothing is random here: one seed is enough.
const FLOOR: Experiment = Experiment {
    name: "airfoil-floor",
    seeds: (1, 1),
    bands: &[band(
        "half the mean squared error, exact",
        0.2415,
        0.242,
        0.2425,
    )],
    work: Work::Measure(floor),
};

const fn loss(metric: &'static str, median: f64, high: f64) -> Band {
    at_most(metric, 0.242, median, high)
}

fn optimizers(run: &SeedRun) -> Result<Vec<f64>> {
    let data = lesson::airfoil()?;
    let train = |entry| Ok(lesson::train(entry, &data, Seed::new(run.seed), &run.device)?.last());
    lesson::entries().iter().map(train).collect()
}

fn floor(_: &SeedRun) -> Result<Vec<f64>> {
    Ok(vec![lesson::floor(&lesson::airfoil()?)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_and_entries_are_the_same_list() {
        let entries = lesson::entries();
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| (entry.name, entry.published))
            .collect();
        let bands: Vec<_> = OPTIMIZERS
            .bands
            .iter()
            .map(|band| (band.metric, band.median))
            .collect();
        assert_eq!(entries, bands);
    }

    /// The loss of the exact solution is below that of a training run, and near the best of them.
    #[test]
    fn no_optimizer_beats_the_exact_solution() {
        let data = lesson::airfoil().unwrap();
        assert_eq!((data.len(), data.features().width()), (1500, 5));
        let floor = lesson::floor(&data).unwrap();
        assert!((0.2415..0.2425).contains(&floor), "{floor}");
        let entries = lesson::entries();
        let adagrad = entries
            .iter()
            .find(|entry| entry.name == "Adagrad, concise")
            .unwrap();
        let trained = lesson::train(adagrad, &data, Seed::new(0), &Device::flex()).unwrap();
        assert!(
            trained.last() > floor - 1e-6,
            "{} < {floor}",
            trained.last()
        );
        assert!(
            trained.last() < floor + 0.005,
            "{} > {floor}",
            trained.last()
        );
    }
}

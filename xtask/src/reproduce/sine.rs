//! Chapter "Sequence Models": a noisy sine, predicted from four points.

use anyhow::{Result, ensure};
use tinderbox::prelude::*;
use tinderbox::train::evaluate;

use super::{Experiment, SeedRun, Work, band, unpublished};

/// The same file that the reader of the course runs.
#[path = "../../../examples/sequence.rs"]
#[allow(dead_code)] // its `main` and its figure
mod lesson;

pub const EXPERIMENTS: &[Experiment] = &[Experiment {
    name: "sequence",
    seeds: (25, 3),
    bands: &[
        band("train loss", 0.047, 0.052, 0.060),
        unpublished("held-out loss, 1 step ahead"),
        unpublished("held-out loss, 64 steps ahead"),
    ],
    work: Work::Measure(measure),
}];

fn measure(run: &SeedRun) -> Result<Vec<f64>> {
    let seed = Seed::new(run.seed);
    let points = lesson::noisy_sine(seed.child("data"));
    let train = lesson::examples_of(&points, 0..lesson::TRAIN)?;
    let loader = Loader::new(train.clone(), 16)?.shuffle(seed.child("order"));
    let model = lesson::Mlp::new(seed.child("weights"), &run.device);
    let task = Regression::default();
    let trainer = Trainer::new(lesson::settings(run.seed))?;
    let model = trainer.fit(model, &task, &loader, None)?.model;
    let whole = Loader::for_evaluation(train, lesson::TRAIN)?;
    let loss = evaluate(&model, &task, &whole, &mut [])?;
    let held_out = |steps: usize| -> Result<f64> {
        let predicted = lesson::ahead(&model, &points, steps, &run.device)?;
        Ok(lesson::error(&predicted, &points, lesson::SEEN - 1 + steps))
    };
    let (next, far) = (held_out(1)?, held_out(64)?);
    // Predicting 0 is off by the variance of a sine and of the noise, 0.54.
    ensure!(
        next < 0.2,
        "the next point is predicted no better than by chance: {next:.3}"
    );
    Ok(vec![loss, next, far])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_windows_and_the_points_that_follow() {
        let points: Vec<f32> = (0..10).map(|x| x as f32).collect();
        let rows = lesson::examples_of(&points, 2..5).unwrap();
        assert_eq!(rows.features().row(1), [3.0, 4.0, 5.0, 6.0]);
        assert_eq!(rows.targets().as_slice(), [6.0, 7.0, 8.0]);
    }

    #[test]
    fn steps_ahead_are_the_model_applied_to_its_own_predictions() {
        let device = Device::flex();
        let model = lesson::Mlp::new(Seed::new(1), &device);
        let points = [0.1, 0.5, -0.2, 0.3, 0.7, -0.4];
        let next = |window: [f64; 4]| -> f64 {
            let window = Tensor::<2>::from_data([window.map(|x| x as f32)], &device);
            model.forward(window).into_scalar()
        };
        let one = next([0.1, 0.5, -0.2, 0.3]);
        let two = next([0.5, -0.2, 0.3, one]);
        let near =
            |got: f64, expected: f64| assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        let ahead = |steps| lesson::ahead(&model, &points, steps, &device).unwrap();
        assert_eq!(ahead(2).len(), 3);
        near(ahead(1)[0], one);
        near(ahead(2)[0], two);
    }

    #[test]
    fn errors_are_those_of_points_that_were_not_learnt() {
        let points = vec![0.0; lesson::POINTS];
        let place = lesson::TRAIN + lesson::SEEN;
        let predicted: Vec<f64> = (3..lesson::POINTS)
            .map(|t| if t < place { 9.0 } else { 0.5 })
            .collect();
        assert_eq!(lesson::error(&predicted, &points, 3), 0.25);
    }
}

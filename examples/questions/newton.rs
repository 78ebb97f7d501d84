//! Why first-order methods and not Newton's?

use anyhow::Result;
use examples::lesson::Page;
use tinderbox::Timer;
use tinderbox::optim::least_squares;
use tinderbox::plot::{self, Plot, Scale, Series};
use tinderbox::prelude::*;

/// The Hessian has one entry for each pair of parameters.
pub fn answer(page: &mut Page, seed: Seed) -> Result<()> {
    page.section("Why first-order methods and not Newton's?")?;
    page.text(
        "One Newton step solves a linear regression. But it needs the second derivative for every\n\
         pair of parameters: p^2 numbers, and p^3 operations to solve the system. A gradient has p.",
    )?;
    let mut draw = seed.child("newton").rng();
    let mut points = Vec::new();
    let mut rows = Vec::new();
    for parameters in [25, 50, 100, 200] {
        let examples = 2 * parameters;
        let x: Vec<f64> = (0..examples * parameters).map(|_| draw.normal()).collect();
        let y: Vec<f64> = (0..examples).map(|_| draw.normal()).collect();
        let mut timer = Timer::new();
        least_squares(&x, parameters, &y, 1)?;
        let solved = 1e3 * timer.stop().as_secs_f64();
        gradient(&x, parameters, &y);
        let stepped = 1e3 * timer.stop().as_secs_f64();
        points.push((parameters as f64, solved, stepped));
        rows.push(vec![
            parameters.to_string(),
            format!("{solved:.3}"),
            format!("{stepped:.4}"),
        ]);
    }
    page.text("Measured here, 2 p examples, milliseconds:")?;
    page.table(&["parameters", "solve exactly", "one gradient"], &rows)?;
    let lines = [
        Series::new(
            "solve exactly",
            points.iter().map(|point| (point.0, point.1)),
        ),
        Series::new(
            "one gradient",
            points.iter().map(|point| (point.0, point.2)),
        ),
    ];
    let plot = Plot {
        x_scale: Scale::Log,
        y_scale: Scale::Log,
        ..Plot::new("Time by number of parameters").labels("parameters", "ms")
    };
    page.figure("newton", plot::line(&plot, &lines)?)?;
    page.text("The matrix alone, with 4 bytes for each number:")?;
    let networks = [
        ("LeNet", 61_706.0),
        ("MLP 784-256-10", 203_530.0),
        ("ResNet-18", 11_178_378.0),
    ];
    let rows = networks.map(|(name, parameters): (&str, f64)| {
        vec![
            name.to_owned(),
            format!("{parameters}"),
            format!("{:.1}", 4.0 * parameters * parameters / 1e9),
        ]
    });
    page.table(&["network", "parameters", "GB"], &rows)?;
    page.text(
        "Where the curvature is negative, Newton's method moves uphill (see gradient_descent), and the\n\
         second derivatives of a minibatch are noisier than its gradient. Adam and similar methods\n\
         keep one number for each parameter instead, a diagonal, at the cost of a gradient.",
    )
}

/// The gradient of half the squared error at w = 0: minus the sum of y x.
fn gradient(x: &[f64], width: usize, y: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; width];
    for (x, y) in x.chunks(width).zip(y) {
        sum.iter_mut().zip(x).for_each(|(sum, x)| *sum -= y * x);
    }
    std::hint::black_box(sum)
}

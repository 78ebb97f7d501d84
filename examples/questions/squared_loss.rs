//! Why the squared and not the absolute loss?

use anyhow::Result;
use examples::lesson::Page;
use tinderbox::optim::{Method, minimize};
use tinderbox::plot::{self, Plot, Series};

/// Three reasons for it, and one against it.
pub fn answer(page: &mut Page) -> Result<()> {
    page.section("Why the squared and not the absolute loss?")?;
    page.text(
        "Because noise is often normal. The density of N(m, s) is proportional to\n\
         exp(-(x - m)^2 / 2 s^2): the most likely m has the smallest sum of squares. For noise with\n\
         long tails (a Laplace distribution) the same argument leads to absolute values.",
    )?;
    let density = |x: f64, mean: f64, std: f64| {
        let z = (x - mean) / std;
        (-0.5 * z * z).exp() / (std * (2.0 * std::f64::consts::PI).sqrt())
    };
    let shapes = [(0.0, 1.0), (0.0, 2.0), (3.0, 1.0)];
    for (mean, std) in shapes {
        page.show(
            &format!("peak of N({mean}, {std})"),
            &format!("{:.4}", density(mean, mean, std)),
        )?;
    }
    let curves = shapes.map(|(mean, std)| {
        Series::function(format!("mean {mean}, std {std}"), (-7.0, 7.0), 281, |x| {
            density(x, mean, std)
        })
    });
    let plot = Plot::new("Normal densities").labels("x", "p(x)");
    page.figure("normal_densities", plot::line(&plot, &curves)?)?;

    page.text(
        "Because it is smooth. Its slope goes to 0 near the minimum, so that the steps become small.\n\
         The slope of |x - 1.05| is 1 everywhere: with a constant learning rate it oscillates.",
    )?;
    let gradient_descent = Method::GradientDescent { rate: 0.1 };
    let off = |x: f64| x - 1.05;
    let squared = minimize(
        gradient_descent,
        |[x]| off(x).powi(2),
        |[x]| [2.0 * off(x)],
        [0.0],
        100,
    )?;
    let absolute = minimize(
        gradient_descent,
        |[x]| off(x).abs(),
        |[x]| [off(x).signum()],
        [0.0],
        100,
    )?;
    page.show(
        "squared: off after 100 steps of rate 0.1",
        &format!("{:.1e}", off(squared.last()[0]).abs()),
    )?;
    page.show(
        "absolute: off after 100 steps of rate 0.1",
        &format!("{:.1e}", off(absolute.last()[0]).abs()),
    )?;
    let path = |name: &str, points: &[[f64; 1]]| {
        let steps = points.iter().take(41).enumerate();
        Series::new(name, steps.map(|(step, [x])| (step as f64, *x)))
    };
    let paths = [
        path("squared", &squared.points),
        path("absolute", &absolute.points),
    ];
    let plot = Plot::new("Towards 1.05 with a constant learning rate").labels("step", "x");
    page.figure("approach", plot::line(&plot, &paths)?)?;

    page.text(
        "Because it has an exact solution: see linear_regression_exact. A reason against it: outliers\n\
         have a large effect. The best constant for 1, 2, 3, 4, 100 is the mean for squares and the\n\
         median for absolute values. The Huber loss, squares near 0 and absolute values far from it,\n\
         is robust too.",
    )?;
    let values = [1.0, 2.0, 3.0, 4.0, 100.0];
    let best = |loss: &dyn Fn(f64) -> f64| {
        let total = |c: f64| values.iter().map(|value| loss(value - c)).sum::<f64>();
        let candidates = (0..=10_000).map(|i| f64::from(i) / 100.0);
        candidates
            .min_by(|a, b| total(*a).total_cmp(&total(*b)))
            .unwrap_or(f64::NAN)
    };
    page.show("best for squares", &best(&|e| e * e))?;
    page.show("best for absolute values", &best(&f64::abs))?;
    page.show(
        "best for Huber",
        &best(&|e| {
            if e.abs() < 1.0 {
                0.5 * e * e
            } else {
                e.abs() - 0.5
            }
        }),
    )
}

//! Calculus: the derivative as the slope of a curve, and the gradient as the direction of steepest ascent.
//!
//! Dive into Deep Learning, chapter "Preliminaries: Calculus".
//! `cargo run --example calculus`

use anyhow::Result;
use clap::Parser;
use examples::lesson::Page;
use tinderbox::plot::{self, Plot, Series, Spacing, Surface};

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("calculus"))
}

pub fn lesson(page: &mut Page) -> Result<()> {
    page.title("Calculus")?;

    page.section("The derivative is a limit")?;
    page.text(
        "f(x) = 3 x^2 - 4 x has the slope 2 at x = 1. Between 1 and 1 + h the slope is\n\
         (f(1 + h) - f(1)) / h, and it approaches 2 as h becomes smaller.",
    )?;
    let f = |x: f64| 3.0 * x * x - 4.0 * x;
    let slope = |h: f64| (f(1.0 + h) - f(1.0)) / h;
    let steps = [0.1, 0.01, 0.001, 1e-4, 1e-5];
    let rows = steps.map(|h| vec![format!("{h:.5}"), format!("{:.5}", slope(h))]);
    page.table(&["h", "slope"], &rows)?;
    // Smaller is not always better: for a very small h the difference of two nearly equal numbers is
    // mostly rounding error. A two-sided difference with h near the cube root of epsilon works best.
    let tiny = [1e-8, 1e-12, 1e-16];
    let rows = tiny.map(|h| vec![format!("{h:.0e}"), format!("{:.5}", slope(h))]);
    page.text("If h is too small, rounding errors dominate; 1 + 1e-16 is even rounded to 1.")?;
    page.table(&["h", "slope"], &rows)?;
    let two_sided = (f(1.0 + 1e-5) - f(1.0 - 1e-5)) / 2e-5;
    page.show(
        "from both sides, h = 1e-5, off by less than 1e-9",
        &((two_sided - 2.0).abs() < 1e-9),
    )?;

    page.section("The tangent")?;
    page.text(
        "Near x = 1 the curve is close to its tangent, 2 x - 3. Gradient descent relies on this.",
    )?;
    let tangent = |x: f64| 2.0 * x - 3.0;
    page.show("f(1) and the tangent at 1", &vec![f(1.0), tangent(1.0)])?;
    page.show("f(1.1) and the tangent at 1.1", &vec![f(1.1), tangent(1.1)])?;
    page.show("f(2) and the tangent at 2", &vec![f(2.0), tangent(2.0)])?;
    let lines = [
        Series::function("f(x) = 3x² - 4x", (0.0, 3.0), 121, f),
        Series::function("tangent at x = 1", (0.0, 3.0), 2, tangent),
    ];
    let plot = Plot::new("A function and its tangent").labels("x", "f(x)");
    page.figure("tangent", plot::line(&plot, &lines)?)?;

    page.section("Partial derivatives and the gradient")?;
    page.text(
        "With two inputs, each has a slope while the other is held constant. Together these partial\n\
         derivatives are the gradient: it points in the direction of steepest ascent.",
    )?;
    let g = |x: f64, y: f64| x * x + 2.0 * y * y;
    let gradient = |x: f64, y: f64| {
        let h = 1e-5;
        [
            (g(x + h, y) - g(x - h, y)) / (2.0 * h),
            (g(x, y + h) - g(x, y - h)) / (2.0 * h),
        ]
    };
    let (x, y) = (3.0, -1.0);
    let [dx, dy] = gradient(x, y);
    page.show(
        "gradient of x^2 + 2 y^2 at (3, -1)",
        &format!("[{dx:.4}, {dy:.4}]"),
    )?;
    // A step of length 0.1 in five directions: the function grows most along the gradient, falls most
    // against it, and hardly changes at a right angle to it.
    let angle = dy.atan2(dx);
    let gain = |turn: f64| {
        let way = angle + turn.to_radians();
        g(x + 0.1 * way.cos(), y + 0.1 * way.sin()) - g(x, y)
    };
    let rows = [0.0, 45.0, 90.0, 135.0, 180.0]
        .map(|turn| vec![format!("{turn:.0}°"), format!("{:+.3}", gain(turn))]);
    page.table(&["away from the gradient", "change"], &rows)?;
    let surface = Surface::from_fn((-4.0, 4.0), (-3.0, 3.0), g)?;
    let down = Series::new(
        "0.2 x gradient, downhill",
        [(x, y), (x - 0.2 * dx, y - 0.2 * dy)],
    );
    let plot = Plot::new("The gradient crosses the level lines").labels("x", "y");
    page.figure(
        "gradient",
        plot::contour(&plot, &surface, (9, Spacing::Linear), &[down])?,
    )
}

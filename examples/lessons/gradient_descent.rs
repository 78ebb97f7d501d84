//! Gradient descent: the effect of the learning rate, and methods that adapt it.
//!
//! Dive into Deep Learning, chapter "Optimization Algorithms". The traces are those of the course.
//! `cargo run --example gradient_descent`

use std::f64::consts::PI;

use anyhow::Result;
use clap::Parser;
use examples::lesson::Page;
use tinderbox::optim::{Method, Trajectory, minimize, newton};
use tinderbox::plot::{self, Plot, Scale, Series, Spacing, Surface};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("gradient_descent"), args.seed())
}

pub fn lesson(page: &mut Page, seed: Seed) -> Result<()> {
    page.title("Gradient descent")?;
    one_dimension(page)?;
    two_dimensions(page)?;
    curvature(page)?;
    narrow_valley(page)?;
    noise(page, seed)
}

fn one_dimension(page: &mut Page) -> Result<()> {
    page.section("One dimension: the learning rate")?;
    page.text(
        "x^2 from x = 10, ten steps of x -= rate * 2 x. A learning rate that is too small converges\n\
         slowly, one that is too large diverges.",
    )?;
    let parabola = |rate| {
        let method = Method::GradientDescent { rate };
        minimize(method, |[x]| x * x, |[x]| [2.0 * x], [10.0], 10)
    };
    let rates = [("too small", 0.05), ("right", 0.2), ("too large", 1.1)];
    let mut values = Vec::new();
    for (verdict, rate) in rates {
        let trace = parabola(rate)?;
        page.show(
            &format!("x^2, rate {rate} ({verdict})"),
            &format!("{:.6}", trace.last()[0]),
        )?;
        let steps = trace.values.iter().enumerate();
        values.push(Series::new(
            format!("rate {rate}"),
            steps.map(|(step, f)| (step as f64, *f)),
        ));
    }
    let plot = Plot {
        y_scale: Scale::Log,
        ..Plot::new("x² after each step").labels("step", "f(x)")
    };
    page.figure("rates", plot::line(&plot, &values)?)?;
    let walks = [
        path("rate 0.05", &parabola(0.05)?),
        path("rate 0.2", &parabola(0.2)?),
    ];
    let lines = [Series::function("f(x) = x²", (-4.0, 10.5), 101, |x| x * x)];
    let plot = Plot::new("Ten steps down a parabola").labels("x", "f(x)");
    page.figure("parabola", plot::scatter(&plot, &walks, &lines)?)?;

    page.section("A local minimum")?;
    page.text(
        "x cos(0.15 pi x) has many local minima. Start and learning rate decide which one is found.",
    )?;
    let trace = minimize(
        Method::GradientDescent { rate: 2.0 },
        waves,
        waves_slope,
        [10.0],
        10,
    )?;
    page.show(
        "x cos(0.15 pi x), rate 2",
        &format!("{:.6}", trace.last()[0]),
    )?;
    let curve = Series::function("x cos(0.15πx)", (-10.0, 10.5), 201, |x| waves([x]));
    let walk = path("ten steps", &trace);
    let line = Series {
        name: String::new(),
        ..walk.clone()
    };
    let plot = Plot::new("The minimum found need not be the lowest").labels("x", "f(x)");
    page.figure(
        "local_minimum",
        plot::scatter(&plot, &[walk], &[curve, line])?,
    )
}

fn two_dimensions(page: &mut Page) -> Result<()> {
    page.section("Two dimensions")?;
    let f = |[x, y]: [f64; 2]| x * x + 2.0 * y * y;
    let gradient = |[x, y]: [f64; 2]| [2.0 * x, 4.0 * y];
    let trace = minimize(
        Method::GradientDescent { rate: 0.1 },
        f,
        gradient,
        [-5.0, -2.0],
        20,
    )?;
    page.show("x1^2 + 2 x2^2, rate 0.1", &point(&trace))?;
    let surface = Surface::from_fn((-5.5, 1.0), (-3.0, 1.0), |x, y| f([x, y]))?;
    let plot = Plot::new("Gradient descent on x1² + 2 x2²").labels("x1", "x2");
    let path = Series::new("20 steps", trace.points.iter().map(|&[x, y]| (x, y)));
    page.figure(
        "two_dimensions",
        plot::contour(&plot, &surface, (9, Spacing::Linear), &[path])?,
    )
}

fn curvature(page: &mut Page) -> Result<()> {
    page.section("Newton's method: divide by the curvature")?;
    page.text(
        "With the curvature, no learning rate is needed: ten steps minimize cosh(x / 2). But where\n\
         the curvature is negative, Newton's method moves uphill; a smaller learning rate may hide it.",
    )?;
    let slope = |[x]: [f64; 1]| [0.5 * (0.5 * x).sinh()];
    let bend = |[x]: [f64; 1]| [[0.25 * (0.5 * x).cosh()]];
    let trace = newton(1.0, |[x]| (0.5 * x).cosh(), slope, bend, [10.0], 10)?;
    page.show(
        "cosh(x / 2), Newton",
        &format!("{:.6}", trace.last()[0].abs()),
    )?;
    for rate in [1.0, 0.5] {
        let trace = newton(rate, waves, waves_slope, waves_bend, [10.0], 10)?;
        page.show(
            &format!("x cos(0.15 pi x), Newton, rate {rate}"),
            &format!("{:.4}", trace.last()[0]),
        )?;
    }
    // A network of p parameters has p^2 second derivatives: see `questions -- newton`.
    Ok(())
}

fn narrow_valley(page: &mut Page) -> Result<()> {
    page.section("A narrow valley: one learning rate for two slopes")?;
    page.text(
        "0.1 x1^2 + 2 x2^2 is twenty times steeper in x2. A learning rate that suits x2 is slow along\n\
         x1, and a larger one diverges. Momentum helps, and so does a learning rate for each axis.",
    )?;
    let f = |[x, y]: [f64; 2]| 0.1 * x * x + 2.0 * y * y;
    let gradient = |[x, y]: [f64; 2]| [0.2 * x, 4.0 * y];
    let epsilon = 1e-6;
    let methods = [
        (
            "gradient descent 0.4",
            Method::GradientDescent { rate: 0.4 },
        ),
        (
            "gradient descent 0.6",
            Method::GradientDescent { rate: 0.6 },
        ),
        (
            "momentum 0.5, rate 0.6",
            Method::Momentum {
                rate: 0.6,
                momentum: 0.5,
            },
        ),
        (
            "momentum 0.25, rate 0.6",
            Method::Momentum {
                rate: 0.6,
                momentum: 0.25,
            },
        ),
        ("Adagrad 0.4", Method::Adagrad { rate: 0.4, epsilon }),
        ("Adagrad 2", Method::Adagrad { rate: 2.0, epsilon }),
        (
            "RMSProp 0.4",
            Method::RmsProp {
                rate: 0.4,
                gamma: 0.9,
                epsilon,
            },
        ),
    ];
    let mut paths = Vec::new();
    for (name, method) in methods {
        let trace = minimize(method, f, gradient, [-5.0, -2.0], 20)?;
        page.show(name, &point(&trace))?;
        paths.push(Series::new(name, trace.points.iter().map(|&[x, y]| (x, y))));
    }
    let surface = Surface::from_fn((-5.5, 1.5), (-3.0, 2.5), |x, y| f([x, y]))?;
    let mut draw = |file: &str, title: &str, chosen: &[usize]| {
        let chosen: Vec<Series> = chosen.iter().map(|&index| paths[index].clone()).collect();
        let plot = Plot::new(title).labels("x1", "x2");
        page.figure(
            file,
            plot::contour(&plot, &surface, (9, Spacing::Log), &chosen)?,
        )
    };
    draw(
        "valley_rates",
        "Rate 0.4 is slow, rate 0.6 diverges",
        &[0, 1],
    )?;
    draw("valley_momentum", "Momentum dampens the zigzag", &[2, 3])?;
    draw(
        "valley_adaptive",
        "A learning rate for each axis",
        &[4, 5, 6],
    )
}

fn noise(page: &mut Page, seed: Seed) -> Result<()> {
    page.section("Noise: why the learning rate must fall")?;
    page.text(
        "The gradient of a minibatch is noisy, here with N(0, 1) on both axes of x1^2 + 2 x2^2. With a\n\
         constant learning rate the point keeps moving around the minimum. A learning rate that falls\n\
         too fast stops too early. With 1 / sqrt(1 + t / 10) the point arrives and stays close.",
    )?;
    type Factor = fn(f64) -> f64;
    let rates: [(&str, Factor); 3] = [
        ("constant", |_| 1.0),
        ("exp(-t / 10)", |t| (-0.1 * t).exp()),
        ("1 / sqrt(1 + t / 10)", |t| (1.0 + 0.1 * t).powf(-0.5)),
    ];
    let mut paths = Vec::new();
    let mut rows = Vec::new();
    for (name, factor) in rates {
        // The same noise for all three, and the mean of 200 runs: a single run proves nothing.
        let runs = 200;
        let mut distance = 0.0;
        for run in 0..runs {
            let mut draw = seed.child("noise").at(run).rng();
            let mut x = [-5.0, -2.0];
            let mut points = vec![(x[0], x[1])];
            for step in 0..400 {
                let rate = 0.1 * factor(f64::from(step));
                x[0] -= rate * (2.0 * x[0] + draw.normal());
                x[1] -= rate * (4.0 * x[1] + draw.normal());
                points.push((x[0], x[1]));
            }
            distance += x[0].hypot(x[1]) / runs as f64;
            if run == 0 {
                points.truncate(101);
                paths.push(Series::new(name, points));
            }
        }
        rows.push(vec![name.to_owned(), format!("{distance:.3}")]);
    }
    page.table(&["rate 0.1 times", "distance after 400 steps"], &rows)?;
    let surface = Surface::from_fn((-5.5, 1.5), (-3.0, 1.5), |x, y| x * x + 2.0 * y * y)?;
    let plot = Plot::new("Noisy gradients, the first 100 steps").labels("x1", "x2");
    page.figure(
        "noise",
        plot::contour(&plot, &surface, (9, Spacing::Linear), &paths)?,
    )
}

const C: f64 = 0.15 * PI;

/// x cos(0.15 pi x).
fn waves([x]: [f64; 1]) -> f64 {
    x * (C * x).cos()
}

/// Its first derivative.
fn waves_slope([x]: [f64; 1]) -> [f64; 1] {
    [(C * x).cos() - C * x * (C * x).sin()]
}

/// Its second derivative.
fn waves_bend([x]: [f64; 1]) -> [[f64; 1]; 1] {
    [[-2.0 * C * (C * x).sin() - x * C * C * (C * x).cos()]]
}

fn point(trace: &Trajectory<2>) -> String {
    let [x, y] = trace.last();
    format!("{x:.6}, {y:.6}")
}

fn path(name: &str, trace: &Trajectory<1>) -> Series {
    let points = trace.points.iter().zip(&trace.values);
    Series::new(name, points.map(|([x], f)| (*x, *f)))
}

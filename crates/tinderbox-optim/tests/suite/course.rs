//! The trajectories that the course prints (*Dive into Deep Learning*, chapter "Optimization
//! algorithms"), to the last printed digit.

use std::f64::consts::PI;
use tinderbox_optim::{Method, Trajectory, minimize, newton};

const EPSILON: f64 = 1e-6;

fn six(value: f64) -> String {
    format!("{value:.6}")
}

fn pair(trace: Trajectory<2>) -> [String; 2] {
    trace.last().map(six)
}

/// `x * cos(c x)` with `c = 0.15 pi`, its slope and its curvature.
fn wave([x]: [f64; 1]) -> f64 {
    x * (0.15 * PI * x).cos()
}

fn wave_slope([x]: [f64; 1]) -> [f64; 1] {
    let c = 0.15 * PI;
    [(c * x).cos() - c * x * (c * x).sin()]
}

fn wave_curvature([x]: [f64; 1]) -> [[f64; 1]; 1] {
    let c = 0.15 * PI;
    [[-2.0 * c * (c * x).sin() - x * c * c * (c * x).cos()]]
}

fn narrow([x, y]: [f64; 2]) -> f64 {
    0.1 * x * x + 2.0 * y * y
}

fn narrow_slope([x, y]: [f64; 2]) -> [f64; 2] {
    [0.2 * x, 4.0 * y]
}

fn on_narrow(method: Method) -> [String; 2] {
    pair(minimize(method, narrow, narrow_slope, [-5.0, -2.0], 20).unwrap())
}

#[test]
fn gradient_descent_in_one_dimension() {
    for (rate, printed) in [(0.2, "0.060466"), (0.05, "3.486784"), (1.1, "61.917364")] {
        let method = Method::GradientDescent { rate };
        let trace = minimize(method, |[x]| x * x, |[x]| [2.0 * x], [10.0], 10).unwrap();
        assert_eq!(six(trace.last()[0]), printed);
        assert_eq!((trace.points.len(), trace.values[0]), (11, 100.0));
    }
    let method = Method::GradientDescent { rate: 2.0 };
    let trace = minimize(method, wave, wave_slope, [10.0], 10).unwrap();
    assert_eq!(six(trace.last()[0]), "-1.528166");
}

#[test]
fn gradient_descent_in_two_dimensions() {
    let method = Method::GradientDescent { rate: 0.1 };
    let bowl = |[x, y]: [f64; 2]| x * x + 2.0 * y * y;
    let slope = |[x, y]: [f64; 2]| [2.0 * x, 4.0 * y];
    let trace = minimize(method, bowl, slope, [-5.0, -2.0], 20).unwrap();
    assert_eq!(pair(trace), ["-0.057646", "-0.000073"]);
    assert_eq!(
        on_narrow(Method::GradientDescent { rate: 0.4 }),
        ["-0.943467", "-0.000073"]
    );
    assert_eq!(
        on_narrow(Method::GradientDescent { rate: 0.6 }),
        ["-0.387814", "-1673.365109"]
    );
}

#[test]
fn newtons_method() {
    let cosh = |[x]: [f64; 1]| (0.5 * x).cosh();
    let slope = |[x]: [f64; 1]| [0.5 * (0.5 * x).sinh()];
    let curvature = |[x]: [f64; 1]| [[0.25 * (0.5 * x).cosh()]];
    let trace = newton(1.0, cosh, slope, curvature, [10.0], 10).unwrap();
    assert_eq!(six(trace.last()[0].abs()), "0.000000");
    for (rate, printed) in [(1.0, "26.8341"), (0.5, "7.2699")] {
        let trace = newton(rate, wave, wave_slope, wave_curvature, [10.0], 10).unwrap();
        assert_eq!(format!("{:.4}", trace.last()[0]), printed);
    }
}

#[test]
fn momentum_adagrad_and_rmsprop() {
    let momentum = |momentum| {
        on_narrow(Method::Momentum {
            rate: 0.6,
            momentum,
        })
    };
    assert_eq!(momentum(0.5), ["0.007188", "0.002553"]);
    assert_eq!(momentum(0.25), ["-0.126340", "-0.186632"]);
    let adagrad = |rate| {
        on_narrow(Method::Adagrad {
            rate,
            epsilon: EPSILON,
        })
    };
    assert_eq!(adagrad(0.4), ["-2.382563", "-0.158591"]);
    assert_eq!(adagrad(2.0), ["-0.002295", "-0.000000"]);
    let rmsprop = Method::RmsProp {
        rate: 0.4,
        gamma: 0.9,
        epsilon: EPSILON,
    };
    assert_eq!(on_narrow(rmsprop), ["-0.010599", "0.000000"]);
}

/// Adam's first step is the rate in every direction, whatever the gradient (Kingma and Ba 2015).
#[test]
fn adam() {
    let method = Method::Adam {
        rate: 0.1,
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: EPSILON,
    };
    let trace = minimize(method, narrow, narrow_slope, [-5.0, -2.0], 400).unwrap();
    let [x, y] = trace.points[1];
    assert!((x + 4.9).abs() < 1e-5 && (y + 1.9).abs() < 1e-5, "{x} {y}");
    assert!(trace.values[400] < 1e-3 && !trace.diverged());
}

use crate::common::*;
use burn::module::Param;
use burn::tensor::{DType, Device, Tensor};
use tinderbox_optim::{GradientsParams, Lbfgs, LbfgsConfig, OptimizerConfig, save_state};

type Point = Param<Tensor<1>>;

fn point(device: &Device) -> Point {
    Param::from_tensor(tensor(&[-1.2, 1.0, -0.5, 0.8], [4], device, DType::F32).require_grad())
}

/// Rosenbrock's function in four numbers.
fn rosenbrock(x: Point) -> (f64, GradientsParams) {
    let head = x.val().slice(0..3);
    let tail = x.val().slice(1..4);
    let curve = (tail - head.clone().square()).square().mul_scalar(100.0);
    let loss = (curve + (head.neg().add_scalar(1.0)).square()).sum();
    let grads = GradientsParams::from_grads(loss.backward(), &x);
    (loss.into_scalar(), grads)
}

fn config(line_search: bool) -> LbfgsConfig {
    LbfgsConfig::default()
        .max_iterations(4)
        .history_size(5)
        .line_search(line_search)
}

#[test]
fn steps_are_pytorchs() {
    for device in devices() {
        for case in reference("lbfgs.json") {
            let mut optimizer = Lbfgs::new(config(case["line_search"].as_bool().unwrap())).unwrap();
            let mut x = point(&device.clone().autodiff());
            for (step, expected) in case["steps"].as_array().unwrap().iter().enumerate() {
                (x, _) = optimizer
                    .step(case["rate"].as_f64().unwrap(), x, rosenbrock)
                    .unwrap();
                let what = format!("step {step} of {case}");
                // A search in f32 magnifies rounding from step to step.
                assert_close(&vec(x.val()), &numbers(&expected["x"]), 2e-3, &what);
            }
        }
    }
}

#[test]
fn the_minimum_is_found() {
    let mut optimizer = Lbfgs::new(LbfgsConfig::default().line_search(true)).unwrap();
    let mut x = point(&devices()[0].clone().autodiff());
    let mut loss = f64::NAN;
    for _ in 0..5 {
        (x, loss) = optimizer.step(1.0, x, rosenbrock).unwrap();
    }
    assert!(loss < 1e-6, "{loss} at {:?}", vec(x.val()));
    assert_close(&vec(x.val()), &[1.0; 4], 1e-3, "minimum");
}

#[test]
fn resuming_is_invisible() {
    for device in devices() {
        for line_search in [false, true] {
            let rate = if line_search { 1.0 } else { 0.005 };
            let run = |optimizer: &mut Lbfgs, mut x: Point, steps: usize| {
                for _ in 0..steps {
                    (x, _) = optimizer.step(rate, x, rosenbrock).unwrap();
                }
                x
            };
            let device = device.clone().autodiff();
            let through = run(
                &mut Lbfgs::new(config(line_search)).unwrap(),
                point(&device),
                5,
            );
            let mut first = Lbfgs::new(config(line_search)).unwrap();
            let stopped = run(&mut first, point(&device), 2);
            let saved = first.save().unwrap();
            let fresh = Param::from_tensor(
                tensor(&vec(stopped.val()), [4], &device, DType::F32).require_grad(),
            );
            let mut second = Lbfgs::load(config(line_search), &saved).unwrap();
            assert_eq!(vec(through.val()), vec(run(&mut second, fresh, 3).val()));
        }
    }
}

#[test]
fn a_parameter_without_gradient_stays() {
    let device = devices()[0].clone().autodiff();
    let model = Pair::new(&device, DType::F32);
    let pulled = |model: Pair| {
        let loss = model.vector.val().square().sum();
        let grads = GradientsParams::from_grads(loss.backward(), &model);
        (loss.into_scalar(), grads)
    };
    let before = model.numbers();
    let (after, loss) = Lbfgs::new(config(true))
        .unwrap()
        .step(1.0, model, pulled)
        .unwrap();
    assert_eq!(after.numbers()[0], before[0]);
    assert!(loss < 1e-6, "{loss}");
}

#[test]
fn what_is_wrong_is_refused() {
    let device = devices()[0].clone().autodiff();
    for bad in [
        LbfgsConfig::default().max_iterations(0),
        LbfgsConfig::default().max_evaluations(Some(0)),
        LbfgsConfig::default().history_size(0),
        LbfgsConfig::default().tolerance_change(-1.0),
    ] {
        assert!(Lbfgs::new(bad).err().unwrap().to_string().contains("lbfgs"));
    }
    let mut optimizer = Lbfgs::new(config(false)).unwrap();
    let error = optimizer
        .step(1.0, point(&device), |x| (f64::NAN, rosenbrock(x).1))
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("loss of an lbfgs step is NaN"),
        "{error}"
    );
    assert!(optimizer.step(-1.0, point(&device), rosenbrock).is_err());

    let mut optimizer = Lbfgs::new(config(false)).unwrap();
    optimizer.step(0.005, point(&device), rosenbrock).unwrap();
    let saved = optimizer.save().unwrap();
    for length in [0, 10, saved.len() - 1] {
        assert!(Lbfgs::load(config(false), &saved[..length]).is_err());
    }
    let mut loaded = Lbfgs::load(config(false), &saved).unwrap();
    let larger = Pair::new(&device, DType::F32);
    let message = loaded
        .step(1.0, larger, |_| (0.0, GradientsParams::new()))
        .err()
        .unwrap()
        .to_string();
    assert!(
        message.contains("[4]") && message.contains("[10]"),
        "{message}"
    );

    let model = Pair::new(&device, DType::F32);
    let mut adam = OptimizerConfig::adam().build().unwrap();
    let grads = model.gradients(0);
    let model = adam.step(0.1, model, grads);
    let foreign = save_state(&adam, &model).unwrap();
    let message = Lbfgs::load(config(false), &foreign)
        .err()
        .unwrap()
        .to_string();
    assert!(message.contains("another optimizer"), "{message}");
}

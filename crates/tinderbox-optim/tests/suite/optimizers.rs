//! Every optimizer, step by step, on both devices. In `f32` the fused loop runs, in `f64` the tensor
//! operations of other devices, so both forms of each formula are compared with PyTorch.

use crate::common::*;
use burn::tensor::{DType, Tensor};
use tinderbox_optim::optimizers::MuonScale;
use tinderbox_optim::{GradientsParams, OptimizerConfig};

const PRECISIONS: [(DType, f64); 2] = [(DType::F32, 1e-5), (DType::F64, 1e-12)];

#[test]
fn every_optimizer_of_pytorch_gives_pytorchs_numbers() {
    let cases = reference("optimizers.json");
    assert_eq!(cases.len(), 15);
    for (device, (dtype, tolerance)) in pairs() {
        for case in &cases {
            let config: OptimizerConfig = serde_json::from_value(case["config"].clone()).unwrap();
            let mut optimizer = config.build().unwrap();
            let mut model = Pair::new(&device, dtype);
            for (step, expected) in case["steps"].as_array().unwrap().iter().enumerate() {
                let grads = model.gradients(step);
                model = optimizer.step(case["rate"].as_f64().unwrap(), model, grads);
                let what = format!("{config:?} on {device:?} in {dtype:?}, step {step}");
                let [matrix, vector] = model.numbers();
                assert_close(&matrix, &numbers(&expected["matrix"]), tolerance, &what);
                assert_close(&vector, &numbers(&expected["vector"]), tolerance, &what);
            }
        }
    }
}

/// PyTorch's products in full precision; its layout of a linear layer is the transpose of Burn's.
#[test]
fn muon_gives_pytorchs_numbers() {
    for (device, (dtype, tolerance)) in pairs() {
        for case in reference("muon.json") {
            let config = OptimizerConfig::muon()
                .momentum(0.9)
                .nesterov(case["nesterov"].as_bool().unwrap())
                .scale(serde_json::from_value::<MuonScale>(case["scale"].clone()).unwrap());
            let [rows, columns]: [usize; 2] =
                serde_json::from_value(case["shape"].clone()).unwrap();
            let flipped =
                |values: &[f64]| tensor(values, [rows, columns], &device, dtype).transpose();
            let mut model = Pair::new(&device, dtype);
            model.matrix = trained(flipped(&start(6)));
            let mut optimizer = config.build().unwrap();
            for (step, expected) in case["steps"].as_array().unwrap().iter().enumerate() {
                let mut grads = GradientsParams::new();
                grads.register(model.matrix.id, flipped(&gradient(step, 6)));
                model = optimizer.step(0.1, model, grads);
                let found = vec(model.matrix.val().transpose());
                // Five quintic iterations magnify rounding.
                assert_close(
                    &found,
                    &numbers(expected),
                    20.0 * tolerance,
                    &format!("{case}, step {step}"),
                );
            }
        }
    }
}

/// Vectors take AdamW's step, and a convolution is a matrix of `[outputs, rest]`.
#[test]
fn muon_treats_every_rank() {
    let device = &devices()[0];
    let muon: OptimizerConfig = OptimizerConfig::muon().into();
    let adamw = OptimizerConfig::adamw().weight_decay(0.1).into();
    let run = |config: &OptimizerConfig| {
        let (mut optimizer, mut model) = (config.build().unwrap(), Pair::new(device, DType::F32));
        for step in 0..3 {
            let grads = model.gradients(step);
            model = optimizer.step(0.1, model, grads);
        }
        model.numbers()
    };
    let (muon_numbers, adamw_numbers) = (run(&muon), run(&adamw));
    assert_eq!(muon_numbers[1], adamw_numbers[1]);
    assert_ne!(muon_numbers[0], adamw_numbers[0]);

    let kernel = |values: &[f64]| tensor(values, [3, 1, 2, 1], device, DType::F32);
    let parameter = trained(kernel(&start(6)));
    let mut grads = GradientsParams::new();
    grads.register(parameter.id, kernel(&gradient(0, 6)));
    let moved = muon.build().unwrap().step(0.1, parameter, grads);
    let flat = trained(tensor(&start(6), [3, 2], device, DType::F32).transpose());
    let mut grads = GradientsParams::new();
    grads.register(
        flat.id,
        tensor(&gradient(0, 6), [3, 2], device, DType::F32).transpose(),
    );
    let flat = muon.build().unwrap().step(0.1, flat, grads);
    assert_close(
        &vec(moved.val()),
        &vec(flat.val().transpose()),
        1e-6,
        "kernel",
    );
}

/// Steps from 1 with a learning rate of 0.1, computed by hand.
#[test]
fn steps_worked_out_by_hand() {
    let cases: [(&str, [f64; 3], [f64; 3]); 8] = [
        // The gradients with the penalty are 1.1, 1.089 and 1.07261, the velocities 1.1, 1.639, 1.89211.
        (
            r#"{"name": "sgd", "momentum": 0.5, "weight_decay": 0.1}"#,
            [1.0; 3],
            [0.89, 0.7261, 0.536889],
        ),
        // The steps are gradient + velocity / 2: 1.65, 1.90025, 2.00512125.
        (
            r#"{"name": "sgd", "momentum": 0.5, "nesterov": true, "weight_decay": 0.1}"#,
            [1.0; 3],
            [0.835, 0.644975, 0.444462875],
        ),
        // The roots of the sums of squares are 3, 5 and 13.
        (
            r#"{"name": "adagrad"}"#,
            [3.0, 4.0, 12.0],
            [0.9, 0.82, 0.82 - 1.2 / 13.0],
        ),
        // The means of squares are 1, 1.75 and 2.3125.
        (
            r#"{"name": "rmsprop", "alpha": 0.75, "epsilon": 1e-12}"#,
            [2.0; 3],
            [0.8, 0.648_814_211_2, 0.517_295_021],
        ),
        // The velocity of the same steps: 2, 1 + 2 / 1.3228757, ….
        (
            r#"{"name": "rmsprop", "alpha": 0.75, "epsilon": 1e-12, "momentum": 0.5}"#,
            [2.0; 3],
            [0.8, 0.548_814_211_2, 0.291_702_126],
        ),
        // The corrected moments of a gradient that stays the same are the gradient and its square.
        (
            r#"{"name": "adam", "epsilon": 1e-12}"#,
            [-5.0; 3],
            [1.1, 1.2, 1.3],
        ),
        (
            r#"{"name": "adamw", "epsilon": 1e-12, "weight_decay": 0.1}"#,
            [5.0; 3],
            [0.89, 0.7811, 0.673289],
        ),
        // Only the sign counts.
        (
            r#"{"name": "lion", "weight_decay": 0.1}"#,
            [0.01; 3],
            [0.89, 0.7811, 0.673289],
        ),
    ];
    for (device, (dtype, tolerance)) in pairs() {
        for (json, gradients, expected) in cases {
            let config: OptimizerConfig = serde_json::from_str(json).unwrap();
            let mut optimizer = config.build().unwrap();
            let mut model = parameter(&[1.0], [1], &device, dtype);
            for (step, (gradient, expected)) in gradients.into_iter().zip(expected).enumerate() {
                let mut grads = GradientsParams::new();
                grads.register(model.id, tensor(&[gradient], [1], &device, dtype));
                model = optimizer.step(0.1, model, grads);
                let what = format!("{json} on {device:?} in {dtype:?}, step {step}");
                let tolerance = tolerance.max(1e-9); // the roots above have ten digits
                assert_close(&vec(model.val()), &[expected], tolerance, &what);
            }
        }
    }
}

/// The formulas of the papers, in plain `f64`, one number at a time.
#[test]
fn adadelta_adam_yogi_and_lion_follow_their_papers() {
    let (rate, decay) = (0.1, 0.1);
    let adadelta = |steps: usize, index: usize| {
        let (mut p, mut squares, mut moves) = (start(6)[index], 0.0f64, 0.0f64);
        for t in 0..steps {
            let g = gradient(t, 6)[index] + decay * p;
            squares = 0.9 * squares + 0.1 * g * g;
            let step = ((moves + 1e-6) / (squares + 1e-6)).sqrt() * g;
            moves = 0.9 * moves + 0.1 * step * step;
            p -= rate * step;
        }
        p
    };
    let adam = |steps: usize, index: usize| {
        let (mut p, mut m, mut v) = (start(6)[index], 0.0f64, 0.0f64);
        for t in 1..=steps {
            let g = gradient(t - 1, 6)[index] + decay * p;
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            let (m, v) = (
                m / (1.0 - 0.9f64.powi(t as i32)),
                v / (1.0 - 0.999f64.powi(t as i32)),
            );
            p -= rate * m / (v.sqrt() + 1e-8);
        }
        p
    };
    let yogi = |steps: usize, index: usize| {
        let (mut p, mut m, mut v) = (start(6)[index], 0.0f64, 0.0f64);
        for t in 1..=steps {
            let g = gradient(t - 1, 6)[index] + decay * p;
            m = 0.9 * m + 0.1 * g;
            v -= 0.001 * (v - g * g).signum() * g * g;
            let (m, v) = (
                m / (1.0 - 0.9f64.powi(t as i32)),
                v / (1.0 - 0.999f64.powi(t as i32)),
            );
            p -= rate * m / (v.sqrt() + 1e-3);
        }
        p
    };
    let lion = |steps: usize, index: usize| {
        let (mut p, mut m) = (start(6)[index], 0.0f64);
        for t in 0..steps {
            let g = gradient(t, 6)[index];
            let c = 0.9 * m + 0.1 * g;
            p -= rate * (c.signum() + decay * p);
            m = 0.99 * m + 0.01 * g;
        }
        p
    };
    follow("adadelta", decay, rate, adadelta);
    follow("adam", decay, rate, adam);
    follow("yogi", decay, rate, yogi);
    follow("lion", decay, rate, lion);
}

/// LAMB's ratio needs a whole tensor, so the formula keeps one.
#[test]
fn lamb_follows_its_paper() {
    let (rate, decay) = (0.1, 0.1);
    let lamb = |steps: usize| {
        let (mut p, mut m, mut v) = (start(6), vec![0.0; 6], vec![0.0; 6]);
        let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        for t in 1..=steps {
            let g = gradient(t - 1, 6);
            let mut u = vec![0.0; 6];
            for i in 0..6 {
                m[i] = 0.9 * m[i] + 0.1 * g[i];
                v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
                let (m, v) = (
                    m[i] / (1.0 - 0.9f64.powi(t as i32)),
                    v[i] / (1.0 - 0.999f64.powi(t as i32)),
                );
                u[i] = m / (v.sqrt() + 1e-6) + decay * p[i];
            }
            let ratio = norm(&p) / norm(&u);
            p.iter_mut()
                .zip(u)
                .for_each(|(p, u)| *p -= rate * ratio * u);
        }
        p
    };
    follow("lamb", decay, rate, |steps, index| lamb(steps)[index]);
}

#[test]
fn lamb_moves_a_parameter_of_zeros_and_survives_a_gradient_of_zeros() {
    for (device, (dtype, _)) in pairs() {
        let mut optimizer = OptimizerConfig::lamb().build().unwrap();
        let step = |optimizer: &mut tinderbox_optim::ModuleOptimizer, value: f64| {
            let zeros = trained(Tensor::<1>::zeros([3], (&device, dtype)));
            let mut grads = GradientsParams::new();
            grads.register(zeros.id, Tensor::<1>::full([3], value, (&device, dtype)));
            vec(optimizer.step(0.1, zeros, grads).val())
        };
        assert_close(&step(&mut optimizer, 2.0), &[-0.1; 3], 1e-5, "a ratio of 1");
        assert_eq!(step(&mut optimizer, 0.0), [0.0; 3]);
    }
}

/// A parameter as large as a real layer is divided among threads, with the same results as a small one.
#[test]
fn large_parameters_take_the_same_steps_as_small_ones() {
    let count = 140_003;
    for device in devices() {
        for config in all_optimizers() {
            // These use the whole tensor, so a longer one has other results.
            if ["lamb", "muon"].contains(&config.name()) {
                continue;
            }
            let step = |length: usize| {
                let repeat =
                    |values: Vec<f64>| -> Vec<f64> { (0..length).map(|i| values[i % 7]).collect() };
                let mut optimizer = config.build().unwrap();
                let mut model = trained(tensor(&repeat(start(7)), [length], &device, DType::F32));
                for step in 0..3 {
                    let mut grads = GradientsParams::new();
                    grads.register(
                        model.id,
                        tensor(&repeat(gradient(step, 7)), [length], &device, DType::F32),
                    );
                    model = optimizer.step(0.1, model, grads);
                }
                vec(model.val())
            };
            let (small, large) = (step(7), step(count));
            for (index, number) in large.iter().enumerate() {
                assert_eq!(*number, small[index % 7], "{config:?} at {index}");
            }
        }
    }
}

/// Burn's own optimizers give the same, up to their `f32` coefficients.
#[test]
fn burns_own_optimizers_agree() {
    use burn::optim::{AdamConfig, AdamWConfig, LionConfig, RmsPropConfig, SgdConfig};
    use burn::optim::{ModuleOptimizer, decay::WeightDecayConfig, momentum::MomentumConfig};
    let momentum = MomentumConfig {
        momentum: 0.9,
        dampening: 0.0,
        nesterov: true,
    };
    let ours = |config: OptimizerConfig| config.build().unwrap();
    let sgd = OptimizerConfig::sgd().momentum(0.9).nesterov(true);
    let rmsprop = OptimizerConfig::rmsprop().alpha(0.9).momentum(0.8);
    let decay = Some(WeightDecayConfig::new(0.1));
    let pairs: Vec<(ModuleOptimizer, ModuleOptimizer)> = vec![
        (
            ours(sgd.weight_decay(0.1).into()),
            SgdConfig::new()
                .with_momentum(Some(momentum))
                .with_weight_decay(decay.clone())
                .init(),
        ),
        (
            ours(OptimizerConfig::adam().weight_decay(0.1).into()),
            AdamConfig::new()
                .with_epsilon(1e-8)
                .with_weight_decay(decay)
                .init(),
        ),
        (
            ours(OptimizerConfig::adamw().weight_decay(0.1).into()),
            AdamWConfig::new()
                .with_epsilon(1e-8)
                .with_weight_decay(0.1)
                .init(),
        ),
        (
            ours(OptimizerConfig::lion().into()),
            LionConfig::new().init(),
        ),
        (
            ours(rmsprop.centered(true).into()),
            RmsPropConfig::new()
                .with_alpha(0.9)
                .with_centered(true)
                .with_epsilon(1e-8)
                .with_momentum(0.8)
                .init(),
        ),
    ];
    for (index, (mut ours, mut burns)) in pairs.into_iter().enumerate() {
        let mut left = Pair::new(&devices()[0], DType::F32);
        let mut right = left.clone();
        for step in 0..6 {
            let (a, b) = (left.gradients(step), right.gradients(step));
            left = ours.step(0.1, left, a);
            right = burns.step(0.1, right, b);
            assert_close(
                &left.numbers()[0],
                &right.numbers()[0],
                1e-4,
                &format!("pair {index}, step {step}"),
            );
        }
    }
}

fn pairs() -> impl Iterator<Item = (burn::tensor::Device, (DType, f64))> {
    devices()
        .into_iter()
        .flat_map(|device| PRECISIONS.map(|precision| (device.clone(), precision)))
}

fn follow(name: &str, decay: f64, rate: f64, formula: impl Fn(usize, usize) -> f64) {
    let config = OptimizerConfig::by_name(name)
        .unwrap()
        .with_weight_decay(decay);
    for (device, (dtype, tolerance)) in pairs() {
        let mut optimizer = config.build().unwrap();
        let mut model = Pair::new(&device, dtype);
        for step in 0..6 {
            let grads = model.gradients(step);
            model = optimizer.step(rate, model, grads);
            let expected: Vec<f64> = (0..6).map(|index| formula(step + 1, index)).collect();
            let what = format!("{name} on {device:?} in {dtype:?}, step {step}");
            assert_close(&model.numbers()[0], &expected, tolerance, &what);
        }
    }
}

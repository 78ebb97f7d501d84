use crate::common::*;
use burn::tensor::{DType, Tensor};
use tinderbox_optim::{Ema, OptimizerConfig};

fn steps(
    count: usize,
    device: &burn::tensor::Device,
    dtype: DType,
    mut each: impl FnMut(&Pair),
) -> Pair {
    let mut optimizer = OptimizerConfig::sgd().build().unwrap();
    let mut model = Pair::new(device, dtype);
    for step in 0..count {
        let grads = model.gradients(step);
        model = optimizer.step(0.1, model, grads);
        each(&model);
    }
    model
}

#[test]
fn the_average_follows_its_formula() {
    for device in devices() {
        for dtype in [DType::F32, DType::F64] {
            let mut ema = Ema::new(0.8).unwrap();
            let mut expected: Option<Vec<f64>> = None;
            let model = steps(5, &device, dtype, |model| {
                ema.update(model);
                let weights = model.numbers()[0].clone();
                expected = Some(match expected.take() {
                    None => weights,
                    Some(old) => old
                        .iter()
                        .zip(&weights)
                        .map(|(a, w)| 0.8 * a + 0.2 * w)
                        .collect(),
                });
            });
            let last = model.numbers();
            assert_eq!(ema.updates(), 5);
            let averaged = ema.apply(&model);
            assert_close(&averaged.numbers()[0], &expected.unwrap(), 1e-6, "average");
            assert_eq!(averaged.matrix.id, model.matrix.id);
            assert_eq!(model.numbers(), last, "the model itself stays");
        }
    }
}

#[test]
fn running_statistics_are_averaged_and_the_model_keeps_its_own() {
    for device in devices() {
        let device = device.autodiff();
        let norm = burn::nn::BatchNormConfig::new(2)
            .with_momentum(1.0)
            .init(&device);
        let mean = |norm: &burn::nn::BatchNorm| {
            let mean = norm.running_mean.value_sync();
            mean.try_into_vec_as::<f32>().unwrap()
        };
        let mut ema = Ema::new(0.75).unwrap();
        for mean in [4.0, 8.0] {
            norm.forward(Tensor::<2>::ones([3, 2], &device) * mean);
            ema.update(&norm);
        }
        // 4 + (8 - 4) / 4; not a step behind.
        assert_eq!(mean(&ema.apply(&norm)), [5.0; 2]);
        assert_eq!(mean(&norm), [8.0; 2]);
    }
}

#[test]
fn weights_that_do_not_change_keep_their_bits() {
    for device in devices() {
        for dtype in [DType::F32, DType::F64] {
            let model = Pair::new(&device, dtype);
            let mut ema = Ema::new(0.9).unwrap();
            for _ in 0..20 {
                ema.update(&model);
            }
            assert_eq!(ema.apply(&model).numbers(), model.numbers());
        }
    }
}

#[test]
fn an_averaged_model_still_trains() {
    let device = devices()[0].clone().autodiff();
    let linear = burn::nn::LinearConfig::new(3, 2).init(&device);
    let mut ema = Ema::new(0.5).unwrap();
    ema.update(&linear);
    let averaged = ema.apply(&linear);
    let x = tensor(&gradient(0, 6), [2, 3], &device, DType::F32);
    let grads = averaged.forward(x).sum().backward();
    assert!(averaged.weight.val().grad(&grads).is_some());
}

#[test]
fn a_saved_average_continues_where_it_stopped() {
    let device = &devices()[0];
    let mut whole = Ema::new(0.9).unwrap();
    let through = steps(6, device, DType::F32, |model| whole.update(model));

    let mut first = Ema::new(0.9).unwrap();
    let mut models = Vec::new();
    steps(6, device, DType::F32, |model| models.push(model.clone()));
    models[..3].iter().for_each(|model| first.update(model));
    let saved = first.save(&models[2]).unwrap();
    // New identities, as in another process.
    let renamed = |model: &Pair| {
        let [matrix, vector] = model.numbers();
        let fresh = Pair::new(device, DType::F32);
        Pair {
            matrix: fresh
                .matrix
                .map(|_| tensor(&matrix, [3, 2], device, DType::F32)),
            vector: fresh
                .vector
                .map(|_| tensor(&vector, [4], device, DType::F32)),
        }
    };
    let mut model = renamed(&models[2]);
    assert_ne!(model.matrix.id, models[2].matrix.id);
    let mut second = Ema::load(&saved, &model).unwrap();
    for later in &models[3..] {
        let [matrix, vector] = later.numbers();
        model.matrix = model
            .matrix
            .map(|_| tensor(&matrix, [3, 2], device, DType::F32));
        model.vector = model
            .vector
            .map(|_| tensor(&vector, [4], device, DType::F32));
        second.update(&model);
    }
    assert_eq!(
        whole.apply(&through).numbers(),
        second.apply(&model).numbers()
    );
    assert_eq!(second.updates(), 6);
}

#[test]
fn bad_decay_and_foreign_averages_are_refused() {
    for decay in [1.0, -0.1, f64::NAN] {
        assert!(
            Ema::new(decay)
                .err()
                .unwrap()
                .to_string()
                .contains("ema: `decay`")
        );
    }
    let device = &devices()[0];
    let model = Pair::new(device, DType::F32);
    let mut ema = Ema::new(0.9).unwrap();
    ema.update(&model);
    let saved = ema.save(&model).unwrap();
    let linear = burn::nn::LinearConfig::new(3, 2).init(device);
    assert!(
        Ema::load(&saved, &linear)
            .err()
            .unwrap()
            .to_string()
            .contains("has parameter `matrix`")
    );
    for length in [0, 10, saved.len() - 1] {
        assert!(
            Ema::load(&saved[..length], &model).is_err(),
            "cut to {length}"
        );
    }
    let other = Pair {
        vector: model
            .vector
            .clone()
            .map(|_| tensor(&start(5), [5], device, DType::F32)),
        ..model.clone()
    };
    let message = Ema::load(&saved, &other).err().unwrap().to_string();
    assert!(
        message.contains("[4]") && message.contains("[5]"),
        "{message}"
    );
    let optimizer = OptimizerConfig::sgd().build().unwrap();
    let state = tinderbox_optim::save_state(&optimizer, &model).unwrap();
    assert!(
        Ema::load(&state, &model)
            .err()
            .unwrap()
            .to_string()
            .contains("format")
    );
}

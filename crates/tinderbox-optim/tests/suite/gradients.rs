use crate::common::*;
use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor};
use proptest::prelude::*;
use tinderbox_optim::{
    GradientMean, GradientsParams, clip_global_norm, clip_value, global_norm, scale_gradients,
};

#[test]
fn the_global_norm_is_clipped_as_pytorch_does() {
    for device in devices() {
        for dtype in [DType::F32, DType::F64] {
            for case in reference("clipping.json") {
                let model = Pair::new(&device, dtype);
                let mut grads = model.gradients(1);
                let norm =
                    clip_global_norm(&mut grads, &model, case["limit"].as_f64().unwrap()).unwrap();
                assert_close(&[norm], &[case["norm"].as_f64().unwrap()], 1e-6, "norm");
                let matrix = vec(grads.get::<2>(model.matrix.id).unwrap());
                let vector = vec(grads.get::<1>(model.vector.id).unwrap());
                assert_close(&matrix, &numbers(&case["grads"]["matrix"]), 1e-6, "matrix");
                assert_close(&vector, &numbers(&case["grads"]["vector"]), 1e-6, "vector");
            }
        }
    }
}

#[test]
fn values_are_cut_off_on_both_sides() {
    let model = Pair::new(&devices()[0], DType::F32);
    let mut grads = model.gradients(1);
    clip_value(&mut grads, &model, 0.5).unwrap();
    let expected: Vec<f64> = gradient(1, 6).iter().map(|g| g.clamp(-0.5, 0.5)).collect();
    assert_close(
        &vec(grads.get::<2>(model.matrix.id).unwrap()),
        &expected,
        1e-6,
        "values",
    );
}

#[test]
fn bad_limits_and_bad_gradients_are_refused() {
    let model = Pair::new(&devices()[0], DType::F32);
    let mut grads = model.gradients(1);
    for limit in [0.0, -1.0, f64::NAN] {
        let message = clip_global_norm(&mut grads, &model, limit)
            .unwrap_err()
            .to_string();
        assert!(message.contains("max_norm"), "{message}");
        assert!(clip_value(&mut grads, &model, limit).is_err());
    }
    grads.register(
        model.vector.id,
        tensor(&[f64::NAN; 4], [4], &devices()[0], DType::F32),
    );
    let message = clip_global_norm(&mut grads, &model, 1.0)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("norm of the gradients is NaN"),
        "{message}"
    );
    assert_close(
        &vec(grads.get::<2>(model.matrix.id).unwrap()),
        &gradient(1, 6),
        1e-6,
        "untouched",
    );
}

#[derive(Module, Debug)]
struct Tied {
    one: Param<Tensor<1>>,
    two: Param<Tensor<1>>,
}

/// A weight used in two places has one gradient, counted and scaled once.
#[test]
fn tied_weights_count_once() {
    let shared = Param::from_tensor(Tensor::<1>::zeros([2], &devices()[0]));
    let model = Tied {
        one: shared.clone(),
        two: shared.clone(),
    };
    let mut grads = GradientsParams::new();
    grads.register(
        shared.id,
        tensor(&[3.0, 4.0], [2], &devices()[0], DType::F32),
    );
    assert_close(&[global_norm(&grads, &model)], &[5.0], 1e-6, "norm");
    scale_gradients(&mut grads, &model, 2.0);
    assert_eq!(vec(grads.get::<1>(shared.id).unwrap()), [6.0, 8.0]);
    assert_close(
        &[clip_global_norm(&mut grads, &model, 1.0).unwrap()],
        &[10.0],
        1e-6,
        "before",
    );
    assert_close(
        &vec(grads.get::<1>(shared.id).unwrap()),
        &[0.6, 0.8],
        1e-6,
        "after",
    );
}

#[test]
fn the_norm_of_a_large_tensor_is_exact() {
    for device in devices() {
        let model = Param::from_tensor(Tensor::<1>::zeros([200_001], &device));
        let mut grads = GradientsParams::new();
        // A sum in f32 would stop growing long before the end.
        grads.register(model.id, Tensor::<1>::full([200_001], 3.0, &device));
        let exact = 3.0 * 200_001f64.sqrt();
        assert!((global_norm(&grads, &model) / exact - 1.0).abs() < 1e-12);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Pieces of different sizes give the gradient of the mean over all their examples.
    #[test]
    fn micro_batches_give_the_mean_over_examples(sizes in proptest::collection::vec(1usize..9, 1..5)) {
        let model = Pair::new(&devices()[0], DType::F32);
        let mut mean = GradientMean::new();
        let (mut expected, mut total) = (vec![0.0; 6], 0);
        for (step, &size) in sizes.iter().enumerate() {
            mean.add(&model, model.gradients(step), size);
            total += size;
            for (sum, g) in expected.iter_mut().zip(gradient(step, 6)) {
                *sum += g * size as f64;
            }
        }
        expected.iter_mut().for_each(|sum| *sum /= total as f64);
        prop_assert_eq!(mean.examples(), total);
        let grads = mean.take(&model);
        assert_close(&vec(grads.get::<2>(model.matrix.id).unwrap()), &expected, 1e-5, "mean");
        prop_assert_eq!(mean.examples(), 0);
        prop_assert!(mean.take(&model).is_empty());
    }
}

use crate::common::*;
use burn::tensor::DType;
use tinderbox_optim::{Loss, Reduction};

#[test]
fn values_and_gradients_are_pytorchs() {
    for device in devices() {
        let device = device.autodiff();
        for case in reference("losses.json") {
            let loss: Loss = serde_json::from_value(case["config"].clone()).unwrap();
            let prediction = tensor(&gradient(2, 6), [3, 2], &device, DType::F64).require_grad();
            let target = tensor(&gradient(4, 6), [3, 2], &device, DType::F64);
            let value = loss
                .forward(prediction.clone(), target, Reduction::Mean)
                .unwrap();
            let grads = value.backward();
            assert_close(
                &vec(value),
                &[case["value"].as_f64().unwrap()],
                1e-12,
                "value",
            );
            let grad = vec(prediction.grad(&grads).unwrap());
            assert_close(&grad, &numbers(&case["grad"]), 1e-12, "gradient");
        }
    }
}

/// The course's last batch: 96 examples must be divided by 96, not by the batch size of 256.
#[test]
fn a_short_batch_is_divided_by_its_own_length() {
    let device = &devices()[0];
    for examples in [256, 96] {
        let ones = tensor(&vec![1.0; examples], [examples, 1], device, DType::F32);
        let zeros = tensor(&vec![0.0; examples], [examples, 1], device, DType::F32);
        let half = |reduction| {
            vec(Loss::HalfSquared
                .forward(ones.clone(), zeros.clone(), reduction)
                .unwrap())
        };
        assert_eq!(half(Reduction::Mean), [0.5]);
        assert_eq!(half(Reduction::Sum), [0.5 * examples as f64]);
    }
}

//! The behavior of classification that users rely on: the loss, its errors, the metrics.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};
use tinderbox_data::{Batch, Classes, Loader, Rows, Values};
use tinderbox_nn::Network;
use tinderbox_train::*;

/// Logits are the inputs times a number that is 1 at the start.
#[derive(Module, Debug)]
struct Scaled {
    factor: Param<Tensor<1>>,
}

impl Network<2> for Scaled {
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        inputs * self.factor.val().unsqueeze::<2>()
    }

    fn input_shape(&self) -> Vec<usize> {
        vec![3]
    }

    fn outputs(&self) -> usize {
        3
    }
}

fn model() -> Scaled {
    let factor = Tensor::from_floats([1.0], &Device::flex());
    Scaled {
        factor: Param::from_tensor(factor),
    }
}

fn batch(logits: [[f32; 3]; 2], targets: &[i32]) -> Batch<Tensor<2>, Tensor<1, Int>> {
    let device = Device::flex();
    Batch {
        inputs: Tensor::from_floats(logits, &device),
        targets: Tensor::from_ints(targets, &device),
    }
}

fn loss(label_smoothing: f32) -> f64 {
    let task = Classification { label_smoothing };
    let batch = batch([[1.0, 2.0, 3.0], [0.0; 3]], &[0, 2]);
    let step = task.step(&model(), batch, &mut ()).unwrap();
    assert_eq!(step.loss.count, 2);
    step.loss.mean.into_scalar()
}

/// By hand: of (1, 2, 3) and class 0 the negative logarithms of the softmax are 2.407606, 1.407606
/// and 0.407606; of (0, 0, 0) all are ln 3.
#[test]
fn cross_entropy_with_label_smoothing_is_pytorchs() {
    let logs = [2.407_605_964, 1.407_605_964, 0.407_605_964];
    let (sum, even) = (logs.iter().sum::<f64>(), 3f64.ln());
    for smoothing in [0.0, 0.1, 0.5] {
        let e = f64::from(smoothing);
        let first = (1.0 - e) * logs[0] + e / 3.0 * sum;
        let second = (1.0 - e) * even + e / 3.0 * 3.0 * even;
        let expected = (first + second) / 2.0;
        let got = loss(smoothing);
        assert!(
            (got - expected).abs() < 1e-6,
            "{smoothing}: {got} {expected}"
        );
    }
    // The metrics as torch.nn.functional.cross_entropy prints them.
    assert!((loss(0.0) - 1.753_109).abs() < 1e-6);
    assert!((loss(0.1) - 1.703_109).abs() < 1e-6);
}

#[test]
fn settings_and_labels_that_make_no_loss_are_typed_errors() {
    let error = |smoothing, targets: &[i32]| {
        let task = Classification {
            label_smoothing: smoothing,
        };
        let step = task.step(
            &model(),
            batch([[1.0, 2.0, 3.0], [0.0; 3]], targets),
            &mut (),
        );
        let error = step.unwrap_err();
        *error
            .downcast::<ClassificationError>()
            .expect("its own type")
    };
    for bad in [1.0, -0.1, 2.0] {
        assert_eq!(
            error(bad, &[0, 1]),
            ClassificationError::LabelSmoothing(bad)
        );
    }
    let nan = error(f32::NAN, &[0, 1]).to_string();
    assert!(nan.contains("at least 0 and less than 1"), "{nan}");
    let label = |example, label| ClassificationError::Label {
        example,
        label,
        classes: 3,
    };
    assert_eq!(error(0.0, &[0, 3]), label(2, 3));
    assert_eq!(error(0.1, &[-1, 3]), label(1, -1));
    let text = label(2, 3).to_string();
    assert!(
        text.contains("label 3") && text.contains("3 classes, counted from 0"),
        "{text}"
    );
    let count = ClassificationError::Count {
        labels: 3,
        examples: 2,
    };
    assert_eq!(error(0.0, &[0, 1, 2]), count);
}

/// Seven rows of logits, in batches of three, three and one.
fn rows() -> Rows<Classes> {
    let logits = [
        [3.0, 1.0, 0.0],
        [0.0, 2.0, 1.0],
        [0.0, 2.0, 1.0],
        [1.0, 0.0, 3.0],
        [1.0, 0.0, 3.0],
        [2.0, 0.0, 1.0],
        [1.0, 2.0, 0.0],
    ];
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let classes = Classes::new(vec![0, 1, 2, 2, 2, 1, 0], names).unwrap();
    Rows::new(Values::new(logits.concat(), 3).unwrap(), classes).unwrap()
}

#[test]
fn a_trained_model_is_measured_as_in_training() {
    let (mut matrix, mut top) = (ConfusionMatrix::default(), TopK::new(2).unwrap());
    let data = Loader::new(rows(), 3).unwrap();
    let task = Classification::default();
    let config = TrainConfig {
        epochs: 1,
        learning_rate: 1e-9,
        ..TrainConfig::default()
    };
    let trainer = Trainer::new(config)
        .unwrap()
        .metric(Accuracy::default())
        .metric(matrix.clone())
        .metric(top.clone());
    let fitted = trainer.fit(model(), &task, &data, Some(&data)).unwrap();
    let loss = evaluate(&fitted.model, &task, &data, &mut [&mut matrix, &mut top]).unwrap();

    let last = fitted.history.last().unwrap();
    assert_eq!(last.get("valid_loss"), Some(loss));
    let counts = [vec![1, 1, 0], vec![1, 1, 0], vec![0, 1, 2]];
    assert_eq!(matrix.counts(), counts);
    let scores = matrix.scores();
    assert_eq!(last.get("valid_accuracy"), Some(4.0 / 7.0));
    assert_eq!(scores.accuracy, 4.0 / 7.0);
    let f1 = scores.macro_average.f1;
    for metric in ["train_macro_f1", "valid_macro_f1"] {
        assert_eq!(last.get(metric), Some(f1));
    }
    // Only the row (2, 0, 1) of class b has two others before it.
    assert!((last.get("valid_top_2_accuracy").unwrap() - 6.0 / 7.0).abs() < 1e-12);
    assert_eq!(last.get("valid_top_2_accuracy"), Some(top.value()));

    // Measuring again forgets what was before.
    evaluate(&fitted.model, &task, &data, &mut [&mut matrix]).unwrap();
    assert_eq!(matrix.counts(), counts);
}

#[test]
fn what_cannot_be_measured_is_an_error_with_the_batch() {
    let names = vec![String::from("a"); 4];
    let features = Values::new(vec![0.0; 12], 3).unwrap();
    let classes = Classes::new(vec![0, 1, 3, 2], names).unwrap();
    let data = Loader::new(Rows::new(features, classes).unwrap(), 2).unwrap();
    let error = evaluate(&model(), &Classification::default(), &data, &mut []).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("batch 2") && text.contains("label 3"),
        "{text}"
    );
}

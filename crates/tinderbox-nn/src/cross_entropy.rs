use burn::tensor::{Int, Tensor};

/// A label that is no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("label {label} at place {place}, but there are {classes} classes, counted from 0")]
pub struct LabelError {
    /// Where it stands, counted from 0 through all dimensions.
    pub place: usize,
    /// The label.
    pub label: i64,
    /// Number of classes.
    pub classes: usize,
}

/// Checks that every label is a class.
///
/// On the CPU labels are looked at where they are; they are read back from other devices.
///
/// # Errors
/// The first label that is negative or not below `classes`.
pub fn check_labels<const D: usize>(
    labels: &Tensor<D, Int>,
    classes: usize,
) -> Result<(), LabelError> {
    match tinderbox_kernels::first_outside(labels, classes) {
        None => Ok(()),
        Some((place, label)) => Err(LabelError {
            place,
            label,
            classes,
        }),
    }
}

/// The cross-entropy of logits and the classes that are right, a mean over the rows.
///
/// With label smoothing `e` and `K` classes the loss of a row is
/// `(1 - e) * -ln p(right class) + e / K * sum of -ln p(class)`, as in PyTorch (Szegedy et al. 2016). On the
/// CPU the loss and its gradient are one pass.
///
/// # Shapes
/// Logits `[rows, classes]` and labels `[rows]` to `[1]`.
///
/// # Panics
/// If there are not as many labels as rows; on Flex, if a label is no class: see [`check_labels`]. On other devices
/// labels are not read, and such a label makes the loss NaN.
pub fn cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>, smoothing: f32) -> Tensor<1> {
    tinderbox_kernels::cross_entropy(logits, labels, smoothing)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;

    #[test]
    fn the_loss_and_its_gradient_are_those_of_pytorch() {
        // torch.nn.functional.cross_entropy(x, torch.tensor([2, 0]), label_smoothing=0.1)
        for device in [Device::flex().autodiff(), ndarray()] {
            let logits = Tensor::<2>::from_data([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]], &device);
            let logits = logits.require_grad();
            let labels = Tensor::from_data([2, 0], &device);
            let loss = cross_entropy(logits.clone(), labels, 0.1);
            let expected = burn::tensor::TensorData::from([0.814_201_6f32]);
            let tolerance = Tolerance::<f32>::absolute(1e-5);
            loss.to_data().assert_approx_eq(&expected, tolerance);
            let gradients = loss.backward();
            let gradient = logits.grad(&gradients).unwrap().to_data();
            let expected = burn::tensor::TensorData::from([
                [0.028_348_6f32, 0.105_697_6, -0.134_046_2],
                [-0.300_917_2, 0.044_309_1, 0.256_608],
            ]);
            gradient.assert_approx_eq(&expected, tolerance);
        }
    }

    #[allow(deprecated)] // the feature `ndarray` is ours to keep
    fn ndarray() -> Device {
        Device::ndarray().autodiff()
    }

    #[test]
    fn a_label_that_is_no_class_is_named_with_its_place() {
        let device = Device::flex();
        let labels = Tensor::<2, Int>::from_data([[0, 2], [3, -1]], &device);
        assert_eq!(check_labels(&labels, 4).unwrap_err().label, -1);
        let error = check_labels(&labels.transpose(), 3).unwrap_err();
        let expected = LabelError {
            place: 1,
            label: 3,
            classes: 3,
        };
        assert_eq!(error, expected);
        let text = "label 3 at place 1, but there are 3 classes, counted from 0";
        assert_eq!(error.to_string(), text);
    }
}

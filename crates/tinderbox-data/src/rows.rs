//! Examples in memory: rows of features and their targets.

use burn::tensor::{Device, Tensor};
use tinderbox_core::{Digest, Seed};

use crate::{Batch, DataError, Examples, Result, Target, Values, Weighted};

/// Examples in memory: a row of features and a target each.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows<T = Values> {
    features: Values,
    targets: T,
}

impl<T: Target> Rows<T> {
    /// Features and targets of the same examples, in the same order.
    ///
    /// # Errors
    /// Different numbers of rows of features and of targets.
    pub fn new(features: Values, targets: T) -> Result<Self> {
        if features.rows() != targets.rows() {
            return Err(DataError::RowsDiffer {
                features: features.rows(),
                targets: targets.rows(),
            });
        }
        Ok(Self { features, targets })
    }

    /// The same examples with a weight each.
    ///
    /// # Errors
    /// Another number of weights than of examples.
    pub fn weighted(self, weights: Vec<f32>) -> Result<Rows<Weighted<T>>> {
        Rows::new(self.features, Weighted::new(self.targets, weights)?)
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.features.rows()
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The features.
    pub fn features(&self) -> &Values {
        &self.features
    }

    /// The targets.
    pub fn targets(&self) -> &T {
        &self.targets
    }

    /// The features and the targets.
    pub fn into_parts(self) -> (Values, T) {
        (self.features, self.targets)
    }

    /// The examples with these indices, in this order.
    pub fn gather(&self, indices: &[usize]) -> Self {
        Self {
            features: self.features.gather(indices),
            targets: self.targets.gather(indices),
        }
    }
}

impl<T: Target> Examples for Rows<T> {
    type Host = Self;
    type Batch = Batch<Tensor<2>, T::Tensor>;

    fn len(&self) -> usize {
        self.len()
    }

    /// Writes out one-hot categories.
    fn gather(&self, indices: &[usize], _epoch: Seed) -> Result<Self> {
        Ok(Self {
            features: self.features.gather(indices).widened(),
            targets: self.targets.gather(indices),
        })
    }

    fn upload(&self, host: Self, device: &Device) -> Self::Batch {
        Batch {
            inputs: host.features.into_tensor(device),
            targets: host.targets.into_tensor(device),
        }
    }

    fn batch_bytes(&self, batch_size: usize) -> usize {
        batch_size * self.features.width() * size_of::<f32>()
    }

    fn digest(&self) -> Option<u64> {
        let features = Digest::new().word(self.features.digest());
        Some(features.word(self.targets.digest()?).value())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Slot;

    #[test]
    fn one_hot_categories_are_written_out_when_a_batch_is_gathered() {
        let slots: Arc<[Slot]> = vec![Slot::OneHot(3), Slot::Number, Slot::OneHot(2)].into();
        let narrow = Values::narrow(vec![1., 7., 0., 0., 8., 2., 3., 9., 1.], &slots).unwrap();
        let examples = Rows::new(narrow, Values::new(vec![1., 2., 3.], 1).unwrap()).unwrap();
        let batch = Examples::gather(&examples, &[1], Seed::new(0)).unwrap();
        assert_eq!(batch.features.bytes(), 6 * 4);
        assert_eq!(batch.features.as_slice(), [0., 0., 0., 8., 0., 1.]);
    }
}

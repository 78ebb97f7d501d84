//! The targets of rows: numbers or classes.

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_core::Digest;

use crate::{DataError, Result, Values};

/// Class labels `0..classes`, one for each row, with the names of the classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Classes {
    labels: Vec<i32>,
    names: Arc<[String]>,
}

impl Classes {
    /// Labels that index into `names`.
    ///
    /// # Errors
    /// A label without a name.
    pub fn new(labels: Vec<i32>, names: Vec<String>) -> Result<Self> {
        if let Some(row) = labels
            .iter()
            .position(|&label| label < 0 || label as usize >= names.len())
        {
            return Err(DataError::Label {
                row,
                label: labels[row].into(),
                classes: names.len(),
            });
        }
        Ok(Self {
            labels,
            names: names.into(),
        })
    }

    /// The labels, one for each row.
    pub fn labels(&self) -> &[i32] {
        &self.labels
    }

    /// The names of the classes.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A weight for each row, with which all classes that occur are drawn equally often
    /// ([`Loader::weighted`](crate::Loader::weighted)): 1 / number of rows of its class.
    pub fn balanced_weights(&self) -> Vec<f64> {
        let mut rows = vec![0_usize; self.names.len()];
        for &label in &self.labels {
            rows[label as usize] += 1;
        }
        let weight = |label: &i32| 1.0 / rows[*label as usize] as f64;
        self.labels.iter().map(weight).collect()
    }

    /// The labels of the rows with these indices, in this order.
    pub fn gather(&self, indices: &[usize]) -> Self {
        Self {
            labels: indices.iter().map(|&index| self.labels[index]).collect(),
            names: Arc::clone(&self.names),
        }
    }
}

/// The targets of rows: numbers ([`Values`]) or classes ([`Classes`]).
pub trait Target: Clone + Send + Sync + 'static {
    /// Number of rows.
    fn rows(&self) -> usize;
    /// The targets of these rows, in this order.
    fn gather(&self, indices: &[usize]) -> Self;
    /// The targets of a batch on a device: `[batch, outputs]` or `[batch]`.
    type Tensor: Send + 'static;
    /// Moves gathered targets to a device.
    fn into_tensor(self, device: &Device) -> Self::Tensor;
    /// A digest of all targets; `None` by default. See [`Examples::digest`](crate::Examples::digest).
    fn digest(&self) -> Option<u64> {
        None
    }
}

impl Target for Values {
    fn rows(&self) -> usize {
        self.rows()
    }

    fn gather(&self, indices: &[usize]) -> Self {
        self.gather(indices)
    }

    type Tensor = Tensor<2>;

    fn into_tensor(self, device: &Device) -> Tensor<2> {
        self.into_tensor(device)
    }

    fn digest(&self) -> Option<u64> {
        Some(self.digest())
    }
}

impl Target for Classes {
    fn rows(&self) -> usize {
        self.labels.len()
    }

    fn gather(&self, indices: &[usize]) -> Self {
        self.gather(indices)
    }

    type Tensor = Tensor<1, Int>;

    fn into_tensor(self, device: &Device) -> Tensor<1, Int> {
        let rows = self.labels.len();
        Tensor::from_data(TensorData::new(self.labels, [rows]), device)
    }

    fn digest(&self) -> Option<u64> {
        let labels = self.labels.iter();
        let digest = labels.fold(Digest::new(), |digest, &label| digest.word(label as u64));
        let names = self.names.iter();
        Some(names.fold(digest, |digest, name| digest.text(name)).value())
    }
}

/// Targets with a weight for each row: how much its loss counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted<T> {
    targets: T,
    weights: Vec<f32>,
}

impl<T: Target> Weighted<T> {
    /// Targets and the weights of the same rows.
    ///
    /// # Errors
    /// Another number of weights than of targets.
    pub fn new(targets: T, weights: Vec<f32>) -> Result<Self> {
        if targets.rows() != weights.len() {
            return Err(DataError::RowsDiffer {
                features: weights.len(),
                targets: targets.rows(),
            });
        }
        Ok(Self { targets, weights })
    }
}

impl<T: Target> Target for Weighted<T> {
    fn rows(&self) -> usize {
        self.weights.len()
    }

    fn gather(&self, indices: &[usize]) -> Self {
        Self {
            targets: self.targets.gather(indices),
            weights: indices.iter().map(|&index| self.weights[index]).collect(),
        }
    }

    /// The targets, and their weights `[batch]`.
    type Tensor = (T::Tensor, Tensor<1>);

    fn into_tensor(self, device: &Device) -> Self::Tensor {
        let rows = self.weights.len();
        let weights = Tensor::from_data(TensorData::new(self.weights, [rows]), device);
        (self.targets.into_tensor(device), weights)
    }

    fn digest(&self) -> Option<u64> {
        let digest = Digest::new().word(self.targets.digest()?);
        let weights = self.weights.iter();
        Some(
            weights
                .fold(digest, |digest, weight| {
                    digest.word(weight.to_bits().into())
                })
                .value(),
        )
    }
}

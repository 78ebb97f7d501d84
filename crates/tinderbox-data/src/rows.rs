use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_core::{Digest, Seed};

use crate::memory::prefetch;
use crate::{Batch, DataError, Examples, Result};

/// Rows of `f32` numbers, one after the other in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    data: Vec<f32>,
    width: usize,
}

impl Values {
    /// Rows of `width` numbers from one buffer in row-major order.
    ///
    /// # Errors
    /// A width of 0, or a buffer that is no whole number of rows.
    pub fn new(data: Vec<f32>, width: usize) -> Result<Self> {
        if width == 0 || !data.len().is_multiple_of(width) {
            return Err(DataError::Ragged {
                length: data.len(),
                width,
            });
        }
        Ok(Self { data, width })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.data.len() / self.width
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// One row; panics past the end, as slices do.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.data[index * self.width..][..self.width]
    }

    /// All numbers in row-major order.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// The buffer itself.
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }

    /// The numbers as a tensor of shape `[rows, width]`, without copying them on the CPU.
    pub fn into_tensor(self, device: &Device) -> Tensor<2> {
        let shape = [self.rows(), self.width];
        Tensor::from_data(TensorData::new(self.data, shape), device)
    }

    /// A digest of every bit of every number.
    fn digest(&self) -> u64 {
        let width = Digest::new().word(self.width as u64);
        width.floats(&self.data).value()
    }

    /// The rows with these indices, in this order.
    pub fn gather(&self, indices: &[usize]) -> Self {
        let data = match self.width {
            // The targets of most tables: a call for each would take longer than the copy.
            1 => indices.iter().map(|&index| self.data[index]).collect(),
            width => {
                let mut data = Vec::with_capacity(indices.len() * width);
                let ahead = (AHEAD / width).max(1);
                for (place, &index) in indices.iter().enumerate() {
                    if let Some(&soon) = indices.get(place + ahead) {
                        prefetch(self.row(soon));
                    }
                    data.extend_from_slice(self.row(index));
                }
                data
            }
        };
        Self {
            data,
            width: self.width,
        }
    }
}

/// Numbers between the row that is copied and the one that is prefetched.
const AHEAD: usize = 1024;

/// Class labels `0..classes`, one a row, with the names of the classes.
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

    /// The labels, one a row.
    pub fn labels(&self) -> &[i32] {
        &self.labels
    }

    /// The names of the classes.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The labels of the rows with these indices, in this order.
    pub fn gather(&self, indices: &[usize]) -> Self {
        Self {
            labels: indices.iter().map(|&index| self.labels[index]).collect(),
            names: Arc::clone(&self.names),
        }
    }
}

/// What a row is to be predicted as: numbers ([`Values`]) or a class ([`Classes`]).
pub trait Target: Clone + Send + Sync + 'static {
    /// Number of rows.
    fn rows(&self) -> usize;
    /// The targets of these rows, in this order.
    fn gather(&self, indices: &[usize]) -> Self;
    /// The targets of a batch on a device: `[batch, outputs]` or `[batch]`.
    type Tensor: Send + 'static;
    /// Moves gathered targets to a device.
    fn into_tensor(self, device: &Device) -> Self::Tensor;
    /// A digest of all targets; `None`, the default, where none is made. See [`Examples::digest`].
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

/// Examples held in memory: a row of features and a target each.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows<T = Values> {
    features: Values,
    targets: T,
}

impl<T: Target> Rows<T> {
    /// Features and targets of the same examples, in the same order.
    ///
    /// # Errors
    /// Another number of rows of features than of targets.
    pub fn new(features: Values, targets: T) -> Result<Self> {
        if features.rows() != targets.rows() {
            return Err(DataError::RowsDiffer {
                features: features.rows(),
                targets: targets.rows(),
            });
        }
        Ok(Self { features, targets })
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

    /// Features and targets, for instance to make one tensor of each.
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
    type Batch = Batch<2, T::Tensor>;

    fn len(&self) -> usize {
        self.len()
    }

    fn gather(&self, indices: &[usize], _epoch: Seed) -> Result<Self> {
        Ok(self.gather(indices))
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

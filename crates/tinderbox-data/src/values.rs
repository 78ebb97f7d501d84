//! Rows of numbers in memory, in which one-hot categories are stored as one number.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use burn::tensor::{Device, Tensor, TensorData};
use tinderbox_core::Digest;

use crate::prefetch::prefetch;
use crate::{DataError, Result};

/// Rows of `f32` numbers, one after the other in memory.
///
/// A one-hot category of a table is stored as one number, its index, until rows are gathered into a batch:
/// a column of 3,000 categories takes 4 bytes per row. This does not change the numbers of a batch.
#[derive(Clone, Debug)]
pub struct Values {
    /// The stored rows: narrow if there are slots.
    data: Vec<f32>,
    /// Numbers in a row of a batch.
    width: usize,
    slots: Option<Arc<[Slot]>>,
    /// The result of [`Values::as_slice`] for narrow rows.
    wide: OnceLock<Vec<f32>>,
}

/// The meaning of a number of a narrow row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The number itself.
    Number,
    /// A one-hot category of this width: 0 for none, else the index of its 1, plus 1.
    OneHot(usize),
}

impl Slot {
    /// Narrow rows, one number for each slot, as rows of a batch.
    pub fn widen(slots: &[Self], rows: &[f32]) -> Vec<f32> {
        let width: usize = slots.iter().map(|slot| slot.width()).sum();
        let mut wide = vec![0.0; rows.len() / slots.len().max(1) * width];
        if width == 0 {
            return wide;
        }
        for (row, out) in rows.chunks(slots.len()).zip(wide.chunks_mut(width)) {
            let mut offset = 0;
            for (slot, &value) in slots.iter().zip(row) {
                match slot {
                    Self::Number => out[offset] = value,
                    Self::OneHot(_) if value > 0.0 => out[offset + value as usize - 1] = 1.0,
                    Self::OneHot(_) => {}
                }
                offset += slot.width();
            }
        }
        wide
    }

    fn width(self) -> usize {
        match self {
            Self::Number => 1,
            Self::OneHot(width) => width,
        }
    }
}

impl Values {
    /// Rows of `width` numbers from one buffer in row-major order.
    ///
    /// # Errors
    /// A width of 0, or a buffer whose length is not a multiple of it.
    pub fn new(data: Vec<f32>, width: usize) -> Result<Self> {
        Self::checked(data, width, width, None)
    }

    /// Rows with one number for each slot, in row-major order; they are widened when a batch is gathered.
    ///
    /// # Errors
    /// No slots, or a buffer whose length is not a multiple of their number.
    pub fn narrow(data: Vec<f32>, slots: &Arc<[Slot]>) -> Result<Self> {
        if slots.iter().all(|slot| *slot == Slot::Number) {
            return Self::new(data, slots.len());
        }
        let width = slots.iter().map(|slot| slot.width()).sum();
        Self::checked(data, width, slots.len(), Some(Arc::clone(slots)))
    }

    fn checked(
        data: Vec<f32>,
        width: usize,
        stored: usize,
        slots: Option<Arc<[Slot]>>,
    ) -> Result<Self> {
        if width == 0 || stored == 0 || !data.len().is_multiple_of(stored) {
            return Err(DataError::Ragged {
                length: data.len(),
                width,
            });
        }
        Ok(Self {
            data,
            width,
            slots,
            wide: OnceLock::new(),
        })
    }

    /// Rows with the same slots.
    fn with(&self, data: Vec<f32>) -> Self {
        Self {
            data,
            width: self.width,
            slots: self.slots.clone(),
            wide: OnceLock::new(),
        }
    }

    /// Numbers that are stored for a row.
    fn stored(&self) -> usize {
        self.slots.as_ref().map_or(self.width, |slots| slots.len())
    }

    fn stored_row(&self, index: usize) -> &[f32] {
        &self.data[index * self.stored()..][..self.stored()]
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.data.len() / self.stored()
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// One row; panics past the end, as slices do. See [`Values::as_slice`].
    pub fn row(&self, index: usize) -> &[f32] {
        &self.as_slice()[index * self.width..][..self.width]
    }

    /// All numbers in row-major order.
    ///
    /// The first call writes out one-hot categories and keeps the result: for a large table with many
    /// categories use [`slice`](Self::slice) or [`gather`](Self::gather).
    pub fn as_slice(&self) -> &[f32] {
        match &self.slots {
            None => &self.data,
            Some(slots) => self.wide.get_or_init(|| Slot::widen(slots, &self.data)),
        }
    }

    /// All numbers in row-major order, without keeping one-hot categories that are written out.
    pub fn to_wide(&self) -> Cow<'_, [f32]> {
        match (&self.slots, self.wide.get()) {
            (None, _) => Cow::Borrowed(&self.data),
            (Some(_), Some(wide)) => Cow::Borrowed(wide),
            (Some(slots), None) => Cow::Owned(Slot::widen(slots, &self.data)),
        }
    }

    /// All numbers in row-major order, as a vector.
    pub fn into_vec(self) -> Vec<f32> {
        match self.slots {
            None => self.data,
            Some(slots) => {
                (self.wide.into_inner()).unwrap_or_else(|| Slot::widen(&slots, &self.data))
            }
        }
    }

    /// Bytes of memory that the rows take.
    pub fn bytes(&self) -> usize {
        (self.data.len() + self.wide.get().map_or(0, Vec::len)) * size_of::<f32>()
    }

    /// A tensor of shape `[rows, width]`; on the CPU the numbers are not copied, unless there are one-hot
    /// categories.
    pub fn into_tensor(self, device: &Device) -> Tensor<2> {
        let shape = [self.rows(), self.width];
        Tensor::from_data(TensorData::new(self.into_vec(), shape), device)
    }

    /// Consecutive rows; panics past the end, as slices do.
    pub fn slice(&self, rows: Range<usize>) -> Self {
        let stored = self.stored();
        self.with(self.data[rows.start * stored..rows.end * stored].to_vec())
    }

    /// A digest of all stored numbers.
    pub(crate) fn digest(&self) -> u64 {
        let width = Digest::new().word(self.width as u64);
        let slots = self.slots.iter().flat_map(|slots| slots.iter());
        let shape = slots.fold(width, |digest, slot| digest.word(slot.width() as u64));
        shape.floats(&self.data).value()
    }

    /// The rows with these indices, in this order.
    pub fn gather(&self, indices: &[usize]) -> Self {
        self.with(match self.stored() {
            // The targets of most tables: a call for each row would take longer than the copy.
            1 => indices.iter().map(|&index| self.data[index]).collect(),
            width => {
                let mut data = Vec::with_capacity(indices.len() * width);
                let ahead = (AHEAD / width).max(1);
                for (place, &index) in indices.iter().enumerate() {
                    if let Some(&soon) = indices.get(place + ahead) {
                        prefetch(self.stored_row(soon));
                    }
                    data.extend_from_slice(self.stored_row(index));
                }
                data
            }
        })
    }

    /// The same rows as rows of a batch.
    pub(crate) fn widened(self) -> Self {
        match self.slots {
            None => self,
            Some(_) => Self {
                width: self.width,
                slots: None,
                wide: OnceLock::new(),
                data: self.into_vec(),
            },
        }
    }
}

/// Rows are equal if their batches are equal.
impl PartialEq for Values {
    fn eq(&self, other: &Self) -> bool {
        match self.width == other.width && self.rows() == other.rows() {
            true if self.slots == other.slots => self.data == other.data,
            true => self.to_wide() == other.to_wide(),
            false => false,
        }
    }
}

/// Numbers between the row that is copied and the one that is prefetched.
const AHEAD: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_rows_are_the_wide_ones_in_every_way_out() {
        let slots: Arc<[Slot]> = vec![Slot::OneHot(3), Slot::Number, Slot::OneHot(2)].into();
        let narrow = Values::narrow(vec![1., 7., 0., 0., 8., 2., 3., 9., 1.], &slots).unwrap();
        let rows = [
            [1., 0., 0., 7., 0., 0.],
            [0., 0., 0., 8., 0., 1.],
            [0., 0., 1., 9., 1., 0.],
        ];
        let wide = Values::new(rows.concat(), 6).unwrap();
        assert_eq!((narrow.rows(), narrow.width()), (3, 6));
        assert_eq!(narrow.bytes(), 9 * 4);
        assert_eq!(narrow, wide);
        assert_eq!(narrow.to_wide(), rows.concat());
        assert_eq!(narrow.bytes(), 9 * 4, "nothing was kept");
        assert_eq!(narrow.slice(1..3), wide.slice(1..3));
        assert_eq!(narrow.gather(&[2, 0, 2]), wide.gather(&[2, 0, 2]));
        let device = Device::flex();
        assert_eq!(
            narrow.clone().into_tensor(&device).into_data(),
            wide.clone().into_tensor(&device).into_data()
        );
        let other = Values::narrow(vec![1., 7., 0., 0., 8., 2., 2., 9., 1.], &slots).unwrap();
        assert_ne!(other, wide);
        assert_ne!(other.digest(), narrow.digest());
        let order: Arc<[Slot]> = vec![Slot::OneHot(2), Slot::Number, Slot::OneHot(3)].into();
        let same_numbers = Values::narrow(narrow.data.clone(), &order).unwrap();
        assert_ne!(same_numbers.digest(), narrow.digest());
        assert_eq!(narrow.clone().digest(), narrow.digest());
        assert_eq!(narrow.row(1), rows[1]);
        assert_eq!(narrow.clone().into_vec(), rows.concat());
        assert!(Values::narrow(vec![1., 7.], &slots).is_err());
    }
}

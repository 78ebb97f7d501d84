//! The values that mean a missing value.

/// The null values of the options, and the bytes that they begin with.
pub(super) struct Nulls<'a> {
    values: &'a [String],
    starts: [bool; 256],
}

impl<'a> Nulls<'a> {
    pub fn new(values: &'a [String]) -> Self {
        let mut starts = [false; 256];
        for byte in values.iter().filter_map(|value| value.as_bytes().first()) {
            starts[usize::from(*byte)] = true;
        }
        Self { values, starts }
    }

    /// The index of the null value that a cell is; `None` for an empty cell.
    pub fn find(&self, cell: &[u8]) -> Option<usize> {
        if !self.starts[usize::from(*cell.first()?)] {
            return None;
        }
        self.values
            .iter()
            .position(|value| value.as_bytes() == cell)
    }
}

//! Memory for results and for what lies between.

use std::cell::RefCell;

/// A vector of `length` numbers that have not been set.
///
/// Zeros would cost a pass over memory that takes as long as many kernels. Callers write every number
/// before they read it.
#[allow(clippy::uninit_vec)]
pub(crate) fn buffer(length: usize) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(length);
    // SAFETY: the capacity is there, every bit pattern is a number, and callers write first.
    unsafe { numbers.set_len(length) };
    numbers
}

/// Buffers that a thread keeps for its next kernels, and how many numbers they hold at most.
const KEPT: usize = 8;
const KEPT_NUMBERS: usize = 1 << 23;

/// Numbers in a line of the cache.
const LINE: usize = 16;

thread_local! {
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Numbers that begin with a line of the cache, so that no vector that is loaded from them touches two lines. They go
/// back to their thread when they are dropped: memory that is returned to the system and asked for again in every
/// training step costs as much as many a kernel.
pub(crate) struct Scratch {
    numbers: Vec<f32>,
    start: usize,
    length: usize,
}

impl Scratch {
    /// Any numbers: zeros, or those of an earlier kernel.
    pub fn new(length: usize) -> Self {
        let room = length + LINE;
        let found = SPARE.with_borrow_mut(|spare| {
            let fits = |kept: &Vec<f32>| kept.len() >= room && kept.len() / 2 <= room;
            let place = spare.iter().position(fits)?;
            Some(spare.remove(place))
        });
        let numbers = found.unwrap_or_else(|| vec![0.0; room]);
        // An offset that is not known, as when constants are evaluated, costs speed and nothing else.
        let start = numbers.as_ptr().align_offset(size_of::<f32>() * LINE);
        Self {
            numbers,
            start: start.min(LINE),
            length,
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let numbers = std::mem::take(&mut self.numbers);
        if numbers.len() > KEPT_NUMBERS {
            return;
        }
        // At the end of a thread there is nothing to keep it for.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            let mut kept: usize = numbers.len() + spare.iter().map(Vec::len).sum::<usize>();
            // The oldest make room.
            while !spare.is_empty() && (spare.len() >= KEPT || kept > KEPT_NUMBERS) {
                kept -= spare.remove(0).len();
            }
            spare.push(numbers);
        });
    }
}

impl Clone for Scratch {
    fn clone(&self) -> Self {
        let mut copy = Self::new(self.len());
        copy.copy_from_slice(self);
        copy
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} numbers", self.len())
    }
}

impl std::ops::Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers[self.start..self.start + self.length]
    }
}

impl std::ops::DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[self.start..self.start + self.length]
    }
}

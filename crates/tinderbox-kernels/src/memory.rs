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

thread_local! {
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// A [`buffer`] that goes back to its thread when it is dropped: memory that is returned to the system
/// and asked for again in every training step costs as much as many a kernel.
pub(crate) struct Scratch(Vec<f32>);

impl Scratch {
    /// Numbers that have not been set, as in [`buffer`].
    pub fn new(length: usize) -> Self {
        let found = SPARE.with_borrow_mut(|spare| {
            let fits = |kept: &Vec<f32>| kept.capacity() >= length && kept.capacity() / 2 <= length;
            let place = spare.iter().position(fits)?;
            Some(spare.swap_remove(place))
        });
        let Some(mut numbers) = found else {
            return Self(buffer(length));
        };
        // SAFETY: the capacity is there, every bit pattern is a number, and callers write first.
        unsafe { numbers.set_len(length) };
        Self(numbers)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let numbers = std::mem::take(&mut self.0);
        // At the end of a thread there is nothing to keep it for.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            let kept: usize = spare.iter().map(Vec::capacity).sum();
            if spare.len() < KEPT && kept + numbers.capacity() <= KEPT_NUMBERS {
                spare.push(numbers);
            }
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
        &self.0
    }
}

impl std::ops::DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

//! Memory for results.

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

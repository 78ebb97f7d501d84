//! The kernels compared with sums written out in 64 bits, and with Burn's own operations.

mod attention;
mod numbers;
mod recurrent;
mod reference;
mod rows;
mod slices;
mod tensors;
mod threads;

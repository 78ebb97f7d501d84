//! Data-parallel training on many processes and machines: the ranks of MPI.
//!
//! ```text
//! cargo build --workspace --features examples/mpi --example lenet
//! mpirun -n 4 --hostfile hosts target/debug/examples/lenet
//! ```
//!
//! `MpiCommunicator` is the [`Communicator`](tinderbox_train::Communicator) of a process that `mpirun` (or
//! Slurm's `srun`) has started. Without the feature `mpi` this crate is empty.

#[cfg(feature = "mpi")]
mod ranks;
#[cfg(feature = "mpi")]
mod threads;

#[cfg(feature = "mpi")]
pub use ranks::{MpiCommunicator, MpiError};

//! Data-parallel runs of the examples: with the feature `mpi`, every example that trains one model can be started
//! by `mpirun`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use tinderbox::train::Communicator;

/// The ranks of the MPI job that this process belongs to; `None` without one, or without the feature `mpi`.
#[cfg(not(feature = "mpi"))]
pub fn ranks() -> Result<Option<Arc<dyn Communicator>>> {
    Ok(None)
}

#[cfg(not(feature = "mpi"))]
pub(crate) fn scratch() -> Result<Option<PathBuf>> {
    Ok(None)
}

#[cfg(not(feature = "mpi"))]
pub(crate) fn finish() {}

#[cfg(feature = "mpi")]
pub use mpi::ranks;
#[cfg(feature = "mpi")]
pub(crate) use mpi::{finish, scratch};

#[cfg(feature = "mpi")]
mod mpi {
    use std::cell::OnceCell;

    use tinderbox::mpi::MpiCommunicator;

    use super::*;

    /// Variables by which Open MPI, MPICH and Slurm tell a process its rank.
    const RANK: [&str; 3] = ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"];

    thread_local! {
        static JOB: OnceCell<Arc<MpiCommunicator>> = const { OnceCell::new() };
    }

    /// The ranks of the MPI job that this process belongs to; `None` without one.
    pub fn ranks() -> Result<Option<Arc<dyn Communicator>>> {
        if RANK.iter().all(|name| std::env::var_os(name).is_none()) {
            return Ok(None);
        }
        JOB.with(|job| {
            if let Some(ranks) = job.get() {
                return Ok(Some(Arc::clone(ranks) as _));
            }
            let ranks = MpiCommunicator::start()?;
            if ranks.rank() > 0 {
                crate::output::be_quiet();
            }
            Ok(Some(Arc::clone(job.get_or_init(|| ranks)) as _))
        })
    }

    /// A folder that only this rank uses, on all ranks but the first: the trainer writes nothing there.
    pub fn scratch() -> Result<Option<PathBuf>> {
        let other = ranks()?.filter(|ranks| ranks.rank() > 0);
        let name = || format!("tinderbox-rank-{}", std::process::id());
        Ok(other.map(|_| std::env::temp_dir().join(name())))
    }

    /// Leaves the job, if there is one; ends the program on all ranks but the first.
    pub fn finish() {
        JOB.with(|job| {
            let Some(ranks) = job.get() else { return };
            ranks.finish();
            if ranks.rank() > 0 {
                if let Ok(Some(folder)) = scratch() {
                    // It need not exist.
                    let _ = std::fs::remove_dir_all(folder);
                }
                std::process::exit(0);
            }
        });
    }
}

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

#[cfg(not(feature = "mpi"))]
pub(crate) fn is_first() -> bool {
    true
}

#[cfg(feature = "mpi")]
pub use mpi::ranks;
#[cfg(feature = "mpi")]
pub(crate) use mpi::{finish, is_first, scratch};

#[cfg(feature = "mpi")]
mod mpi {
    use std::cell::OnceCell;
    use std::sync::OnceLock;

    use tinderbox::mpi::MpiCommunicator;

    use super::*;

    /// Variables by which Open MPI, MPICH and Slurm tell a process its rank.
    const RANK: [&str; 3] = ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"];

    thread_local! {
        static JOB: OnceCell<Arc<MpiCommunicator>> = const { OnceCell::new() };
    }

    /// Whether this process is the first rank, or none; known before the job is joined.
    pub fn is_first() -> bool {
        static FIRST: OnceLock<bool> = OnceLock::new();
        *FIRST.get_or_init(|| {
            let mut ranks = RANK.iter().filter_map(|name| std::env::var(name).ok());
            ranks.next().is_none_or(|rank| rank == "0")
        })
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

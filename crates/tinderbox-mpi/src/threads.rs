//! The threads of a rank: ranks on the same cores divide them.

use std::fs::read_to_string;
use std::thread::available_parallelism;

use tinderbox_train::{Communicator, CommunicatorError};

/// Gives rayon's pool this rank's part of the cores; the kernels have as many threads as the pool.
pub fn divide(ranks: &dyn Communicator) -> Result<(), CommunicatorError> {
    let own = cores();
    let mut sharing = 0;
    for rank in 0..ranks.size() {
        let mut other = own.clone();
        ranks.broadcast(&mut other, rank)?;
        sharing += usize::from(other == own);
    }
    if std::env::var_os("RAYON_NUM_THREADS").is_none() {
        // Those that this process may run on: fewer than the machine has if mpirun bound it.
        let cores = available_parallelism().map_or(1, usize::from);
        let threads = (cores / sharing.max(1)).max(1);
        // A pool that is in use already stays as it is.
        let _ = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global();
    }
    Ok(())
}

/// The machine and the cores of it that this process may run on, so that equal ones are shared.
fn cores() -> Vec<u8> {
    let host = read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let allowed = status
        .lines()
        .find(|line| line.starts_with("Cpus_allowed_list"));
    format!("{host} {}", allowed.unwrap_or_default()).into_bytes()
}

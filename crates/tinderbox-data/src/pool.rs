//! The threads that producers of batches share their work with.

use std::sync::OnceLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Does work on threads of our own, where what rayon runs in parallel then stays.
///
/// A producer of batches must not wait for rayon's global pool: who takes its batches may be a thread
/// of that pool, which waits for the producer. (One training a fold, in parallel, is enough.) The
/// threads here only ever compute, so whoever waits for them waits for an end.
pub fn on_own_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        let named =
            ThreadPoolBuilder::new().thread_name(|number| format!("tinderbox-data-{number}"));
        named.num_threads(rayon::current_num_threads()).build().ok()
    });
    match pool {
        Some(pool) => pool.install(work),
        // A system that gives no more threads.
        None => work(),
    }
}

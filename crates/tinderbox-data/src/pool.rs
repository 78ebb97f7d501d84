//! The thread pool of producers of batches.

use std::sync::OnceLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Runs `work` on a thread pool of this crate; its parallel work with rayon stays in that pool.
///
/// A producer of batches must not wait for rayon's global pool, because the consumer of its batches may be
/// a thread of that pool that waits for the producer, for instance in training runs of several folds in
/// parallel. The threads of this pool only compute, so that waiting for them always ends.
pub fn on_own_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        let named =
            ThreadPoolBuilder::new().thread_name(|number| format!("tinderbox-data-{number}"));
        named.num_threads(rayon::current_num_threads()).build().ok()
    });
    match pool {
        Some(pool) => pool.install(work),
        // No more threads can be created.
        None => work(),
    }
}

use std::sync::Once;

/// Asks the C library to keep freed memory for the next allocation, for the rest of the process.
///
/// A training step frees memory that the next step allocates again: activations and gradients, in
/// blocks of megabytes. glibc returns such blocks to the system at once, and allocating them again
/// costs a page fault and clearing for every page: filling a tensor then takes several times as long
/// as the arithmetic. A process that keeps freed memory uses no more than its peak, but returns
/// nothing to other processes before it ends. Trainers call this by default
/// (`Trainer::keep_memory(false)`, `LrFinder { keep_memory: false, .. }`), as a server that also
/// trains should do; a training loop of your own may call it.
///
/// On systems without glibc it does nothing.
pub fn keep_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(glibc::keep);
}

/// The peak memory of this process in megabytes; `None` on systems other than Linux.
pub fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024.0)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)] // a declaration of glibc, see mallopt(3)
mod glibc {
    use std::ffi::c_int;

    unsafe extern "C" {
        safe fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }

    const M_TRIM_THRESHOLD: c_int = -1;
    const M_MMAP_THRESHOLD: c_int = -3;

    pub(super) fn keep() {
        // Blocks below 1 GiB come from the heap, which is never trimmed. A glibc that refuses this
        // threshold accepts 32 MiB.
        if mallopt(M_MMAP_THRESHOLD, 1 << 30) == 0 {
            mallopt(M_MMAP_THRESHOLD, 32 << 20);
        }
        mallopt(M_TRIM_THRESHOLD, -1);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod glibc {
    pub(super) fn keep() {}
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    /// Page faults of this thread so far: field 10 of stat.
    fn page_faults() -> u64 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields.split(' ').nth(7).unwrap().parse().unwrap()
    }

    #[test]
    fn freed_memory_is_used_again_without_page_faults() {
        keep_memory();
        let fill = || std::hint::black_box(vec![1u8; 16 << 20]).len();
        fill();
        let before = page_faults();
        let rounds = 10;
        for _ in 0..rounds {
            fill();
        }
        let faults = page_faults() - before;
        // Without it, every round would fault each of its 4,096 pages.
        assert!(faults < 4096, "{faults} faults in {rounds} rounds");
    }
}

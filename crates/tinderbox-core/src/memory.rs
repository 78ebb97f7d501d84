use std::sync::Once;

/// Asks the C library to keep freed memory for the next allocation, for the rest of the process.
///
/// A training step frees what the next step allocates again: activations and gradients, in blocks
/// of megabytes. glibc gives such blocks back to the system at once, and every page of them that
/// comes again is faulted in and cleared: filling a tensor then costs several times what the
/// arithmetic does. A process that keeps them uses no more than it did at its peak, but gives nothing
/// back to other processes before it ends. Trainers call this unless they are told not to
/// (`Trainer::keep_memory(false)`, `LrFinder { keep_memory: false, .. }`), as a server that also
/// trains should; a training loop of one's own may call it.
///
/// On systems without glibc it does nothing.
pub fn keep_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(glibc::keep);
}

/// The most memory that this process ever used, in megabytes; Linux says it, others do not.
pub fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024.0)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)] // a declaration of glibc's, see mallopt(3)
mod glibc {
    use std::ffi::c_int;

    unsafe extern "C" {
        safe fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }

    const M_TRIM_THRESHOLD: c_int = -1;
    const M_MMAP_THRESHOLD: c_int = -3;

    pub(super) fn keep() {
        // Blocks below 1 GiB come from the heap, whose end is never given back. A glibc that
        // refuses so much takes 32 MiB.
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

    /// Pages that this thread had to wait for so far: field 10 of stat, the second after the state.
    fn page_faults() -> u64 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields.split(' ').nth(7).unwrap().parse().unwrap()
    }

    #[test]
    fn freed_memory_comes_back_without_faults() {
        keep_memory();
        let fill = || std::hint::black_box(vec![1u8; 16 << 20]).len();
        fill();
        let before = page_faults();
        let rounds = 10;
        for _ in 0..rounds {
            fill();
        }
        let faults = page_faults() - before;
        // Anew, every round would fault each of its 4,096 pages.
        assert!(faults < 4096, "{faults} faults in {rounds} rounds");
    }
}

//! Threads that help the caller with the pieces of one piece of work, and stay awake for a moment after it.
//!
//! A training step is hundreds of kernels of which many take less time than a sleeping thread needs to wake up. So the
//! caller computes too, a helper that comes late finds less to do instead of being waited for, and helpers look for
//! more work for [`AWAKE`] before they sleep (OpenMP's runtimes do the same).

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How long a helper without work looks for it before it sleeps.
const AWAKE: Duration = Duration::from_micros(200);

/// Pieces that a thread takes at once are this part of its share.
const PARTS: usize = 8;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is at work for a team.
pub(super) fn is_inside() -> bool {
    INSIDE.get()
}

/// Runs `work` for the numbers below `count`, on the helpers too; false, and nothing is done, if they are at work for
/// another thread.
///
/// # Panics
/// If `work` does, on any thread.
pub(super) fn run(count: usize, work: &(dyn Fn(usize) + Sync)) -> bool {
    let team = Team::get();
    if team.helpers.get().is_none_or(Vec::is_empty) || u32::try_from(count).is_err() {
        return false;
    }
    if team.busy.swap(true, Ordering::Acquire) {
        return false;
    }
    team.run(count, work);
    true
}

/// The work that helpers find.
#[derive(Clone, Copy)]
struct Job {
    /// Borrowed from the caller of [`Team::run`], which does not return while a helper is inside.
    work: *const (dyn Fn(usize) + Sync),
    /// Pieces that are taken at once.
    grain: u32,
}

struct Team {
    /// Whether the team works for somebody; who sets it owns `job`, and opens and closes `state`.
    busy: AtomicBool,
    /// The number of the job, whether it is closed, and how many helpers are inside: see [`CLOSED`] and [`JOB`].
    state: AtomicU64,
    job: UnsafeCell<Job>,
    /// What is left for every thread to do, the caller first.
    shares: Box<[Share]>,
    /// Helpers that sleep or are about to.
    sleeping: AtomicUsize,
    helpers: OnceLock<Vec<Thread>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Helpers inside are counted in the bits below.
const CLOSED: u64 = 1 << 15;
/// Jobs are counted in the bits from here.
const JOB: u64 = 1 << 16;

// SAFETY: `job` is written by the thread that has set `busy`, while `state` is closed and no helper is inside, and
// read by helpers that are inside. The pointer in it is to something `Sync`.
unsafe impl Sync for Team {}
// SAFETY: as above.
unsafe impl Send for Team {}

/// Pieces from a number to another one, packed so that they are taken from both ends; a cache line of its own.
#[repr(align(128))]
struct Share(AtomicU64);

impl Share {
    fn set(&self, first: u32, end: u32) {
        self.0.store(pack(first, end), Ordering::Relaxed);
    }

    /// Takes up to `grain` pieces, from the front or from the back.
    fn take(&self, grain: u32, front: bool) -> Option<std::ops::Range<u32>> {
        let mut packed = self.0.load(Ordering::Relaxed);
        loop {
            let (first, end) = ((packed >> 32) as u32, packed as u32);
            if first >= end {
                return None;
            }
            let count = grain.min(end - first);
            let (taken, left) = match front {
                true => (first..first + count, pack(first + count, end)),
                false => (end - count..end, pack(first, end - count)),
            };
            // The pieces themselves are published by `state`.
            let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
            match self.0.compare_exchange_weak(packed, left, success, failure) {
                Ok(_) => return Some(taken),
                Err(now) => packed = now,
            }
        }
    }
}

fn pack(first: u32, end: u32) -> u64 {
    u64::from(first) << 32 | u64::from(end)
}

fn nothing(_: usize) {}

impl Team {
    /// The team of this process, which has as many threads, with the caller, as rayon's global pool.
    fn get() -> &'static Self {
        static TEAM: OnceLock<Team> = OnceLock::new();
        let team = TEAM.get_or_init(|| {
            let threads = rayon::current_num_threads().clamp(1, CLOSED as usize - 1);
            Self {
                busy: AtomicBool::new(false),
                state: AtomicU64::new(CLOSED),
                job: UnsafeCell::new(Job {
                    work: &nothing,
                    grain: 1,
                }),
                shares: (0..threads).map(|_| Share(AtomicU64::new(0))).collect(),
                sleeping: AtomicUsize::new(0),
                helpers: OnceLock::new(),
                panic: Mutex::new(None),
            }
        });
        team.helpers.get_or_init(|| {
            let started = (1..team.shares.len()).map_while(|place| {
                let thread = std::thread::Builder::new().name(format!("kernels {place}"));
                let thread = thread.spawn(move || team.help_for_ever(place)).ok()?;
                Some(thread.thread().clone())
            });
            started.collect()
        });
        team
    }

    /// Called by the thread that has set `busy`.
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        let threads = self.shares.len();
        let end = |place: usize| (count as u64 * place as u64 / threads as u64) as u32;
        for (place, share) in self.shares.iter().enumerate() {
            share.set(end(place), end(place + 1));
        }
        let grain = (count / threads / PARTS).max(1) as u32;
        // SAFETY: the lifetime is forgotten; `Done` waits for all helpers before `work` ends.
        let work: *const (dyn Fn(usize) + Sync) = unsafe {
            std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(work)
        };
        // SAFETY: this thread has set `busy`, the state is closed and nobody is inside.
        unsafe { *self.job.get() = Job { work, grain } };
        let job = (self.state.load(Ordering::Relaxed) / JOB).wrapping_add(1);
        self.state.store(job.wrapping_mul(JOB), Ordering::SeqCst);
        let mut done = Done {
            team: self,
            returned: false,
        };
        if self.sleeping.load(Ordering::SeqCst) > 0 {
            let helpers = self.helpers.get().map_or(&[][..], Vec::as_slice);
            helpers.iter().take(count - 1).for_each(Thread::unpark);
        }
        // SAFETY: `work` is borrowed by this call.
        self.work(0, unsafe { &*work }, grain);
        done.returned = true;
    }

    /// Computes the pieces of one's own share, then those that others have not begun.
    fn work(&self, own: usize, work: &(dyn Fn(usize) + Sync), grain: u32) {
        INSIDE.set(true);
        let _outside = Outside;
        while let Some(pieces) = self.shares[own].take(grain, true) {
            pieces.for_each(|piece| work(piece as usize));
        }
        let threads = self.shares.len();
        for other in (1..threads).map(|next| &self.shares[(own + next) % threads]) {
            while let Some(pieces) = other.take(grain, false) {
                pieces.for_each(|piece| work(piece as usize));
            }
        }
    }

    fn help_for_ever(&self, place: usize) {
        let mut last = 0;
        loop {
            last = self.wait(last);
            let state = self.state.load(Ordering::Relaxed);
            if state / JOB != last || state & CLOSED != 0 {
                continue;
            }
            let (inside, failure) = (Ordering::Acquire, Ordering::Relaxed);
            let entered = self
                .state
                .compare_exchange(state, state + 1, inside, failure);
            if entered.is_err() {
                // Another helper came or the job was closed: look again at this one.
                last = last.wrapping_sub(1);
                continue;
            }
            // SAFETY: inside, so the job is not written, and what it points to lives.
            let job = unsafe { *self.job.get() };
            let helped = catch_unwind(AssertUnwindSafe(|| {
                // SAFETY: as above.
                self.work(place, unsafe { &*job.work }, job.grain);
            }));
            if let Err(panic) = helped {
                let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
                match &*first {
                    None => *first = Some(panic),
                    // Its destructor might panic.
                    Some(_) => std::mem::forget(panic),
                }
            }
            self.state.fetch_sub(1, Ordering::Release);
        }
    }

    /// Waits for an open job other than `last`, awake at first, and returns its number.
    fn wait(&self, last: u64) -> u64 {
        let is_new =
            |state: u64| (state & CLOSED == 0 && state / JOB != last).then_some(state / JOB);
        loop {
            let since = Instant::now();
            while since.elapsed() < AWAKE {
                for _ in 0..32 {
                    if let Some(job) = is_new(self.state.load(Ordering::Relaxed)) {
                        return job;
                    }
                    std::hint::spin_loop();
                }
                // Others may need the core.
                std::thread::yield_now();
            }
            self.sleeping.fetch_add(1, Ordering::SeqCst);
            let found = is_new(self.state.load(Ordering::SeqCst));
            if found.is_none() {
                std::thread::park();
            }
            self.sleeping.fetch_sub(1, Ordering::SeqCst);
            if let Some(job) = found {
                return job;
            }
        }
    }
}

/// Ends the time in which [`is_inside`] is true.
struct Outside;

impl Drop for Outside {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

/// Closes the job and waits for the helpers inside when it is dropped, as at a panic of the caller.
struct Done<'a> {
    team: &'a Team,
    /// Whether the caller's own part ended without a panic: then it gets that of a helper.
    returned: bool,
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        let team = self.team;
        team.state.fetch_or(CLOSED, Ordering::Relaxed);
        let mut rounds = 0_u32;
        while team.state.load(Ordering::Acquire) & (CLOSED - 1) != 0 {
            rounds = rounds.wrapping_add(1);
            match rounds % 1024 {
                0 => std::thread::yield_now(),
                _ => std::hint::spin_loop(),
            }
        }
        let panic = team
            .panic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        team.busy.store(false, Ordering::Release);
        if let Some(panic) = panic
            && self.returned
        {
            resume_unwind(panic);
        }
    }
}

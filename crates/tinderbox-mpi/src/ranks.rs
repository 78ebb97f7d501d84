//! The ranks, and the calls of MPI.

use std::cell::{Cell, RefCell};
use std::ffi::c_int;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use mpi_sys as ffi;
use tinderbox_train::{Communicator, CommunicatorError, StopFlag, TrainError};

use crate::threads;

/// The most numbers in one call: MPI counts in 32 bits.
const MOST: usize = 1 << 28;

/// After a signal to end, a call that takes longer than this is given up: a rank was killed, and `mpirun`, which
/// sent the signal to all others, kills them a second later.
const PATIENCE: Duration = Duration::from_millis(500);

/// A wait that is this long already goes on in short sleeps: the other ranks are slower.
const AWAKE: Duration = Duration::from_millis(200);

/// The ranks of an MPI job, of which this process is one.
///
/// ```no_run
/// # fn train(_: std::sync::Arc<dyn tinderbox_train::Communicator>) {}
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ranks = tinderbox_mpi::MpiCommunicator::start()?;
/// // Trainer::new(config)?.communicator(ranks.clone()) …
/// ranks.finish();
/// # Ok(())
/// # }
/// ```
///
/// A process that ends without [`finish`](Self::finish), because of an error or a panic, ends the whole job:
/// `mpirun` stops the other ranks and returns a code that is not 0.
pub struct MpiCommunicator {
    world: ffi::MPI_Comm,
    rank: usize,
    size: usize,
    /// No call of MPI is allowed any more: the job has finished, or a call was given up.
    closed: Cell<bool>,
    /// The sums arrive here, and change places with what was sent.
    sums: RefCell<Vec<f32>>,
    stop: StopFlag,
}

/// MPI cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MpiError {
    /// The library does not start.
    #[error("MPI does not start (code {0}); start the program with mpirun, and see its output")]
    Start(i32),
    /// It was started before.
    #[error("MPI was started before in this process; start it once, and share its communicator")]
    Again,
    /// The handler of the signal by which `mpirun` ends ranks could not be installed.
    #[error(transparent)]
    Signal(#[from] TrainError),
    /// The first exchange with the other ranks failed.
    #[error(transparent)]
    Exchange(#[from] CommunicatorError),
}

impl MpiCommunicator {
    /// Joins the job that this process was started for; without `mpirun` it is a job of one rank.
    ///
    /// Ranks on one machine divide its cores among their threads, as far as they may run on the same ones
    /// (`RAYON_NUM_THREADS` in the environment decides otherwise). Call it before anything computes.
    ///
    /// # Errors
    /// MPI does not start.
    #[expect(
        clippy::arc_with_non_send_sync,
        reason = "the trainer shares it on one thread"
    )]
    pub fn start() -> Result<std::sync::Arc<Self>, MpiError> {
        let stop = StopFlag::on_ctrl_c()?;
        let mut started = 0;
        // SAFETY: `MPI_Initialized` may be called at any time, and writes an int.
        unsafe { ffi::MPI_Initialized(&mut started) };
        if started != 0 {
            return Err(MpiError::Again);
        }
        let mut provided = 0;
        // SAFETY: MPI is not started; null pointers stand for no arguments of the command line (MPI 2.2 and
        // later). Only this thread will call MPI: the communicator cannot be sent to another one, because it
        // holds a pointer.
        let code = unsafe {
            ffi::MPI_Init_thread(
                null_mut(),
                null_mut(),
                ffi::RSMPI_THREAD_FUNNELED,
                &mut provided,
            )
        };
        if code != 0 {
            return Err(MpiError::Start(code));
        }
        let (mut rank, mut size) = (0, 0);
        // SAFETY: MPI is started; both calls write an int. With this error handler later calls return a code
        // instead of ending the process.
        let world = unsafe {
            let world = ffi::RSMPI_COMM_WORLD;
            ffi::MPI_Comm_set_errhandler(world, ffi::RSMPI_ERRORS_RETURN);
            ffi::MPI_Comm_rank(world, &mut rank);
            ffi::MPI_Comm_size(world, &mut size);
            world
        };
        let ranks = Self {
            world,
            rank: rank as usize,
            size: size as usize,
            closed: Cell::new(false),
            sums: RefCell::default(),
            stop,
        };
        threads::divide(&ranks)?;
        Ok(std::sync::Arc::new(ranks))
    }

    /// Leaves the job; waits for the other ranks to leave. The last call of every rank that succeeded.
    pub fn finish(&self) {
        if !self.closed.replace(true) {
            // SAFETY: MPI is started, no call is pending, and none follows.
            unsafe { ffi::MPI_Finalize() };
        }
    }

    /// Starts an exchange, which `begin` gives the request of, and waits for its end; `false` if it was
    /// given up. MPI may then still use the buffers.
    fn wait(
        &self,
        begin: impl FnOnce(*mut ffi::MPI_Request) -> c_int,
    ) -> Result<(), CommunicatorError> {
        let fail = |reason: String| {
            self.closed.set(true);
            Err(CommunicatorError(reason))
        };
        // SAFETY: a constant of the library.
        let mut request = unsafe { ffi::RSMPI_REQUEST_NULL };
        let code = begin(&mut request);
        if code != 0 {
            return fail(format!("MPI reports the error {code}"));
        }
        let began = Instant::now();
        let mut signal: Option<Instant> = None;
        loop {
            let mut done = 0;
            // SAFETY: the request was begun above and is not complete; the status is not wanted.
            let code = unsafe { ffi::MPI_Test(&mut request, &mut done, ffi::RSMPI_STATUS_IGNORE) };
            if code != 0 {
                return fail(format!("MPI reports the error {code}"));
            }
            if done != 0 {
                return Ok(());
            }
            if self.stop.exit_code().is_some() {
                let since = *signal.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE {
                    return fail(
                        "a rank has ended, or its machine cannot be reached (mpirun names it)"
                            .into(),
                    );
                }
            }
            match began.elapsed() > AWAKE {
                true => std::thread::sleep(Duration::from_micros(100)),
                false => std::thread::yield_now(),
            }
        }
    }

    fn open(&self) -> Result<(), CommunicatorError> {
        match self.closed.get() {
            true => Err(CommunicatorError("this rank has left the job".into())),
            false => Ok(()),
        }
    }

    /// Sums numbers of this type; both buffers are as long, and are leaked if the exchange is given up.
    fn sum<T: Copy>(
        &self,
        own: &mut Vec<T>,
        sums: &mut Vec<T>,
        kind: ffi::MPI_Datatype,
    ) -> Result<(), CommunicatorError> {
        self.open()?;
        for start in (0..own.len()).step_by(MOST) {
            let count = MOST.min(own.len() - start);
            let (from, to) = (own[start..].as_ptr(), sums[start..].as_mut_ptr());
            let summed = self.wait(|request| {
                // SAFETY: both buffers have `count` numbers of this type from these addresses on, do not
                // overlap, and are neither moved nor freed before the request is complete: if it is given
                // up, they are leaked below.
                unsafe {
                    ffi::MPI_Iallreduce(
                        from.cast(),
                        to.cast(),
                        count as c_int,
                        kind,
                        ffi::RSMPI_SUM,
                        self.world,
                        request,
                    )
                }
            });
            if summed.is_err() {
                std::mem::forget(std::mem::take(own));
                std::mem::forget(std::mem::take(sums));
                return summed;
            }
        }
        std::mem::swap(own, sums);
        Ok(())
    }

    /// Sends these bytes of `root` to all ranks; they are leaked if that is given up.
    fn send(&self, bytes: &mut Vec<u8>, root: usize) -> Result<(), CommunicatorError> {
        for start in (0..bytes.len()).step_by(MOST) {
            let count = MOST.min(bytes.len() - start);
            let at = bytes[start..].as_mut_ptr();
            let sent = self.wait(|request| {
                // SAFETY: there are `count` bytes from this address on; they are neither moved nor freed before
                // the request is complete, or leaked below.
                unsafe {
                    ffi::MPI_Ibcast(
                        at.cast(),
                        count as c_int,
                        ffi::RSMPI_UINT8_T,
                        root as c_int,
                        self.world,
                        request,
                    )
                }
            });
            if sent.is_err() {
                std::mem::forget(std::mem::take(bytes));
                return sent;
            }
        }
        Ok(())
    }
}

impl Communicator for MpiCommunicator {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn sum_f32(&self, numbers: &mut Vec<f32>) -> Result<(), CommunicatorError> {
        let mut sums = self.sums.borrow_mut();
        sums.resize(numbers.len(), 0.0);
        // SAFETY: a constant of the library.
        self.sum(numbers, &mut sums, unsafe { ffi::RSMPI_FLOAT })
    }

    fn sum_f64(&self, numbers: &mut [f64]) -> Result<(), CommunicatorError> {
        let mut own = numbers.to_vec();
        let mut sums = own.clone();
        // SAFETY: a constant of the library.
        self.sum(&mut own, &mut sums, unsafe { ffi::RSMPI_DOUBLE })?;
        numbers.copy_from_slice(&own);
        Ok(())
    }

    fn broadcast(&self, bytes: &mut Vec<u8>, root: usize) -> Result<(), CommunicatorError> {
        self.open()?;
        let mut length = (bytes.len() as u64).to_le_bytes().to_vec();
        self.send(&mut length, root)?;
        let length = length
            .first_chunk()
            .map_or(0, |length| u64::from_le_bytes(*length));
        bytes.resize(length as usize, 0);
        self.send(bytes, root)
    }
}

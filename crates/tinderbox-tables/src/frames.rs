//! Frames of polars: in memory, or part by part.

use std::fs::File;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use polars::prelude::{
    DataFrame, DslPlan, Engine, LazyFrame, PlanCallback, PolarsError, PolarsResult, ScanSources,
    Schema, col,
};

use crate::{DataError, Result};

/// Parts that are ready; with those that are being read, all that is in memory.
const WAITING: usize = 1;

/// The rows of a frame in order, part by part, from the streaming engine of polars: memory does not grow with
/// the file.
pub struct FrameParts {
    receiver: Option<Receiver<PolarsResult<DataFrame>>>,
    engine: Option<JoinHandle<()>>,
    /// The beginning of an error message.
    reading: String,
}

impl FrameParts {
    /// Parts of about `rows` rows.
    ///
    /// # Errors
    /// A plan that polars cannot run.
    pub fn new(frame: LazyFrame, rows: usize) -> Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        let parts = sender.clone();
        // If the receiver was dropped, true stops the engine.
        let each = PlanCallback::new(move |part| Ok(parts.send(Ok(part)).is_err()));
        let reading = reading(&frame);
        let at = |source: PolarsError| DataError::Table {
            what: reading.clone(),
            source: source.into(),
        };
        let frame =
            guarded(|| frame.sink_batches(each, true, NonZeroUsize::new(rows))).map_err(at)?;
        let engine = std::thread::Builder::new()
            .name("tinderbox-frame".into())
            .spawn(move || {
                if let Err(error) = guarded(|| frame.collect_with_engine(Engine::Streaming)) {
                    // If the receiver was dropped, the error is not needed.
                    let _ = sender.send(Err(error));
                }
            })
            .map_err(|error| at(error.into()))?;
        Ok(Self {
            receiver: Some(receiver),
            engine: Some(engine),
            reading,
        })
    }
}

impl Iterator for FrameParts {
    type Item = Result<DataFrame>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.receiver.as_ref()?.recv() {
            Ok(Ok(part)) => Some(Ok(part)),
            Ok(Err(error)) => {
                self.receiver = None;
                Some(Err(DataError::Table {
                    what: self.reading.clone(),
                    source: error.into(),
                }))
            }
            Err(_) => {
                self.receiver = None;
                // The engine ended: after the last part, or by a panic.
                match self.engine.take()?.join() {
                    Ok(()) => None,
                    Err(_) => Some(Err(DataError::WorkerEnded)),
                }
            }
        }
    }
}

impl Drop for FrameParts {
    fn drop(&mut self) {
        self.receiver = None;
        if let Some(engine) = self.engine.take() {
            // A panic of the engine cannot be reported any more.
            let _ = engine.join();
        }
    }
}

/// Reads all rows of a frame into memory.
///
/// Like `collect` of polars, but a damaged file that makes polars panic is an error, and errors name the
/// files. (Rust's panic hook still prints the panic.)
///
/// # Errors
///
/// Whatever polars finds wrong while it reads the files behind the frame.
pub fn collect(frame: &LazyFrame) -> Result<DataFrame> {
    guarded(|| frame.clone().collect()).map_err(|source| DataError::Table {
        what: reading(frame),
        source: source.into(),
    })
}

/// Names and types of the columns of a frame.
pub(crate) fn schema(frame: &LazyFrame) -> Result<Schema> {
    let schema = guarded(|| frame.clone().collect_schema());
    let schema = schema.map_err(|source| DataError::Table {
        what: reading(frame),
        source: source.into(),
    })?;
    Ok(schema.as_ref().clone())
}

/// Number of rows, counted part by part.
pub(crate) fn count(frame: &LazyFrame, column: &str) -> Result<usize> {
    // `len` of polars 0.55 cannot count a union of several files.
    let parts = FrameParts::new(frame.clone().select([col(column)]), 1 << 20)?;
    parts.map(|part| Ok(part?.height())).sum()
}

/// Turns a panic of polars, as on some damaged files, into an error.
pub(crate) fn guarded<T>(run: impl FnOnce() -> PolarsResult<T>) -> PolarsResult<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = (panic.downcast_ref::<String>().map(String::as_str))
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(PolarsError::ComputeError(
            format!("polars stopped in the middle, the file may be damaged ({text})").into(),
        ))
    })
}

/// The most files that a message names.
const NAMED: usize = 3;

/// The files that the plan of a frame names, sorted, each once.
pub(crate) fn files(frame: &LazyFrame) -> Vec<&str> {
    let mut files: Vec<&str> = Vec::new();
    for step in &frame.logical_plan {
        if let DslPlan::Scan {
            sources: ScanSources::Paths(paths),
            ..
        } = step
        {
            for path in paths.iter().map(|path| path.as_str()) {
                if !files.contains(&path) {
                    files.push(path);
                }
            }
        }
    }
    // The plan begins with its end.
    files.sort_unstable();
    files
}

/// Whether all rows of a frame are in memory.
pub(crate) fn in_memory(frame: &LazyFrame) -> bool {
    let mut steps = (&frame.logical_plan).into_iter();
    !steps.any(|step| matches!(step, DslPlan::Scan { .. }))
}

/// The local files behind a frame, open for reading, in the order of [`files`]; those without a name last.
pub(crate) fn open_files(frame: &LazyFrame) -> Vec<File> {
    let mut open: Vec<File> = (files(frame).into_iter())
        .filter_map(|path| File::open(path).ok())
        .collect();
    for step in &frame.logical_plan {
        if let DslPlan::Scan {
            sources: ScanSources::Files(unnamed),
            ..
        } = step
        {
            open.extend(unnamed.iter().filter_map(|file| file.try_clone().ok()));
        }
    }
    open
}

/// The beginning of the message of an error in reading a frame.
fn reading(frame: &LazyFrame) -> String {
    let files = files(frame);
    match files.len() {
        0 => "cannot read the frame".into(),
        count if count <= NAMED => format!("cannot read {}", files.join(", ")),
        count => format!(
            "cannot read {} and {} more files",
            files[..NAMED].join(", "),
            count - NAMED
        ),
    }
}

/// An error of polars about a file.
pub(crate) fn polars_at(path: &Path, source: PolarsError) -> DataError {
    DataError::Table {
        what: format!("cannot read {}", path.display()),
        source: source.into(),
    }
}

/// An error of polars about a frame.
pub(crate) fn polars(source: PolarsError) -> DataError {
    DataError::Table {
        what: "cannot read the frame".into(),
        source: source.into(),
    }
}

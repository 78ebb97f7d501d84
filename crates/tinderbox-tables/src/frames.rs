use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use polars::prelude::{
    DataFrame, DslPlan, Engine, LazyFrame, PlanCallback, PolarsError, PolarsResult, ScanSources,
    Schema, col,
};

use crate::{DataError, Result};

/// Parts that wait to be taken; with the ones in the making, all that is in memory.
const WAITING: usize = 1;

/// The rows of a frame in their order, part by part, through polars' streaming engine: what is in
/// memory at a time does not grow with the file.
pub(crate) struct FrameParts {
    receiver: Option<Receiver<PolarsResult<DataFrame>>>,
    engine: Option<JoinHandle<()>>,
    /// What an error says that was being done.
    reading: String,
}

impl FrameParts {
    /// Parts of about `rows` rows.
    pub fn new(frame: LazyFrame, rows: usize) -> Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        let parts = sender.clone();
        // A closed channel means that nobody wants more: true stops the engine.
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
                    // Nobody listens any more: then nobody needs the error.
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
                // The engine ended: whole, unless it was by a panic.
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
            // A panic of the engine has nobody left to be told to.
            let _ = engine.join();
        }
    }
}

/// All rows of a frame in memory.
///
/// What polars' own `collect` does, but a damaged file that makes polars panic is an error too, and
/// an error names the files. (Rust's panic hook still prints the panic: that is the program's to set.)
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
    // Not by polars' `len`, which cannot count a union of several files in 0.55.
    let parts = FrameParts::new(frame.clone().select([col(column)]), 1 << 20)?;
    parts.map(|part| Ok(part?.height())).sum()
}

/// Polars panics on some damaged files; that is no reason for a program to end.
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

/// Files that a message names.
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
    // The plan is walked from its end.
    files.sort_unstable();
    files
}

/// What is being done when a frame is read.
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

pub(crate) fn polars(source: PolarsError) -> DataError {
    DataError::Table {
        what: "cannot read the frame".into(),
        source: source.into(),
    }
}

//! Parquet and Arrow IPC files, which hold the types of their columns.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use polars::prelude::{LazyFrame, PlRefPath, ScanArgsParquet, UnifiedScanArgs};

use super::kind::Kind;
use super::{ipc, parquet};
use crate::frames::polars_at;
use crate::{DataError, Result};

/// A frame that polars reads from the file when it is used.
pub(super) fn scan(path: &Path, kind: Kind) -> Result<LazyFrame> {
    let whole = PlRefPath::try_from_path(path).map_err(|source| polars_at(path, source))?;
    let frame = if kind == Kind::Parquet {
        magic(path, b"PAR1", "a Parquet file")?;
        parquet::check(path)?;
        let arguments = ScanArgsParquet {
            glob: false,
            ..Default::default()
        };
        LazyFrame::scan_parquet(whole, arguments)
    } else {
        magic(path, b"ARROW1", "an Arrow IPC file")?;
        ipc::check(path)?;
        let arguments = UnifiedScanArgs {
            glob: false,
            ..Default::default()
        };
        LazyFrame::scan_ipc(whole, Default::default(), arguments)
    };
    frame.map_err(|source| polars_at(path, source))
}

/// Checks the first and last bytes, which polars reports in terms of its own.
fn magic(path: &Path, mark: &[u8], what: &str) -> Result<()> {
    let fail = |source| DataError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(fail)?;
    let length = file.metadata().map_err(fail)?.len();
    let wrong = |problem: String| DataError::Format {
        path: path.to_owned(),
        problem,
    };
    if length == 0 {
        return Err(wrong("the file is empty".into()));
    }
    let mut found = vec![0; mark.len()];
    if length < 2 * mark.len() as u64 || file.read_exact(&mut found).is_err() || found != mark {
        return Err(wrong(format!(
            "this is not {what}, as its name says; a text table needs the extension .csv, .tsv or .txt"
        )));
    }
    file.seek(SeekFrom::End(-(mark.len() as i64)))
        .map_err(fail)?;
    file.read_exact(&mut found).map_err(fail)?;
    if found != mark {
        return Err(wrong(format!(
            "the end of the file is missing, so it is not {what} any more; copy or download it again"
        )));
    }
    Ok(())
}

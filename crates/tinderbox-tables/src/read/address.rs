//! Tables at an address, in object storage or on the web.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars::prelude::{
    CloudScheme, DataType, LazyCsvReader, LazyFileListReader, LazyFrame, PlRefPath, Schema,
};

use super::kind::Kind;
use super::source::{Input, Source};
use crate::frames::{FrameParts, guarded, polars, polars_at};
use crate::{DataError, Result};

/// A table at an address.
pub(super) enum Remote {
    /// Parquet or Arrow IPC, which polars reads when the frame is used.
    Frame(Box<LazyFrame>),
    /// Text that was downloaded, a file for each object.
    Text(Vec<Input>),
}

/// Opens the table at an address, or at all addresses that match a pattern.
pub(super) fn open(address: &str) -> Result<Remote> {
    if CloudScheme::from_path(address).is_none() {
        return Err(wrong(
            address,
            "unknown kind of address; s3://, gs://, az://, abfss://, http:// and https:// are known",
        ));
    }
    if !cfg!(feature = "cloud") {
        return Err(wrong(
            address,
            "addresses are read with the feature `cloud` of tinderbox, which this program was built without; build it with `--features cloud`, or download the file and give its path",
        ));
    }
    plan(address)
}

fn plan(address: &str) -> Result<Remote> {
    let fail = |source| polars_at(Path::new(address), source);
    // On the web, a query after a question mark does not belong to the name.
    let name = match address.starts_with("http") {
        true => address.split('?').next().unwrap_or(address),
        false => address,
    };
    let path = PlRefPath::new(address);
    let frame = match Kind::of(Path::new(name))? {
        Kind::Parquet => LazyFrame::scan_parquet(path, Default::default()),
        Kind::Ipc => LazyFrame::scan_ipc(path, Default::default(), Default::default()),
        Kind::JsonLines { .. } => return Ok(Remote::Text(download(path, address, true)?)),
        Kind::Text { .. } => return Ok(Remote::Text(download(path, address, false)?)),
    };
    Ok(Remote::Frame(Box::new(frame.map_err(fail)?)))
}

const LINE: &str = "line";
const FILE: &str = "file";
/// Number of lines that are downloaded at a time.
const LINES: usize = 1 << 16;

/// Downloads text through polars, which has the credentials of every cloud: as a table whose rows are
/// lines, written to a temporary file without a name for each object.
fn download(path: PlRefPath, address: &str, json: bool) -> Result<Vec<Input>> {
    let fail = |source| polars_at(Path::new(address), source);
    let schema: Schema = [(LINE.into(), DataType::String)].into_iter().collect();
    let lines = guarded(|| {
        // Text has no zero byte, so that each line is one field; quotes are read later.
        LazyCsvReader::new(path)
            .with_schema(Some(Arc::new(schema)))
            .with_has_header(false)
            .with_separator(0)
            .with_quote_char(None)
            .with_include_file_paths(Some(FILE.into()))
            .finish()
    });
    let mut files: Vec<(PathBuf, BufWriter<File>)> = Vec::new();
    let unwritten = |source: std::io::Error| {
        let folder = std::env::temp_dir();
        let problem = format!(
            "it is downloaded to a file in {}, which cannot be written ({source}); make room there, or set TMPDIR to another folder",
            folder.display()
        );
        wrong(address, &problem)
    };
    for part in FrameParts::new(lines.map_err(fail)?, LINES)? {
        let part = part?;
        let lines = part.column(LINE).and_then(|it| it.str()).map_err(polars)?;
        let names = part.column(FILE).and_then(|it| it.str()).map_err(polars)?;
        for (line, name) in lines.iter().zip(names.iter()) {
            let name = Path::new(name.unwrap_or(address));
            if files.last().is_none_or(|(last, _)| last != name) {
                let file = tempfile::tempfile().map_err(unwritten)?;
                files.push((name.to_owned(), BufWriter::new(file)));
            }
            if let Some((_, file)) = files.last_mut() {
                file.write_all(line.unwrap_or("").as_bytes())
                    .and_then(|()| file.write_all(b"\n"))
                    .map_err(unwritten)?;
            }
        }
    }
    if files.is_empty() {
        return Err(wrong(address, "the file is empty"));
    }
    let inputs = files.into_iter().map(|(name, file)| {
        let file = (file.into_inner()).map_err(|error| unwritten(error.into_error()))?;
        let mut source = Source::new(&name, false);
        source.file = Some(Arc::new(file));
        Ok(Input { source, json })
    });
    inputs.collect()
}

fn wrong(address: &str, problem: &str) -> DataError {
    DataError::Format {
        path: address.into(),
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::{DslPlan, ScanSources};

    use super::super::kind;
    use super::*;
    use crate::{ReadOptions, collect, read};

    /// The addresses in the plan of polars.
    fn planned(address: &str) -> Result<Vec<String>> {
        let Remote::Frame(frame) = plan(address)? else {
            panic!("{address} is text");
        };
        let mut found = Vec::new();
        for step in &frame.logical_plan {
            if let DslPlan::Scan {
                sources: ScanSources::Paths(paths),
                ..
            } = step
            {
                found.extend(paths.iter().map(|path| path.as_str().to_owned()));
            }
        }
        Ok(found)
    }

    #[test]
    fn an_address_is_passed_to_polars_unchanged() {
        for address in [
            "s3://bucket/flights.parquet",
            "s3://bucket/2024-*/part-??.parquet",
            "abfss://container@account.dfs.core.windows.net/t.arrow",
            "https://example.org/t.parquet?token=a/b.c",
        ] {
            assert_eq!(kind::address(Path::new(address)), Some(address));
            assert_eq!(planned(address).unwrap(), [address], "{address}");
        }
        for path in ["data/flights.parquet", "/s3/a.csv", "C:\\a.csv"] {
            assert_eq!(kind::address(Path::new(path)), None, "{path}");
        }
        let error = planned("s3://bucket/folder/").unwrap_err().to_string();
        assert!(error.contains("s3://bucket/folder/") && error.contains("unknown extension"));
    }

    #[test]
    fn downloaded_lines_are_the_same_table_as_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let texts = [
            "when;price;what\n31/01/2001;1,95;\"two\n\n\"\"lines\"\"\"\n\n01/02/2001; 1.299,99;b\n",
            "when;price;what\r\n03/04/2001;NA;\u{e9}\r\n",
        ];
        for (place, text) in texts.iter().enumerate() {
            std::fs::write(folder.path().join(format!("t{place}.csv")), text).unwrap();
        }
        let pattern = folder.path().join("t*.csv");
        let path = PlRefPath::try_from_path(&pattern).unwrap();
        let inputs = download(path, "s3://bucket/t*.csv", false).unwrap();
        assert_eq!(inputs.len(), 2);
        let options = ReadOptions::default();
        let local = collect(&read(&pattern).unwrap()).unwrap();
        for keep in [0, 20, 1 << 20] {
            let tables = super::super::text::read(&inputs, &options, None, keep).unwrap();
            let first = collect(&tables.frames[0]).unwrap();
            let all = first.vstack(&collect(&tables.frames[1]).unwrap()).unwrap();
            assert!(all.equals_missing(&local), "{all} {local}");
            assert_eq!(all.shape(), (3, 3));
        }
    }

    #[test]
    fn an_unknown_kind_of_address_is_an_error() {
        let error = read("ftp://example.org/a.csv").err().unwrap().to_string();
        assert!(
            error.contains("ftp://example.org/a.csv") && error.contains("s3://"),
            "{error}"
        );
    }

    #[cfg(not(feature = "cloud"))]
    #[test]
    fn without_the_feature_an_address_names_it() {
        for address in ["s3://bucket/*.parquet", "https://example.org/a.csv?b=c"] {
            let error = read(address).err().unwrap().to_string();
            assert!(
                error.contains(address) && error.contains("--features cloud"),
                "{error}"
            );
        }
    }
}

//! Tables at an address, in object storage or on the web, which polars reads by itself.

use std::path::Path;
use std::sync::Arc;

use polars::prelude::{
    CloudScheme, LazyCsvReader, LazyFileListReader, LazyFrame, LazyJsonLineReader, NullValues,
    PlRefPath, PlSmallStr, Schema,
};

use super::find::Kind;
use super::{ReadOptions, Separator, polars_at};
use crate::{DataError, Result};

/// The address that a path is, if it is one: `s3://bucket/flights.parquet`.
pub(super) fn of(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| text.contains("://"))
}

/// The table at an address, or at all that match a pattern; nothing is fetched yet.
pub(super) fn scan(address: &str, options: &ReadOptions) -> Result<LazyFrame> {
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
    plan(address, options)
}

fn plan(address: &str, options: &ReadOptions) -> Result<LazyFrame> {
    let fail = |source| polars_at(Path::new(address), source);
    // What follows a question mark on the web is no part of the name.
    let name = match address.starts_with("http") {
        true => address.split('?').next().unwrap_or(address),
        false => address,
    };
    let path = PlRefPath::new(address);
    let frame = match Kind::of(Path::new(name))? {
        Kind::Parquet => LazyFrame::scan_parquet(path, Default::default()),
        Kind::Ipc => LazyFrame::scan_ipc(path, Default::default(), Default::default()),
        Kind::JsonLines { .. } => LazyJsonLineReader::new(path).finish(),
        Kind::Text { .. } => text(address, name, path, options)?.finish(),
    };
    frame.map_err(fail)
}

/// A text table whose lines only polars sees: what needs them read before is refused.
fn text(
    address: &str,
    name: &str,
    path: PlRefPath,
    options: &ReadOptions,
) -> Result<LazyCsvReader> {
    let separator = match options.separator {
        Some(Separator::Byte(byte)) => byte,
        None if name.contains(".tsv") || name.contains(".tab") => b'\t',
        None => b',',
        Some(Separator::Whitespace) => {
            return Err(wrong(
                address,
                "text separated by white space is read from files only; download it and give its path",
            ));
        }
    };
    if options.encoding.is_some() || options.names.is_some() {
        return Err(wrong(
            address,
            "Latin-1 text, and names of columns, are read from files only; download it and give its path",
        ));
    }
    let nulls = options.null_values.iter();
    let nulls = nulls.map(|null| null.as_str().into()).collect();
    let types: Schema = (options.types.iter())
        .map(|(name, kind)| (PlSmallStr::from(name.as_str()), kind.data_type()))
        .collect();
    Ok(LazyCsvReader::new(path)
        .with_separator(separator)
        .with_has_header(options.has_header.unwrap_or(true))
        .with_null_values(Some(NullValues::AllColumns(nulls)))
        .with_dtype_overwrite(Some(Arc::new(types)))
        .with_decimal_comma(options.decimal == Some(','))
        .with_try_parse_dates(true))
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

    use super::*;
    use crate::read;

    /// The addresses that polars is to read.
    fn planned(address: &str, options: &ReadOptions) -> Result<Vec<String>> {
        let frame = plan(address, options)?;
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
    fn an_address_goes_to_polars_as_it_stands() {
        for address in [
            "s3://bucket/flights.parquet",
            "s3://bucket/2024-*/part-??.parquet",
            "gs://bucket/a.ndjson",
            "az://container/a b.csv",
            "abfss://container@account.dfs.core.windows.net/t.arrow",
            "https://example.org/t.csv?token=a/b.c",
        ] {
            assert_eq!(of(Path::new(address)), Some(address));
            assert_eq!(
                planned(address, &ReadOptions::default()).unwrap(),
                [address],
                "{address}"
            );
        }
        for path in ["data/flights.parquet", "/s3/a.csv", "C:\\a.csv"] {
            assert_eq!(of(Path::new(path)), None, "{path}");
        }
    }

    #[test]
    fn what_cannot_be_read_from_an_address_is_told() {
        let error = |address: &str, options: &ReadOptions| {
            let error = planned(address, options).unwrap_err().to_string();
            assert!(error.contains(address), "{error}");
            error
        };
        let plain = ReadOptions::default();
        assert!(error("s3://bucket/folder/", &plain).contains("unknown extension"));
        let white = ReadOptions::default().separator(Separator::Whitespace);
        assert!(error("s3://bucket/a.csv", &white).contains("white space"));
        let named = ReadOptions::default().names(["a"]);
        assert!(error("s3://bucket/a.csv", &named).contains("names of columns"));
    }

    #[test]
    fn an_unknown_kind_of_address_is_told() {
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

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::Path;

use polars::prelude::{LazyFileListReader, LazyFrame, LazyJsonLineReader, PlRefPath};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::polars_at;
use super::text::{self, Loaded};
use crate::frames::guarded;
use crate::{DataError, Result};

/// A file with a JSON object a line as a frame: a row an object, a column a key.
///
/// A large file is scanned when the frame is used, as a text table is; its columns are those of the
/// part that is looked at.
pub(super) fn read(path: &Path, packed: bool) -> Result<LazyFrame> {
    read_checking(path, packed, text::CHECKED)
}

fn read_checking(path: &Path, packed: bool, limit: u64) -> Result<LazyFrame> {
    let Loaded { mut bytes, whole } = text::load_up_to(path, packed, limit)?;
    if !whole {
        // What is cut off in the middle of a line is no broken line.
        bytes.truncate(bytes.iter().rposition(|&byte| byte == b'\n').unwrap_or(0));
    }
    let mut rows = 0;
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        rows += 1;
        if let Err(error) = serde_json::from_slice::<Row>(line) {
            return Err(DataError::Line {
                path: path.to_owned(),
                line: index + 1,
                problem: format!("not a JSON object ({error}); every line must be one object"),
            });
        }
    }
    let Some(rows) = NonZeroUsize::new(rows) else {
        return Err(DataError::Format {
            path: path.to_owned(),
            problem: match whole {
                true => "the file is empty".into(),
                false => {
                    format!("no line ends within {limit} bytes; every line must be one object")
                }
            },
        });
    };
    let scan = |reader: LazyJsonLineReader| reader.with_infer_schema_length(Some(rows)).finish();
    if whole {
        let reader = LazyJsonLineReader::new_with_sources(text::in_memory(bytes));
        return text::parsed(path, || scan(reader));
    }
    let source = PlRefPath::try_from_path(path).map_err(|source| polars_at(path, source))?;
    guarded(|| scan(LazyJsonLineReader::new(source))).map_err(|source| polars_at(path, source))
}

/// An object with every key once. Arrays and bare values are JSON too, but no rows.
struct Row;

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Row)
    }
}

impl<'de> Visitor<'de> for Row {
    type Value = Row;

    fn expecting(&self, to: &mut std::fmt::Formatter) -> std::fmt::Result {
        to.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Row, M::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<IgnoredAny>()?;
            if let Some(twice) = keys.replace(key) {
                return Err(M::Error::custom(format!("\"{twice}\" is there twice")));
            }
        }
        Ok(Row)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::collect;

    #[test]
    fn what_is_too_large_to_check_is_scanned() {
        let folder = tempfile::tempdir().unwrap();
        let text: String = (0..500)
            .map(|row| format!("{{\"a\": {row}, \"b\": \"x{row}\"}}\n"))
            .collect();
        for name in ["t.jsonl", "t.jsonl.gz"] {
            let (path, packed) = (folder.path().join(name), name.ends_with(".gz"));
            let file = std::fs::File::create(&path).unwrap();
            match packed {
                true => flate2::write::GzEncoder::new(file, Default::default())
                    .write_all(text.as_bytes())
                    .unwrap(),
                false => std::io::BufWriter::new(file)
                    .write_all(text.as_bytes())
                    .unwrap(),
            }
            let table = collect(&read_checking(&path, packed, 100).unwrap()).unwrap();
            assert_eq!(table.shape(), (500, 2), "{name}");
            let sum: i64 = table["a"].i64().unwrap().iter().flatten().sum();
            assert_eq!(sum, 124_750, "{name}");
        }
        let path = folder.path().join("long.jsonl");
        std::fs::write(&path, "{\"a\": 1".repeat(100)).unwrap();
        let error = read_checking(&path, false, 100).err().unwrap().to_string();
        assert!(error.contains("long.jsonl: no line ends"), "{error}");
    }
}

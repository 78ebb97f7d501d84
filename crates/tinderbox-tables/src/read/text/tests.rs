use proptest::prelude::*;

use std::fs::File;
use std::io::Write;

use polars::prelude::{DataFrame, DataType};

use super::*;
use crate::collect;
use crate::read::source::Source;

/// What a file is read as when `keep` bytes of it may stay in memory and `block` are read at a time.
fn table(
    name: &str,
    bytes: &[u8],
    options: &ReadOptions,
    keep: usize,
    block: usize,
) -> Result<(DataFrame, Vec<ColumnFormat>), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let packed = name.ends_with(".gz");
    if packed {
        let file = File::create(&path).unwrap();
        let mut packer = flate2::write::GzEncoder::new(file, Default::default());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap();
    } else {
        std::fs::write(&path, bytes).unwrap();
    }
    let mut source = Source::new(&path, packed);
    source.block = block;
    let json = name.starts_with("j");
    let told = |error: DataError| {
        let folder = folder.path().display().to_string();
        error.to_string().replace(&folder, "")
    };
    let tables = read(&[Input { source, json }], options, None, keep).map_err(told)?;
    let frame = collect(&tables.frames[0]).map_err(told)?;
    Ok((frame, tables.columns))
}

/// Cells of one kind, so that many tables have columns that are not text.
fn cells() -> impl Strategy<Value = Vec<String>> {
    let kinds = prop_oneof![
        Just("[0-9]{1,3}"),
        Just("[0-9]{1,3}(\\.[0-9]{3}){0,2}(,[0-9]{1,2})?"),
        Just("-?[0-9]{1,2}(\\.[0-9]{1,2})?%"),
        Just("20[0-2][0-9]-0[1-9]-[12][0-9]"),
        Just("[0-3][0-9]/0[1-9]/2001"),
        Just("[a-c\"é ]{0,4}"),
        Just("(true|FALSE|fAlse)"),
        Just("\"([a-b;\n]|\"\"){0,3}\""),
    ];
    (kinds, 1usize..12).prop_flat_map(|(kind, rows)| {
        let cell = prop_oneof![8 => kind, 1 => "NA", 1 => " {0,2}"];
        proptest::collection::vec(cell, rows)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_same_lines_are_the_same_table_at_every_size(
        columns in proptest::collection::vec(cells(), 1..4),
        blanks in "[ ]{0,2}",
        line_end in prop_oneof![Just("\n"), Just("\r\n"), Just("\n\n")],
        mark in any::<bool>(),
        keep in any::<proptest::sample::Index>(),
        block in 20usize..60,
    ) {
        let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
        let mut text = String::from(if mark { "\u{feff}" } else { "" });
        for (place, _) in columns.iter().enumerate() {
            text += &format!("{}c{place}", if place > 0 { ";" } else { "" });
        }
        for row in 0..rows {
            text += line_end;
            let cells = columns.iter().map(|cells| cells.get(row).map_or("", String::as_str));
            text += &cells.collect::<Vec<_>>().join(&format!("{blanks};"));
        }
        let options = ReadOptions::default().separator(b';').has_header(true);
        let whole = table("t.csv", text.as_bytes(), &options, IN_MEMORY, 1 << 20);
        for name in ["t.csv", "t.csv.gz"] {
            let keep = keep.index(text.len() + 1);
            let found = table(name, text.as_bytes(), &options, keep, block);
            match (&whole, found) {
                (Ok((whole, formats)), Ok((found, other))) => {
                    prop_assert!(found.equals_missing(whole), "{found} {whole} {text:?}");
                    prop_assert_eq!(found.schema(), whole.schema());
                    prop_assert_eq!(&other, formats);
                }
                (Err(whole), Err(found)) => {
                    prop_assert_eq!(whole, &found.replace(".gz", ""));
                }
                (whole, found) => prop_assert!(false, "{whole:?} {found:?} {text:?}"),
            }
        }
    }
}

#[test]
fn json_lines_are_the_same_table_at_every_size() {
    let mut text = String::new();
    for row in 0..40 {
        text += &format!(
            "{{\"a\": {row}, \"b\": \"x{row}\", \"when\": \"{}/01/2001\"}}\n",
            1 + row % 31
        );
    }
    let options = ReadOptions::default();
    let whole = table("j.jsonl", text.as_bytes(), &options, IN_MEMORY, 1 << 20).unwrap();
    assert_eq!(whole.0.shape(), (40, 3));
    assert_eq!(whole.0["when"].dtype(), &DataType::Date);
    for name in ["j.jsonl", "j.jsonl.gz"] {
        for (keep, block) in [(0, 7), (100, 1000), (text.len(), 1 << 20)] {
            let found = table(name, text.as_bytes(), &options, keep, block).unwrap();
            assert!(found.0.equals_missing(&whole.0), "{name} {keep} {block}");
        }
    }
}

#[test]
fn what_needs_no_change_is_read_from_the_file_itself() {
    let text: String = (0..500).map(|row| format!("{row},x\n")).collect();
    let options = ReadOptions::default();
    let scans = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let inputs = [Input {
            source: Source::new(&path, false),
            json: false,
        }];
        let tables = read(&inputs, &options, None, 100).unwrap();
        let plan = tables.frames[0].describe_plan().unwrap();
        (
            collect(&tables.frames[0]).unwrap().height(),
            plan.contains("t.csv"),
        )
    };
    assert_eq!(scans(&format!("a,b\n{text}")), (500, true));
    assert_eq!(scans(&format!("a, b\n{text}\n 7 , y\n")), (501, false));
}

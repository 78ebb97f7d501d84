//! Reading tables: what works, and the errors of bad input.

mod common;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use polars::prelude::*;
use tinderbox_tables::{ColumnType, Encoding, ReadOptions, Separator, collect, read};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn frame(path: impl AsRef<Path>) -> DataFrame {
    read(path).unwrap().collect().unwrap()
}

fn refused(path: impl AsRef<Path>) -> String {
    refused_with(&ReadOptions::default(), path)
}

fn refused_with(options: &ReadOptions, path: impl AsRef<Path>) -> String {
    match options
        .read(path.as_ref())
        .and_then(|frame| collect(&frame))
    {
        Ok(frame) => panic!(
            "{} was read as {:?}",
            path.as_ref().display(),
            frame.schema()
        ),
        Err(error) => error.to_string(),
    }
}

fn names(frame: &DataFrame) -> Vec<&str> {
    frame
        .get_column_names()
        .into_iter()
        .map(|name| name.as_str())
        .collect()
}

#[test]
fn the_courses_tiny_table() {
    let folder = Folder::new();
    let path = folder.write(
        "house_tiny.csv",
        "NumRooms,Alley,Price\nNA,Pave,127500\n2,NA,106000\n4,NA,178100\nNA,NA,140000\n",
    );
    let table = frame(path);
    assert_eq!(names(&table), ["NumRooms", "Alley", "Price"]);
    let rooms: Vec<Option<i64>> = table["NumRooms"].i64().unwrap().iter().collect();
    assert_eq!(rooms, [None, Some(2), Some(4), None]);
    let alley: Vec<Option<&str>> = table["Alley"].str().unwrap().iter().collect();
    assert_eq!(alley, [Some("Pave"), None, None, None]);
}

#[test]
fn types_come_from_every_row() {
    let folder = Folder::new();
    let mut text = String::from("a,b,c,d,e,f\n");
    for row in 0..5000 {
        text += &format!("{row},{row},true,2001-01-31,2001-01-31 10:20:30,x\n");
    }
    text += "7,0.5,FALSE,2002-02-01,2002-02-01 00:00:00,\"1\"\n";
    let table = frame(folder.write("types.csv", text));
    let expected = [
        DataType::Int64,
        DataType::Float64,
        DataType::Boolean,
        DataType::Date,
        DataType::Datetime(TimeUnit::Microseconds, None),
        DataType::String,
    ];
    assert_eq!(table.dtypes(), expected);
    assert_eq!(table.height(), 5001);
    assert_eq!(table["b"].f64().unwrap().get(5000), Some(0.5));
}

#[test]
fn separators_headers_and_line_ends() {
    let folder = Folder::new();
    let cases: [(&str, &[u8]); 9] = [
        ("comma.csv", b"a,b\n1,2\n3,4\n"),
        ("semicolon.csv", b"a;b\n1;2\n3;4\n"),
        ("tab.tsv", b"a\tb\n1\t2\n3\t4\n"),
        ("bar.txt", b"a|b\n1|2\n3|4\n"),
        ("white.dat", b" a    b\n 1    2 \n 3  \t 4\n"),
        ("windows.csv", b"\xef\xbb\xbfa,b\r\n1,2\r\n3,4\r\n"),
        ("mac.csv", b"a,b\r1,2\r3,4\r"),
        ("loose.csv", b"a, b\n\n1 , 2 \n\n3,4\n\n"),
        ("quoted.csv", b"\"a\",\"b\"\n\"1\",2\n3,\"4\""),
    ];
    for (name, bytes) in cases {
        for (name, bytes) in [
            (name.to_owned(), bytes.to_vec()),
            (format!("{name}.gz"), pack(bytes)),
        ] {
            let table = frame(folder.write(&name, bytes));
            assert_eq!(names(&table), ["a", "b"], "{name}");
            assert_eq!(table.dtypes(), [DataType::Int64, DataType::Int64], "{name}");
            let b: Vec<_> = table["b"].i64().unwrap().iter().flatten().collect();
            assert_eq!(b, [2, 4], "{name}");
        }
    }
    let plain = frame(folder.write("plain.data", "5.1,3.5,setosa\n4.9,3.0,setosa\n"));
    assert_eq!(names(&plain), ["column_1", "column_2", "column_3"]);
    assert_eq!(plain.height(), 2);
    let named = ReadOptions::default()
        .names(["x", "y", "z"])
        .read(folder.write("named.data", "5.1,3.5,setosa\n"))
        .unwrap();
    assert_eq!(names(&named.collect().unwrap()), ["x", "y", "z"]);
}

#[test]
fn quoted_fields_hold_anything() {
    let folder = Folder::new();
    let path = folder.write("q.csv", "a,b\n\"one\ntwo, \"\"three\"\"\",1\n5\" pipe,2\n");
    let table = frame(path);
    let a: Vec<_> = table["a"].str().unwrap().iter().flatten().collect();
    assert_eq!(a, ["one\ntwo, \"three\"", "5\" pipe"]);
}

#[test]
fn options_state_what_inference_cannot_know() {
    let folder = Folder::new();
    let path = folder.write("o.csv", "code;share\n007;1,5\n?;2,25\n");
    let table = ReadOptions::default()
        .separator(b';')
        .null_values(["?"])
        .decimal(',')
        .column_type("code", ColumnType::Text)
        .read(&path)
        .unwrap()
        .collect()
        .unwrap();
    let code: Vec<_> = table["code"].str().unwrap().iter().collect();
    assert_eq!(code, [Some("007"), None]);
    let share: Vec<_> = table["share"].f64().unwrap().iter().flatten().collect();
    assert_eq!(share, [1.5, 2.25]);
    let latin = folder.write("latin.csv", b"name\ncaf\xe9\n");
    let table = ReadOptions::default()
        .encoding(Encoding::LATIN_1)
        .read(&latin)
        .unwrap();
    let table = table.collect().unwrap();
    assert_eq!(table["name"].str().unwrap().get(0), Some("café"));
    assert_eq!("tab".parse(), Ok(Separator::Byte(b'\t')));
    assert!("ab".parse::<Separator>().is_err());
}

#[test]
fn every_other_kind_of_file() {
    let folder = Folder::new();
    let mut table = df!("a" => [1i64, 2, 3], "b" => ["x", "y", "z"]).unwrap();
    let parquet = folder.0.path().join("t.parquet");
    ParquetWriter::new(std::fs::File::create(&parquet).unwrap())
        .finish(&mut table)
        .unwrap();
    assert_eq!(frame(&parquet), table);
    let arrow = folder.0.path().join("t.arrow");
    IpcWriter::new(std::fs::File::create(&arrow).unwrap())
        .finish(&mut table)
        .unwrap();
    assert_eq!(frame(&arrow), table);
    let lines = "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n\n{\"a\":3,\"b\":\"z\"}\n";
    assert_eq!(frame(folder.write("t.jsonl", lines)), table);
    assert_eq!(
        frame(folder.write("t.ndjson.gz", pack(lines.as_bytes()))),
        table
    );
}

#[test]
fn several_files_are_one_table() {
    let folder = Folder::new();
    let first = folder.write("p1.csv", "a,b\n1,x\n");
    folder.write("p2.csv", "b,a\ny,2.5\n");
    folder.write("notes.md", "not a table");
    for path in [folder.0.path().to_owned(), folder.0.path().join("p*.csv")] {
        let table = frame(path);
        assert_eq!(names(&table), ["a", "b"]);
        let a: Vec<_> = table["a"].f64().unwrap().iter().flatten().collect();
        assert_eq!(a, [1.0, 2.5]);
    }
    let other = folder.write("q.csv", "a,c\n1,2\n");
    let error = ReadOptions::default()
        .read_files(&[first, other])
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("q.csv") && error.contains("\"b\""),
        "{error}"
    );
    let error = refused(folder.0.path().join("z*.csv"));
    assert!(error.contains("no file matches"), "{error}");
}

#[test]
fn errors_of_bad_files_have_name_and_line() {
    let folder = Folder::new();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("empty.csv", vec![], &["empty.csv", "is empty"]),
        ("blank.csv", b"\n \n".to_vec(), &["is empty"]),
        (
            "header.csv",
            b"a,b\n".to_vec(),
            &["header.csv", "header (a, b)", "no row"],
        ),
        (
            "short.csv",
            b"a,b\n1,2\n3\n".to_vec(),
            &["short.csv, line 3", "1 fields", "has 2"],
        ),
        (
            "long.csv",
            b"a,b\n1,2\n\n3,4,5\n".to_vec(),
            &["long.csv, line 4", "3 fields", "has 2"],
        ),
        (
            "twice.csv",
            b"a,b,a\n1,2,3\n".to_vec(),
            &["two columns \"a\""],
        ),
        (
            "open.csv",
            b"a,b\n1,\"x\n".to_vec(),
            &["open.csv, line 2", "never closes"],
        ),
        (
            "latin.csv",
            b"a\nok\ncaf\xe9\n".to_vec(),
            &["latin.csv, line 3", "0xe9", "Latin-1"],
        ),
        (
            "binary.csv",
            b"a,b\n1,\0\n".to_vec(),
            &["binary.csv, line 2", "zero byte", "--encoding utf-16le"],
        ),
        (
            "day.csv",
            b"when,x\n2001-01-31,1\n2001-02-30,2\n".to_vec(),
            &[
                "day.csv, line 3, column \"when\"",
                "\"2001-02-30\"",
                "calendar",
            ],
        ),
        (
            "slashes.csv",
            b"when,x\n31/01/2001,1\n30/02/2001,2\n28/02/2001,2\n".to_vec(),
            &[
                "slashes.csv, line 3, column \"when\"",
                "\"30/02/2001\"",
                "calendar",
            ],
        ),
        (
            "day.jsonl",
            b"{\"when\":\"2001-01-31\"}\n{\"when\":\"2001-02-30\"}\n".to_vec(),
            &["day.jsonl, line 2, column \"when\"", "calendar"],
        ),
        (
            "table.xlsx",
            b"PK".to_vec(),
            &["table.xlsx", "unknown extension", ".csv"],
        ),
        (
            "no.parquet",
            b"a,b\n1,2\n3,4\n".to_vec(),
            &["no.parquet", "not a Parquet file"],
        ),
        (
            "cut.parquet",
            b"PAR1 and then nothing".to_vec(),
            &["cut.parquet", "end of the file is missing"],
        ),
        ("none.parquet", vec![], &["none.parquet", "is empty"]),
        (
            "no.arrow",
            b"a,b\n1,2\n3,4\n".to_vec(),
            &["no.arrow", "not an Arrow IPC file"],
        ),
        (
            "bad.jsonl",
            b"{\"a\":1}\n{\"a\":\n".to_vec(),
            &["bad.jsonl, line 2", "JSON"],
        ),
        (
            "array.jsonl",
            b"[1]\n".to_vec(),
            &["array.jsonl, line 1", "JSON object"],
        ),
        (
            "no.csv.gz",
            b"a,b\n1,2\n".to_vec(),
            &["no.csv.gz", "not gzip"],
        ),
    ];
    for (name, bytes, parts) in cases {
        let error = refused(folder.write(name, bytes));
        for part in parts {
            assert!(error.contains(part), "{name}: {error:?} lacks {part:?}");
        }
    }
    let missing = refused(folder.0.path().join("nowhere.csv"));
    assert!(
        missing.contains("nowhere.csv") && missing.contains("check the path"),
        "{missing}"
    );
    let packed = pack("a,b\n1,2\n".repeat(1000).as_bytes());
    let cut = refused(folder.write("cut.csv.gz", &packed[..packed.len() / 2]));
    assert!(
        cut.contains("cut.csv.gz") && cut.contains("end of the .gz file is missing"),
        "{cut}"
    );
}

/// The same table as Parquet, Arrow and JSON lines, plain and packed.
fn every_kind() -> Vec<(&'static str, Vec<u8>)> {
    let mut table = df!(
        "aa" => [Some(1i64), None, Some(3)],
        "ab" => ["x", "a word of some length", "z"],
    )
    .unwrap();
    let (mut parquet, mut arrow, mut zstd) = (Vec::new(), Vec::new(), Vec::new());
    ParquetWriter::new(&mut parquet)
        .with_compression(ParquetCompression::Uncompressed)
        .finish(&mut table)
        .unwrap();
    IpcWriter::new(&mut arrow).finish(&mut table).unwrap();
    IpcWriter::new(&mut zstd)
        .with_compression(Some(IpcCompression::ZSTD(Default::default())))
        .finish(&mut table)
        .unwrap();
    let lines = b"{\"aa\":1,\"ab\":\"x\"}\n{\"aa\":null,\"ab\":\"y\"}\n".to_vec();
    vec![
        ("t.parquet", parquet),
        ("t.arrow", arrow),
        ("zstd.arrow", zstd),
        ("t.ndjson.gz", pack(&lines)),
        ("t.ndjson", lines),
        ("t.csv.gz", pack(b"aa,ab\n1,x\n,y\n3,z\n")),
    ]
}

#[test]
fn one_wrong_byte_gives_a_table_or_an_error_with_the_name_of_the_file() {
    common::quiet_polars();
    let folder = Folder::new();
    for (name, sound) in every_kind() {
        assert!(frame(folder.write(name, &sound)).height() > 0, "{name}");
        let mut refused = 0;
        for place in 0..sound.len() {
            let mut bytes = sound.clone();
            bytes[place] = [bytes[place] ^ 0x80, bytes[place] ^ 1, 0xff][place % 3];
            let path = folder.write(name, bytes);
            if let Err(error) = read(&path).and_then(|frame| collect(&frame)) {
                let error = error.to_string();
                assert!(error.contains(name), "byte {place} of {name}: {error}");
                refused += 1;
            }
        }
        assert!(refused > sound.len() / 10, "{name}: {refused}");
    }
}

#[test]
fn a_truncated_file_is_an_error_wherever_it_ends() {
    common::quiet_polars();
    let folder = Folder::new();
    for (name, sound) in every_kind() {
        for length in (0..sound.len()).step_by(3) {
            let path = folder.write(name, &sound[..length]);
            match read(&path).and_then(|frame| collect(&frame)) {
                // Text may end after any line.
                Ok(table) => assert!(name == "t.ndjson" && table.height() < 3, "{name} {length}"),
                Err(error) => assert!(error.to_string().contains(name), "{name}: {error}"),
            }
        }
    }
}

#[test]
fn impossible_sizes_of_pages_are_an_error_before_memory_is_allocated() {
    let folder = Folder::new();
    let (name, sound) = every_kind().remove(0);
    // The header of the first page: type, bytes unpacked, bytes packed; each after a byte that names it,
    // as zigzag numbers. The largest number of 32 bits is f8 ff ff ff 0f or so: five bytes for one.
    assert_eq!((&sound[..4], sound[4]), (&b"PAR1"[..], 0x15));
    let mut bytes = sound.clone();
    bytes.splice(7..8, [0xfe, 0xff, 0xff, 0xff, 0x0f]);
    let error = refused(folder.write(name, &bytes));
    assert!(error.contains(name), "{error}");
    let mut bytes = sound;
    // A negative number of packed bytes.
    bytes[9] = 1;
    let error = refused(folder.write(name, &bytes));
    assert!(
        error.contains("t.parquet: the pages of column \"aa\" are damaged"),
        "{error}"
    );
}

#[test]
fn two_columns_of_one_name_are_an_error_in_every_kind_of_file() {
    let folder = Folder::new();
    for (name, mut bytes) in every_kind() {
        if name.ends_with(".gz") {
            continue;
        }
        for place in 0..bytes.len() - 1 {
            if &bytes[place..place + 2] == b"ab" {
                bytes[place + 1] = b'a';
            }
        }
        let error = refused(folder.write(name, bytes));
        assert!(error.contains(name) && error.contains("aa"), "{error}");
    }
}

#[test]
fn text_in_a_numeric_column_is_an_error_with_its_cell() {
    let folder = Folder::new();
    let path = folder.write("cells.csv", "a,b\n1,2\n3,many\n");
    let options = ReadOptions::default().column_type("b", ColumnType::Integer);
    let error = refused_with(&options, &path);
    assert!(
        error.contains("cells.csv, line 3, column \"b\": \"many\" is not a whole number"),
        "{error}"
    );
    let options = ReadOptions::default().column_type("c", ColumnType::Integer);
    let error = refused_with(&options, &path);
    assert!(error.contains("no column \"c\""), "{error}");
    let options = ReadOptions::default().names(["a", "b", "c"]);
    assert!(refused_with(&options, &path).contains("3 names are given for 2 columns"));
}

proptest::proptest! {
    #[test]
    fn random_tables_come_back(rows in proptest::collection::vec(proptest::collection::vec("[a-z ,;\"\n0-9.-]{0,6}", 3), 1..20)) {
        let quote = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let mut text = String::from("a,b,c\n");
        for row in &rows {
            text += &(row.iter().map(quote).collect::<Vec<_>>().join(",") + "\n");
        }
        let folder = Folder::new();
        let mut options = ReadOptions::default().separator(b',').null_values(Vec::<String>::new());
        for name in ["a", "b", "c"] {
            options = options.column_type(name, ColumnType::Text);
        }
        let table = options.read(folder.write("r.csv", text)).unwrap().collect().unwrap();
        for (row, expected) in rows.iter().enumerate() {
            for (column, cell) in ["a", "b", "c"].iter().zip(expected) {
                let found = table[*column].str().unwrap().get(row);
                proptest::prop_assert_eq!(found.unwrap_or(""), cell.as_str());
            }
        }
    }
}

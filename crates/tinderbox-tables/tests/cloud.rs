//! Tables read from a web server and from object storage: a small server implements as much of HTTP
//! and S3 as reading needs.
#![cfg(feature = "cloud")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Cursor, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use burn::tensor::Device;
use polars::prelude::*;
use tinderbox_core::Seed;
use tinderbox_data::{Batches, Values};
use tinderbox_tables::{FeatureSpec, ReadOptions, Separator, StreamLoader, collect, read};

const ROWS: usize = 2_000;

/// A text that no plain parser reads as it is meant.
const SHOP: &str =
    "price;when;word\n1,95; 31/01/2001 ;a\n\n1.299,99;01/02/2001;\"b\n\"\"c\"\"\"\nNA;NA;NA\n";

/// `rows` with a category and a target, `2 x + 1`.
fn table(rows: std::ops::Range<usize>) -> DataFrame {
    let x: Vec<f64> = rows.clone().map(|row| row as f64 / 8.0).collect();
    let y: Vec<f64> = x.iter().map(|x| 2.0 * x + 1.0).collect();
    let word: Vec<&str> = rows.map(|row| ["red", "green", "blue"][row % 3]).collect();
    df!("x" => x, "word" => word, "y" => y).unwrap()
}

fn parquet(mut table: DataFrame) -> Vec<u8> {
    let mut bytes = Vec::new();
    let writer = ParquetWriter::new(&mut bytes).with_row_group_size(Some(256));
    writer.finish(&mut table).unwrap();
    bytes
}

fn csv(table: &DataFrame) -> Vec<u8> {
    let columns = ["x", "word", "y"].map(|name| table.column(name).unwrap());
    let mut text = String::from("x,word,y\n");
    for row in 0..table.height() {
        let cells = columns.map(|column| match column.get(row).unwrap() {
            AnyValue::String(word) => word.to_owned(),
            number => number.to_string(),
        });
        text += &cells.join(",");
        text += "\n";
    }
    text.into_bytes()
}

/// Files by their path, `/bucket/key`.
type Files = BTreeMap<String, Vec<u8>>;

struct Server {
    address: String,
    /// The requests: method and path.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(files: Files) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (files, seen) = (Arc::new(files), Arc::clone(&asked));
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (files, seen) = (Arc::clone(&files), Arc::clone(&seen));
                // A client that disconnects is not an error.
                std::thread::spawn(move || serve(connection.unwrap(), &files, &seen));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers one request: the whole file or a range of it, or the list of a bucket.
fn serve(mut connection: TcpStream, files: &Files, seen: &Mutex<Vec<String>>) {
    let lines = BufReader::new(connection.try_clone().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok).take_while(|l| !l.is_empty());
    let Some(request) = lines.next() else { return };
    let range = lines
        .map(|line| line.to_ascii_lowercase())
        .find_map(|line| line.strip_prefix("range: bytes=").map(str::to_owned));
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    seen.lock().unwrap().push(format!("{method} {path}"));

    let (status, body, range) = if query.contains("list-type=2") {
        let body = listed(files, path.trim_matches('/'), query).into_bytes();
        ("200 OK", body, String::new())
    } else if let Some(file) = files.get(path) {
        match range.map(|range| bytes_of(&range, file.len())) {
            None => ("200 OK", file.clone(), String::new()),
            Some(part) => {
                let (first, last, all) = (part.start, part.end - 1, file.len());
                let range = format!("Content-Range: bytes {first}-{last}/{all}\r\n");
                ("206 Partial Content", file[part].to_vec(), range)
            }
        }
    } else {
        ("404 Not Found", Vec::new(), String::new())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\n{range}Content-Length: {}\r\nAccept-Ranges: bytes\r\nETag: \"1\"\r\n\
         Last-Modified: Tue, 24 Nov 2026 00:00:00 GMT\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = connection.write_all(head.as_bytes());
    if method != "HEAD" {
        let _ = connection.write_all(&body);
    }
}

/// `first-last`, `first-` or `-count` of a file with this many bytes.
fn bytes_of(range: &str, all: usize) -> std::ops::Range<usize> {
    let (first, last) = range.split_once('-').unwrap();
    match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) => first..(last + 1).min(all),
        (Ok(first), Err(_)) => first..all,
        (Err(_), Ok(count)) => all - count.min(all)..all,
        (Err(_), Err(_)) => panic!("range {range:?}"),
    }
}

/// The answer of S3 to ListObjectsV2.
fn listed(files: &Files, bucket: &str, query: &str) -> String {
    let prefix = query
        .split('&')
        .find_map(|part| part.strip_prefix("prefix="));
    let prefix = prefix.unwrap_or("").replace("%2F", "/");
    let mut objects = String::new();
    for (path, file) in files {
        let key = path.strip_prefix(&format!("/{bucket}/")).unwrap_or("");
        if !key.is_empty() && key.starts_with(&prefix) {
            objects += &format!(
                "<Contents><Key>{key}</Key><LastModified>2026-11-24T00:00:00.000Z</LastModified>\
                 <ETag>\"1\"</ETag><Size>{}</Size></Contents>",
                file.len()
            );
        }
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Name>{bucket}</Name>\
         <IsTruncated>false</IsTruncated>{objects}</ListBucketResult>"
    )
}

fn files() -> Files {
    let all = table(0..ROWS);
    let mut arrow = Cursor::new(Vec::new());
    IpcWriter::new(&mut arrow).finish(&mut all.clone()).unwrap();
    let mut lines = Vec::new();
    JsonWriter::new(&mut lines)
        .with_json_format(JsonFormat::JsonLines)
        .finish(&mut all.clone())
        .unwrap();
    let semicolons = String::from_utf8(csv(&all)).unwrap().replace(',', ";");
    Files::from([
        ("/bucket/t.csv".into(), csv(&all)),
        ("/bucket/semicolons.csv".into(), semicolons.into_bytes()),
        ("/bucket/shop.csv".into(), SHOP.into()),
        ("/bucket/ragged.csv".into(), b"a,b\n1,2\n3\n".to_vec()),
        ("/bucket/t.arrow".into(), arrow.into_inner()),
        ("/bucket/t.ndjson".into(), lines),
        ("/bucket/t.parquet".into(), parquet(all.clone())),
        (
            "/bucket/parts/part-1.parquet".into(),
            parquet(table(0..700)),
        ),
        (
            "/bucket/parts/part-2.parquet".into(),
            parquet(table(700..ROWS)),
        ),
        ("/bucket/parts/other.parquet".into(), parquet(table(0..1))),
        (
            "/bucket/damaged.parquet".into(),
            b"PAR1 but nothing more".to_vec(),
        ),
    ])
}

#[test]
fn every_format_is_read_from_the_web() {
    let server = Server::new(files());
    let expected = table(0..ROWS);
    for name in [
        "t.csv",
        "t.arrow",
        "t.ndjson",
        "t.parquet",
        "t.csv?token=a.b",
    ] {
        let frame = read(format!("{}/bucket/{name}", server.address)).unwrap();
        let found = collect(&frame).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(found.equals(&expected), "{name}: {found}");
    }
    let semicolons = format!("{}/bucket/semicolons.csv", server.address);
    let inferred = read(&semicolons).unwrap();
    assert!(collect(&inferred).unwrap().equals(&expected));
    let frame = ReadOptions::default()
        .separator(Separator::Byte(b';'))
        .read(semicolons);
    assert!(collect(&frame.unwrap()).unwrap().equals(&expected));
}

#[test]
fn text_from_the_web_is_read_as_text_from_a_file_is() {
    let server = Server::new(files());
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("shop.csv");
    std::fs::write(&local, SHOP).unwrap();
    let (local, format) = ReadOptions::default().read_described(&local).unwrap();
    let address = format!("{}/bucket/shop.csv", server.address);
    let (found, same) = ReadOptions::default().read_described(&address).unwrap();
    assert!(
        collect(&found)
            .unwrap()
            .equals_missing(&collect(&local).unwrap())
    );
    assert_eq!(same, format);
    let names = ReadOptions::default().names(["p", "d", "w"]);
    assert_eq!(collect(&names.read(&address).unwrap()).unwrap().height(), 3);
    let address = format!("{}/bucket/ragged.csv", server.address);
    let error = read(&address).err().unwrap().to_string();
    assert!(error.contains(&format!("{address}, line 3")), "{error}");
}

#[test]
fn features_are_fitted_and_batches_streamed_from_the_web() {
    let server = Server::new(files());
    let frame = read(format!("{}/bucket/t.parquet", server.address)).unwrap();
    let features = FeatureSpec::infer(&frame, "y")
        .unwrap()
        .fit(&frame)
        .unwrap();
    let local = table(0..ROWS);
    let same = FeatureSpec::infer(&local, "y")
        .unwrap()
        .fit(&local)
        .unwrap();
    assert_eq!(features, same);
    let expected = features.transform(&local).unwrap();
    let expected = expected.regression().unwrap();
    let loader = StreamLoader::<Values>::new(frame, features, 128)
        .unwrap()
        .shuffle(Seed::new(1), 500);
    let mut sum = 0.0;
    let mut examples = 0;
    for batch in loader.epoch(0, 0, &Device::flex()).unwrap() {
        let batch = batch.unwrap();
        examples += batch.inputs.dims()[0];
        sum += f64::from(batch.targets.sum().into_scalar::<f32>());
    }
    assert_eq!(examples, ROWS);
    let targets: f64 = expected
        .targets()
        .as_slice()
        .iter()
        .map(|&y| f64::from(y))
        .sum();
    assert!(
        (sum - targets).abs() < 1e-3 * targets.abs().max(1.0),
        "{sum} {targets}"
    );
}

#[test]
fn what_goes_wrong_names_the_address() {
    let server = Server::new(files());
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for address in [
        format!("{}/bucket/missing.parquet", server.address),
        format!("{}/bucket/missing.csv", server.address),
        format!("{}/bucket/damaged.parquet", server.address),
        format!("http://{closed}/t.parquet"),
    ] {
        let error = read(&address)
            .and_then(|frame| collect(&frame))
            .unwrap_err()
            .to_string();
        assert!(error.contains(&address), "{address}: {error}");
    }
}

/// The name of the bucket's address for the half of the test that runs with the storage's variables.
const STORAGE: &str = "TINDERBOX_TEST_STORAGE";

/// Keys and address of a storage are variables of the process, so the reading half of this test is
/// a process of its own.
#[test]
fn a_pattern_is_read_from_object_storage() {
    if let Ok(address) = std::env::var(STORAGE) {
        let found = collect(&read(address).unwrap()).unwrap();
        assert!(found.equals(&table(0..ROWS)), "{found}");
        return;
    }
    let server = Server::new(files());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_pattern_is_read_from_object_storage"])
        .env(STORAGE, "s3://bucket/parts/part-*.parquet")
        .env("AWS_ENDPOINT_URL", &server.address)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
    let asked = server.asked();
    assert!(
        asked.iter().any(|line| line.ends_with("part-2.parquet")),
        "{asked:?}"
    );
    assert!(
        !asked.iter().any(|line| line.ends_with("other.parquet")),
        "{asked:?}"
    );
}

//! Whatever a file or a frame holds, reading, fitting and transforming end with a result or an error.
//!
//! A few cases in every run of the tests; with TINDERBOX_FUZZ_SECONDS=600 each test runs for that
//! long (see CONTRIBUTING.md). The file of the current case is kept, in case the process ends without a report.

mod common;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use polars::prelude::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseResult, TestRng, TestRunner};
use tinderbox_core::Seed;
use tinderbox_data::{Batches, Values};
use tinderbox_tables::{
    CategorySpec, ColumnSpec, CrossSpec, DatePart, DateSpec, Encode, FeatureSpec, Features, Impute,
    Inference, Missing, NumericSpec, ReadOptions, Step, StreamLoader, TargetSpec, TargetStep,
    Targets, Task, Unseen, collect, read, summarize,
};

/// Cases in a run of the tests.
const CASES: u32 = 48;

/// The same few cases, or other ones for TINDERBOX_FUZZ_SECONDS.
fn fuzz<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> TestCaseResult) {
    let seconds = std::env::var("TINDERBOX_FUZZ_SECONDS").ok();
    let seconds: Option<u64> = seconds.map(|text| text.parse().expect("a number of seconds"));
    common::quiet_polars();
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = match seconds {
        Some(_) => TestRunner::new(config),
        None => {
            let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
            TestRunner::new_with_rng(config, rng)
        }
    };
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
    loop {
        if let Err(error) = runner.run(&strategy, &test) {
            panic!("{error}");
        }
        if Instant::now() >= until {
            break;
        }
    }
}

/// Where the file of the current case is.
fn keep(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// All steps, until one returns an error.
fn survive(path: &Path, options: &ReadOptions) {
    let Ok(frame) = options.read(path) else {
        return;
    };
    let Ok(table) = collect(&frame) else {
        // The damage may be in columns that only some steps read.
        let _ = FeatureSpec::infer(&frame, "a");
        return;
    };
    let names: Vec<String> = (table.get_column_names().iter())
        .map(|name| name.to_string())
        .collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    summarize(&table, &all).expect("a table that was read can be summarized");
    for (target, task) in [(0, Task::Auto), (names.len() - 1, Task::Classification)] {
        let inference = Inference::default().task(task).embed_above(2);
        let lazy = FeatureSpec::infer_with(&frame, &names[target], &inference);
        let spec = FeatureSpec::infer_with(&table, &names[target], &inference);
        assert_eq!(lazy.is_ok(), spec.is_ok(), "{lazy:?} {spec:?}");
        let Ok(spec) = spec else { continue };
        let Ok(features) = spec.fit(&frame) else {
            continue;
        };
        // Numbers too large for 32 bits are the one thing that fitting allows and transforming not.
        if let Ok(numbers) = features.transform(&table) {
            assert_eq!(numbers.features.rows(), table.height());
        }
    }
}

/// One change of a file.
#[derive(Clone, Debug)]
struct Change {
    place: Index,
    kind: u8,
    byte: u8,
    count: usize,
}

fn change() -> impl Strategy<Value = Change> {
    (any::<Index>(), 0u8..7, any::<u8>(), 1usize..24).prop_map(|(place, kind, byte, count)| {
        Change {
            place,
            kind,
            byte,
            count,
        }
    })
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let at = self.place.index(bytes.len());
        let end = (at + self.count).min(bytes.len());
        match self.kind {
            0 => bytes[at] ^= 1 << (self.byte % 8),
            1 => bytes[at] = self.byte,
            2 => bytes[at] = [0, 0x7f, 0x80, 0xff][usize::from(self.byte) % 4],
            3 => drop(bytes.drain(at..end)),
            4 => drop(bytes.splice(at..at, std::iter::repeat_n(self.byte, self.count))),
            5 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => bytes.truncate(at),
        }
    }
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Undamaged files of every kind, with their names.
fn sound() -> &'static [(&'static str, Vec<u8>)] {
    static FILES: OnceLock<Vec<(&str, Vec<u8>)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let count = 60;
        let a: Vec<Option<i64>> = (0..count).map(|i| (i % 7 != 3).then_some(i * i)).collect();
        let b: Vec<Option<&str>> = (0..count)
            .map(|i| {
                [
                    Some("x"),
                    Some("yy, \"z\""),
                    None,
                    Some("a word of some length"),
                ][i as usize % 4]
            })
            .collect();
        let c: Vec<f64> = (0..count).map(|i| f64::from(i as i32) / 7.0).collect();
        let d: Vec<i32> = (0..count).map(|i| 11_000 + i as i32).collect();
        let e: Vec<bool> = (0..count).map(|i| i % 3 == 0).collect();
        let mut table = df!("a" => a, "b" => b, "c" => c, "d" => d, "e" => e).unwrap();
        let days = table.column("d").unwrap().cast(&DataType::Date).unwrap();
        table.with_column(days).unwrap();
        let mut text = String::from("a,b,c,d,e\n");
        let mut lines = String::new();
        for row in 0..count as usize {
            let cell = |name: &str| table[name].get(row).unwrap();
            let a = cell("a")
                .extract::<i64>()
                .map_or(String::new(), |a| a.to_string());
            let quoted = ["x", "\"yy, \"\"z\"\"\"", "", "a word of some length"][row % 4];
            let c = row as f64 / 7.0;
            text += &format!(
                "{a},{quoted},{c},2000-02-{:02},{}\n",
                row % 28 + 1,
                row % 3 == 0
            );
            let a = if a.is_empty() { "null".into() } else { a };
            lines += &format!(
                "{{\"a\": {a}, \"b\": \"x{row}\", \"c\": {c}, \"e\": {}}}\n",
                row % 3 == 0
            );
        }
        let parquet = |compression, rows| {
            let mut bytes = Vec::new();
            ParquetWriter::new(&mut bytes)
                .with_compression(compression)
                .with_row_group_size(rows)
                .finish(&mut table.clone())
                .unwrap();
            bytes
        };
        let ipc = |compression| {
            let mut bytes = Vec::new();
            IpcWriter::new(&mut bytes)
                .with_compression(compression)
                .finish(&mut table.clone())
                .unwrap();
            bytes
        };
        vec![
            ("f.csv", text.clone().into_bytes()),
            ("f.tsv", text.replace(',', "\t").into_bytes()),
            ("f.txt", text.replace(',', ";").into_bytes()),
            ("f.csv.gz", pack(text.as_bytes())),
            ("f.jsonl", lines.clone().into_bytes()),
            ("f.ndjson.gz", pack(lines.as_bytes())),
            (
                "plain.parquet",
                parquet(ParquetCompression::Uncompressed, None),
            ),
            (
                "groups.parquet",
                parquet(ParquetCompression::Uncompressed, Some(20)),
            ),
            ("snappy.parquet", parquet(ParquetCompression::Snappy, None)),
            (
                "zstd.parquet",
                parquet(ParquetCompression::Zstd(None), None),
            ),
            ("plain.arrow", ipc(None)),
            ("lz4.arrow", ipc(Some(IpcCompression::LZ4))),
            (
                "zstd.arrow",
                ipc(Some(IpcCompression::ZSTD(Default::default()))),
            ),
        ]
    })
}

#[test]
fn undamaged_files_pass_all_steps() {
    for (name, bytes) in sound() {
        let path = keep(&format!("sound-{name}"), bytes);
        let table = collect(&read(&path).unwrap()).unwrap();
        assert_eq!(table.height(), 60, "{name}");
        let spec = FeatureSpec::infer(&table, "c").unwrap();
        spec.fit(&table).unwrap().transform(&table).unwrap();
    }
}

#[test]
fn damaged_files_never_panic() {
    fuzz(
        (0..sound().len(), vec(change(), 1..4)),
        |(file, changes)| {
            let (name, mut bytes) = sound()[file].clone();
            for change in &changes {
                change.apply(&mut bytes);
            }
            survive(&keep(name, &bytes), &ReadOptions::default());
            Ok(())
        },
    );
}

#[test]
fn random_bytes_never_panic() {
    let names = [
        "r.csv",
        "r.tsv",
        "r.dat",
        "r.jsonl",
        "r.parquet",
        "r.arrow",
        "r.csv.gz",
    ];
    fuzz(
        (select(names.to_vec()), vec(any::<u8>(), 0..400)),
        |(name, bytes)| {
            survive(&keep(name, &bytes), &ReadOptions::default());
            Ok(())
        },
    );
}

#[test]
fn random_text_never_panics() {
    let text = prop_oneof![
        "[a,;\"\n\r \t0-9.eE:T-]{0,300}",
        "([a0-9.\"-]{0,4}[,;\n]){0,80}",
        "([{\\[\"a:,0-9.eE}\\]]{0,12}\n){0,20}",
    ];
    let options = prop_oneof![
        Just(ReadOptions::default()),
        Just(ReadOptions::default().decimal(',')),
        Just(ReadOptions::default().separator(b';').has_header(false)),
        Just(ReadOptions::default().null_values(["0", "a"])),
    ];
    let names = ["t.csv", "t.tsv", "t.txt", "t.jsonl"];
    fuzz(
        (select(names.to_vec()), text, options),
        |(name, text, options)| {
            survive(&keep(name, text.as_bytes()), &options);
            Ok(())
        },
    );
}

/// A column of any type, with missing values.
fn column(rows: usize) -> impl Strategy<Value = Column> {
    let series = |values: Series| Column::from(values);
    prop_oneof![
        vec(option::of(proptest::num::f64::ANY), rows)
            .prop_map(move |v| series(Series::new("".into(), v))),
        vec(option::of(-1e3f64..1e3), rows).prop_map(move |v| series(Series::new("".into(), v))),
        vec(option::of(any::<i64>()), rows).prop_map(move |v| series(Series::new("".into(), v))),
        vec(0i64..4, rows).prop_map(move |v| series(Series::new("".into(), v))),
        vec(any::<u64>(), rows).prop_map(move |v| series(Series::new("".into(), v))),
        vec(option::of("[a-c\u{1f}×]{0,2}"), rows)
            .prop_map(move |v| series(Series::new("".into(), v))),
        vec(option::of(any::<bool>()), rows).prop_map(move |v| series(Series::new("".into(), v))),
        (vec(option::of(any::<i64>()), rows), 0usize..6).prop_map(move |(v, kind)| {
            let dtype = [
                DataType::Datetime(TimeUnit::Milliseconds, None),
                DataType::Datetime(TimeUnit::Microseconds, None),
                DataType::Datetime(TimeUnit::Nanoseconds, None),
                DataType::Duration(TimeUnit::Microseconds),
                DataType::Float32,
                DataType::Null,
            ][kind]
                .clone();
            let values = Series::new("".into(), v);
            let rows = values.len();
            series(
                values
                    .cast(&dtype)
                    .unwrap_or_else(|_| Series::full_null("".into(), rows, &dtype)),
            )
        }),
        vec(option::of(any::<i32>()), rows).prop_map(move |v| {
            series(Series::new("".into(), v).cast(&DataType::Date).unwrap())
        }),
    ]
}

/// Columns `c0`, `c1`, … of one length.
fn frame(rows: usize, columns: usize) -> impl Strategy<Value = DataFrame> {
    vec(column(rows), columns).prop_map(move |columns| {
        let named = columns.into_iter().enumerate().map(|(place, mut column)| {
            column.rename(format!("c{place}").into());
            column
        });
        DataFrame::new(rows, named.collect()).unwrap()
    })
}

fn step() -> impl Strategy<Value = Step> + Clone {
    let end = option::of(-5.0f64..5.0);
    prop_oneof![
        Just(Step::Standardize),
        Just(Step::MinMax),
        Just(Step::Robust),
        Just(Step::SmoothClip),
        Just(Step::Log1p),
        (end.clone(), end).prop_map(|(low, high)| Step::Clip { low, high }),
    ]
}

fn impute() -> impl Strategy<Value = Impute> {
    prop_oneof![
        Just(Impute::Error),
        Just(Impute::Mean),
        Just(Impute::Median),
        Just(Impute::MostFrequent),
        proptest::num::f64::ANY.prop_map(Impute::Constant),
    ]
}

type Coding = (Encode, Missing, Unseen, usize);

fn coding() -> impl Strategy<Value = Coding> {
    (
        select(vec![Encode::OneHot, Encode::Ordinal]),
        select(vec![
            Missing::Category,
            Missing::Zeros,
            Missing::MostFrequent,
            Missing::Error,
        ]),
        select(vec![Unseen::Zeros, Unseen::Rare, Unseen::Error]),
        0usize..4,
    )
}

fn most() -> impl Strategy<Value = Option<usize>> {
    option::of(1usize..4)
}

/// A specification of one of this many columns, of any type.
fn column_spec(columns: usize) -> impl Strategy<Value = ColumnSpec> {
    let name = move || (0..columns).prop_map(|place| format!("c{place}"));
    let steps = vec(step(), 0..3);
    let parts = vec(
        select(vec![
            DatePart::Year,
            DatePart::Weekday,
            DatePart::Hour,
            DatePart::Days,
        ]),
        0..3,
    );
    prop_oneof![
        (name(), impute(), any::<bool>(), steps.clone()).prop_map(
            |(name, impute, missing_indicator, steps)| ColumnSpec::Numeric(NumericSpec {
                name,
                impute,
                missing_indicator,
                steps,
            })
        ),
        (name(), coding(), most()).prop_map(
            |(name, (encode, missing, unseen, rare_below), keep_most_frequent)| {
                ColumnSpec::Category(CategorySpec {
                    name,
                    encode,
                    missing,
                    unseen,
                    rare_below,
                    keep_most_frequent,
                })
            }
        ),
        (name(), parts, impute(), steps).prop_map(|(name, parts, impute, steps)| {
            ColumnSpec::Date(DateSpec {
                name,
                parts,
                impute,
                missing_indicator: true,
                steps,
            })
        }),
        (name(), name(), coding(), most()).prop_map(
            |(a, b, (encode, missing, unseen, rare_below), keep_most_frequent)| {
                ColumnSpec::Cross(CrossSpec {
                    columns: [a, b],
                    encode,
                    missing,
                    unseen,
                    rare_below,
                    keep_most_frequent,
                })
            }
        ),
    ]
}

fn spec(columns: usize) -> impl Strategy<Value = FeatureSpec> {
    let transform = select(vec![
        TargetStep::Log,
        TargetStep::Log1p,
        TargetStep::Standardize,
    ]);
    let target = (
        0..columns,
        select(vec![Task::Auto, Task::Regression, Task::Classification]),
        vec(transform, 0..2),
    );
    (vec(column_spec(columns), 0..4), option::of(target)).prop_map(|(columns, target)| {
        let mut spec = FeatureSpec::default();
        spec.columns = columns;
        spec.target = target.map(|(place, task, transform)| {
            let mut target = TargetSpec::new([format!("c{place}")], task);
            target.transform = transform;
            target
        });
        spec
    })
}

#[test]
fn random_frames_never_panic() {
    let case = (1usize..40, 1usize..5).prop_flat_map(|(rows, columns)| {
        (frame(rows, columns), frame(rows, columns), spec(columns))
    });
    fuzz(case, |(table, other, spec)| {
        let again = FeatureSpec::from_toml(&spec.to_toml().unwrap());
        if let Ok(again) = &again {
            assert_eq!(again.columns, spec.columns);
        }
        let fitted = spec.fit(&table);
        let streamed = spec.fit(&table.clone().lazy());
        assert_eq!(fitted.is_ok(), streamed.is_ok(), "{fitted:?} {streamed:?}");
        let inferred = FeatureSpec::infer(&table, "c0").and_then(|spec| spec.fit(&table));
        for features in [fitted, inferred].into_iter().flatten() {
            let again = Features::from_json(&features.to_json().unwrap()).unwrap();
            assert_eq!(again, features);
            for table in [&table, &other] {
                finite_and_streamed(table, &features);
            }
        }
        Ok(())
    });
}

/// The output is finite, and the same as that of a stream.
fn finite_and_streamed(table: &DataFrame, features: &Features) {
    let Ok(numbers) = features.transform(table) else {
        return;
    };
    let wide = numbers.features.as_slice();
    assert!(wide.iter().all(|value| value.is_finite()));
    if let Targets::Values(targets) = &numbers.targets {
        assert!(targets.as_slice().iter().all(|value| value.is_finite()));
        let frame = table.clone().lazy();
        let rows = table.height();
        let loader = StreamLoader::<Values>::new(frame, features.clone(), rows.min(7)).unwrap();
        {
            let mut found: Vec<f32> = Vec::new();
            for batch in loader.epoch(0, 0, &Device::flex()).unwrap() {
                found.extend(batch.unwrap().inputs.into_data().iter::<f32>());
            }
            assert_eq!(found, wide);
            // Shuffled, every row is there once.
            let loader = loader.shuffle(Seed::new(3), 5);
            let batches = loader.epoch(1, 0, &Device::flex()).unwrap();
            let sum: usize = batches.map(|batch| batch.unwrap().targets.dims()[0]).sum();
            assert_eq!(sum, rows);
        }
    }
}

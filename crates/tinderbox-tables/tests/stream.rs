//! Streams of batches: the same rows as in memory, in bounded memory, resumable.

use burn::tensor::{Device, Tensor};
use polars::prelude::*;
use tinderbox_core::Seed;
use tinderbox_data::{Batches, BatchesIdentity, Classes, LastBatch, Share, Values, fetch};
use tinderbox_tables::{FeatureSpec, Features, ReadOptions, StreamLoader, read};

const ROWS: usize = 50_003;

/// A Parquet file with several row groups, whose target is the row number.
fn table(folder: &tempfile::TempDir) -> LazyFrame {
    let rows: Vec<i64> = (0..ROWS as i64).collect();
    let kinds: Vec<&str> = rows
        .iter()
        .map(|row| ["a", "b", "c"][*row as usize % 3])
        .collect();
    let mut table = df!("x" => rows.clone(), "kind" => kinds, "y" => rows).unwrap();
    let path = folder.path().join("rows.parquet");
    ParquetWriter::new(std::fs::File::create(&path).unwrap())
        .with_row_group_size(Some(10_000))
        .finish(&mut table)
        .unwrap();
    read(path).unwrap()
}

fn features(frame: &LazyFrame, target: &str) -> Features {
    let other = if target == "y" { "kind" } else { "y" };
    FeatureSpec::from_toml(&format!(
        "[target]\ncolumns = [\"{target}\"]\n[[column]]\nname = \"x\"\nkind = \"numeric\"\n[[column]]\nname = \"{other}\"\nkind = \"{}\"\n",
        if other == "kind" { "category" } else { "numeric" }
    ))
    .unwrap()
    .fit(frame)
    .unwrap()
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec::<f32>().unwrap()
}

/// Rows of the batches of an epoch, by their target.
fn epoch(loader: &StreamLoader<Values>, epoch: usize, skip: usize) -> Vec<Vec<i64>> {
    let mut batches = Vec::new();
    for batch in loader.epoch(epoch, skip, &Device::flex()).unwrap() {
        let batch = batch.unwrap();
        let rows: Vec<i64> = numbers(batch.targets)
            .into_iter()
            .map(|row| row as i64)
            .collect();
        let inputs = numbers(batch.inputs);
        for (row, input) in rows.iter().zip(inputs.chunks(5)) {
            // x, then kind_a, kind_b, kind_c, kind_nan.
            let mut expected = [*row as f32, 0.0, 0.0, 0.0, 0.0];
            expected[1 + *row as usize % 3] = 1.0;
            assert_eq!(input, expected);
        }
        batches.push(rows);
    }
    batches
}

#[test]
fn a_stream_is_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let frame = table(&folder);
    let features = features(&frame, "y");
    let loader = StreamLoader::<Values>::new(frame, features, 1000).unwrap();
    assert_eq!(
        (loader.examples(), loader.batches()),
        (Some(ROWS), Some(51))
    );
    let batches = epoch(&loader, 0, 0);
    assert_eq!(batches.len(), 51);
    assert_eq!(batches[50], [50_000, 50_001, 50_002]);
    assert_eq!(batches.concat(), (0..ROWS as i64).collect::<Vec<_>>());
    let dropped = loader.last_batch(LastBatch::Drop);
    assert_eq!(
        (dropped.examples(), epoch(&dropped, 0, 0).len()),
        (Some(50_000), 50)
    );
    let wrapped = dropped.last_batch(LastBatch::Wrap);
    let batches = epoch(&wrapped, 0, 0);
    assert_eq!((wrapped.examples(), batches.len()), (Some(51_000), 51));
    assert_eq!(batches[50][..5], [50_000, 50_001, 50_002, 0, 1]);
}

#[test]
fn a_shuffled_stream_has_every_row_once_and_can_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let frame = table(&folder);
    let features = features(&frame, "y");
    let loader = StreamLoader::<Values>::new(frame, features, 1000).unwrap();
    let loader = loader
        .shuffle(Seed::new(7), 20_000)
        .last_batch(LastBatch::Wrap);
    let first = epoch(&loader, 0, 0);
    assert_eq!(first, epoch(&loader, 0, 0), "the same epoch is the same");
    let second = epoch(&loader, 1, 0);
    assert_ne!(first, second, "another epoch is another");
    assert_eq!(
        first[17..],
        epoch(&loader, 0, 17),
        "resuming in the middle changes nothing"
    );
    assert_eq!(epoch(&loader, 0, 51).len(), 0);
    assert_eq!(
        first[50][3..],
        first[0][..997],
        "wrapped by the first rows of the same epoch"
    );
    let mut all = first.concat();
    all.truncate(ROWS);
    // Half of the rows of the first batches come from beyond the first tenth: the buffer mixes.
    assert!(all[..1000].iter().filter(|row| **row > 5_000).count() > 500);
    all.sort_unstable();
    assert_eq!(all, (0..ROWS as i64).collect::<Vec<_>>());
}

#[test]
fn classes_stream_too_and_an_unfinished_epoch_ends_its_threads() {
    let folder = tempfile::tempdir().unwrap();
    let frame = table(&folder);
    let fitted = features(&frame, "kind");
    let loader = StreamLoader::<Classes>::new(frame.clone(), fitted.clone(), 64).unwrap();
    let device = Device::flex();
    let mut batches = loader.epoch(0, 0, &device).unwrap();
    let labels = batches.next().unwrap().unwrap().targets.into_data();
    let labels: Vec<i64> = labels.iter::<i64>().collect();
    assert_eq!(labels[..4], [0, 1, 2, 0]);
    drop(batches);
    let error = StreamLoader::<Values>::new(frame, fitted, 64)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("classes as targets, not numbers"), "{error}");
}

#[test]
fn a_bad_row_ends_the_epoch_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let frame = table(&folder);
    let fitted = features(&frame, "y");
    let spoiled = frame.with_column(
        when(col("x").eq(lit(30_000i64)))
            .then(lit(NULL))
            .otherwise(col("x"))
            .alias("x"),
    );
    let loader = StreamLoader::<Values>::new(spoiled.clone(), fitted.clone(), 1000).unwrap();
    let results: Vec<_> = loader.epoch(0, 0, &Device::flex()).unwrap().collect();
    let error = results.last().unwrap().as_ref().err().unwrap().to_string();
    assert!(error.contains("\"x\", row 30001"), "{error}");
    assert!(results.iter().rev().skip(1).all(Result::is_ok));
    for size in [0, ROWS + 1] {
        assert!(StreamLoader::<Values>::new(spoiled.clone(), fitted.clone(), size).is_err());
    }
    let without = spoiled.drop(by_name(["x"], true, false));
    let error = StreamLoader::<Values>::new(without, fitted, 10)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("no column \"x\""), "{error}");
}

#[test]
fn fitting_does_not_depend_on_the_parts() {
    let folder = tempfile::tempdir().unwrap();
    let frame = table(&folder);
    let spec = FeatureSpec::infer(&frame, "kind").unwrap();
    assert_eq!(
        spec.columns.len(),
        2,
        "x and y count the rows, and are all there is"
    );
    let text = "[target]\ncolumns = [\"y\"]\n[[column]]\nname = \"x\"\nkind = \"numeric\"\nimpute = \"median\"\nsteps = [\"robust\"]\n[[column]]\nname = \"kind\"\nkind = \"category\"\n";
    let spec = FeatureSpec::from_toml(text).unwrap();
    assert_eq!(
        spec.fit(&frame).unwrap(),
        spec.fit(&frame.collect().unwrap()).unwrap()
    );
}

const NUMBERS: &str = "[target]\ncolumns = [\"y\"]\n[[column]]\nname = \"x\"\nkind = \"numeric\"\n";

/// Writes a file of the same length without emptying it first: threads of an epoch that was not read to its end may
/// still have it in memory, and a page that is gone ends the process.
fn overwrite(path: &std::path::Path, bytes: &[u8]) {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(path);
    file.unwrap().write_all(bytes).unwrap();
}

/// The identity of the batches of a frame, whose data are known.
fn identity(frame: LazyFrame, spec: &str) -> (String, BatchesIdentity) {
    let features = FeatureSpec::from_toml(spec).unwrap().fit(&frame).unwrap();
    let loader = StreamLoader::<Values>::new(frame, features, 10).unwrap();
    let identity = loader.shuffle(Seed::new(4), 100).identity().unwrap();
    (identity.data.clone().unwrap(), identity)
}

#[test]
fn the_identity_of_a_stream_has_its_rows_and_features() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, rows: &[i64]| {
        let mut text = String::from("x,y\n");
        for row in rows {
            text += &format!("{row}.5,{row}\n");
        }
        overwrite(&folder.path().join(name), text.as_bytes());
        folder.path().join(name)
    };
    let read = |files: &[&std::path::PathBuf]| {
        let files: Vec<_> = files.iter().map(|&file| file.clone()).collect();
        ReadOptions::default().read_files(&files).unwrap()
    };
    // All files have the same number of bytes, so that they differ only in their content.
    let rows: Vec<i64> = (100..400).collect();
    let changed = |place: usize| {
        let mut other = rows.clone();
        other[place] = 999;
        other
    };
    let file = write("rows.csv", &rows);
    let (data, all) = identity(read(&[&file]), NUMBERS);
    assert_eq!(all, identity(read(&[&file]), NUMBERS).1);
    assert!(data.contains(", 300 rows with the digest "), "{data}");
    assert_eq!(
        (all.order_seed, all.shuffle_buffer, all.batch_size),
        (Some(4), Some(100), Some(10))
    );
    let standardized = format!("{NUMBERS}steps = [\"standardize\"]\n");
    assert_ne!(data, identity(read(&[&file]), &standardized).0);
    std::fs::create_dir(folder.path().join("moved")).unwrap();
    let moved = write("moved/rows.csv", &rows);
    assert_eq!(all, identity(read(&[&moved]), NUMBERS).1);
    for place in [0, 150, 299] {
        write("moved/rows.csv", &changed(place));
        assert_ne!(data, identity(read(&[&moved]), NUMBERS).0, "row {place}");
    }
    let last = write("last.csv", &rows);
    let (two, _) = identity(read(&[&file, &last]), NUMBERS);
    assert!(two.contains(", 600 rows with"), "{two}");
    write("last.csv", &changed(299));
    assert_ne!(two, identity(read(&[&file, &last]), NUMBERS).0);
}

#[test]
fn the_identity_of_a_large_stream_has_its_files_and_blocks_of_rows() {
    let folder = tempfile::tempdir().unwrap();
    let frame = table(&folder);
    let path = folder.path().join("rows.parquet");
    let (data, _) = identity(frame, NUMBERS);
    let bytes = std::fs::metadata(path).unwrap().len();
    let start = format!("rows.parquet of {bytes} bytes, {ROWS} rows with the digest ");
    assert!(data.starts_with(&start), "{data}");

    let large = |changed: Option<usize>| {
        let mut rows: Vec<f64> = (0..100_001).map(f64::from).collect();
        if let Some(place) = changed {
            rows[place] = f64::from_bits(rows[place].to_bits() + 1);
        }
        // The target alone, so that features fit to the same numbers.
        let frame = df!("x" => vec![1.0; rows.len()], "y" => rows).unwrap();
        identity(frame.lazy(), NUMBERS).0
    };
    let known = large(None);
    assert!(known.starts_with("a frame, 100001 rows "), "{known}");
    assert_eq!(known, large(None));
    // The first, middle and last of the blocks of 64 rows.
    for place in [0, 63, 49_175, 50_824, 99_937, 100_000] {
        assert_ne!(known, large(Some(place)), "row {place}");
    }
}

#[test]
fn a_million_flights_are_streamed() {
    let folder = fetch("flights").unwrap_or_else(|error| {
        panic!(
            "this test needs the flights; set TINDERBOX_MIRROR to a folder with flights/: {error}"
        )
    });
    let frame = read(folder.join("flights-1m.parquet")).unwrap();
    let spec = FeatureSpec::from_toml(
        "[target]\ncolumns = [\"delay\"]\n[[column]]\nname = \"distance\"\nkind = \"numeric\"\nsteps = [\"standardize\"]\n[[column]]\nname = \"origin\"\nkind = \"category\"\n",
    )
    .unwrap();
    let features = spec.fit(&frame).unwrap();
    let loader = StreamLoader::<Values>::new(frame, features, 4096)
        .unwrap()
        .shuffle(Seed::new(1), 50_000);
    let (mut rows, mut sum) = (0usize, 0.0f64);
    for batch in loader.epoch(0, 0, &Device::flex()).unwrap() {
        let targets = numbers(batch.unwrap().targets);
        rows += targets.len();
        sum += targets.iter().map(|value| f64::from(*value)).sum::<f64>();
    }
    assert_eq!(rows, 1_000_000);
    assert!((sum / 1e6 - 7.638823).abs() < 1e-6, "{}", sum / 1e6);
}

#[test]
fn shares_of_a_stream_are_its_batches() {
    let folder = tempfile::tempdir().unwrap();
    let frame = table(&folder);
    let features = features(&frame, "y");
    // The last batch has three rows, for four ranks.
    let loader = StreamLoader::<Values>::new(frame, features, 10_000).unwrap();
    let loader = loader.shuffle(Seed::new(3), 5_000);
    let whole = epoch(&loader, 1, 2);
    let mut joined = vec![Vec::new(); whole.len()];
    for rank in 0..4 {
        let part = loader.share(Share::new(rank, 4)).unwrap();
        for (batch, joined) in part.epoch(1, 2, &Device::flex()).unwrap().zip(&mut joined) {
            let batch = batch.unwrap();
            assert_eq!(batch.rows.start, joined.len());
            if let Some(own) = batch.batch {
                joined.extend(numbers(own.targets).into_iter().map(|row| row as i64));
            }
            assert_eq!(batch.rows.end, joined.len());
        }
    }
    assert_eq!(joined, whole);
}

/// Each rank's rows of the batches of an epoch, put together.
fn joined(loader: &StreamLoader<Values>, ranks: usize, skip: usize) -> Vec<Vec<i64>> {
    let mut joined = vec![Vec::new(); loader.batches().unwrap() - skip];
    for rank in 0..ranks {
        let part = loader.share(Share::new(rank, ranks)).unwrap();
        let batches = part.epoch(1, skip, &Device::flex()).unwrap();
        for (batch, joined) in batches.zip(&mut joined) {
            let batch = batch.unwrap();
            assert_eq!(batch.rows.start, joined.len());
            if let Some(own) = batch.batch {
                joined.extend(numbers(own.targets).into_iter().map(|row| row as i64));
            }
            assert_eq!(batch.rows.end, joined.len());
        }
    }
    joined
}

#[test]
fn parts_of_a_table_are_read_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let frame = table(&folder);
    let features = std::sync::Arc::new(features(&frame, "y"));
    let new = || StreamLoader::<Values>::new(frame.clone(), features.clone(), 10_000).unwrap();
    let refused = new().interleave(3).err().unwrap().to_string();
    assert!(refused.contains("must divide the batch size"), "{refused}");
    let plain = new().interleave(4).unwrap();
    let batches = epoch(&plain, 0, 0);
    // 50,003 rows: three parts of 12,501 and one of 12,500.
    assert_eq!(batches[0][..2], [0, 1]);
    assert_eq!(batches[0][2_500], 12_501);
    assert_eq!(batches[1][7_500], 37_503 + 2_500);
    assert_eq!(batches[5], [12_500, 25_001, 37_502]);
    assert_ne!(plain.identity().unwrap(), new().identity().unwrap());
    for policy in [LastBatch::Keep, LastBatch::Drop, LastBatch::Wrap] {
        let loader = new().interleave(4).unwrap().last_batch(policy);
        let loader = loader.shuffle(Seed::new(3), 5_000);
        let whole = epoch(&loader, 1, 0);
        assert_eq!(whole.concat().len(), loader.examples().unwrap());
        assert_eq!(epoch(&loader, 1, 3), whole[3..]);
        let mut all = whole.concat();
        all.sort_unstable();
        all.dedup();
        let expected = if policy == LastBatch::Drop {
            50_000
        } else {
            ROWS
        };
        assert_eq!(all.len(), expected, "every row once");
        // The parts of two and of three ranks, and two ranks for each part.
        for ranks in [2, 3, 8] {
            assert_eq!(joined(&loader, ranks, 3), whole[3..], "{ranks} ranks");
        }
    }
}

/// What a rank of two has of the first epoch of a table of which a range of bytes, by its ends as shares of
/// the file, is damaged after it was opened.
fn with_damage(path: &std::path::Path, frame: LazyFrame, rank: usize, range: [f64; 2]) -> bool {
    let features = features(&frame, "y");
    let loader = StreamLoader::<Values>::new(frame, features, 10_000).unwrap();
    let loader = loader.interleave(2).unwrap();
    let read = || -> tinderbox_data::Result<Vec<f32>> {
        let part = loader.share(Share::new(rank, 2)).unwrap();
        let mut all = Vec::new();
        for batch in part.epoch(0, 0, &Device::flex())? {
            all.extend(numbers(batch?.batch.unwrap().targets));
        }
        Ok(all)
    };
    let whole = read().unwrap();
    assert_eq!(whole.len(), [25_002, 25_001][rank]);
    let good = std::fs::read(path).unwrap();
    let mut bytes = good.clone();
    let [start, end] = range.map(|share| (share * bytes.len() as f64) as usize);
    for byte in &mut bytes[start..end] {
        if *byte != b'\n' && *byte != b',' {
            *byte = b'!';
        }
    }
    overwrite(path, &bytes);
    let same = read().is_ok_and(|read| read == whole);
    overwrite(path, &good);
    same
}

#[test]
fn a_rank_reads_its_own_parts_only() {
    let folder = tempfile::tempdir().unwrap();
    let frame = table(&folder);
    let path = folder.path().join("rows.parquet");
    // Five row groups of 10,000 rows; rank 0 has the rows up to 25,002.
    for (rank, range, reads) in [
        (0, [0.65, 0.9], false),
        (0, [0.2, 0.3], true),
        (1, [0.1, 0.35], false),
        (1, [0.7, 0.8], true),
    ] {
        let same = with_damage(&path, frame.clone(), rank, range);
        assert_eq!(same, !reads, "rank {rank}, {range:?}");
    }
}

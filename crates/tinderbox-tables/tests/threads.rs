//! Batches that are taken by threads of rayon's global pool, however few there are, never wait for
//! each other.
//!
//! This program starts itself again as a child with `RAYON_NUM_THREADS=1` and ends a child that hangs.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Int, Tensor};
use rayon::prelude::*;
use tinderbox_core::Seed;
use tinderbox_data::images::{Images, Transform};
use tinderbox_data::{Batch, Batches, Classes, DataError, Examples, Loader, Values};
use tinderbox_tables::{FeatureSpec, StreamLoader, read};

const FOLDS: usize = 3;
const ROWS: usize = 20_000;
const IMAGES: usize = 160;

/// Far longer than the work takes: a child that still runs hangs.
const HANGS: Duration = Duration::from_secs(120);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--child") {
        return child(&arguments[at + 1], Path::new(&arguments[at + 2]));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("rows.csv");
    let rows: String = (0..ROWS)
        .map(|row| format!("{},{row}\n", row % 7))
        .collect();
    std::fs::write(&file, format!("kind,y\n{rows}")).expect("a table");
    for what in ["stream", "images", "own"] {
        for threads in ["1", "2"] {
            assert_ends(what, &file, threads);
        }
        println!("test {what}: folds in the global pool ... ok");
    }
    println!("test result: ok. 3 passed; 0 failed; 0 ignored");
}

/// Runs a child with this many threads in rayon's global pool; panics if it fails or hangs.
fn assert_ends(what: &str, file: &Path, threads: &str) {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--child", what])
        .arg(file)
        .env("RAYON_NUM_THREADS", threads)
        .spawn()
        .expect("a child process");
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("its status") {
            assert!(status.success(), "{what} with {threads} threads: {status}");
            return;
        }
        if started.elapsed() > HANGS {
            child.kill().expect("the child can be ended");
            panic!("{what} with {threads} threads hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Folds side by side in the global pool, each with batches that a producer makes.
fn child(what: &str, file: &Path) {
    let fold: Box<dyn Fn(usize) -> usize + Send + Sync> = match what {
        "stream" => {
            let frame = read(file).expect("the table");
            let spec = FeatureSpec::infer(&frame, "y").expect("its columns");
            let features = Arc::new(spec.fit(&frame).expect("its statistics"));
            Box::new(move |fold| {
                let (frame, features) =
                    (frame.clone().slice(fold as i64, u32::MAX), features.clone());
                let loader = StreamLoader::<Values>::new(frame, features, 100).expect("a stream");
                let batches = loader.epoch(0, 0, &Device::flex()).expect("an epoch");
                fold + batches
                    .map(|batch| rows(&batch.expect("a batch").targets))
                    .sum::<usize>()
            })
        }
        "images" => {
            let size = 3 * 64 * 64;
            let names = vec!["a".to_owned(), "b".to_owned()];
            let classes = Classes::new(vec![0; IMAGES], names).expect("two classes");
            let images = Images::new(vec![0; IMAGES * size], [3, 64, 64], classes);
            let images = images
                .expect("images")
                .with_transforms(vec![Transform::HorizontalFlip { probability: 0.5 }]);
            let images = Arc::new(images.expect("a flip"));
            Box::new(move |_| batches_of(images.clone()) * ROWS / IMAGES)
        }
        _ => Box::new(|_| batches_of(Arc::new(Own)) * ROWS / IMAGES),
    };
    let seen: Vec<usize> = (0..FOLDS).into_par_iter().map(&fold).collect();
    assert_eq!(seen, [ROWS; FOLDS]);
}

/// Images seen in two epochs, divided by two.
fn batches_of<E: Examples<Batch = Batch<Tensor<4>, Tensor<1, Int>>>>(examples: Arc<E>) -> usize {
    let loader = Loader::<E>::new(examples, 32).expect("a loader");
    let loader = loader.shuffle(Seed::new(1)).prefetch(2);
    let epochs = (0..2).map(|epoch| {
        let batches = loader.epoch(epoch, 0, &Device::flex()).expect("an epoch");
        batches
            .map(|batch: Result<E::Batch, DataError>| batch.expect("a batch").targets.dims()[0])
            .sum::<usize>()
    });
    epochs.sum::<usize>() / 2
}

fn rows(targets: &Tensor<2>) -> usize {
    targets.dims()[0]
}

/// Examples of a user that share the work of a batch with rayon.
struct Own;

impl Examples for Own {
    type Host = Vec<i32>;
    type Batch = Batch<Tensor<4>, Tensor<1, Int>>;

    fn len(&self) -> usize {
        IMAGES
    }

    fn gather(&self, indices: &[usize], _: Seed) -> Result<Vec<i32>, DataError> {
        Ok(indices.par_iter().map(|&index| index as i32).collect())
    }

    fn upload(&self, host: Vec<i32>, device: &Device) -> Self::Batch {
        Batch {
            inputs: Tensor::zeros([host.len(), 1, 1, 1], device),
            targets: Tensor::from_data(host.as_slice(), device),
        }
    }
}

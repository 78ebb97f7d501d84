//! The example `image_classifier` on a folder of images, with its defaults.

#[path = "../image_classifier.rs"]
#[allow(dead_code)] // its `main`
mod program;

use std::path::Path;

use clap::Parser;
use image::{GrayImage, Luma};
use program::{Args, run};
use tinderbox::prelude::*;

const CLASSES: [&str; 3] = ["left", "right", "top"];

/// Images of which the left, the right or the top half is bright, `each` of each class.
fn write(folder: &Path, each: u64) {
    for (class, name) in CLASSES.into_iter().enumerate() {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        for number in 0..each {
            let mut rng = Seed::new(number).child(name).rng();
            let picture = GrayImage::from_fn(16, 16, |x, y| {
                let bright = [x < 8, x >= 8, y < 8][class];
                Luma([rng.below(80) as u8 + if bright { 150 } else { 0 }])
            });
            let file = folder.join(name).join(format!("{number}.png"));
            picture.save(file).unwrap();
        }
    }
}

fn args(data: &Path, out: &Path, more: &[&str]) -> Args {
    let [data, out] = [data, out].map(|path| path.to_str().unwrap());
    let words = ["test", "--device", "flex", "--data", data, "--out", out];
    Args::parse_from(words.iter().chain(more))
}

#[test]
fn the_defaults_learn_a_small_folder_of_images() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("run"));
    write(&data, 40);
    let trained = run(&args(&data, &out, &[])).unwrap();
    let accuracy = trained.test_accuracy();
    assert!(accuracy >= 0.95, "{accuracy}");
}

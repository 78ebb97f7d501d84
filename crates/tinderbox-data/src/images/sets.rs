//! The image data sets of the catalog.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Images, digit_classes, fashion_mnist_classes, read_cifar10, read_idx_images};
use crate::{DataError, Result};

/// A part of a data set, as split by its authors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// For training.
    Train,
    /// For the final evaluation.
    Test,
}

/// The image data sets that [`read_image_set`] knows.
pub const IMAGE_SETS: [&str; 3] = ["fashion-mnist", "mnist", "cifar-10"];

/// Reads a part of a known image data set from the folder that holds its files, which is what
/// [`fetch`](crate::fetch) returns.
///
/// Fashion-MNIST and MNIST are read from their four official files, packed (`.gz`) or not;
/// CIFAR-10 from the batches of its binary version (`data_batch_1.bin`, …, `test_batch.bin`).
///
/// # Errors
/// An unknown name (the nearest one is suggested), a file that is missing or damaged.
pub fn read_image_set(name: &str, folder: impl AsRef<Path>, part: Part) -> Result<Images> {
    let folder = folder.as_ref();
    match name {
        "fashion-mnist" => idx_pair(folder, part, fashion_mnist_classes()),
        "mnist" => idx_pair(folder, part, digit_classes()),
        "cifar-10" => {
            let batches: Vec<String> = match part {
                Part::Train => (1..=5)
                    .map(|batch| format!("data_batch_{batch}.bin"))
                    .collect(),
                Part::Test => vec!["test_batch.bin".into()],
            };
            let files = batches.iter().map(|batch| find(folder, batch));
            read_cifar10(files.collect::<Result<Vec<_>>>()?)
        }
        other => Err(DataError::unknown("image data set", other, IMAGE_SETS)),
    }
}

fn idx_pair(folder: &Path, part: Part, classes: Vec<String>) -> Result<Images> {
    let prefix = match part {
        Part::Train => "train",
        Part::Test => "t10k",
    };
    let images = find(folder, &format!("{prefix}-images-idx3-ubyte"))?;
    let labels = find(folder, &format!("{prefix}-labels-idx1-ubyte"))?;
    read_idx_images(images, labels, classes)
}

/// The file of this name, or the packed one.
fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    let candidates = [format!("{name}.gz"), name.to_owned()].map(|name| folder.join(name));
    if let Some(found) = candidates.iter().find(|path| path.is_file()) {
        return Ok(found.clone());
    }
    Err(DataError::Format {
        path: folder.to_owned(),
        problem: format!("there is neither {name} nor {name}.gz in it; fetch the data set first"),
    })
}

use std::fmt;
use std::path::{Path, PathBuf};

use tinderbox_core::Seed;
use tinderbox_data::images::{
    FolderOptions, FolderReport, IMAGE_SETS, Images, Part, read_image_folder_with_report,
    read_image_set,
};
use tinderbox_data::{DataError, fetch};

use super::{ImageError, at_most, hold_out};

/// The images of a data set, in parts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Parts {
    /// To train on.
    pub train: Images,
    /// To choose the best epoch by, where the data set has such a part besides the test images.
    pub valid: Option<Images>,
    /// To measure on.
    pub test: Images,
    /// The contents of the folders besides images, one note for each folder that was read.
    pub notes: Vec<FolderNote>,
}

/// The contents of a folder besides the images that were read from it; its `Display` is a line for each point,
/// and empty if there is nothing to report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FolderNote {
    /// The folder.
    pub folder: PathBuf,
    /// Its other contents.
    pub report: FolderReport,
    /// Red, green and blue behind transparent pixels.
    pub background: [u8; 3],
}

/// The share of the images that are test images where the data set has no such part.
const TEST_SHARE: f64 = 0.2;

impl Parts {
    /// Reads a data set of [`IMAGE_SETS`] by its name, or a folder.
    ///
    /// A folder holds the binary batches of CIFAR-10; or `CLASS/*.png`, of which a fifth of every class
    /// becomes the test images, drawn with `seed`; or folders `train`, `valid` (also `val`, `validation`)
    /// and `test` (either of the two may be absent) with such classes.
    ///
    /// # Errors
    /// An unknown name, no image, images that cannot be decoded, classes that only a held-out part
    /// has.
    pub fn read(source: &str, options: &FolderOptions, seed: Seed) -> Result<Self, ImageError> {
        if IMAGE_SETS.contains(&source) {
            return Self::data_set(source);
        }
        let folder = Path::new(source);
        if !folder.is_dir()
            && let Err(unknown) = read_image_set(source, folder, Part::Train)
        {
            return Err(ImageError::Source {
                name: source.to_owned(),
                source: Box::new(unknown),
            });
        }
        Self::folder(folder, options, seed)
    }

    /// Fetches and reads a data set of [`IMAGE_SETS`].
    ///
    /// # Errors
    /// An unknown name, a data set that cannot be fetched or read.
    pub fn data_set(name: &str) -> Result<Self, ImageError> {
        let read = fetch(name).and_then(|folder| Self::batches(name, &folder));
        read.map_err(|error| match name {
            "cifar-10" => ImageError::Cifar(error),
            _ => error.into(),
        })
    }

    /// Reads a folder; see [`read`](Self::read).
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn folder(
        folder: impl AsRef<Path>,
        options: &FolderOptions,
        seed: Seed,
    ) -> Result<Self, ImageError> {
        let folder = folder.as_ref();
        let batch = ["data_batch_1.bin", "data_batch_1.bin.gz"];
        if batch.iter().any(|name| folder.join(name).is_file()) {
            return Ok(Self::batches("cifar-10", folder)?);
        }
        let train = part_of(folder, &["train", "training"])?;
        let held_out = match &train {
            Some(_) => [
                part_of(folder, &["valid", "val", "validation"])?,
                part_of(folder, &["test", "testing"])?,
            ],
            None => [None, None],
        };
        let mut notes = Vec::new();
        let train = train.unwrap_or_else(|| folder.to_owned());
        let train = folder_images(&train, options, &mut notes)?;
        let [_, height, width] = train.stored_shape();
        let same = options.clone().classes(train.classes().names());
        let same = same.size(height, width);
        let [valid, test] = held_out.map(|part| {
            part.map(|part| folder_images(&part, &same, &mut notes))
                .transpose()
        });
        let (train, valid, test) = match (valid?, test?) {
            (valid, Some(test)) => (train, valid, test),
            (Some(valid), None) => (train, None, valid),
            (None, None) => {
                let (train, test) = hold_out(&train, TEST_SHARE, seed)?;
                (train, None, test)
            }
        };
        Ok(Self {
            train,
            valid,
            test,
            notes,
        })
    }

    /// At most `count` of the training images and of the test images, evenly spaced: a quick try.
    ///
    /// # Errors
    /// None for a count of at least 1.
    pub fn limited(mut self, count: usize) -> Result<Self, ImageError> {
        self.train = at_most(&self.train, count)?;
        self.test = at_most(&self.test, count)?;
        Ok(self)
    }

    fn batches(name: &str, folder: &Path) -> Result<Self, DataError> {
        let part = |part| read_image_set(name, folder, part);
        Ok(Self {
            train: part(Part::Train)?,
            valid: None,
            test: part(Part::Test)?,
            notes: Vec::new(),
        })
    }
}

/// The folder in this one that has one of these names, in upper or lower case.
fn part_of(folder: &Path, names: &[&str]) -> Result<Option<PathBuf>, ImageError> {
    let unreadable = |source| DataError::File {
        path: folder.to_owned(),
        source,
    };
    let mut found: Option<PathBuf> = None;
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let named = name.is_some_and(|name| names.contains(&name.to_lowercase().as_str()));
        // A class of this name holds images, a part of a data set the folders of its classes.
        if !named || !holds_folders(&path) {
            continue;
        }
        if let Some(first) = found.replace(path.clone()) {
            let second = path;
            return Err(ImageError::TwoFolders { first, second });
        }
    }
    Ok(found)
}

fn holds_folders(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut visible = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    visible.any(|entry| entry.path().is_dir())
}

/// The images of a folder of classes.
fn folder_images(
    folder: &Path,
    options: &FolderOptions,
    notes: &mut Vec<FolderNote>,
) -> Result<Images, ImageError> {
    let (images, report) = read_image_folder_with_report(folder, options)?;
    notes.push(FolderNote {
        folder: folder.to_owned(),
        report,
        background: options.background,
    });
    Ok(images)
}

impl FolderNote {
    /// The lines of the note.
    fn lines(&self) -> Vec<String> {
        let report = &self.report;
        let mut lines = Vec::new();
        if let [first, ..] = &report.passed_over[..] {
            let count = report.passed_over.len();
            let first = first.display();
            lines.push(format!(
                "{count} files that are not images are skipped, the first is {first}"
            ));
        }
        if !report.empty.is_empty() {
            let names = report.empty.join(", ");
            lines.push(format!("folders without an image are not classes: {names}"));
        }
        if !report.missing.is_empty() {
            lines.push(format!("no image of {}", report.missing.join(", ")));
        }
        for (path, problem) in &report.damaged {
            lines.push(format!("{} is left out: {problem}", path.display()));
        }
        if report.transparent > 0 {
            let [red, green, blue] = self.background;
            lines.push(format!(
                "{} images with transparent pixels are drawn on #{red:02x}{green:02x}{blue:02x}",
                report.transparent
            ));
        }
        lines
    }
}

impl fmt::Display for FolderNote {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (place, line) in self.lines().iter().enumerate() {
            let end = if place > 0 { "\n" } else { "" };
            write!(f, "{end}{}: {line}", self.folder.display())?;
        }
        Ok(())
    }
}

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Images;
use super::picture::{Colors, Picture, fault};
use crate::{Classes, DataError, Result};

/// How the pictures of a class folder become images of one shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderOptions {
    /// Channels of the images; pictures are converted as [`read_image`](super::read_image) says.
    pub colors: Colors,
    /// Height and width that every picture is resized to; without it, all must have one size.
    #[serde(default)]
    pub size: Option<[usize; 2]>,
    /// The classes in the order of their labels, for a folder that must have the same classes as
    /// another one (that of a test split, or of a trained model); without it, the names of the
    /// folders, sorted.
    #[serde(default)]
    pub classes: Option<Vec<String>>,
}

impl FolderOptions {
    /// Images with these channels, of the size that the pictures have.
    pub fn new(colors: Colors) -> Self {
        Self {
            colors,
            size: None,
            classes: None,
        }
    }

    /// Resizes every picture.
    pub fn size(mut self, height: usize, width: usize) -> Self {
        self.size = Some([height, width]);
        self
    }

    /// Demands these classes, labelled in this order.
    pub fn classes(mut self, classes: &[String]) -> Self {
        self.classes = Some(classes.to_vec());
        self
    }
}

/// Reads a folder of pictures that has a folder for each class: `folder/CLASS/*.png` (or `.jpg`,
/// `.jpeg`).
///
/// Images come class by class, each class by file name. Hidden files (`.DS_Store`) are passed over.
/// A data set that is split has such a folder for each split: read `train` first, then `test` with
/// [`FolderOptions::classes`] of it.
///
/// # Errors
/// No folder of a class, a class without a picture, a file of another format or one that cannot be
/// decoded (its name is in the message), pictures of two sizes where no size is given, other classes
/// than demanded.
pub fn read_image_folder(folder: impl AsRef<Path>, options: &FolderOptions) -> Result<Images> {
    let folder = folder.as_ref();
    let found = class_folders(folder)?;
    let names = match &options.classes {
        Some(demanded) => {
            same_classes(folder, demanded, &found)?;
            demanded.clone()
        }
        None => found,
    };
    let (mut files, mut labels) = (Vec::new(), Vec::new());
    for (label, name) in names.iter().enumerate() {
        let pictures = pictures(&folder.join(name))?;
        labels.extend(std::iter::repeat_n(label as i32, pictures.len()));
        files.extend(pictures);
    }

    let [height, width] = match options.size {
        Some(size) => size,
        None => {
            let first = Picture::read(&files[0], options.colors)?;
            [first.height, first.width]
        }
    };
    let shape = [options.colors.channels(), height, width];
    let size = shape.iter().product::<usize>();
    if size == 0 {
        return Err(fault(
            folder,
            format!("pictures cannot be resized to {height} x {width}"),
        ));
    }
    let mut pixels = vec![0; files.len() * size];
    let read = |(image, path): (&mut [u8], &PathBuf)| {
        let picture = Picture::read(path, options.colors)?;
        if options.size.is_none() && (picture.height, picture.width) != (height, width) {
            return Err(fault(
                path,
                format!(
                    "it is {} x {} (height x width), but {} is {height} x {width}; choose a size \
                     to resize all pictures to",
                    picture.height,
                    picture.width,
                    files[0].display()
                ),
            ));
        }
        image.copy_from_slice(&picture.resized(height, width));
        Ok(())
    };
    // Of several errors, the one of the first file, on every run.
    let results: Vec<Result<()>> = pixels
        .par_chunks_exact_mut(size)
        .zip(&files)
        .map(read)
        .collect();
    results.into_iter().collect::<Result<()>>()?;
    Images::new(pixels, shape, Classes::new(labels, names)?)
}

/// The names of the folders in a folder, sorted.
fn class_folders(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| {
                fault(&path, "the name of a class must be UTF-8; rename it".into())
            })?;
            names.push(name.to_owned());
        }
    }
    if names.is_empty() {
        return Err(fault(
            folder,
            "there is no folder in it; pictures must lie in a folder for each class: CLASS/*.png"
                .into(),
        ));
    }
    Ok(names)
}

fn same_classes(folder: &Path, demanded: &[String], found: &[String]) -> Result<()> {
    let not_in = |these: &[String], those: &[String]| -> Vec<String> {
        let missing = these.iter().filter(|name| !those.contains(name));
        missing.cloned().collect()
    };
    let (missing, unexpected) = (not_in(demanded, found), not_in(found, demanded));
    if missing.is_empty() && unexpected.is_empty() && demanded.len() == found.len() {
        return Ok(());
    }
    Err(fault(
        folder,
        format!(
            "its {} classes are not the {} demanded: missing {missing:?}, unexpected \
             {unexpected:?}; rename the folders, or give their classes",
            found.len(),
            demanded.len()
        ),
    ))
}

/// The pictures of a class, sorted by name.
fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = entries(folder)?;
    for path in &files {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let known = extension.is_some_and(|extension| {
            ["png", "jpg", "jpeg"].contains(&extension.to_lowercase().as_str())
        });
        if !known || path.is_dir() {
            return Err(fault(
                path,
                "only pictures that end in .png, .jpg or .jpeg may be in the folder of a class; \
                 convert it, or take it away"
                    .into(),
            ));
        }
    }
    if files.is_empty() {
        return Err(DataError::Empty {
            what: format!("of pictures in {}", folder.display()),
        });
    }
    Ok(files)
}

/// What is in a folder and not hidden, sorted by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |source| DataError::File {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

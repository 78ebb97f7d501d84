//! Folders of images, with a folder for each class.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Images;
use super::picture::{Colors, ENDINGS, OTHER_ENDINGS, Picture, WHITE, fault};
use crate::{Classes, DataError, Result};

/// Options for reading a folder of images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderOptions {
    /// Channels of the images; image files are converted as by [`read_image`](super::read_image).
    pub colors: Colors,
    /// Height and width to which every image is resized; without it, all must have the same size.
    #[serde(default)]
    pub size: Option<[usize; 2]>,
    /// If no size is given: the side of the square to which all images are resized if they have different
    /// sizes, or if the first one has a longer side.
    #[serde(default)]
    pub square: Option<usize>,
    /// The classes in the order of their labels, for a folder that must have the classes of another folder
    /// (a test split) or of a trained model; without it, the names of the folders, sorted.
    #[serde(default)]
    pub classes: Option<Vec<String>>,
    /// Red, green and blue behind transparent pixels; white by default.
    #[serde(default = "white")]
    pub background: [u8; 3],
    /// Whether images that cannot be decoded are skipped and listed in the report; else they are an error.
    #[serde(default)]
    pub skip_damaged: bool,
}

fn white() -> [u8; 3] {
    WHITE
}

impl FolderOptions {
    /// Images with these channels, in the size of their files.
    pub fn new(colors: Colors) -> Self {
        Self {
            colors,
            size: None,
            square: None,
            classes: None,
            background: WHITE,
            skip_damaged: false,
        }
    }

    /// Resizes every image.
    pub fn size(mut self, height: usize, width: usize) -> Self {
        self.size = Some([height, width]);
        self
    }

    /// Resizes images to a square of this side if they have different sizes or longer sides.
    pub fn square(mut self, side: usize) -> Self {
        self.square = Some(side);
        self
    }

    /// Requires these classes, labeled in this order.
    pub fn classes(mut self, classes: &[String]) -> Self {
        self.classes = Some(classes.to_vec());
        self
    }

    /// Sets the color behind transparent pixels: red, green, blue.
    pub fn background(mut self, background: [u8; 3]) -> Self {
        self.background = background;
        self
    }

    /// Skips images that cannot be decoded, and lists them in the report.
    pub fn skip_damaged(mut self, skip_damaged: bool) -> Self {
        self.skip_damaged = skip_damaged;
        self
    }
}

/// What a folder of images holds besides the images that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FolderReport {
    /// Files and folders in class folders whose names are not those of image files; hidden ones are not listed.
    pub passed_over: Vec<PathBuf>,
    /// Folders without images, which are not classes.
    pub empty: Vec<String>,
    /// Required classes without images.
    pub missing: Vec<String>,
    /// Images that cannot be decoded, with the reason, if [`FolderOptions::skip_damaged`] is set.
    pub damaged: Vec<(PathBuf, String)>,
    /// Number of images with transparent pixels, which were blended with the background.
    pub transparent: usize,
}

/// Reads a folder of images that has a folder for each class: `folder/CLASS/*.png` (or `.jpg`,
/// `.jpeg`, `.webp`, `.bmp`, `.gif`, `.tif`, `.tiff`).
///
/// Images are ordered by class, then by file name. Files without the name of an image file (`.DS_Store`,
/// `Thumbs.db`, text) are ignored, and a folder without images is not a class;
/// [`read_image_folder_with_report`] lists both. A data set that is split has such a folder for each split:
/// read `train` first, then `test` with the classes of `train` as [`FolderOptions::classes`]; a class may
/// then have no image.
///
/// # Errors
/// No class folder, no image, a file that cannot be decoded (the message has its name), images of two
/// sizes if no size is given, images of a class that is not among the required ones.
pub fn read_image_folder(folder: impl AsRef<Path>, options: &FolderOptions) -> Result<Images> {
    Ok(read_image_folder_with_report(folder, options)?.0)
}

/// Like [`read_image_folder`], with a report of what was not read.
///
/// # Errors
/// Those of [`read_image_folder`].
pub fn read_image_folder_with_report(
    folder: impl AsRef<Path>,
    options: &FolderOptions,
) -> Result<(Images, FolderReport)> {
    let folder = folder.as_ref();
    let mut report = FolderReport::default();
    let mut found = Vec::new();
    for name in class_folders(folder)? {
        let (pictures, others) = pictures(&folder.join(&name))?;
        report.passed_over.extend(others);
        match pictures.is_empty() {
            true => report.empty.push(name),
            false => found.push((name, pictures)),
        }
    }
    if found.is_empty() {
        return Err(DataError::Empty {
            what: format!(
                "of images in the folders of {} (file names must end in .{})",
                folder.display(),
                ENDINGS.join(", .")
            ),
        });
    }
    let names = match &options.classes {
        Some(required) => {
            report.missing = required_classes(folder, required, &found)?;
            required.clone()
        }
        None => found.iter().map(|(name, _)| name.clone()).collect(),
    };
    let mut files = Vec::new();
    for (label, name) in names.iter().enumerate() {
        let pictures = found.iter().find(|(class, _)| class == name);
        let pictures = pictures.into_iter().flat_map(|(_, pictures)| pictures);
        files.extend(pictures.map(|path| (label as i32, path)));
    }

    let square = options.square.map(|side| [side; 2]);
    let natural = match options.size {
        Some(_) => None,
        None => match first_size(&files, options)? {
            None => return Err(fault(folder, "none of its images can be decoded".into())),
            first => {
                first.filter(|first| square.is_none_or(|[side, _]| first[0].max(first[1]) <= side))
            }
        },
    };
    let read = match natural {
        Some(size) => match read_all(folder, &files, size, true, options) {
            Err(Fault::Size(_)) if square.is_some() => None,
            read => Some(read),
        },
        None => None,
    };
    let read = read.unwrap_or_else(|| {
        let size = options.size.or(square).unwrap_or_default();
        read_all(folder, &files, size, false, options)
    });
    let Pictures {
        pixels,
        shape,
        labels,
        damaged,
        transparent,
    } = read.map_err(|fault| match fault {
        Fault::Size(error) | Fault::Other(error) => error,
    })?;
    if labels.is_empty() {
        return Err(fault(folder, "none of its images can be decoded".into()));
    }
    report.damaged = damaged;
    report.transparent = transparent;
    let images = Images::new(pixels, shape, Classes::new(labels, names)?)?;
    Ok((images, report))
}

/// Images as they are in memory.
struct Pictures {
    pixels: Vec<u8>,
    shape: [usize; 3],
    labels: Vec<i32>,
    damaged: Vec<(PathBuf, String)>,
    transparent: usize,
}

/// An error in reading images.
enum Fault {
    /// One has another size than the first.
    Size(DataError),
    Other(DataError),
}

impl From<DataError> for Fault {
    fn from(error: DataError) -> Self {
        Self::Other(error)
    }
}

/// Reads all images at this height and width, which they must already have if `exact` is set.
fn read_all(
    folder: &Path,
    files: &[(i32, &PathBuf)],
    [height, width]: [usize; 2],
    exact: bool,
    options: &FolderOptions,
) -> Result<Pictures, Fault> {
    let shape = [options.colors.channels(), height, width];
    let size = shape.iter().product::<usize>();
    if size == 0 {
        let problem = format!("images cannot be resized to {height} x {width}");
        return Err(fault(folder, problem).into());
    }
    let mut pixels = vec![0; files.len() * size];
    // Whether the image is transparent, or why it cannot be decoded.
    type Read = Result<bool, String>;
    let read = |(image, (_, path)): (&mut [u8], &(i32, &PathBuf))| -> Result<Read, Fault> {
        let picture = match Picture::read(path, options.colors, options.background) {
            Err(DataError::Format { problem, .. }) if options.skip_damaged => {
                return Ok(Err(problem));
            }
            picture => picture?,
        };
        if exact && (picture.height, picture.width) != (height, width) {
            let problem = format!(
                "it is {} x {} (height x width), but the first image is {height} x {width}; choose a \
                 size to resize all images to",
                picture.height, picture.width,
            );
            return Err(Fault::Size(fault(path, problem)));
        }
        let transparent = picture.transparent;
        image.copy_from_slice(&picture.resized(height, width));
        Ok(Ok(transparent))
    };
    // Of several errors, always the one of the first file.
    let results: Vec<Result<Read, Fault>> = pixels
        .par_chunks_exact_mut(size)
        .zip(files)
        .map(read)
        .collect();
    let mut labels = Vec::with_capacity(files.len());
    let (mut damaged, mut transparent) = (Vec::new(), 0);
    for (index, (result, (label, path))) in results.into_iter().zip(files).enumerate() {
        match result? {
            Ok(is_transparent) => {
                transparent += usize::from(is_transparent);
                // Images after a skipped one move to its place.
                if labels.len() < index {
                    let from = index * size..(index + 1) * size;
                    pixels.copy_within(from, labels.len() * size);
                }
                labels.push(*label);
            }
            Err(problem) => damaged.push(((*path).clone(), problem)),
        }
    }
    pixels.truncate(labels.len() * size);
    Ok(Pictures {
        pixels,
        shape,
        labels,
        damaged,
        transparent,
    })
}

/// Height and width of the first image that can be decoded.
fn first_size(files: &[(i32, &PathBuf)], options: &FolderOptions) -> Result<Option<[usize; 2]>> {
    for (_, path) in files {
        match Picture::read(path, options.colors, options.background) {
            Ok(first) => return Ok(Some([first.height, first.width])),
            Err(DataError::Format { .. }) if options.skip_damaged => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
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
            "there is no folder in it; images must be in a folder for each class: CLASS/*.png"
                .into(),
        ));
    }
    Ok(names)
}

/// The required classes without images; an error if there are images of another class.
fn required_classes(
    folder: &Path,
    required: &[String],
    found: &[(String, Vec<PathBuf>)],
) -> Result<Vec<String>> {
    let unexpected = found.iter().map(|(name, _)| name);
    let unexpected: Vec<_> = unexpected.filter(|name| !required.contains(name)).collect();
    let twice = (required.iter().enumerate()).find(|(at, name)| required[..*at].contains(name));
    if let Some((_, twice)) = twice {
        let problem = format!("the class \"{twice}\" is required twice; name each class once");
        return Err(fault(folder, problem));
    }
    if !unexpected.is_empty() {
        return Err(fault(
            folder,
            format!(
                "it has images of {unexpected:?}, but the {} required classes are {required:?}; \
                 rename the folders, or require their classes",
                required.len()
            ),
        ));
    }
    let missing = required.iter();
    let missing = missing.filter(|name| !found.iter().any(|(class, _)| class == *name));
    Ok(missing.cloned().collect())
}

/// The images of a class, sorted by name, and the other entries of its folder.
fn pictures(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let is_picture = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let known = extension.is_some_and(|extension| {
            let mut endings = ENDINGS.iter().chain(&OTHER_ENDINGS);
            endings.any(|ending| extension.eq_ignore_ascii_case(ending))
        });
        known && !path.is_dir()
    };
    Ok(entries(folder)?.into_iter().partition(is_picture))
}

/// The entries of a folder that are not hidden, sorted by name.
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

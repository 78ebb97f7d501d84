use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::zip::read_zip_all;
use crate::{Classes, DataError, Result};

/// Reviews with their sentiment: classes `neg` and `pos`.
#[derive(Clone, Debug, PartialEq)]
pub struct Reviews {
    /// The texts.
    pub texts: Vec<String>,
    /// Their classes.
    pub classes: Classes,
}

/// The sentiments by the names of their folders.
const SENTIMENTS: [&str; 2] = ["neg", "pos"];

/// The reviews of a part of IMDb (Maas et al. 2011), `train` or `test`: from the folder `aclImdb` or from its archive
/// (`.tar.gz`, `.zip`), in the order of their names.
///
/// # Errors
/// A folder or archive that cannot be read or has no reviews, a review that is not UTF-8.
pub fn read_imdb(path: impl AsRef<Path>, part: &str) -> Result<Reviews> {
    let path = path.as_ref();
    let mut files = match path.is_dir() {
        true => of_folder(path, part)?,
        false => of_archive(path, part)?,
    };
    if files.is_empty() {
        return Err(DataError::Format {
            path: path.to_owned(),
            problem: format!(
                "it has no reviews {part}/pos/*.txt and {part}/neg/*.txt; give the folder aclImdb or its archive"
            ),
        });
    }
    files.sort();
    let (mut texts, mut labels) = (Vec::new(), Vec::new());
    for (sentiment, name, bytes) in files {
        let text = String::from_utf8(bytes).map_err(|_| DataError::Format {
            path: path.to_owned(),
            problem: format!("{part}/{}/{name} is not UTF-8", SENTIMENTS[sentiment]),
        })?;
        texts.push(text);
        labels.push(sentiment as i32);
    }
    let names = SENTIMENTS.map(String::from).to_vec();
    Ok(Reviews {
        texts,
        classes: Classes::new(labels, names)?,
    })
}

/// Sentiment, name and content.
type Review = (usize, String, Vec<u8>);

/// Sentiment and name of a path that ends with `PART/pos/NAME.txt`.
fn review(path: &Path, part: &str) -> Option<(usize, String)> {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let [.., of, sentiment, name] = parts[..] else {
        return None;
    };
    let sentiment = SENTIMENTS.iter().position(|known| *known == sentiment)?;
    (of == part && name.ends_with(".txt")).then(|| (sentiment, name.to_owned()))
}

fn of_folder(path: &Path, part: &str) -> Result<Vec<Review>> {
    let mut all = Vec::new();
    for (sentiment, name) in SENTIMENTS.into_iter().enumerate() {
        let folder = path.join(part).join(name);
        let fault = |source| DataError::File {
            path: folder.clone(),
            source,
        };
        for entry in fs::read_dir(&folder).map_err(fault)? {
            let file = entry.map_err(fault)?.path();
            if let Some((_, name)) = review(&file, part) {
                let bytes = fs::read(&file).map_err(|source| DataError::File {
                    path: file.clone(),
                    source,
                })?;
                all.push((sentiment, name, bytes));
            }
        }
    }
    Ok(all)
}

fn of_archive(path: &Path, part: &str) -> Result<Vec<Review>> {
    let fault = |source| DataError::File {
        path: path.to_owned(),
        source,
    };
    let mut start = [0; 2];
    let file = File::open(path).map_err(fault)?;
    let read = BufReader::new(&file).read(&mut start).map_err(fault)?;
    let mut all = Vec::new();
    if read == 2 && start == *b"PK" {
        for (name, bytes) in read_zip_all(path, |name| review(Path::new(name), part).is_some())? {
            if let Some((sentiment, name)) = review(Path::new(&name), part) {
                all.push((sentiment, name, bytes));
            }
        }
        return Ok(all);
    }
    let file = BufReader::new(File::open(path).map_err(fault)?);
    let mut archive = tar::Archive::new(MultiGzDecoder::new(file));
    for entry in archive.entries().map_err(fault)? {
        let mut entry = entry.map_err(fault)?;
        let found = entry.path().ok().and_then(|path| review(&path, part));
        if let Some((sentiment, name)) = found {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(fault)?;
            all.push((sentiment, name, bytes));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch;

    #[test]
    fn folders_and_archives_have_the_same_reviews() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("aclImdb");
        for (part, sentiment, name, text) in [
            ("train", "pos", "0_9.txt", "A fine film."),
            ("train", "neg", "1_2.txt", "Dull."),
            ("train", "neg", "0_3.txt", "A caf\u{e9} scene."),
            ("test", "pos", "0_7.txt", "Good."),
        ] {
            let file = root.join(part).join(sentiment).join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        fs::write(root.join("train/pos/list.html"), "no review").unwrap();
        let read = read_imdb(&root, "train").unwrap();
        assert_eq!(read.texts, ["A caf\u{e9} scene.", "Dull.", "A fine film."]);
        assert_eq!(read.classes.labels(), [0, 0, 1]);

        let path = folder.path().join("aclImdb_v1.tar.gz");
        let packer = flate2::write::GzEncoder::new(
            File::create(&path).unwrap(),
            flate2::Compression::fast(),
        );
        let mut archive = tar::Builder::new(packer);
        archive.append_dir_all("aclImdb", &root).unwrap();
        archive.into_inner().unwrap().finish().unwrap();
        assert_eq!(read_imdb(&path, "train").unwrap(), read);

        let error = read_imdb(&path, "dev").unwrap_err().to_string();
        assert!(error.contains("no reviews dev/pos/*.txt"), "{error}");
        fs::write(root.join("test/pos/1_8.txt"), b"\xff").unwrap();
        fs::create_dir_all(root.join("test/neg")).unwrap();
        let error = read_imdb(&root, "test").unwrap_err().to_string();
        assert!(error.contains("test/pos/1_8.txt is not UTF-8"), "{error}");
    }

    #[test]
    fn the_small_part_of_imdb_is_read() {
        let folder = fetch("aclimdb-tiny").unwrap_or_else(|error| panic!("{error}"));
        for part in ["train", "test"] {
            let reviews = read_imdb(folder.join("aclImdb_tiny.zip"), part).unwrap();
            let positive: i32 = reviews.classes.labels().iter().sum();
            assert_eq!((reviews.texts.len(), positive), (20, 10));
        }
    }
}

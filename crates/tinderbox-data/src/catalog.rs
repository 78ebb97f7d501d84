//! Known data sets: their addresses, and the digests of their files.

mod digest;
mod download;
mod fetch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde::Deserialize;

use crate::{DataError, Result};
pub use fetch::{Fetcher, Progress};

/// The data sets that [`fetch`] knows, from `datasets/catalog.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    format: u32,
    #[serde(rename = "dataset")]
    datasets: Vec<Dataset>,
}

/// A data set of the catalog.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Dataset {
    /// The name to fetch it by, and the name of its folder.
    pub name: String,
    /// A short description.
    pub title: String,
    /// The task, and the shape of the data.
    pub task: String,
    /// The license, or `unknown`.
    pub license: String,
    /// The address of its description.
    pub homepage: String,
    /// Number of rows, images or lines of each part.
    #[serde(default)]
    pub splits: BTreeMap<String, usize>,
    /// How the files differ from the official download, if they do.
    pub differs: Option<String>,
    /// Whether it is in the `datasets/` folder of the repository.
    #[serde(default)]
    pub ships: bool,
    /// Its files.
    #[serde(rename = "file")]
    pub files: Vec<DataFile>,
}

/// A file of a data set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DataFile {
    /// Name inside the folder of the data set.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// The address of exactly these bytes.
    pub url: Option<String>,
    /// Size in bytes of the unpacked file.
    pub raw_bytes: Option<u64>,
    /// SHA-256 of the unpacked file in hexadecimal.
    pub raw_sha256: Option<String>,
    /// The address of the unpacked file, which is packed as `.gz` after the download.
    pub raw_url: Option<String>,
    /// Whether the data set can be used without this file.
    #[serde(default)]
    pub optional: bool,
}

impl Catalog {
    /// The catalog that the library was built with.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Catalog> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            Self::from_toml(include_str!("../../../datasets/catalog.toml"))
                .expect("the catalog in the repository is checked by a test")
        })
    }

    /// A catalog written as TOML; see `datasets/catalog.toml` for the form.
    ///
    /// # Errors
    ///
    /// Text that does not have this form, a wrong digest, a file name that leads out of the folder of its
    /// data set.
    pub fn from_toml(text: &str) -> Result<Self> {
        let wrong = |problem: String| DataError::Format {
            path: "catalog.toml".into(),
            problem,
        };
        let catalog: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if catalog.format != 1 {
            return Err(wrong(format!(
                "format {} is not known; this version reads format 1",
                catalog.format
            )));
        }
        for dataset in &catalog.datasets {
            for file in &dataset.files {
                let digests = [Some(&file.sha256), file.raw_sha256.as_ref()];
                if let Some(digest) = digests
                    .into_iter()
                    .flatten()
                    .find(|text| !digest::is_sha256(text))
                {
                    return Err(wrong(format!(
                        "{}/{}: \"{digest}\" is not a SHA-256 in lower case hexadecimal",
                        dataset.name, file.path
                    )));
                }
                for name in [&dataset.name, &file.path] {
                    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', ':']) {
                        return Err(wrong(format!("\"{name}\" is not a plain file name")));
                    }
                }
            }
        }
        Ok(catalog)
    }

    /// All data sets.
    pub fn datasets(&self) -> &[Dataset] {
        &self.datasets
    }

    /// The data set with this name.
    ///
    /// # Errors
    /// No data set of this name; the nearest ones are suggested.
    pub fn get(&self, name: &str) -> Result<&Dataset> {
        (self.datasets.iter())
            .find(|dataset| dataset.name == name)
            .ok_or_else(|| {
                let names = self.datasets.iter().map(|dataset| dataset.name.as_str());
                DataError::unknown("data set", name, names)
            })
    }
}

impl Dataset {
    /// Size in bytes of all its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    fn required(&self) -> impl Iterator<Item = &DataFile> {
        self.files.iter().filter(|file| !file.optional)
    }
}

/// Gets a data set of the built-in catalog and returns the folder of its files.
///
/// Settings come from the environment, see [`Fetcher::from_env`]. Every file has the SHA-256 of the
/// catalog.
///
/// ```no_run
/// # fn main() -> Result<(), tinderbox_data::DataError> {
/// let folder = tinderbox_data::fetch("airfoil")?;
/// let file = folder.join("airfoil_self_noise.dat");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// An unknown name (the nearest ones are suggested), an address that cannot be reached, bytes with
/// another digest, a folder that cannot be written.
pub fn fetch(name: &str) -> Result<PathBuf> {
    Fetcher::from_env()?.fetch(Catalog::builtin().get(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_catalog_is_complete() {
        let catalog = Catalog::builtin();
        let names: Vec<_> = catalog
            .datasets()
            .iter()
            .map(|set| set.name.as_str())
            .collect();
        for name in [
            "airfoil",
            "house-prices",
            "california-housing",
            "flights",
            "diabetes",
            "digits",
            "penguins",
            "iris",
            "fashion-mnist",
            "mnist",
            "cifar-10",
            "time-machine",
            "fra-eng",
            "glove-6b-50d",
            "aclimdb-tiny",
            "wikitext-2",
        ] {
            assert!(names.contains(&name), "{name}");
        }
        for set in catalog.datasets() {
            assert!(!set.files.is_empty() && set.bytes() > 0, "{}", set.name);
            for file in set
                .files
                .iter()
                .filter(|file| file.url.is_none() && file.raw_url.is_none())
            {
                // Such a file comes only from a mirror, so the catalog must say why.
                assert!(
                    set.ships || set.differs.is_some(),
                    "{}/{}",
                    set.name,
                    file.path
                );
            }
        }
        let error = catalog.get("house-price").unwrap_err().to_string();
        assert!(error.contains("did you mean \"house-prices\"?"), "{error}");
    }

    #[test]
    fn a_catalog_that_would_write_elsewhere_is_refused() {
        let text = |path: &str, digest: &str| {
            format!(
                "format = 1\n[[dataset]]\nname = \"x\"\ntitle = \"\"\ntask = \"\"\nlicense = \"\"\nhomepage = \"\"\n[[dataset.file]]\npath = \"{path}\"\nbytes = 1\nsha256 = \"{digest}\"\n"
            )
        };
        let digest = "0".repeat(64);
        assert!(Catalog::from_toml(&text("a.csv", &digest)).is_ok());
        for (path, digest) in [
            ("../a", digest.as_str()),
            ("/a", &digest),
            (".part", &digest),
            ("a", "12"),
        ] {
            assert!(
                Catalog::from_toml(&text(path, digest)).is_err(),
                "{path} {digest}"
            );
        }
    }
}

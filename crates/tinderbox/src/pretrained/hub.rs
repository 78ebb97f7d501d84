//! Models by name: downloads from the hub of Hugging Face.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{INDEX, WEIGHTS, index_parts};
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo};

/// The files of a model beside its weights, as far as it has them.
const SMALL: [&str; 6] = [
    "config.json",
    "tokenizer.json",
    "generation_config.json",
    "sentence_bert_config.json",
    "modules.json",
    "1_Pooling/config.json",
];

/// The address of the hub, and a folder with what was downloaded from it.
///
/// Files are downloaded once, their digests are checked, and the folder is the one that Python's `huggingface_hub`
/// uses: models that are there already are opened without a network.
#[derive(Clone, Debug)]
pub struct Hub {
    endpoint: String,
    cache: PathBuf,
    token: Option<String>,
}

impl Hub {
    /// The hub at `HF_ENDPOINT` (`https://huggingface.co` if it is not set), with the folder `hub` of `HF_HOME`
    /// (`~/.cache/huggingface`), and the token of `HF_TOKEN` or of `huggingface-cli login` for models that need one.
    pub fn from_env() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let home = variable("HF_HOME").map(PathBuf::from);
        let user = || variable("HOME").or_else(|| variable("USERPROFILE"));
        let home = home.or_else(|| Some(Path::new(&user()?).join(".cache/huggingface")));
        let cache = home.unwrap_or_default().join("hub");
        Self {
            endpoint: variable("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into()),
            token: variable("HF_TOKEN").or_else(|| Cache::new(cache.clone()).token()),
            cache,
        }
    }

    /// A hub at this address, which keeps its files in this folder.
    pub fn new(endpoint: impl Into<String>, cache: impl Into<PathBuf>) -> Self {
        Self {
            endpoint: endpoint.into(),
            cache: cache.into(),
            token: None,
        }
    }

    /// The folder with the files of a model, `sentence-transformers/all-MiniLM-L6-v2` for example; they are downloaded
    /// unless they are there already.
    ///
    /// An interrupted download is continued. Only configuration, tokenizer and weights (`.safetensors`) are downloaded.
    ///
    /// # Errors
    /// A text that is no name, a name that the hub does not have, a model without one of the files, a hub that cannot
    /// be reached, a file that is not what the hub says.
    pub fn folder(&self, name: &str) -> Result<PathBuf, HubError> {
        if !is_name(name) {
            return Err(HubError::Name { name: name.into() });
        }
        let cached = Cache::new(self.cache.clone()).model(name.to_owned());
        // The weights are downloaded last: with them the folder is complete.
        if let Some(config) = cached.get(SMALL[0])
            && complete(&parent(&config))
        {
            return Ok(parent(&config));
        }
        let failed = |error: ApiError, file: Option<&str>| self.error(name, file, error);
        let api = self.api().map_err(|error| failed(error, None))?;
        let listed = api.model(name.to_owned()).info();
        let listed = listed.map_err(|error| failed(error, None))?;
        let there = |file: &str| listed.siblings.iter().any(|other| other.rfilename == file);
        let missing = |files: &str| HubError::File {
            name: name.into(),
            file: files.into(),
        };
        if let Some(file) = SMALL[..2].iter().find(|file| !there(file)) {
            return Err(missing(file));
        }
        let weights = match (there(WEIGHTS), there(INDEX)) {
            (true, _) => WEIGHTS,
            (_, true) => INDEX,
            _ => return Err(missing(WEIGHTS)),
        };
        let repo = api.repo(Repo::model(name.to_owned()));
        let get = |file: &str| self.get(&repo, &cached, name, file);
        for file in SMALL.into_iter().filter(|file| there(file)) {
            get(file)?;
        }
        let folder = parent(&get(weights)?);
        if weights == INDEX {
            let parts = index_parts(&folder).map_err(|error| HubError::Damaged {
                file: INDEX.into(),
                problem: error.to_string(),
            })?;
            for part in parts {
                if !there(&part) {
                    return Err(missing(&part));
                }
                get(&part)?;
            }
        }
        Ok(folder)
    }

    fn api(&self) -> Result<Api, ApiError> {
        ApiBuilder::from_cache(Cache::new(self.cache.clone()))
            .with_endpoint(self.endpoint.trim_end_matches('/').to_owned())
            .with_token(self.token.clone())
            .with_retries(2)
            .with_progress(false)
            .build()
    }

    /// A file of the folder, downloaded unless it is there.
    fn get(
        &self,
        repo: &ApiRepo,
        cached: &hf_hub::CacheRepo,
        name: &str,
        file: &str,
    ) -> Result<PathBuf, HubError> {
        if let Some(path) = cached.get(file) {
            return Ok(path);
        }
        let path = repo
            .download_with_progress(file, ())
            .map_err(|error| self.error(name, Some(file), error))?;
        if let Some(problem) = damage(&path).map_err(|source| HubError::Cache {
            path: path.clone(),
            source,
        })? {
            // The blob that the path links to, too: the next run downloads it again.
            for wrong in path.canonicalize().into_iter().chain([path]) {
                let _ = fs::remove_file(wrong);
            }
            return Err(HubError::Damaged {
                file: file.into(),
                problem,
            });
        }
        Ok(path)
    }

    fn error(&self, name: &str, file: Option<&str>, error: ApiError) -> HubError {
        let status = match &error {
            ApiError::RequestError(error) => match **error {
                ureq::Error::StatusCode(status) => Some(status),
                _ => None,
            },
            _ => None,
        };
        let (name, endpoint) = (name.to_owned(), self.endpoint.clone());
        match (status, file, error) {
            (Some(404), Some(file), _) => HubError::File {
                name,
                file: file.to_owned(),
            },
            (Some(401 | 403 | 404), ..) => HubError::Unknown { name, endpoint },
            (_, _, ApiError::IoError(source)) => HubError::Cache {
                path: self.cache.clone(),
                source,
            },
            (_, _, error) => HubError::Network {
                name,
                endpoint,
                problem: error.to_string(),
            },
        }
    }
}

/// Whether a text may be the name of a model: `model` or `owner/model`.
fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        let mut letters = part.chars();
        let first = letters
            .next()
            .is_some_and(|letter| letter.is_ascii_alphanumeric());
        first && letters.all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
    };
    name.split('/').count() <= 2 && name.split('/').all(part) && !name.contains("..")
}

/// Whether all weights of a folder are there.
fn complete(folder: &Path) -> bool {
    let parts = || {
        index_parts(folder).is_ok_and(|parts| parts.iter().all(|part| folder.join(part).is_file()))
    };
    folder.join(WEIGHTS).is_file() || parts()
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

/// What is wrong with a downloaded file: the hub names each by its digest, SHA-256 for large files and that of git for
/// small ones. Servers that name them otherwise are trusted.
fn damage(path: &Path) -> io::Result<Option<String>> {
    let blob = path.canonicalize()?;
    let expected = blob
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let expected = expected.unwrap_or_default();
    let bytes = |each: &mut dyn FnMut(&[u8])| -> io::Result<()> {
        let (mut file, mut buffer) = (File::open(&blob)?, vec![0; 1 << 16]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(()),
                read => each(&buffer[..read]),
            }
        }
    };
    let found: Vec<u8> = match expected.len() {
        64 => {
            use sha2::Digest;
            let mut digest = sha2::Sha256::new();
            bytes(&mut |part| digest.update(part))?;
            digest.finalize().to_vec()
        }
        40 => {
            use sha1::Digest;
            let mut digest = sha1::Sha1::new();
            digest.update(format!("blob {}\0", blob.metadata()?.len()));
            bytes(&mut |part| digest.update(part))?;
            digest.finalize().to_vec()
        }
        _ => return Ok(None),
    };
    let found: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((found != expected).then(|| format!("its digest is {found}, but the hub says {expected}")))
}

/// A model that cannot be downloaded. Every message says what, where and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// A text that is no name.
    #[error(
        "{name:?} is neither a folder nor the name of a model; names are like sentence-transformers/all-MiniLM-L6-v2"
    )]
    Name {
        /// The text.
        name: String,
    },
    /// A name that the hub does not have, or does not show.
    #[error(
        "{name:?} is no folder, and {endpoint} has no such model, or it is not public: correct the path or name \
         (owner/model), or set HF_TOKEN to a token that may read it"
    )]
    Unknown {
        /// The name.
        name: String,
        /// The address of the hub.
        endpoint: String,
    },
    /// A model without a file that is needed.
    #[error(
        "the model {name:?} has no file {file}; models need config.json, tokenizer.json and weights as safetensors: \
         choose another one, or convert it"
    )]
    File {
        /// The name.
        name: String,
        /// The file.
        file: String,
    },
    /// A hub that cannot be reached, or does not answer as one.
    #[error(
        "{name:?} is no folder, and {endpoint} cannot be reached to look for a model of this name: {problem}; correct the \
         path, or check the network and HF_ENDPOINT"
    )]
    Network {
        /// The name.
        name: String,
        /// The address of the hub.
        endpoint: String,
        /// What went wrong.
        problem: String,
    },
    /// A file that is not what the hub says.
    #[error("{file}: {problem}; it was removed, try again")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// The folder with downloaded files.
    #[error("{}: {source}; HF_HOME names another folder for downloads", path.display())]
    Cache {
        /// The folder or file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

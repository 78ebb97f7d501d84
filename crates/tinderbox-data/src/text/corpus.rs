use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tinderbox_core::{Digest, TEMPORARY_PREFIX, WriteError, write_atomic, write_atomic_with};

use super::read::read_pieces;
use super::{TokenIds, Tokenizer, Vocab};
use crate::{DataError, Result};

/// A text as token ids in a folder, for texts that are larger than memory.
///
/// The folder holds the ids (`tokens.bin`, 2 bytes each, or 4 with more than 65,536 tokens in the
/// vocabulary, little-endian), the tokenizer (`vocab.json`) and what was written (`corpus.json`: number of
/// tokens and digests). The ids are mapped into memory: the operating system reads what a batch needs and
/// forgets it again.
///
/// ```
/// use tinderbox_data::text::{Corpus, Sampling, TextLoader, TokenRules, Tokenizer, VocabConfig};
/// # let scratch = tempfile::tempdir()?;
/// # let (text, folder) = (scratch.path().join("book.txt"), scratch.path().join("book"));
/// # std::fs::write(&text, "the time traveller\nwas expounding\n")?;
/// let tokenizer = Tokenizer::fit_file(TokenRules::CHARACTERS, &text, &VocabConfig::default())?;
/// let corpus = Corpus::write(&folder, &text, &tokenizer)?; // once; later Corpus::open(&folder)
/// let held_out = corpus.ids().part(24..corpus.ids().len())?;
/// let loader = TextLoader::new(corpus.ids().part(0..24)?, 5, 2, Sampling::Sequential)?;
/// # assert_eq!((loader.num_batches(), held_out.len()), (3, 10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Corpus {
    ids: TokenIds,
    tokenizer: Tokenizer,
}

/// What `corpus.json` says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    tokens: u64,
    bytes_per_token: usize,
    /// Hexadecimal, as the digest of the vocabulary.
    digest: String,
    vocabulary: String,
}

const VERSION: u32 = 1;

impl Corpus {
    const IDS: &'static str = "tokens.bin";
    const TOKENIZER: &'static str = "vocab.json";
    const WRITTEN: &'static str = "corpus.json";

    /// Reads a file of text once, line by line, and writes its token ids to a new folder, whole or not at
    /// all. The vocabulary must come from training text.
    ///
    /// # Errors
    /// A folder that exists already; a file that cannot be read, holds no text or is not UTF-8 (the error
    /// names the first byte that is not); files that cannot be written.
    pub fn write(
        folder: impl AsRef<Path>,
        text: impl AsRef<Path>,
        tokenizer: &Tokenizer,
    ) -> Result<Self> {
        let (folder, text) = (folder.as_ref(), text.as_ref());
        if folder.exists() {
            return Err(exists(folder));
        }
        let parent = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let failed = |source| WriteError::new(folder, source);
        std::fs::create_dir_all(parent).map_err(failed)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY_PREFIX);
        // As an ordinary folder, and not for this user alone.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let scratch = builder.tempdir_in(parent).map_err(failed)?;

        let width = if tokenizer.vocab().len() <= 1 << 16 {
            2
        } else {
            4
        };
        let path = scratch.path().join(Self::IDS);
        write_ids(&path, text, tokenizer, width)?;
        let ids = map(&path, width)?;
        let written = Written {
            version: VERSION,
            tokens: ids.len() as u64,
            bytes_per_token: width,
            digest: format!("{:016x}", ids.digest()),
            vocabulary: format!("{:016x}", digest(tokenizer.vocab())),
        };
        write_json(&scratch.path().join(Self::TOKENIZER), tokenizer)?;
        write_json(&scratch.path().join(Self::WRITTEN), &written)?;
        // A rename replaces an empty folder only: of two programs that write the same corpus one fails.
        std::fs::rename(scratch.path(), folder).map_err(failed)?;
        let _ = scratch.keep();
        Self::open(folder)
    }

    /// The corpus of a folder. All ids are read once, to compare their digest.
    ///
    /// # Errors
    /// A folder without a corpus, one of another version, ids that were cut off
    /// ([`CorpusSize`](DataError::CorpusSize)), ids or a vocabulary that were changed
    /// ([`CorpusDigest`](DataError::CorpusDigest)).
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let (path, manifest) = (folder.join(Self::IDS), folder.join(Self::WRITTEN));
        let written: Written = read_json(&manifest)?;
        let unusable = |problem: String| DataError::Stored {
            what: manifest.display().to_string(),
            problem,
        };
        if written.version != VERSION || !matches!(written.bytes_per_token, 2 | 4) {
            return Err(unusable(format!(
                "it has the version {} and {} bytes per token, where version {VERSION} with 2 or 4 is read; \
                 delete the folder and write the corpus again",
                written.version, written.bytes_per_token
            )));
        }
        let number = |digest: &str| {
            u64::from_str_radix(digest, 16).map_err(|_| {
                unusable(format!(
                    "{digest:?} is no digest; delete the folder and write the corpus again"
                ))
            })
        };
        let (of_ids, of_vocabulary) = (number(&written.digest)?, number(&written.vocabulary)?);

        let file = size_of(&path)?;
        let expected = written
            .tokens
            .saturating_mul(written.bytes_per_token as u64);
        if file != expected || expected == 0 {
            return Err(DataError::CorpusSize {
                path,
                expected,
                found: file,
            });
        }
        let ids = map(&path, written.bytes_per_token)?;
        let changed = |path: PathBuf, expected, found| {
            Err(DataError::CorpusDigest {
                path,
                expected,
                found,
            })
        };
        let found = ids.digest();
        if found != of_ids {
            return changed(path, of_ids, found);
        }
        let path = folder.join(Self::TOKENIZER);
        let tokenizer: Tokenizer = read_json(&path)?;
        let found_vocabulary = digest(tokenizer.vocab());
        if found_vocabulary != of_vocabulary {
            return changed(path, of_vocabulary, found_vocabulary);
        }
        Ok(Self {
            ids: ids.with_digest(found),
            tokenizer,
        })
    }

    /// The ids, for a [`TextLoader`](super::TextLoader).
    pub fn ids(&self) -> &TokenIds {
        &self.ids
    }

    /// How the text became ids.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }
}

fn exists(folder: &Path) -> DataError {
    DataError::Format {
        path: folder.to_owned(),
        problem: "the folder exists already; open its corpus, delete it, or choose another folder"
            .into(),
    }
}

/// Writes the ids of a text; an error of reading it leaves no file.
fn write_ids(path: &Path, text: &Path, tokenizer: &Tokenizer, width: usize) -> Result<()> {
    let mut unread = None;
    let written = write_atomic_with(path, |file| {
        let mut bytes = Vec::new();
        let read = read_pieces(text, tokenizer.rules(), |piece| {
            bytes.clear();
            for id in tokenizer.ids(piece) {
                bytes.extend_from_slice(&id.to_le_bytes()[..width]);
            }
            let written = file.write_all(&bytes);
            Ok(written.map_err(|source| WriteError::new(path, source))?)
        });
        read.map_err(|error| {
            unread = Some(error);
            io::Error::other("the text could not be read")
        })
    });
    match unread {
        Some(error) => Err(error),
        None => Ok(written?),
    }
}

fn size_of(path: &Path) -> Result<u64> {
    let found = std::fs::metadata(path).map_err(|source| cannot_read(path, source))?;
    Ok(found.len())
}

fn map(path: &Path, width: usize) -> Result<TokenIds> {
    if size_of(path)? == 0 {
        return Err(DataError::Text {
            problem: "the text has no token; its rules leave nothing of it".into(),
        });
    }
    let file = File::open(path).map_err(|source| cannot_read(path, source))?;
    TokenIds::map(&file, width).map_err(|source| cannot_read(path, source))
}

fn cannot_read(path: &Path, source: io::Error) -> DataError {
    DataError::File {
        path: path.to_owned(),
        source,
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| DataError::Stored {
        what: path.display().to_string(),
        problem: error.to_string(),
    })?;
    Ok(write_atomic(path, text + "\n")?)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|source| cannot_read(path, source))?;
    serde_json::from_str(&text).map_err(|error| DataError::Stored {
        what: path.display().to_string(),
        problem: format!("{error}; delete the folder and write the corpus again"),
    })
}

fn digest(vocab: &Vocab) -> u64 {
    let start = Digest::new().word(vocab.len() as u64);
    let digest = vocab
        .tokens()
        .iter()
        .fold(start, |digest, token| digest.text(token));
    digest.value()
}

#[cfg(test)]
mod tests;

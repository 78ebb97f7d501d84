use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use memmap2::Mmap;
use tinderbox_core::Digest;

use crate::{DataError, Result};

/// Token ids of a text, in memory or in the file of a [`Corpus`](super::Corpus).
///
/// Clones and parts share the numbers.
#[derive(Clone, Debug)]
pub struct TokenIds {
    source: Source,
    range: Range<usize>,
    /// Of the range, if it is known.
    digest: Option<u64>,
}

#[derive(Clone, Debug)]
enum Source {
    Memory(Arc<[u32]>),
    /// Two bytes an id.
    Short(Arc<Mmap>),
    /// Four bytes an id.
    Long(Arc<Mmap>),
}

impl TokenIds {
    /// The ids in a file that a corpus wrote, 2 or 4 bytes each; the file must not change afterwards.
    pub(super) fn map(file: &File, width: usize) -> io::Result<Self> {
        // SAFETY: files of a corpus are replaced as a whole and never written to. A program that cuts such a
        // file off while it is read would end this one by a signal; it would not make it read anything else
        // than bytes of that file.
        #[allow(unsafe_code)]
        let map = Arc::new(unsafe { Mmap::map(file)? });
        let range = 0..map.len() / width;
        Ok(Self {
            source: match width {
                2 => Source::Short(map),
                _ => Source::Long(map),
            },
            range,
            digest: None,
        })
    }

    /// The same, with the digest that was just computed.
    pub(super) fn with_digest(self, digest: u64) -> Self {
        Self {
            digest: Some(digest),
            ..self
        }
    }

    /// Number of ids.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether there is no id.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The id at a place below [`len`](Self::len).
    #[inline]
    pub(super) fn get(&self, place: usize) -> u32 {
        let place = self.range.start + place;
        match &self.source {
            Source::Memory(ids) => ids[place],
            Source::Short(map) => {
                let bytes = &map[2 * place..2 * place + 2];
                u16::from_le_bytes([bytes[0], bytes[1]]).into()
            }
            Source::Long(map) => {
                let bytes = &map[4 * place..4 * place + 4];
                u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
            }
        }
    }

    /// All ids, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.len()).map(|place| self.get(place))
    }

    /// The ids at these places: a training part, a part that is held out.
    ///
    /// # Errors
    /// A range that goes beyond the end.
    pub fn part(&self, range: Range<usize>) -> Result<Self> {
        if range.start > range.end || range.end > self.len() {
            return Err(DataError::Text {
                problem: format!(
                    "tokens {} to {} of a text of {} tokens; a part must lie inside",
                    range.start,
                    range.end,
                    self.len()
                ),
            });
        }
        let whole = range == (0..self.len());
        let start = self.range.start;
        Ok(Self {
            source: self.source.clone(),
            range: start + range.start..start + range.end,
            digest: self.digest.filter(|_| whole),
        })
    }

    /// A digest of the number of ids and of each of them.
    pub fn digest(&self) -> u64 {
        self.digest.unwrap_or_else(|| {
            let start = Digest::new().word(self.len() as u64);
            let digest = self.iter().fold(start, |digest, id| digest.word(id.into()));
            digest.value()
        })
    }
}

impl From<Arc<[u32]>> for TokenIds {
    fn from(ids: Arc<[u32]>) -> Self {
        Self {
            range: 0..ids.len(),
            source: Source::Memory(ids),
            digest: None,
        }
    }
}

impl From<Vec<u32>> for TokenIds {
    fn from(ids: Vec<u32>) -> Self {
        Arc::<[u32]>::from(ids).into()
    }
}

impl From<&[u32]> for TokenIds {
    fn from(ids: &[u32]) -> Self {
        Arc::<[u32]>::from(ids).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_parts_share_the_ids() {
        let ids = TokenIds::from(vec![5, 6, 7, 8, 9]);
        let part = ids.part(1..5).unwrap().part(1..3).unwrap();
        assert_eq!(part.iter().collect::<Vec<_>>(), [7, 8]);
        assert_eq!(part.digest(), TokenIds::from(vec![7, 8]).digest());
        assert_ne!(part.digest(), ids.digest());
        assert!(ids.part(5..5).unwrap().is_empty());
        #[allow(clippy::reversed_empty_ranges)]
        for wrong in [2..6, 3..2] {
            let error = ids.part(wrong).unwrap_err().to_string();
            assert!(error.contains("of a text of 5 tokens"), "{error}");
        }
    }
}

use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_core::{Digest, Seed};

use super::Vocab;
use crate::{DataError, Examples, Result};

/// Pairs of sentences, one per line: a sentence, a tab, its translation; what follows another tab is
/// left out, and so are empty lines. `path` is for messages.
///
/// # Errors
/// No pairs, a line without a tab.
pub fn parse_pairs(text: &str, path: impl AsRef<Path>) -> Result<Vec<[String; 2]>> {
    let path = path.as_ref();
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.is_empty());
    let pairs = lines.map(|(line, number)| {
        let mut columns = line.split('\t');
        match (columns.next(), columns.next()) {
            (Some(source), Some(target)) => Ok([source.to_owned(), target.to_owned()]),
            _ => Err(DataError::Line {
                path: path.to_owned(),
                line: number,
                problem: "there is no tab; a line holds a sentence, a tab and its translation"
                    .into(),
            }),
        }
    });
    let pairs: Vec<_> = pairs.collect::<Result<_>>()?;
    match pairs.is_empty() {
        true => Err(DataError::Format {
            path: path.to_owned(),
            problem: "the file holds no pair of sentences".into(),
        }),
        false => Ok(pairs),
    }
}

/// Sentences as token ids, all of one length: cut or filled up with padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaddedSentences {
    /// `steps` ids per sentence.
    ids: Vec<u32>,
    /// Number of ids of each sentence that are not padding.
    lengths: Vec<u32>,
    steps: usize,
}

impl PaddedSentences {
    /// The name of the reserved padding token.
    pub const PAD: &'static str = "<pad>";
    /// The name of the reserved token before a generated sentence.
    pub const BEGIN: &'static str = "<bos>";
    /// The name of the reserved token after a sentence.
    pub const END: &'static str = "<eos>";

    /// Reserved tokens for a [`VocabConfig`](super::VocabConfig), in the course's order.
    pub fn reserved() -> Vec<String> {
        [Self::PAD, Self::BEGIN, Self::END]
            .map(String::from)
            .to_vec()
    }

    /// Each sentence with `<eos>` after it, cut to `steps` tokens or filled up with `<pad>`.
    ///
    /// # Errors
    /// A length of 0, a vocabulary without `<pad>` or `<eos>`.
    pub fn new(
        sentences: impl IntoIterator<Item = Vec<u32>>,
        steps: usize,
        vocab: &Vocab,
    ) -> Result<Self> {
        if steps == 0 {
            return Err(DataError::Text {
                problem: "sentences of 0 tokens; give them at least one".into(),
            });
        }
        let (pad, end) = (reserved(vocab, Self::PAD)?, reserved(vocab, Self::END)?);
        let mut padded = Self {
            ids: Vec::new(),
            lengths: Vec::new(),
            steps,
        };
        for mut sentence in sentences {
            sentence.push(end);
            sentence.truncate(steps);
            padded.lengths.push(sentence.len() as u32);
            sentence.resize(steps, pad);
            padded.ids.extend(sentence);
        }
        Ok(padded)
    }

    /// The ids of a sentence, with its padding.
    pub fn sentence(&self, index: usize) -> &[u32] {
        &self.ids[index * self.steps..(index + 1) * self.steps]
    }

    /// Number of sentences.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Whether there is no sentence.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Ids of a sentence that are no padding.
    pub(super) fn length(&self, index: usize) -> usize {
        self.lengths[index] as usize
    }

    /// These sentences, each with `steps` ids, which must not be more than it has.
    fn gather(&self, indices: &[usize], steps: usize) -> HostSentences {
        let ids = indices.iter();
        let ids = ids.flat_map(|&index| &self.sentence(index)[..steps]);
        HostSentences {
            ids: ids.map(|&id| id as i32).collect(),
            lengths: indices
                .iter()
                .map(|&index| self.lengths[index] as i32)
                .collect(),
            steps,
        }
    }

    /// The same without the padding that all of them have.
    fn gather_trimmed(&self, indices: &[usize]) -> HostSentences {
        let longest = indices.iter().map(|&index| self.length(index)).max();
        self.gather(indices, longest.unwrap_or(0))
    }
}

/// The id of a token that the vocabulary must have.
fn reserved(vocab: &Vocab, token: &str) -> Result<u32> {
    vocab.get(token).ok_or_else(|| DataError::Text {
        problem: format!(
            "the vocabulary has no token {token:?}; fit it with `reserved: PaddedSentences::reserved()`"
        ),
    })
}

/// Sentences and their translations, for a [`Loader`](crate::Loader).
#[derive(Clone, Debug)]
pub struct SentencePairs {
    source: PaddedSentences,
    target: PaddedSentences,
}

impl SentencePairs {
    /// Pairs of sentences at the same place.
    ///
    /// # Errors
    /// More sentences on one side than on the other.
    pub fn new(source: PaddedSentences, target: PaddedSentences) -> Result<Self> {
        if source.len() != target.len() {
            return Err(DataError::RowsDiffer {
                features: source.len(),
                targets: target.len(),
            });
        }
        Ok(Self { source, target })
    }

    /// Tokens of both sentences of a pair.
    pub(super) fn lengths(&self, index: usize) -> [usize; 2] {
        [self.source.length(index), self.target.length(index)]
    }

    /// These pairs, padded to the longest sentences among them.
    pub(super) fn batch(&self, indices: &[usize], device: &Device) -> PairBatch {
        let both = [&self.source, &self.target].map(|side| side.gather_trimmed(indices));
        self.upload(both, device)
    }
}

/// Padded sentences of a batch.
#[derive(Clone, Debug)]
pub struct SentenceBatch {
    /// Token ids, `[batch, steps]`.
    pub ids: Tensor<2, Int>,
    /// Number of ids of each sentence that are not padding, `[batch]`.
    pub lengths: Tensor<1, Int>,
    /// Places of all ids that are not padding, among `batch * steps`, `[tokens]`: known without reading the lengths
    /// from a device.
    pub tokens: Tensor<1, Int>,
}

/// A batch of sentences with their translations.
#[derive(Clone, Debug)]
pub struct PairBatch {
    /// The source sentences.
    pub source: SentenceBatch,
    /// Their translations.
    pub target: SentenceBatch,
}

impl SentenceBatch {
    /// Texts as token ids, filled up with `padding` to the length of the longest.
    pub fn padded(texts: &[&[u32]], padding: u32, device: &Device) -> Self {
        HostSentences::padded(texts, None, padding).upload(device)
    }
}

/// [`SentenceBatch`] in host memory.
#[derive(Debug)]
pub struct HostSentences {
    ids: Vec<i32>,
    lengths: Vec<i32>,
    steps: usize,
}

impl HostSentences {
    /// Token ids, filled up to the same number of steps: that of the longest if it is not given, which no text exceeds.
    pub(super) fn padded(texts: &[&[u32]], steps: Option<usize>, padding: u32) -> Self {
        let longest = texts.iter().map(|ids| ids.len()).max();
        let steps = steps.or(longest).unwrap_or(0).max(1);
        let mut ids = Vec::with_capacity(texts.len() * steps);
        for (row, text) in texts.iter().enumerate() {
            ids.extend(text.iter().map(|&id| id as i32));
            ids.resize((row + 1) * steps, padding as i32);
        }
        Self {
            ids,
            lengths: texts.iter().map(|ids| ids.len() as i32).collect(),
            steps,
        }
    }

    pub(super) fn upload(self, device: &Device) -> SentenceBatch {
        let count = self.lengths.len();
        let rows = self.lengths.iter().enumerate();
        let tokens: Vec<i32> = rows
            .flat_map(|(row, &length)| {
                (0..length).map(move |step| (row * self.steps) as i32 + step)
            })
            .collect();
        let number = tokens.len();
        SentenceBatch {
            ids: Tensor::from_data(TensorData::new(self.ids, [count, self.steps]), device),
            lengths: Tensor::from_data(TensorData::new(self.lengths, [count]), device),
            tokens: Tensor::from_data(TensorData::new(tokens, [number]), device),
        }
    }
}

impl Examples for SentencePairs {
    type Host = [HostSentences; 2];
    type Batch = PairBatch;

    fn len(&self) -> usize {
        self.source.len()
    }

    fn gather(&self, indices: &[usize], _epoch: Seed) -> Result<Self::Host> {
        let [source, target] = [&self.source, &self.target];
        Ok([
            source.gather(indices, source.steps),
            target.gather(indices, target.steps),
        ])
    }

    fn upload(&self, [source, target]: Self::Host, device: &Device) -> PairBatch {
        PairBatch {
            source: source.upload(device),
            target: target.upload(device),
        }
    }

    fn batch_bytes(&self, batch_size: usize) -> usize {
        4 * batch_size * (self.source.steps + self.target.steps + 2)
    }

    fn digest(&self) -> Option<u64> {
        let sides = [&self.source, &self.target];
        let digest = sides.iter().fold(Digest::new(), |digest, side| {
            let digest = digest.word(side.steps as u64);
            side.ids
                .iter()
                .fold(digest, |digest, &id| digest.word(id.into()))
        });
        Some(digest.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{TokenRules, Tokenizer, VocabConfig};
    use crate::{Batches, Loader, fetch, read_zip};

    #[test]
    fn a_line_without_a_tab_is_named() {
        let pairs = parse_pairs("Go.\tVa !\n\nHi.\tSalut !\tCC-BY\n", "fra.txt").unwrap();
        assert_eq!(pairs, [["Go.", "Va !"], ["Hi.", "Salut !"]]);
        let error = parse_pairs("Go.\tVa !\nHi. Salut !\n", "fra.txt").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("fra.txt, line 2: there is no tab"),
            "{error}"
        );
        let error = parse_pairs("\n", "fra.txt").unwrap_err();
        assert!(error.to_string().contains("no pair"), "{error}");
    }

    #[test]
    fn sentences_are_cut_and_padded() {
        let config = VocabConfig {
            reserved: PaddedSentences::reserved(),
            ..VocabConfig::default()
        };
        let vocab = Vocab::fit(["go", "."], &config).unwrap();
        let sentences = || vec![vec![4, 5], vec![4, 4, 4, 4, 5], vec![]];
        let padded = PaddedSentences::new(sentences(), 4, &vocab).unwrap();
        assert_eq!(padded.sentence(0), [4, 5, 3, 1]);
        assert_eq!(padded.sentence(1), [4, 4, 4, 4]);
        assert_eq!(padded.sentence(2), [3, 1, 1, 1]);
        assert_eq!(padded.lengths, [3, 4, 1]);
        let error = PaddedSentences::new(sentences(), 0, &vocab).unwrap_err();
        assert!(error.to_string().contains("0 tokens"), "{error}");
        let plain = Vocab::fit(["go"], &VocabConfig::default()).unwrap();
        let error = PaddedSentences::new(sentences(), 4, &plain).unwrap_err();
        assert!(error.to_string().contains("\"<pad>\""), "{error}");
        let pairs = SentencePairs::new(padded.clone(), padded.clone()).unwrap();
        let loader = Loader::new(pairs, 2).unwrap();
        let batches: Vec<_> = loader.epoch(0, 0, &Device::flex()).unwrap().collect();
        let last = batches[1].as_ref().unwrap();
        assert_eq!(last.source.ids.dims(), [1, 4]);
        assert_eq!(
            last.target
                .lengths
                .to_data()
                .iter::<i64>()
                .collect::<Vec<_>>(),
            [1]
        );
        let one = PaddedSentences::new(vec![vec![4]], 4, &vocab).unwrap();
        assert!(SentencePairs::new(padded, one).is_err());
    }

    /// The numbers that the course prints for its English and French sentences.
    #[test]
    fn the_course_s_vocabulary_of_english_sentences() {
        let folder = fetch("fra-eng").unwrap_or_else(|error| {
            panic!("{error}; `cargo xtask fetch fra-eng` downloads the data set")
        });
        let path = folder.join("fra-eng.zip");
        let text = String::from_utf8(read_zip(&path, "fra.txt").unwrap()).unwrap();
        let pairs = parse_pairs(&text, &path).unwrap();
        assert_eq!(pairs.len(), 167_130);
        let rules = TokenRules::COURSE_SENTENCES;
        let config = VocabConfig {
            min_frequency: 2,
            reserved: PaddedSentences::reserved(),
            ..VocabConfig::default()
        };
        let vocab = |side: usize, count: usize| {
            let text: Vec<&str> = pairs[..count]
                .iter()
                .map(|pair| pair[side].as_str())
                .collect();
            Tokenizer::fit(rules, &text.join("\n"), &config).unwrap()
        };
        let english = vocab(0, pairs.len());
        assert_eq!(english.vocab().len(), 10_012);
        let go = vec![english.encode(&pairs[0][0])];
        let padded = PaddedSentences::new(go, 10, english.vocab()).unwrap();
        assert_eq!(padded.sentence(0), [47, 4, 3, 1, 1, 1, 1, 1, 1, 1]);
        // The course's 600 examples are 601.
        assert_eq!(
            [vocab(0, 601), vocab(1, 601)].map(|all| all.vocab().len()),
            [184, 201]
        );
    }
}

use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_core::{Digest, Seed};

use super::Vocab;
use crate::{DataError, Examples, Result};

/// Pairs of sentences for pretraining BERT: masked tokens, and whether the second sentence follows the first (Devlin
/// et al. 2019).
///
/// As in the course: half of the pairs are neighbours in a paragraph, the others have a random second sentence; pairs
/// that are longer than a text of the model are left out. In each epoch other tokens are masked: of a text of `n` tokens
/// `0.15 n`, rounded and at least one, of which 80 % become `<mask>`, 10 % a random token, and 10 % stay.
#[derive(Clone, Debug)]
pub struct MaskedPairs {
    pairs: Vec<Pair>,
    steps: usize,
    tokens: u32,
    special: Special,
}

#[derive(Clone, Debug)]
struct Pair {
    /// `<cls>`, the first sentence, `<sep>`, the second one, `<sep>`.
    ids: Vec<u32>,
    /// The place after the first `<sep>`.
    second: usize,
    next: bool,
}

/// The ids of the reserved tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Special {
    pub pad: u32,
    mask: u32,
    cls: u32,
    sep: u32,
}

impl Special {
    pub fn of(vocab: &Vocab) -> Result<Self> {
        let reserved = |token: &str| {
            vocab.get(token).ok_or_else(|| DataError::Text {
                problem: format!(
                    "the vocabulary has no token {token:?}; fit it with `reserved: MaskedPairs::reserved()`"
                ),
            })
        };
        Ok(Self {
            pad: reserved("<pad>")?,
            mask: reserved("<mask>")?,
            cls: reserved("<cls>")?,
            sep: reserved("<sep>")?,
        })
    }

    /// `<cls>`, the first text, `<sep>`, the second one, `<sep>`.
    pub fn join(&self, first: &[u32], second: &[u32]) -> Vec<u32> {
        let parts = [&[self.cls], first, &[self.sep], second, &[self.sep]];
        parts.concat()
    }
}

/// A batch of [`MaskedPairs`]; `positions` are as many as a text of full length has masked tokens.
#[derive(Clone, Debug)]
pub struct MaskedPairBatch {
    /// Token ids, padded, `[batch, steps]`.
    pub tokens: Tensor<2, Int>,
    /// 0 for tokens of the first sentence, 1 for those of the second, `[batch, steps]`.
    pub types: Tensor<2, Int>,
    /// Tokens of each pair without padding, `[batch]`.
    pub lengths: Tensor<1, Int>,
    /// The places of masked tokens, padded with 0, `[batch, positions]`.
    pub positions: Tensor<2, Int>,
    /// 1 for masked tokens, 0 for padding, `[batch, positions]`.
    pub weights: Tensor<2>,
    /// The masked tokens, `[batch, positions]`.
    pub labels: Tensor<2, Int>,
    /// 1 if the second sentence follows the first, `[batch]`.
    pub next: Tensor<1, Int>,
}

/// [`MaskedPairBatch`] in host memory.
#[derive(Debug, Default)]
pub struct HostMaskedPairs {
    tokens: Vec<i32>,
    types: Vec<i32>,
    lengths: Vec<i32>,
    positions: Vec<i32>,
    weights: Vec<f32>,
    labels: Vec<i32>,
    next: Vec<i32>,
}

/// The share of tokens that are masked.
const MASKED: f64 = 0.15;

impl MaskedPairs {
    /// Reserved tokens for a [`VocabConfig`](super::VocabConfig), in the course's order.
    pub fn reserved() -> Vec<String> {
        ["<pad>", "<mask>", "<cls>", "<sep>"]
            .map(String::from)
            .to_vec()
    }

    /// Pairs of the sentences of paragraphs, each a list of token ids, for texts of `steps` tokens.
    ///
    /// # Errors
    /// A vocabulary without the reserved tokens, no pair that fits.
    pub fn new(
        paragraphs: &[Vec<Vec<u32>>],
        steps: usize,
        vocab: &Vocab,
        seed: Seed,
    ) -> Result<Self> {
        let special = Special::of(vocab)?;
        let mut rng = seed.rng();
        let mut pairs = Vec::new();
        for paragraph in paragraphs {
            for neighbours in paragraph.windows(2) {
                let next = rng.uniform() < 0.5;
                let second = match next {
                    true => &neighbours[1],
                    false => {
                        let other = &paragraphs[rng.below(paragraphs.len() as u64) as usize];
                        match other.len() {
                            0 => continue,
                            count => &other[rng.below(count as u64) as usize],
                        }
                    }
                };
                let first = &neighbours[0];
                if first.len() + second.len() + 3 > steps {
                    continue;
                }
                pairs.push(Pair {
                    ids: special.join(first, second),
                    second: first.len() + 2,
                    next,
                });
            }
        }
        match pairs.is_empty() {
            true => Err(DataError::Text {
                problem: format!(
                    "no pair of sentences has at most {steps} tokens with <cls> and two <sep>; give paragraphs of \
                     several sentences, or longer texts"
                ),
            }),
            false => Ok(Self {
                pairs,
                steps,
                tokens: vocab.len() as u32,
                special,
            }),
        }
    }

    /// Masked tokens of a text of this many tokens at most.
    fn masked(tokens: usize) -> usize {
        (tokens as f64 * MASKED).round() as usize
    }
}

/// The paragraphs of WikiText in sentences in words, as the course takes them: a line is a paragraph if a sentence
/// ends in it, sentences end with ` . `, everything is in lower case.
pub fn wikitext_paragraphs(text: &str) -> Vec<Vec<Vec<String>>> {
    // The last sentence of a line ends with a point and a space too.
    let lines = text.lines().filter(|line| line.contains(" . "));
    let words = |sentence: &str| sentence.split_whitespace().map(String::from).collect();
    lines
        .map(|line| line.trim().to_lowercase().split(" . ").map(words).collect())
        .collect()
}

impl Examples for MaskedPairs {
    type Host = HostMaskedPairs;
    type Batch = MaskedPairBatch;

    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn gather(&self, indices: &[usize], epoch: Seed) -> Result<HostMaskedPairs> {
        let most = Self::masked(self.steps).max(1);
        let mut host = HostMaskedPairs::default();
        for (row, &index) in indices.iter().enumerate() {
            let Pair { ids, second, next } = &self.pairs[index];
            let mut rng = epoch.at(index as u64).rng();
            let Special { cls, sep, .. } = self.special;
            let own = |place: &usize| ids[*place] != cls && ids[*place] != sep;
            let mut places: Vec<usize> = (0..ids.len()).filter(own).collect();
            rng.shuffle(&mut places);
            places.truncate(Self::masked(ids.len()).clamp(1, most));
            places.sort_unstable();
            let mut tokens = ids.clone();
            for &place in &places {
                host.positions.push(place as i32);
                host.labels.push(ids[place] as i32);
                host.weights.push(1.0);
                let draw = rng.uniform();
                if draw < 0.8 {
                    tokens[place] = self.special.mask;
                } else if draw < 0.9 {
                    tokens[place] = rng.below(self.tokens.into()) as u32;
                }
            }
            let cells = (row + 1) * most;
            host.positions.resize(cells, 0);
            host.labels.resize(cells, 0);
            host.weights.resize(cells, 0.0);
            host.lengths.push(ids.len() as i32);
            host.next.push(i32::from(*next));
            host.tokens.extend(tokens.iter().map(|&id| id as i32));
            host.types
                .extend((0..ids.len()).map(|place| i32::from(place >= *second)));
            host.tokens
                .resize((row + 1) * self.steps, self.special.pad as i32);
            host.types.resize((row + 1) * self.steps, 0);
        }
        Ok(host)
    }

    fn upload(&self, host: HostMaskedPairs, device: &Device) -> MaskedPairBatch {
        let batch = host.lengths.len();
        let wide = [batch, self.steps];
        let few = [batch, host.positions.len() / batch.max(1)];
        let ids = |ids: Vec<i32>, shape: [usize; 2]| {
            Tensor::<2, Int>::from_data(TensorData::new(ids, shape), device)
        };
        let row = |ids: Vec<i32>| Tensor::<1, Int>::from_data(&ids[..], device);
        MaskedPairBatch {
            tokens: ids(host.tokens, wide),
            types: ids(host.types, wide),
            lengths: row(host.lengths),
            positions: ids(host.positions, few),
            weights: Tensor::from_data(TensorData::new(host.weights, few), device),
            labels: ids(host.labels, few),
            next: row(host.next),
        }
    }

    fn digest(&self) -> Option<u64> {
        let start = Digest::new()
            .word(self.steps as u64)
            .word(self.tokens.into());
        let all = self.pairs.iter().fold(start, |digest, pair| {
            let digest = digest.word(pair.second as u64).word(u64::from(pair.next));
            pair.ids
                .iter()
                .fold(digest, |digest, &id| digest.word(id.into()))
        });
        Some(all.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::VocabConfig;
    use crate::{Batches, Loader};

    fn text() -> String {
        let line = |at: usize| {
            let sentence = |of: usize| {
                let words = (0..5 + (at + of) % 9)
                    .map(|word| format!("w{}", (at * 7 + of * 3 + word) % 50));
                words.collect::<Vec<_>>().join(" ")
            };
            format!(
                " {} . {} . {} . \n = Heading = \n",
                sentence(0),
                sentence(1),
                sentence(2)
            )
        };
        (0..300).map(line).collect()
    }

    fn data(steps: usize) -> Result<MaskedPairs> {
        let paragraphs = wikitext_paragraphs(&text());
        let words = paragraphs.iter().flatten().flatten().map(String::as_str);
        let config = VocabConfig {
            reserved: MaskedPairs::reserved(),
            ..VocabConfig::default()
        };
        let vocab = Vocab::fit(words, &config)?;
        let ids = |sentence: &Vec<String>| sentence.iter().map(|word| vocab.id(word)).collect();
        let paragraphs: Vec<Vec<Vec<u32>>> = paragraphs
            .iter()
            .map(|paragraph| paragraph.iter().map(ids).collect())
            .collect();
        MaskedPairs::new(&paragraphs, steps, &vocab, Seed::new(1))
    }

    #[test]
    fn batches_have_the_course_s_shapes() {
        let loader = Loader::new(data(64).unwrap(), 512)
            .unwrap()
            .shuffle(Seed::new(2));
        let batch = loader
            .epoch(0, 0, &Device::flex())
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        assert_eq!([batch.tokens.dims(), batch.types.dims()], [[512, 64]; 2]);
        assert_eq!([batch.lengths.dims(), batch.next.dims()], [[512]; 2]);
        assert_eq!(
            [
                batch.positions.dims(),
                batch.labels.dims(),
                batch.weights.dims()
            ],
            [[512, 10]; 3]
        );
    }

    #[test]
    fn tokens_are_masked_as_the_paper_does_and_differently_in_every_epoch() {
        let data = data(32).unwrap();
        let indices: Vec<usize> = (0..data.len()).collect();
        let host = data.gather(&indices, Seed::new(5)).unwrap();
        let again = data.gather(&indices, Seed::new(5)).unwrap();
        assert_eq!(host.tokens, again.tokens);
        assert_ne!(
            host.tokens,
            data.gather(&indices, Seed::new(6)).unwrap().tokens
        );
        let (mut masked, mut same, mut all, mut next) = (0.0, 0.0, 0.0, 0.0);
        for (row, pair) in data.pairs.iter().enumerate() {
            next += f64::from(u8::from(pair.next));
            let count = host.weights[row * 5..][..5].iter().sum::<f32>();
            let expected = (pair.ids.len() as f64 * 0.15).round().clamp(1.0, 5.0);
            assert_eq!(f64::from(count), expected);
            for cell in row * 5..row * 5 + count as usize {
                let place = host.positions[cell] as usize;
                let label = host.labels[cell] as u32;
                assert_eq!(pair.ids[place], label);
                assert!(![2, 3, 4].contains(&label), "no special token is masked");
                let token = host.tokens[row * 32 + place] as u32;
                all += 1.0;
                masked += f64::from(u8::from(token == data.special.mask));
                same += f64::from(u8::from(token == label));
            }
            let types = &host.types[row * 32..][..32];
            let ones: i32 = types.iter().sum();
            assert_eq!(ones as usize, pair.ids.len() - pair.second);
        }
        assert!((masked / all - 0.8).abs() < 0.04, "{}", masked / all);
        assert!((same / all - 0.1).abs() < 0.04, "{}", same / all);
        assert!((next / data.len() as f64 - 0.5).abs() < 0.08);
    }

    #[test]
    fn texts_without_pairs_are_refused() {
        let error = data(8).unwrap_err().to_string();
        assert!(
            error.contains("no pair of sentences has at most 8 tokens"),
            "{error}"
        );
        let plain = Vocab::fit(["a"], &VocabConfig::default()).unwrap();
        let error = MaskedPairs::new(&[], 8, &plain, Seed::new(1)).unwrap_err();
        assert!(
            error.to_string().contains("MaskedPairs::reserved()"),
            "{error}"
        );
    }
}

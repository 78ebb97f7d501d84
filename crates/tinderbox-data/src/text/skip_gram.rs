use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use tinderbox_core::{Digest, Rng, Seed};

use crate::{DataError, Examples, Result};

/// The settings of [`SkipGrams`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkipGramConfig {
    /// The largest distance of a context word from its center; each center draws its own from 1 to it.
    pub window: usize,
    /// Noise words for each context word.
    pub negatives: usize,
}

impl Default for SkipGramConfig {
    /// The course's: a window of 5 and 5 noise words.
    fn default() -> Self {
        Self {
            window: 5,
            negatives: 5,
        }
    }
}

/// Center words with the words around them and noise words, for word2vec's skip-gram model with negative sampling
/// (Mikolov et al. 2013).
///
/// Windows and noise words of a center are a pure function of the seed and the center, the same in every epoch, as in
/// the course; they are drawn when a batch is gathered.
///
/// ```
/// use tinderbox_core::Seed;
/// use tinderbox_data::text::{SkipGramConfig, SkipGrams};
/// use tinderbox_data::{Batches, Loader};
/// # use burn::tensor::Device;
///
/// let sentences = vec![vec![0, 1, 2, 3, 4, 5], vec![5, 4, 3]];
/// let data = SkipGrams::new(sentences, &[9, 8, 7, 6, 5, 4], SkipGramConfig::default(), Seed::new(1))?;
/// let batch = Loader::new(data, 4)?.epoch(0, 0, &Device::flex())?.next().unwrap()?;
/// assert_eq!(batch.centers.dims(), [4, 1]);
/// assert_eq!(batch.words.dims(), batch.labels.dims());
/// # Ok::<(), tinderbox_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SkipGrams {
    sentences: Vec<Vec<u32>>,
    /// Sentence and place of every center.
    centers: Vec<(u32, u32)>,
    /// Sums of the noise words' weights, `count^0.75`.
    sums: Vec<f64>,
    config: SkipGramConfig,
    seed: Seed,
}

/// A batch of center words.
#[derive(Clone, Debug)]
pub struct SkipGramBatch {
    /// The centers, `[batch, 1]`.
    pub centers: Tensor<2, Int>,
    /// Context words and after them noise words of each center, padded with 0, `[batch, words]`.
    pub words: Tensor<2, Int>,
    /// Where `words` is padding, `[batch, words]`.
    pub padding: Tensor<2, Bool>,
    /// 1 for context words, 0 for noise words and padding, `[batch, words]`.
    pub labels: Tensor<2>,
}

/// [`SkipGramBatch`] in host memory.
#[derive(Debug)]
pub struct HostSkipGrams {
    centers: Vec<i32>,
    words: Vec<i32>,
    padding: Vec<bool>,
    labels: Vec<f32>,
    width: usize,
}

impl SkipGrams {
    /// The words of these sentences; `counts` are those of each word in the text before sub-sampling, by their ids.
    ///
    /// Sentences of one word have no context and are left out.
    ///
    /// # Errors
    /// A window of 0, no sentence of two words, a word without a count.
    pub fn new(
        sentences: Vec<Vec<u32>>,
        counts: &[usize],
        config: SkipGramConfig,
        seed: Seed,
    ) -> Result<Self> {
        let problem = |problem: String| DataError::Text { problem };
        if config.window == 0 {
            return Err(problem(
                "skip-grams with a window of 0: give at least 1".into(),
            ));
        }
        let mut centers = Vec::new();
        for (at, sentence) in sentences
            .iter()
            .enumerate()
            .filter(|(_, words)| words.len() > 1)
        {
            centers.extend((0..sentence.len()).map(|place| (at as u32, place as u32)));
        }
        let largest = sentences.iter().flatten().max().copied();
        match largest {
            Some(id) if (id as usize) < counts.len() => {}
            Some(id) => {
                let known = counts.len();
                return Err(problem(format!(
                    "the word with id {id} has no count: there are {known}; give those of the whole vocabulary"
                )));
            }
            None => {}
        }
        if centers.is_empty() {
            return Err(problem(
                "no sentence has two words, perhaps since rare and very frequent ones were left out; skip-grams need a \
                 longer text"
                    .into(),
            ));
        }
        let mut sum = 0.0;
        let add = |&count: &usize| {
            sum += (count as f64).powf(0.75);
            sum
        };
        Ok(Self {
            sums: counts.iter().map(add).collect(),
            sentences,
            centers,
            config,
            seed,
        })
    }

    /// The words around a place of a sentence, at most `window` words away, in their order.
    ///
    /// ```
    /// use tinderbox_data::text::SkipGrams;
    ///
    /// assert_eq!(SkipGrams::contexts(&[7, 8, 9], 1, 2), [7, 9]);
    /// ```
    pub fn contexts(sentence: &[u32], place: usize, window: usize) -> Vec<u32> {
        let first = place.saturating_sub(window);
        let last = (place + window + 1).min(sentence.len());
        let around = (first..last).filter(|&other| other != place);
        around.map(|other| sentence[other]).collect()
    }

    /// Context words and noise words of a center; noise words are no context words.
    fn draw(&self, index: usize) -> (u32, Vec<u32>, usize) {
        let (sentence, place) = self.centers[index];
        let (sentence, place) = (&self.sentences[sentence as usize], place as usize);
        let mut rng = self.seed.at(index as u64).rng();
        let window = 1 + rng.below(self.config.window as u64) as usize;
        let mut words = Self::contexts(sentence, place, window);
        let contexts = words.len();
        let total = self.sums.last().copied().unwrap_or(0.0);
        // Nothing else can be drawn from a vocabulary of context words only.
        let possible = |words: &[u32], sums: &[f64]| {
            let mut known = words.to_vec();
            known.sort_unstable();
            known.dedup();
            known.len() < sums.len()
        };
        if possible(&words, &self.sums) && total > 0.0 {
            let mut tries = 0;
            while words.len() < contexts * (1 + self.config.negatives) && tries < 10_000 {
                tries += 1;
                let word = noise(&self.sums, &mut rng);
                if !words[..contexts].contains(&word) {
                    words.push(word);
                }
            }
        }
        (sentence[place], words, contexts)
    }
}

/// A word with a probability proportional to its weight.
fn noise(sums: &[f64], rng: &mut Rng) -> u32 {
    let at = rng.uniform() * sums[sums.len() - 1];
    sums.partition_point(|sum| *sum <= at).min(sums.len() - 1) as u32
}

/// Leaves out frequent words at random: a word that is a share `f` of the text is kept with a probability of
/// `sqrt(share / f)`, for example with a `share` of 1e-4 (Mikolov et al. 2013, section 2.3).
pub fn subsample(
    sentences: &[Vec<u32>],
    counts: &[usize],
    share: f64,
    seed: Seed,
) -> Vec<Vec<u32>> {
    let total: usize = counts.iter().sum();
    let mut rng = seed.rng();
    let mut kept = |id: u32| {
        let count = counts.get(id as usize).copied().unwrap_or(0).max(1);
        rng.uniform() < (share * total as f64 / count as f64).sqrt()
    };
    let sentences = sentences.iter();
    sentences
        .map(|sentence| sentence.iter().copied().filter(|&id| kept(id)).collect())
        .collect()
}

impl Examples for SkipGrams {
    type Host = HostSkipGrams;
    type Batch = SkipGramBatch;

    fn len(&self) -> usize {
        self.centers.len()
    }

    fn gather(&self, indices: &[usize], _epoch: Seed) -> Result<HostSkipGrams> {
        let drawn: Vec<_> = indices.iter().map(|&index| self.draw(index)).collect();
        let width = drawn
            .iter()
            .map(|(_, words, _)| words.len())
            .max()
            .unwrap_or(0);
        let cells = width * drawn.len();
        let mut host = HostSkipGrams {
            centers: Vec::with_capacity(drawn.len()),
            words: Vec::with_capacity(cells),
            padding: Vec::with_capacity(cells),
            labels: Vec::with_capacity(cells),
            width,
        };
        for (row, (center, words, contexts)) in drawn.into_iter().enumerate() {
            host.centers.push(center as i32);
            let count = words.len();
            host.words.extend(words.into_iter().map(|word| word as i32));
            host.words.resize((row + 1) * width, 0);
            host.padding.extend((0..width).map(|place| place >= count));
            let label = |place: usize| if place < contexts { 1.0 } else { 0.0 };
            host.labels.extend((0..width).map(label));
        }
        Ok(host)
    }

    fn upload(&self, host: HostSkipGrams, device: &Device) -> SkipGramBatch {
        let shape = [host.centers.len(), host.width];
        SkipGramBatch {
            centers: Tensor::from_data(TensorData::new(host.centers, [shape[0], 1]), device),
            words: Tensor::from_data(TensorData::new(host.words, shape), device),
            padding: Tensor::from_data(TensorData::new(host.padding, shape), device),
            labels: Tensor::from_data(TensorData::new(host.labels, shape), device),
        }
    }

    fn digest(&self) -> Option<u64> {
        let SkipGramConfig { window, negatives } = self.config;
        let start = Digest::new()
            .word(self.seed.value())
            .word(window as u64)
            .word(negatives as u64);
        let start = start.floats(&self.sums.iter().map(|&sum| sum as f32).collect::<Vec<_>>());
        let all = self.sentences.iter().fold(start, |digest, sentence| {
            let digest = digest.word(sentence.len() as u64);
            sentence
                .iter()
                .fold(digest, |digest, &id| digest.word(id.into()))
        });
        Some(all.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> (Vec<Vec<u32>>, Vec<usize>) {
        let sentences: Vec<Vec<u32>> = (0..60u32)
            .map(|at| (0..12).map(|place| (at * 5 + place * place) % 40).collect())
            .collect();
        let mut counts = vec![0; 40];
        for &word in sentences.iter().flatten() {
            counts[word as usize] += 1;
        }
        (sentences, counts)
    }

    #[test]
    fn contexts_are_those_of_the_course() {
        let [first, second]: [Vec<u32>; 2] = [(0..7).collect(), (7..10).collect()];
        assert_eq!(SkipGrams::contexts(&first, 2, 2), [0, 1, 3, 4]);
        assert_eq!(SkipGrams::contexts(&second, 0, 2), [8, 9]);
        assert_eq!(SkipGrams::contexts(&second, 1, 2), [7, 9]);
    }

    #[test]
    fn batches_have_the_course_s_shape_and_noise_is_no_context() {
        let (sentences, counts) = text();
        let data =
            SkipGrams::new(sentences, &counts, SkipGramConfig::default(), Seed::new(1)).unwrap();
        assert_eq!(data.len(), 720);
        let indices: Vec<usize> = (0..512).collect();
        let host = data.gather(&indices, Seed::new(9)).unwrap();
        let batch = data.upload(host, &Device::flex());
        assert_eq!(batch.centers.dims(), [512, 1]);
        for dims in [
            batch.words.dims(),
            batch.padding.dims(),
            batch.labels.dims(),
        ] {
            assert_eq!(dims, [512, 60]);
        }
        let again = data.gather(&indices[3..4], Seed::new(8)).unwrap();
        let (center, words, contexts) = data.draw(3);
        assert_eq!(
            (again.centers[0] as u32, again.width),
            (center, words.len())
        );
        assert_eq!(words.len(), 6 * contexts);
        for index in 0..data.len() {
            let (_, words, contexts) = data.draw(index);
            assert!(
                words[contexts..]
                    .iter()
                    .all(|word| !words[..contexts].contains(word))
            );
        }
    }

    #[test]
    fn frequent_words_are_left_out_more_often() {
        let counts = [9_000, 1_000, 1];
        let sentences = vec![[0u32; 9].into_iter().chain([1]).collect::<Vec<_>>(); 1_000];
        let kept = subsample(&sentences, &counts, 0.01, Seed::new(3));
        let count = |id| kept.iter().flatten().filter(|&&word| word == id).count() as f64;
        // sqrt(0.01 / 0.9) and sqrt(0.01 / 0.1) of them.
        assert!((count(0) / 9_000.0 - 0.105).abs() < 0.02, "{}", count(0));
        assert!((count(1) / 1_000.0 - 0.316).abs() < 0.05, "{}", count(1));
    }

    #[test]
    fn what_has_no_skip_grams_is_refused() {
        let error = |sentences: Vec<Vec<u32>>, window| {
            let config = SkipGramConfig {
                window,
                negatives: 5,
            };
            let data = SkipGrams::new(sentences, &[1, 1], config, Seed::new(1));
            data.err().unwrap().to_string()
        };
        assert!(error(vec![vec![0, 1]], 0).contains("window of 0"));
        assert!(error(vec![vec![0], vec![1]], 2).contains("no sentence has two words"));
        assert!(error(vec![vec![0, 2]], 2).contains("id 2 has no count"));
    }
}

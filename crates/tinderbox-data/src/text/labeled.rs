use burn::tensor::Device;
use tinderbox_core::{Digest, Seed};

use super::Vocab;
use super::masked::Special;
use super::pairs::{HostSentences, PairBatch, SentenceBatch};
use crate::{Batch, DataError, Examples, Result, Target};

/// Texts as token ids with a target each, for a [`Loader`](crate::Loader). Each batch is padded to its longest text.
///
/// ```
/// use tinderbox_data::text::LabeledTexts;
/// use tinderbox_data::{Batches, Classes, Loader};
/// # use burn::tensor::Device;
///
/// let classes = Classes::new(vec![1, 0, 1], vec!["bad".into(), "good".into()])?;
/// let texts = LabeledTexts::new(vec![vec![5, 8, 9], vec![5], vec![7, 7]], classes)?;
/// let batch = Loader::new(texts, 2)?.epoch(0, 0, &Device::flex())?.next().unwrap()?;
/// assert_eq!(batch.inputs.ids.dims(), [2, 3]);
/// # Ok::<(), tinderbox_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LabeledTexts<T> {
    ids: Vec<Vec<u32>>,
    targets: T,
    padding: u32,
    steps: Option<usize>,
}

impl<T: Target> LabeledTexts<T> {
    /// Texts and their targets, padded with the id 0.
    ///
    /// # Errors
    /// Another number of targets than of texts, a text without a token.
    pub fn new(ids: Vec<Vec<u32>>, targets: T) -> Result<Self> {
        if ids.len() != targets.rows() {
            return Err(DataError::RowsDiffer {
                features: ids.len(),
                targets: targets.rows(),
            });
        }
        if let Some(row) = ids.iter().position(Vec::is_empty) {
            return Err(DataError::Text {
                problem: format!(
                    "text {} (counted from 1) has no token; leave it out, or give it one",
                    row + 1
                ),
            });
        }
        Ok(Self {
            ids,
            targets,
            padding: 0,
            steps: None,
        })
    }

    /// Pairs of texts as one text each, as BERT takes them: `<cls>`, the first, `<sep>`, the second, `<sep>`.
    ///
    /// As in the course: of a pair that has more than `steps` tokens the longer text loses its last one (the second text,
    /// if both are of the same length) until it fits. The vocabulary needs the tokens of
    /// [`MaskedPairs::reserved`](super::MaskedPairs::reserved).
    ///
    /// # Errors
    /// Another number of texts on one side, or of targets; a vocabulary without the reserved tokens; less than 3 steps.
    pub fn joined(
        [first, second]: [Vec<Vec<u32>>; 2],
        targets: T,
        steps: usize,
        vocab: &Vocab,
    ) -> Result<Self> {
        let special = Special::of(vocab)?;
        let Some(own) = steps.checked_sub(3) else {
            return Err(DataError::Text {
                problem: format!(
                    "pairs of {steps} tokens have no room for <cls> and two <sep>; give 3 or more"
                ),
            });
        };
        if first.len() != second.len() {
            return Err(DataError::RowsDiffer {
                features: first.len(),
                targets: second.len(),
            });
        }
        let pairs = first
            .into_iter()
            .zip(second)
            .map(|(mut first, mut second)| {
                while first.len() + second.len() > own {
                    match first.len() > second.len() {
                        true => first.pop(),
                        false => second.pop(),
                    };
                }
                special.join(&first, &second)
            });
        Ok(Self::new(pairs.collect(), targets)?.padding(special.pad))
    }

    /// The id of the padding.
    pub fn padding(mut self, id: u32) -> Self {
        self.padding = id;
        self
    }

    /// Cuts longer texts, and pads all of them to this many tokens, as the course does.
    pub fn steps(mut self, steps: usize) -> Self {
        for ids in &mut self.ids {
            ids.truncate(steps.max(1));
        }
        self.steps = Some(steps);
        self
    }

    /// The token ids of each text, without padding.
    pub fn ids(&self) -> &[Vec<u32>] {
        &self.ids
    }

    /// The targets.
    pub fn targets(&self) -> &T {
        &self.targets
    }
}

impl<T: Target> Examples for LabeledTexts<T> {
    type Host = (HostSentences, T);
    type Batch = Batch<SentenceBatch, T::Tensor>;

    fn len(&self) -> usize {
        self.ids.len()
    }

    fn gather(&self, indices: &[usize], _epoch: Seed) -> Result<Self::Host> {
        let texts: Vec<&[u32]> = indices.iter().map(|&index| &self.ids[index][..]).collect();
        let texts = HostSentences::padded(&texts, self.steps, self.padding);
        Ok((texts, self.targets.gather(indices)))
    }

    fn upload(&self, (texts, targets): Self::Host, device: &Device) -> Self::Batch {
        Batch {
            inputs: texts.upload(device),
            targets: targets.into_tensor(device),
        }
    }

    fn batch_bytes(&self, batch_size: usize) -> usize {
        let longest = self.ids.iter().map(Vec::len).max().unwrap_or(0);
        let steps = self.steps.unwrap_or(longest).saturating_add(2);
        steps.saturating_mul(batch_size).saturating_mul(4)
    }

    fn digest(&self) -> Option<u64> {
        let digest = Digest::new().word(self.targets.digest()?);
        let start = digest.word(self.steps.unwrap_or(0) as u64);
        let all = self.ids.iter().fold(start, |digest, ids| {
            let digest = digest.word(ids.len() as u64);
            ids.iter()
                .fold(digest, |digest, &id| digest.word(id.into()))
        });
        Some(all.value())
    }
}

/// Pairs of texts as token ids with a target for each pair, cut and padded to the same number of tokens.
#[derive(Clone, Debug)]
pub struct LabeledPairs<T> {
    sides: [LabeledTexts<T>; 2],
}

impl<T: Target> LabeledPairs<T> {
    /// The pairs at the same place, of `steps` tokens each, padded with an id.
    ///
    /// # Errors
    /// Another number of texts on one side, or of targets; a text without a token.
    pub fn new(
        first: Vec<Vec<u32>>,
        second: Vec<Vec<u32>>,
        targets: T,
        (steps, padding): (usize, u32),
    ) -> Result<Self> {
        let side = |ids| LabeledTexts::new(ids, targets.clone());
        let sides = [side(first)?, side(second)?];
        Ok(Self {
            sides: sides.map(|side| side.steps(steps).padding(padding)),
        })
    }
}

impl<T: Target> Examples for LabeledPairs<T> {
    type Host = ([HostSentences; 2], T);
    type Batch = Batch<PairBatch, T::Tensor>;

    fn len(&self) -> usize {
        self.sides[0].len()
    }

    fn gather(&self, indices: &[usize], epoch: Seed) -> Result<Self::Host> {
        let [first, second] = &self.sides;
        let (first, targets) = first.gather(indices, epoch)?;
        let (second, _) = second.gather(indices, epoch)?;
        Ok(([first, second], targets))
    }

    fn upload(&self, ([first, second], targets): Self::Host, device: &Device) -> Self::Batch {
        Batch {
            inputs: PairBatch {
                source: first.upload(device),
                target: second.upload(device),
            },
            targets: targets.into_tensor(device),
        }
    }

    fn batch_bytes(&self, batch_size: usize) -> usize {
        self.sides
            .iter()
            .map(|side| side.batch_bytes(batch_size))
            .sum()
    }

    fn digest(&self) -> Option<u64> {
        let [first, second] = &self.sides;
        Some(
            Digest::new()
                .word(first.digest()?)
                .word(second.digest()?)
                .value(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{MaskedPairs, VocabConfig};
    use crate::{Batches, Classes, Loader};

    fn classes(count: i32) -> Classes {
        let labels = (0..count).map(|label| label % 2).collect();
        Classes::new(labels, vec!["a".into(), "b".into()]).unwrap()
    }

    #[test]
    fn pairs_become_one_text_whose_longer_part_is_cut() {
        let config = VocabConfig {
            reserved: MaskedPairs::reserved(),
            ..VocabConfig::default()
        };
        // <unk> <pad> <mask> <cls> <sep>, then a, b, c.
        let vocab = Vocab::fit(["a", "a", "a", "b", "b", "c"], &config).unwrap();
        let sides = || {
            [
                vec![vec![5, 6, 7, 5], vec![5]],
                vec![vec![6, 6], vec![7, 7, 7, 7]],
            ]
        };
        let ids = |steps| LabeledTexts::joined(sides(), classes(2), steps, &vocab).unwrap();
        let whole = [
            vec![3, 5, 6, 7, 5, 4, 6, 6, 4],
            vec![3, 5, 4, 7, 7, 7, 7, 4],
        ];
        assert_eq!(ids(9).ids(), whole);
        // Of two tokens each, the second text is shorter first.
        let cut = [vec![3, 5, 6, 4, 6, 4], vec![3, 5, 4, 7, 7, 4]];
        assert_eq!(ids(6).ids(), cut);
        let batch = ids(9).gather(&[1, 0], Seed::new(0)).unwrap();
        let batch = ids(9).upload(batch, &Device::flex()).inputs.ids;
        let row: Vec<i64> = batch.into_data().iter::<i64>().collect();
        assert_eq!(row[7..9], [4, 1], "the padding is <pad>");
        let error = |sides, steps, vocab: &Vocab| {
            let joined = LabeledTexts::joined(sides, classes(2), steps, vocab);
            joined.unwrap_err().to_string()
        };
        assert!(error(sides(), 2, &vocab).contains("pairs of 2 tokens"));
        let one = [vec![vec![5]], vec![vec![5], vec![6]]];
        assert!(error(one, 9, &vocab).contains('1'));
        let plain = Vocab::fit(["a"], &VocabConfig::default()).unwrap();
        assert!(error(sides(), 9, &plain).contains("MaskedPairs::reserved()"));
    }

    #[test]
    fn texts_are_padded_to_the_longest_of_the_batch_or_to_a_length() {
        let ids = vec![vec![3, 4, 5], vec![6], vec![7, 8]];
        let texts = LabeledTexts::new(ids, classes(3)).unwrap();
        let rows = |texts: &LabeledTexts<Classes>| -> Vec<(Vec<i64>, Vec<i64>)> {
            let loader = Loader::new(texts.clone(), 2).unwrap();
            let batches = loader.epoch(0, 0, &Device::flex()).unwrap();
            let numbers = |data: burn::tensor::TensorData| data.iter::<i64>().collect();
            batches
                .map(|batch| batch.unwrap().inputs)
                .map(|texts| {
                    (
                        numbers(texts.ids.into_data()),
                        numbers(texts.lengths.into_data()),
                    )
                })
                .collect()
        };
        let own = rows(&texts);
        assert_eq!(own[0], (vec![3, 4, 5, 6, 0, 0], vec![3, 1]));
        assert_eq!(own[1], (vec![7, 8], vec![2]));
        let same = rows(&texts.clone().steps(2).padding(1));
        assert_eq!(same[0], (vec![3, 4, 6, 1], vec![2, 1]));
        assert_ne!(texts.digest(), texts.clone().steps(2).digest());
        let sides = || (vec![vec![3, 4, 5], vec![6]], vec![vec![7], vec![8]]);
        let pairs = |(first, second)| LabeledPairs::new(first, second, classes(2), (2, 1));
        let loader = Loader::new(pairs(sides()).unwrap(), 2).unwrap();
        let batch = loader
            .epoch(0, 0, &Device::flex())
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        let ids: Vec<i64> = batch.inputs.source.ids.into_data().iter::<i64>().collect();
        assert_eq!(ids, [3, 4, 6, 1]);
        assert_eq!(batch.inputs.target.ids.dims(), [2, 2]);
        assert!(pairs((vec![vec![3]], vec![vec![7], vec![8]])).is_err());
        let error = LabeledTexts::new(vec![vec![1], vec![]], classes(2)).unwrap_err();
        assert!(error.to_string().contains("text 2"), "{error}");
        assert!(LabeledTexts::new(vec![vec![1]], classes(2)).is_err());
    }
}

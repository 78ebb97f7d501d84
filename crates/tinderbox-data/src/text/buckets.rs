use burn::tensor::Device;
use tinderbox_core::Seed;

use super::{PairBatch, SentencePairs};
use crate::batches::Divided;
use crate::{
    BatchIterator, Batches, BatchesIdentity, DataError, Examples, LastBatch, Result, Share,
    SharedBatch,
};

/// Batches of sentence pairs of like length, each padded to its own longest sentences only.
///
/// A [`Loader`](crate::Loader) mixes short and long sentences, and most of a batch may be padding. Here the
/// pairs of an epoch are shuffled, sorted by length (equal ones stay in random order), cut into batches, and
/// the batches are shuffled. What is in a batch is a pure function of (seed, epoch, batch); every pair is
/// used once an epoch.
///
/// A batch has sentences of one length, so its gradient is noisier than that of a mixed batch: use it where
/// lengths differ much.
#[derive(Clone, Debug)]
pub struct PairBuckets {
    pairs: SentencePairs,
    batch_size: usize,
    seed: Option<Seed>,
    last_batch: LastBatch,
}

impl PairBuckets {
    /// Batches of `batch_size` pairs, from short to long, the last one kept short.
    ///
    /// # Errors
    /// No pairs; a batch size of 0, or of more than there are pairs.
    pub fn new(pairs: SentencePairs, batch_size: usize) -> Result<Self> {
        let examples = pairs.len();
        if examples == 0 {
            let what = "sentence pairs".into();
            return Err(DataError::Empty { what });
        }
        if batch_size == 0 || batch_size > examples {
            return Err(DataError::BatchSize {
                batch_size,
                examples,
            });
        }
        Ok(Self {
            pairs,
            batch_size,
            seed: None,
            last_batch: LastBatch::Keep,
        })
    }

    /// Mixes pairs of one length, and the order of the batches, anew in every epoch `e`, from `seed.at(e)`.
    pub fn shuffle(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// What to do with pairs that fill no batch: keep them as a shorter batch of the longest sentences,
    /// drop as many pairs of any length, or use some pairs twice.
    pub fn last_batch(mut self, policy: LastBatch) -> Self {
        self.last_batch = policy;
        self
    }

    /// Number of batches in an epoch.
    pub fn num_batches(&self) -> usize {
        match self.last_batch {
            LastBatch::Drop => self.pairs.len() / self.batch_size,
            LastBatch::Keep | LastBatch::Wrap => self.pairs.len().div_ceil(self.batch_size),
        }
    }

    /// Pairs that are used in an epoch.
    pub fn num_examples(&self) -> usize {
        match self.last_batch {
            LastBatch::Keep => self.pairs.len(),
            LastBatch::Drop | LastBatch::Wrap => self.num_batches() * self.batch_size,
        }
    }

    /// The pairs of every batch of this epoch.
    fn plan(&self, epoch: usize) -> Vec<Vec<usize>> {
        let seed = self.seed.map(|seed| seed.at(epoch as u64));
        let mut order: Vec<usize> = (0..self.pairs.len()).collect();
        if let Some(seed) = seed {
            seed.rng().shuffle(&mut order);
        }
        // What is dropped or used twice is chosen before the lengths are looked at.
        let used = self.num_examples();
        order.truncate(used);
        order.extend_from_within(..used - order.len());
        order.sort_by_key(|&index| self.pairs.lengths(index));
        let mut batches: Vec<Vec<usize>> = order
            .chunks(self.batch_size)
            .map(<[usize]>::to_vec)
            .collect();
        if let Some(seed) = seed {
            seed.child("batches").rng().shuffle(&mut batches);
        }
        batches
    }
}

impl Batches for PairBuckets {
    type Batch = PairBatch;

    fn examples(&self) -> Option<usize> {
        Some(self.num_examples())
    }

    fn batches(&self) -> Option<usize> {
        Some(self.num_batches())
    }

    fn epoch<'a>(
        &'a self,
        epoch: usize,
        skip: usize,
        device: &Device,
    ) -> Result<BatchIterator<'a, PairBatch>> {
        let device = device.clone();
        let batches = self.plan(epoch).into_iter().skip(skip);
        Ok(Box::new(batches.map(move |indices| {
            Ok(self.pairs.batch(&indices, &device))
        })))
    }

    fn share(&self, share: Share) -> Option<Box<dyn Batches<Batch = SharedBatch<PairBatch>> + '_>> {
        Some(Box::new(Divided { whole: self, share }))
    }

    fn identity(&self) -> Result<BatchesIdentity> {
        let digest = self.pairs.digest().unwrap_or_default();
        Ok(BatchesIdentity {
            data: Some(format!(
                "{} sentence pairs with the digest {digest:016x}, by length",
                self.pairs.len()
            )),
            order_seed: self.seed.map(Seed::value),
            shuffle_buffer: None,
            batch_size: Some(self.batch_size),
            last_batch: Some(self.last_batch),
        })
    }
}

impl Batches for Divided<'_, PairBuckets> {
    type Batch = SharedBatch<PairBatch>;

    fn examples(&self) -> Option<usize> {
        self.whole.examples()
    }

    fn batches(&self) -> Option<usize> {
        self.whole.batches()
    }

    fn epoch<'a>(
        &'a self,
        epoch: usize,
        skip: usize,
        device: &Device,
    ) -> Result<BatchIterator<'a, Self::Batch>> {
        let device = device.clone();
        let batches = self.whole.plan(epoch).into_iter().skip(skip);
        Ok(Box::new(batches.map(move |indices| {
            let make = |rows| self.whole.pairs.batch(&indices[rows], &device);
            Ok(SharedBatch::new(self.share, indices.len(), make))
        })))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::{PaddedSentences, Vocab, VocabConfig};

    /// Pair `i` has the id `i + 10` as its first token on both sides, and a length of its own on each.
    fn pairs(count: u32) -> SentencePairs {
        let config = VocabConfig {
            reserved: PaddedSentences::reserved(),
            ..VocabConfig::default()
        };
        let vocab = Vocab::fit(["go"], &config).unwrap();
        let side = |factor: u32| {
            let sentences = (0..count).map(|i| vec![i + 10; 1 + (i * factor % 7) as usize]);
            PaddedSentences::new(sentences, 9, &vocab).unwrap()
        };
        SentencePairs::new(side(3), side(5)).unwrap()
    }

    /// Of each batch the ids in rows and the lengths, source and target.
    type Sides = [(Vec<Vec<i64>>, Vec<i64>); 2];

    fn batches(buckets: &PairBuckets, epoch: usize, skip: usize) -> Vec<Sides> {
        let batches = buckets.epoch(epoch, skip, &Device::flex()).unwrap();
        batches
            .map(|batch| {
                let PairBatch { source, target } = batch.unwrap();
                [source, target].map(|side| {
                    let [_, steps] = side.ids.dims();
                    let ids: Vec<i64> = side.ids.into_data().iter::<i64>().collect();
                    let lengths = side.lengths.into_data().iter::<i64>().collect();
                    (ids.chunks(steps).map(<[i64]>::to_vec).collect(), lengths)
                })
            })
            .collect()
    }

    #[test]
    fn batches_are_of_like_length_and_have_no_padding_in_common() {
        let buckets = PairBuckets::new(pairs(40), 4)
            .unwrap()
            .shuffle(Seed::new(1));
        let all = batches(&buckets, 0, 0);
        assert_eq!(all.len(), 10);
        let mut spread = 0;
        for batch in &all {
            for (rows, lengths) in batch {
                let longest = *lengths.iter().max().unwrap();
                assert_eq!(rows[0].len(), longest as usize);
            }
            let (_, lengths) = &batch[0];
            spread += lengths.iter().max().unwrap() - lengths.iter().min().unwrap();
        }
        // In the order of the lengths, a batch meets another length at most once for each length.
        assert!(spread <= 7, "{spread}");
        let order: Vec<usize> = all.iter().map(|batch| batch[0].0[0].len()).collect();
        assert!(!order.is_sorted(), "batches are mixed: {order:?}");
        // Without a seed they come from short to long.
        let plain = PairBuckets::new(pairs(40), 4).unwrap();
        let order: Vec<_> = batches(&plain, 3, 0)
            .iter()
            .map(|batch| batch[0].0[0].len())
            .collect();
        assert!(order.is_sorted(), "{order:?}");
    }

    #[test]
    fn shares_of_batches_are_the_batches() {
        // The last batch has three pairs, for four ranks.
        let buckets = PairBuckets::new(pairs(43), 8)
            .unwrap()
            .shuffle(Seed::new(1));
        let firsts = |side: &(Vec<Vec<i64>>, Vec<i64>)| -> Vec<(i64, i64)> {
            let first = side.0.iter().map(|row| row[0]);
            first.zip(side.1.iter().copied()).collect()
        };
        let whole = batches(&buckets, 1, 2);
        let mut joined = vec![Vec::new(); whole.len()];
        for rank in 0..4 {
            let part = buckets.share(Share::new(rank, 4)).unwrap();
            let parts = part.epoch(1, 2, &Device::flex()).unwrap();
            for (part, joined) in parts.zip(&mut joined) {
                let part = part.unwrap();
                assert_eq!(part.rows.start, joined.len());
                if let Some(own) = part.batch {
                    let [rows, steps] = own.source.ids.dims();
                    let ids: Vec<i64> = own.source.ids.into_data().iter::<i64>().collect();
                    let lengths = own.source.lengths.into_data();
                    let lengths: Vec<i64> = lengths.iter::<i64>().collect();
                    assert_eq!(steps as i64, *lengths.iter().max().unwrap());
                    joined.extend((0..rows).map(|row| (ids[row * steps], lengths[row])));
                }
                assert_eq!(part.rows.end, joined.len());
            }
        }
        let expected: Vec<_> = whole.iter().map(|[source, _]| firsts(source)).collect();
        assert_eq!(joined, expected);
    }

    #[test]
    fn what_makes_no_batch_is_refused() {
        for batch_size in [0, 6] {
            let error = PairBuckets::new(pairs(5), batch_size)
                .unwrap_err()
                .to_string();
            assert!(error.contains("use a batch size from 1 to 5"), "{error}");
        }
        let error = PairBuckets::new(pairs(0), 1).unwrap_err().to_string();
        assert!(error.contains("has no rows"), "{error}");
    }

    #[test]
    fn identity_knows_pairs_and_order() {
        let base = PairBuckets::new(pairs(9), 2).unwrap();
        let identity = base.identity().unwrap();
        assert_eq!(base.clone().identity().unwrap(), identity);
        for other in [
            PairBuckets::new(pairs(8), 2).unwrap(),
            PairBuckets::new(pairs(9), 3).unwrap(),
            base.clone().shuffle(Seed::new(1)),
            base.clone().last_batch(LastBatch::Drop),
        ] {
            assert_ne!(other.identity().unwrap(), identity);
        }
    }

    proptest! {
        #[test]
        fn every_pair_once_an_epoch_and_the_same_from_any_batch_on(
            count in 1u32..60, size in 1usize..9, seed: u64, epoch in 0usize..5,
            policy in prop::sample::select(vec![LastBatch::Keep, LastBatch::Drop, LastBatch::Wrap]),
        ) {
            let size = size.min(count as usize);
            let buckets = PairBuckets::new(pairs(count), size).unwrap()
                .shuffle(Seed::new(seed)).last_batch(policy);
            let all = batches(&buckets, epoch, 0);
            prop_assert_eq!(all.len(), buckets.num_batches());
            let mut seen = Vec::new();
            for [source, target] in &all {
                for (one, other) in source.0.iter().zip(&target.0) {
                    prop_assert_eq!(one[0], other[0]);
                    seen.push(one[0] - 10);
                }
            }
            prop_assert_eq!(seen.len(), buckets.num_examples());
            seen.sort_unstable();
            seen.dedup();
            let different = match policy {
                LastBatch::Drop => buckets.num_examples(),
                LastBatch::Keep | LastBatch::Wrap => count as usize,
            };
            prop_assert_eq!(seen.len(), different);
            for skip in [0, all.len() / 2, all.len()] {
                prop_assert_eq!(&batches(&buckets.clone(), epoch, skip)[..], &all[skip..]);
            }
        }
    }
}

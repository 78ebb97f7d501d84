//! Which examples are in which batch of an epoch.

use std::ops::Range;
use std::sync::Arc;

use tinderbox_core::{Digest, Seed};

use crate::{DataError, Result, Share};

/// What to do with a last batch that is not full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastBatch {
    /// Keep it, shorter than the others: every example is used exactly once.
    #[default]
    Keep,
    /// Drop it: every batch is full, and up to `batch_size - 1` examples are not used in this epoch.
    Drop,
    /// Fill it with the first examples of the same epoch: every batch is full, every example is used,
    /// and a few are used twice.
    Wrap,
}

/// The order and the batches of every epoch.
#[derive(Clone)]
pub struct Plan {
    /// The indices of the examples; all of them if `None`.
    pub subset: Option<Arc<[usize]>>,
    pub examples: usize,
    pub batch_size: usize,
    pub seed: Option<Seed>,
    /// Draws with replacement instead of a permutation.
    pub weights: Option<Weights>,
    pub last_batch: LastBatch,
    /// The rows of every batch that are gathered; all of them if `None`.
    pub share: Option<Share>,
}

impl Plan {
    /// The number of rows that are gathered of a full batch.
    pub fn own_rows(&self) -> usize {
        self.share
            .map_or(self.batch_size, |share| share.rows(self.batch_size).len())
    }

    /// The number of examples in this batch of an epoch.
    pub fn examples_of(&self, batch: usize) -> usize {
        match self.last_batch {
            LastBatch::Keep => (self.num_examples() - batch * self.batch_size).min(self.batch_size),
            LastBatch::Drop | LastBatch::Wrap => self.batch_size,
        }
    }

    pub fn num_examples(&self) -> usize {
        self.subset
            .as_ref()
            .map_or(self.examples, |subset| subset.len())
    }

    pub fn num_batches(&self) -> usize {
        match self.last_batch {
            LastBatch::Drop => self.num_examples() / self.batch_size,
            LastBatch::Keep | LastBatch::Wrap => self.num_examples().div_ceil(self.batch_size),
        }
    }

    /// Whether the next epoch probably follows: unshuffled data are for evaluation, always in epoch 0.
    pub fn continues(&self) -> bool {
        self.seed.is_some()
    }

    pub fn unshuffled(&self) -> Vec<usize> {
        match &self.subset {
            Some(subset) => subset.to_vec(),
            None => (0..self.examples).collect(),
        }
    }

    pub fn order(&self, epoch: usize) -> Vec<usize> {
        let mut order = self.unshuffled();
        if let (Some(weights), Some(seed)) = (&self.weights, self.seed) {
            weights.draw(&mut order, seed.at(epoch as u64));
        } else if let Some(seed) = self.seed {
            seed.at(epoch as u64).rng().shuffle(&mut order);
        }
        order
    }

    pub fn schedule(&self, epoch: usize) -> Schedule {
        let mut order = self.order(epoch);
        let batches = self.num_batches();
        if self.last_batch == LastBatch::Wrap {
            // If there are fewer examples than in a batch, some are used several times.
            for place in 0..batches * self.batch_size - order.len() {
                order.push(order[place]);
            }
        }
        let draws = self.seed.unwrap_or(Seed::new(0)).child("draws");
        Schedule {
            order,
            batch_size: self.batch_size,
            batches,
            draws: draws.at(epoch as u64),
            share: self.share,
        }
    }
}

/// The weights of all examples.
#[derive(Clone)]
pub struct Weights(Arc<[f64]>);

impl Weights {
    /// Checks that there is one valid weight for each of `examples` examples.
    pub fn new(weights: Vec<f64>, examples: usize) -> Result<Self> {
        let wrong = |problem: String| Err(DataError::Weights { problem });
        if weights.len() != examples {
            let count = weights.len();
            return wrong(format!(
                "{count} weights for {examples} examples; give each example one"
            ));
        }
        let bad = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0));
        if let Some(index) = bad {
            return wrong(format!(
                "the weight of example {} (counted from 1) is {}; a weight must be finite and at least 0",
                index + 1,
                weights[index]
            ));
        }
        if weights.iter().all(|weight| *weight == 0.0) {
            return wrong("all weights are 0; at least one must be positive".into());
        }
        Ok(Self(weights.into()))
    }

    /// Replaces the examples by as many that are drawn from them with replacement.
    fn draw(&self, examples: &mut [usize], seed: Seed) {
        let mut sum = 0.0;
        let sums: Vec<f64> = examples
            .iter()
            .map(|&example| {
                sum += self.0[example];
                sum
            })
            .collect();
        if sum == 0.0 {
            return;
        }
        let all = examples.to_vec();
        let mut rng = seed.rng();
        for place in examples {
            let point = rng.uniform() * sum;
            // The first example whose sum is above the point; one of weight 0 adds nothing.
            let drawn = sums.partition_point(|&sum| sum <= point);
            *place = all[drawn.min(all.len() - 1)];
        }
    }

    /// Adds the weights to the identity of the order.
    pub fn digest(&self) -> u64 {
        let add = |digest: Digest, weight: &f64| digest.word(weight.to_bits());
        self.0.iter().fold(Digest::new(), add).value()
    }
}

/// The order and the batches of one epoch.
pub struct Schedule {
    pub order: Vec<usize>,
    pub batch_size: usize,
    pub batches: usize,
    pub draws: Seed,
    pub share: Option<Share>,
}

impl Schedule {
    pub fn indices(&self, batch: usize) -> &[usize] {
        let range: Range<usize> =
            batch * self.batch_size..((batch + 1) * self.batch_size).min(self.order.len());
        let whole = &self.order[range];
        match self.share.map(|share| share.rows(whole.len())) {
            None => whole,
            // A rank without a row gathers one that it does not use: an empty batch is no batch.
            Some(rows) if rows.is_empty() => &whole[..1],
            Some(rows) => &whole[rows],
        }
    }
}

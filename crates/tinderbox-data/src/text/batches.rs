use std::ops::Range;

use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;

use super::TokenIds;
use crate::batches::Divided;
use crate::{
    BatchIterator, Batches, BatchesIdentity, DataError, LastBatch, Result, Share, SharedBatch,
};

/// How a text is cut into the batches of a language model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Windows that do not overlap, in random order: a model sees each without the text before it.
    Random,
    /// The text is cut into as many long rows as a batch has, and a batch takes the next window of
    /// every row: row `i` of a batch continues row `i` of the batch before, so a model may keep its
    /// state from batch to batch.
    #[default]
    Sequential,
}

/// A batch of windows of a text.
#[derive(Clone, Debug)]
pub struct TokenBatch {
    /// Token ids, `[batch, steps]`.
    pub inputs: Tensor<2, Int>,
    /// The token that follows each of them, `[batch, steps]`.
    pub targets: Tensor<2, Int>,
    /// Whether each row continues the same row of the batch before; if not, the state is reset.
    pub continues: bool,
}

/// Batches of a text for a language model: windows of token ids and the ids that follow them.
///
/// The content of a batch is a pure function of (seed, epoch, batch). With a seed an epoch starts at an
/// offset of its own, below the length of a window, so that windows are cut at other places each
/// time (Dive into Deep Learning, "Language Models and the Dataset"); without one they are the same
/// in every epoch and in the order of the text, for measuring. Every epoch has the same number of
/// batches.
#[derive(Clone, Debug)]
pub struct TextLoader {
    ids: TokenIds,
    steps: usize,
    batch_size: usize,
    sampling: Sampling,
    seed: Option<Seed>,
    last_batch: LastBatch,
}

impl TextLoader {
    /// Batches of `batch_size` windows of `steps` tokens, the last one kept short: with
    /// [`Sampling::Random`] it has fewer windows, with [`Sampling::Sequential`] shorter ones.
    ///
    /// # Errors
    /// No tokens, a window or batch of 0, a text that is shorter than a window and the token that
    /// follows it, more windows in a batch than the text has.
    pub fn new(
        ids: impl Into<TokenIds>,
        steps: usize,
        batch_size: usize,
        sampling: Sampling,
    ) -> Result<Self> {
        let ids = ids.into();
        let text = |problem: String| Err(DataError::Text { problem });
        if ids.is_empty() {
            return text("there are no tokens to cut into windows; the text is empty".into());
        }
        if steps == 0 {
            return text("windows of 0 tokens; a window needs at least one".into());
        }
        let all = (ids.len() - 1) / steps;
        if all == 0 {
            return text(format!(
                "{} tokens are too few for a window of {steps} and the token that follows it; use a longer text or \
                 shorter windows",
                ids.len()
            ));
        }
        // In a sequential partition every row has a whole window.
        if batch_size == 0 || batch_size > all {
            return text(format!(
                "batch size {batch_size}, but {} tokens have {all} windows of {steps}; use a batch size from 1 \
                 to {all}",
                ids.len()
            ));
        }
        Ok(Self {
            ids,
            steps,
            batch_size,
            sampling,
            seed: None,
            last_batch: LastBatch::Keep,
        })
    }

    /// Batches for measuring: the text in its order, in at most `at_most` rows, each as long as
    /// possible, so that a model that keeps its state sees much of the text before.
    ///
    /// Tokens that are left when the rows are equally long, fewer than there are rows, are not measured.
    ///
    /// # Errors
    /// No tokens, a window of 0, a text that is too short for one.
    pub fn for_evaluation(ids: impl Into<TokenIds>, steps: usize, at_most: usize) -> Result<Self> {
        let ids = ids.into();
        let windows = ids.len().saturating_sub(1) / steps.max(1);
        let rows = at_most.clamp(1, windows.max(1));
        Self::new(ids, steps, rows, Sampling::Sequential)
    }

    /// Cuts and orders the windows differently in every epoch `e`, drawn from `seed.at(e)`.
    pub fn shuffle(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// What to do with a last batch that is not full: keep it, drop it, or fill it up with the first
    /// windows of the epoch (of a sequential partition: with what follows in the text).
    pub fn last_batch(mut self, policy: LastBatch) -> Self {
        self.last_batch = policy;
        self
    }

    /// Tokens of the text.
    pub fn num_tokens(&self) -> usize {
        self.ids.len()
    }

    /// Number of batches in an epoch.
    pub fn num_batches(&self) -> usize {
        let (whole, size) = match self.sampling {
            Sampling::Random => (self.windows(), self.batch_size),
            Sampling::Sequential => (self.row(), self.steps),
        };
        match self.last_batch {
            LastBatch::Drop => whole / size,
            LastBatch::Keep | LastBatch::Wrap => whole.div_ceil(size),
        }
    }

    /// Tokens that a model predicts in an epoch.
    pub fn num_targets(&self) -> usize {
        let full = self.num_batches() * self.batch_size * self.steps;
        match (self.last_batch, self.sampling) {
            (LastBatch::Drop | LastBatch::Wrap, _) => full,
            (LastBatch::Keep, Sampling::Random) => self.windows() * self.steps,
            (LastBatch::Keep, Sampling::Sequential) => self.row() * self.batch_size,
        }
    }

    /// Windows of an epoch: all that fit after any offset, so that epochs are equally long, unless
    /// that leaves no full batch.
    fn windows(&self) -> usize {
        match self.seed {
            None => (self.ids.len() - 1) / self.steps,
            Some(_) => ((self.ids.len() - self.steps) / self.steps).max(self.batch_size),
        }
    }

    /// Tokens in a row of the sequential partition.
    fn row(&self) -> usize {
        match self.seed {
            None => (self.ids.len() - 1) / self.batch_size,
            Some(_) => ((self.ids.len() - self.steps) / self.batch_size).max(self.steps),
        }
    }

    /// Where the first window of this epoch starts.
    fn offset(&self, epoch: usize) -> usize {
        let used = match self.sampling {
            Sampling::Random => self.windows() * self.steps,
            Sampling::Sequential => self.row() * self.batch_size,
        };
        let room = self.steps.min(self.ids.len() - used);
        self.seed.map_or(0, |seed| {
            let mut rng = seed.at(epoch as u64).child("offset").rng();
            rng.below(room as u64) as usize
        })
    }

    /// Where each window of every batch of this epoch starts.
    fn plan(&self, epoch: usize) -> Plan {
        let offset = self.offset(epoch);
        match self.sampling {
            Sampling::Random => {
                let windows = self.windows();
                let mut order: Vec<usize> = (0..windows).collect();
                if let Some(seed) = self.seed {
                    seed.at(epoch as u64).rng().shuffle(&mut order);
                }
                if self.last_batch == LastBatch::Wrap {
                    let missing = self.num_batches() * self.batch_size - windows;
                    order.extend_from_within(..missing);
                }
                let starts = order.iter().map(|window| offset + window * self.steps);
                Plan {
                    starts: starts.collect(),
                }
            }
            Sampling::Sequential => {
                let rows = (0..self.batch_size).map(|row| offset + row * self.row());
                Plan {
                    starts: rows.collect(),
                }
            }
        }
    }

    /// The number of rows of a batch.
    fn rows(&self, plan: &Plan, batch: usize) -> usize {
        match self.sampling {
            Sampling::Random => (plan.starts.len() - batch * self.batch_size).min(self.batch_size),
            Sampling::Sequential => self.batch_size,
        }
    }

    fn batch(&self, plan: &Plan, batch: usize, rows: Range<usize>, device: &Device) -> TokenBatch {
        let done = batch * self.steps;
        let (starts, width, continues): (Vec<usize>, _, _) = match self.sampling {
            Sampling::Random => {
                let from = batch * self.batch_size;
                let starts = &plan.starts[from + rows.start..from + rows.end];
                (starts.to_vec(), self.steps, false)
            }
            Sampling::Sequential => {
                let width = match self.last_batch {
                    LastBatch::Keep => self.steps.min(self.row() - done),
                    LastBatch::Drop | LastBatch::Wrap => self.steps,
                };
                let starts = plan.starts[rows].iter().map(|start| start + done);
                (starts.collect(), width, batch > 0)
            }
        };
        // Only a wrapped batch goes beyond the end of the text.
        let id = |place: usize| self.ids.get(place % self.ids.len()) as i32;
        let tensor = |shift: usize| {
            let ids = starts
                .iter()
                .flat_map(|start| (0..width).map(move |step| id(start + step + shift)));
            let data = TensorData::new(ids.collect::<Vec<i32>>(), [starts.len(), width]);
            Tensor::from_data(data, device)
        };
        TokenBatch {
            inputs: tensor(0),
            targets: tensor(1),
            continues,
        }
    }
}

/// Where windows start in one epoch: all windows in their order, or the rows of a partition.
struct Plan {
    starts: Vec<usize>,
}

impl Batches for TextLoader {
    type Batch = TokenBatch;

    /// Tokens are the examples of a language model.
    fn examples(&self) -> Option<usize> {
        Some(self.num_targets())
    }

    fn batches(&self) -> Option<usize> {
        Some(self.num_batches())
    }

    fn epoch<'a>(
        &'a self,
        epoch: usize,
        skip: usize,
        device: &Device,
    ) -> Result<BatchIterator<'a, TokenBatch>> {
        let (plan, device) = (self.plan(epoch), device.clone());
        let batches = skip..self.num_batches();
        Ok(Box::new(batches.map(move |batch| {
            let rows = 0..self.rows(&plan, batch);
            Ok(self.batch(&plan, batch, rows, &device))
        })))
    }

    fn share(
        &self,
        share: Share,
    ) -> Option<Box<dyn Batches<Batch = SharedBatch<TokenBatch>> + '_>> {
        Some(Box::new(Divided { whole: self, share }))
    }

    fn identity(&self) -> Result<BatchesIdentity> {
        let way = match self.sampling {
            Sampling::Random => "random",
            Sampling::Sequential => "sequential",
        };
        Ok(BatchesIdentity {
            data: Some(format!(
                "{} tokens with the digest {:016x} in {way} windows of {}",
                self.ids.len(),
                self.ids.digest(),
                self.steps
            )),
            order_seed: self.seed.map(Seed::value),
            shuffle_buffer: None,
            batch_size: Some(self.batch_size),
            last_batch: Some(self.last_batch),
        })
    }
}

impl Batches for Divided<'_, TextLoader> {
    type Batch = SharedBatch<TokenBatch>;

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
        let (plan, device) = (self.whole.plan(epoch), device.clone());
        let batches = skip..self.whole.num_batches();
        Ok(Box::new(batches.map(move |batch| {
            let make = |rows| self.whole.batch(&plan, batch, rows, &device);
            let rows = self.whole.rows(&plan, batch);
            Ok(SharedBatch::new(self.share, rows, make))
        })))
    }
}

#[cfg(test)]
mod tests;

//! One rank's part of the batches of a loader.

use burn::tensor::Device;

use super::{Loader, LoaderIterator};
use crate::{BatchIterator, Batches, BatchesIdentity, Examples, Result, Share, SharedBatch};

/// A loader that gathers only the rows of one rank, on a thread of its own.
pub struct LoaderShare<E: Examples> {
    loader: Loader<E>,
    share: Share,
}

impl<E: Examples> LoaderShare<E> {
    pub fn new(whole: &Loader<E>, share: Share) -> Self {
        let mut loader = whole.clone();
        loader.plan.share = Some(share);
        Self { loader, share }
    }
}

impl<E: Examples> Batches for LoaderShare<E> {
    type Batch = SharedBatch<E::Batch>;

    fn examples(&self) -> Option<usize> {
        self.loader.examples()
    }

    fn batches(&self) -> Option<usize> {
        Some(self.loader.num_batches())
    }

    fn epoch<'a>(
        &'a self,
        epoch: usize,
        skip: usize,
        device: &Device,
    ) -> Result<BatchIterator<'a, Self::Batch>> {
        let batches = LoaderIterator::new(&self.loader, epoch, skip, device);
        let numbered = (skip..).zip(batches);
        Ok(Box::new(numbered.map(|(number, batch)| {
            let examples = self.loader.plan.examples_of(number);
            let rows = self.share.rows(examples);
            batch.map(|batch| SharedBatch {
                batch: (!rows.is_empty()).then_some(batch),
                rows,
                examples,
            })
        })))
    }

    fn identity(&self) -> Result<BatchesIdentity> {
        self.loader.identity()
    }
}

//! Burn's own trait of data loaders.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::Device;

use super::{Loader, LoaderIterator};
use crate::{Examples, Result};

impl<E: Examples> DataLoaderIterator<E::Batch> for BurnIterator<'_, E> {
    fn progress(&self) -> Progress {
        let BurnIterator(batches) = self;
        let examples = batches.loader.num_examples();
        let seen = (batches.next * batches.loader.batch_size()).min(examples);
        Progress::new(seen, examples, Some("items".into()))
    }
}

/// [`LoaderIterator`] with the error type of Burn's trait.
struct BurnIterator<'a, E: Examples>(LoaderIterator<'a, E>);

impl<E: Examples> Iterator for BurnIterator<'_, E> {
    type Item = Result<E::Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|batch| batch.map_err(DatasetError::new))
    }
}

/// Burn's own trait, so that stock Burn training takes this loader as it is. Each call of `iter`
/// is the next epoch.
impl<E: Examples> DataLoader<E::Batch> for Loader<E> {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<E::Batch> + 'a> {
        let epoch = self.burn_epoch.fetch_add(1, Ordering::Relaxed);
        let device = self.burn_device.clone().unwrap_or_default();
        Box::new(BurnIterator(LoaderIterator::new(self, epoch, 0, &device)))
    }

    fn num_items(&self) -> usize {
        self.num_examples()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<E::Batch>> {
        let mut loader = self.clone();
        loader.burn_device = Some(device.clone());
        Arc::new(loader)
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<E::Batch>> {
        let all = self.plan.unshuffled();
        let end = end.min(all.len());
        let mut loader = self.clone();
        loader.plan.subset = Some(all[start.min(end)..end].into());
        Arc::new(loader)
    }
}

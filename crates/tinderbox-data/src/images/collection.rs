use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};
use rayon::prelude::*;
use tinderbox_core::{Digest, Seed};

use super::transform::{Bench, Step};
use super::{Resizer, Transform};
use crate::prefetch::prefetch;
use crate::{Batch, Classes, DataError, Examples, Result, Target};

/// Labeled images of one size, as bytes in memory; numbers from 0 to 1 on the batch.
///
/// The bytes are shared between clones, so that a training and a measuring view of the same images
/// (with and without random transforms) cost the memory of one.
#[derive(Clone, Debug)]
pub struct Images {
    pixels: Arc<[u8]>,
    /// Channels, height, width of what is in memory.
    stored: [usize; 3],
    /// The examples of this view, as indices into the pixels.
    index: Option<Arc<[usize]>>,
    classes: Classes,
    steps: Arc<[Step]>,
    transforms: Vec<Transform>,
    shape: [usize; 3],
}

/// A batch of images in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageBatch {
    /// The numbers, image after image.
    pub pixels: Vec<f32>,
    /// Images, channels, height, width.
    pub shape: [usize; 4],
    /// The label of each image.
    pub labels: Classes,
}

impl Images {
    /// Images of shape `[channels, height, width]`, one after the other, and their labels.
    ///
    /// # Errors
    /// A side of 0, bytes that are no whole number of images, or another number of labels.
    pub fn new(pixels: Vec<u8>, shape: [usize; 3], classes: Classes) -> Result<Self> {
        let size = shape.iter().product::<usize>();
        if size == 0 || !pixels.len().is_multiple_of(size) {
            return Err(DataError::Ragged {
                length: pixels.len(),
                width: size,
            });
        }
        if pixels.len() / size != classes.labels().len() {
            return Err(DataError::RowsDiffer {
                features: pixels.len() / size,
                targets: classes.labels().len(),
            });
        }
        Ok(Self {
            pixels: pixels.into(),
            stored: shape,
            index: None,
            classes,
            steps: Arc::new([]),
            transforms: Vec::new(),
            shape,
        })
    }

    /// The same images with these transforms, in this order, instead of those they had.
    ///
    /// # Errors
    /// A transform that does not fit the shape it gets.
    pub fn with_transforms(mut self, transforms: Vec<Transform>) -> Result<Self> {
        let mut shape = self.stored;
        let mut steps = Vec::with_capacity(transforms.len());
        for transform in &transforms {
            let step = transform.check(shape)?;
            shape = step.output(shape);
            steps.push(step);
        }
        self.steps = steps.into();
        self.transforms = transforms;
        self.shape = shape;
        Ok(self)
    }

    /// The images resized once and for all, rounded to bytes as they are after PyTorch's
    /// `Resize` of a picture: as fast in training as images that have this size. Drops transforms.
    ///
    /// # Errors
    /// A side of 0.
    pub fn resized(&self, height: usize, width: usize) -> Result<Self> {
        // The check that the transform does, so that there is one message for it.
        Transform::Resize { height, width }.check(self.stored)?;
        let [channels, rows, columns] = self.stored;
        let resizer = Resizer::new([rows, columns], [height, width]);
        let mut pixels = Vec::with_capacity(self.len() * channels * height * width);
        for example in 0..self.len() {
            pixels.extend(resizer.apply_to_bytes(self.pixels(example)));
        }
        Self::new(pixels, [channels, height, width], self.classes.clone())
    }

    /// The examples with these indices, in this order, without copying a pixel.
    ///
    /// # Errors
    /// An index past the end.
    pub fn subset(&self, indices: &[usize]) -> Result<Self> {
        if let Some(&past) = indices.iter().find(|&&index| index >= self.len()) {
            return Err(DataError::Index {
                index: past,
                examples: self.len(),
            });
        }
        Ok(Self {
            index: Some(indices.iter().map(|&index| self.at(index)).collect()),
            classes: self.classes.gather(indices),
            ..self.clone()
        })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.classes.labels().len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Channels, height and width of an image on the batch, after the transforms.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Channels, height and width of an image in memory, before the transforms.
    pub fn stored_shape(&self) -> [usize; 3] {
        self.stored
    }

    /// Labels and names of the classes.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// The transforms.
    pub fn transforms(&self) -> &[Transform] {
        &self.transforms
    }

    /// The bytes of one image as stored, `[channels, height, width]`; panics past the end, as
    /// slices do.
    pub fn pixels(&self, index: usize) -> &[u8] {
        let size = self.stored.iter().product::<usize>();
        &self.pixels[self.at(index) * size..][..size]
    }

    /// One image after the transforms, as it is in the batches of this epoch.
    pub fn image(&self, index: usize, epoch: Seed) -> Vec<f32> {
        let mut bench = Bench::default();
        self.make(index, epoch, &mut bench);
        bench.image
    }

    /// Makes an image on the bench.
    fn make(&self, index: usize, epoch: Seed, bench: &mut Bench) {
        bench.image.clear();
        bench.image.extend(scaled(self.pixels(index)));
        let draws = epoch.at(self.at(index) as u64);
        for (step, transform) in self.steps.iter().enumerate() {
            transform.apply(bench, draws.at(step as u64));
        }
    }

    /// Puts images into their places in a batch.
    fn put(&self, indices: &[usize], epoch: Seed, bench: &mut Bench, places: &mut [f32]) {
        for &index in indices {
            let pixels = self.pixels(index);
            prefetch(&pixels[..pixels.len().min(PREFETCHED)]);
        }
        let size = self.shape.iter().product();
        for (place, &index) in places.chunks_exact_mut(size).zip(indices) {
            if self.steps.is_empty() {
                for (number, scaled) in place.iter_mut().zip(scaled(self.pixels(index))) {
                    *number = scaled;
                }
            } else {
                self.make(index, epoch, bench);
                place.copy_from_slice(&bench.image);
            }
        }
    }

    /// Where an example of this view is among the stored ones.
    fn at(&self, index: usize) -> usize {
        self.index.as_ref().map_or(index, |all| all[index])
    }
}

/// Bytes as numbers from 0 to 1: the same bits as by a division by 255, which takes longer.
///
/// 1/255 = 257/65536 + 1/255/65536; the first product is exact.
fn scaled(bytes: &[u8]) -> impl Iterator<Item = f32> {
    const MOST: f32 = 257.0 / 65536.0;
    const REST: f32 = 1.0 / 255.0 / 65536.0;
    bytes.iter().map(|&byte| {
        let byte = f32::from(byte);
        byte * MOST + byte * REST
    })
}

/// Images that are prefetched together.
const TOGETHER: usize = 16;

/// Bytes of an image that are prefetched; the rest of a large one follows by itself.
const PREFETCHED: usize = 1024;

/// A batch of fewer numbers is made before a second core has woken up.
const WORTH_SHARING: usize = 256 * 1024;

/// Draws of transforms come from `epoch.at(example).at(transform)`, where the example is counted
/// among all stored images: a subset sees the same crops as the whole.
impl Examples for Images {
    type Host = ImageBatch;
    type Batch = Batch<4, Tensor<1, Int>>;

    fn len(&self) -> usize {
        self.len()
    }

    fn gather(&self, indices: &[usize], epoch: Seed) -> Result<ImageBatch> {
        let [channels, height, width] = self.shape;
        let size = channels * height * width;
        let mut pixels = vec![0.0; indices.len() * size];
        let places = TOGETHER * size;
        if pixels.len() < WORTH_SHARING {
            let mut bench = Bench::default();
            for (places, indices) in pixels.chunks_mut(places).zip(indices.chunks(TOGETHER)) {
                self.put(indices, epoch, &mut bench, places);
            }
        } else {
            let places = pixels.par_chunks_mut(places);
            let parts = places.zip(indices.par_chunks(TOGETHER));
            parts.for_each_init(Bench::default, |bench, (places, indices)| {
                self.put(indices, epoch, bench, places);
            });
        }
        Ok(ImageBatch {
            pixels,
            shape: [indices.len(), channels, height, width],
            labels: self.classes.gather(indices),
        })
    }

    fn upload(&self, host: ImageBatch, device: &Device) -> Self::Batch {
        Batch {
            inputs: Tensor::from_data(TensorData::new(host.pixels, host.shape), device),
            targets: host.labels.into_tensor(device),
        }
    }

    fn batch_bytes(&self, batch_size: usize) -> usize {
        if self.steps.is_empty() {
            batch_size * self.shape.iter().product::<usize>() * size_of::<f32>()
        } else {
            usize::MAX
        }
    }

    /// Of the pixels as stored, the labels, the transforms, and where random ones draw from.
    fn digest(&self) -> Option<u64> {
        let mut digest = Digest::new().word(self.classes.digest()?);
        for side in self.stored {
            digest = digest.word(side as u64);
        }
        for index in 0..self.len() {
            digest = digest.word(self.at(index) as u64).bytes(self.pixels(index));
        }
        let transforms = self.transforms.iter();
        let transforms = transforms.map(|transform| format!("{transform:?}"));
        Some(
            transforms
                .fold(digest, |digest, text| digest.text(&text))
                .value(),
        )
    }
}

//! Labeled images in memory.

use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};
use rayon::prelude::*;
use tinderbox_core::{Digest, Seed};

use super::transform::{Buffers, Step};
use super::{Resizer, Transform};
use crate::prefetch::prefetch;
use crate::{Batch, Classes, DataError, Examples, Result, Target};

/// Labeled images of one size: bytes in memory, numbers from 0 to 1 in a batch.
///
/// Clones share the bytes, so that a view for training (with random transforms) and a view for evaluation
/// need the memory of one.
#[derive(Clone, Debug)]
pub struct Images {
    pixels: Arc<[u8]>,
    /// Channels, height, width in memory.
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
    /// A side of 0, a number of bytes that is not a multiple of the image size, or another number of labels.
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

    /// The same images with these transforms, in this order, which replace the previous ones.
    ///
    /// # Errors
    /// A transform that does not fit the shape of the images.
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

    /// The images resized once, rounded to bytes as by PyTorch's `Resize` of a PIL image, so that training is
    /// as fast as with images of this size. Drops transforms.
    ///
    /// # Errors
    /// A side of 0.
    pub fn resized(&self, height: usize, width: usize) -> Result<Self> {
        // Use the check of the transform, for the same message.
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

    /// Channels, height and width of an image in a batch, after the transforms.
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
        let mut buffers = Buffers::default();
        self.make(index, epoch, &mut buffers);
        buffers.image
    }

    /// Computes an image in the buffers.
    fn make(&self, index: usize, epoch: Seed, buffers: &mut Buffers) {
        buffers.image.clear();
        buffers.image.extend(scaled(self.pixels(index)));
        let draws = epoch.at(self.at(index) as u64);
        for (step, transform) in self.steps.iter().enumerate() {
            transform.apply(buffers, draws.at(step as u64));
        }
    }

    /// Puts images into their places in a batch.
    fn put(&self, indices: &[usize], epoch: Seed, buffers: &mut Buffers, places: &mut [f32]) {
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
                self.make(index, epoch, buffers);
                place.copy_from_slice(&buffers.image);
            }
        }
    }

    /// The index of an example of this view among the stored images.
    fn at(&self, index: usize) -> usize {
        self.index.as_ref().map_or(index, |all| all[index])
    }
}

/// Bytes as numbers from 0 to 1: the same bits as a division by 255, but faster.
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

/// Bytes of an image that are prefetched; the processor prefetches the rest.
const PREFETCHED: usize = 1024;

/// A batch of fewer numbers is gathered faster than another thread is woken.
const WORTH_SHARING: usize = 256 * 1024;

/// Random transforms draw from `epoch.at(example).at(transform)`, where `example` is the index among all
/// stored images: a subset has the same crops as the whole.
impl Examples for Images {
    type Host = ImageBatch;
    type Batch = Batch<Tensor<4>, Tensor<1, Int>>;

    fn len(&self) -> usize {
        self.len()
    }

    fn gather(&self, indices: &[usize], epoch: Seed) -> Result<ImageBatch> {
        let [channels, height, width] = self.shape;
        let size = channels * height * width;
        let mut pixels = vec![0.0; indices.len() * size];
        let places = TOGETHER * size;
        if pixels.len() < WORTH_SHARING {
            let mut buffers = Buffers::default();
            for (places, indices) in pixels.chunks_mut(places).zip(indices.chunks(TOGETHER)) {
                self.put(indices, epoch, &mut buffers, places);
            }
        } else {
            let places = pixels.par_chunks_mut(places);
            let parts = places.zip(indices.par_chunks(TOGETHER));
            parts.for_each_init(Buffers::default, |buffers, (places, indices)| {
                self.put(indices, epoch, buffers, places);
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

    /// Covers the stored pixels, the labels, the transforms and the indices, from which random transforms
    /// draw.
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

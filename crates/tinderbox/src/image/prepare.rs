use tinderbox_core::Seed;
use tinderbox_data::images::{Images, Transform};
use tinderbox_data::{Strategy, split};

use super::ImageError;

/// How the numbers of an image, from 0 to 1, are shifted and scaled before they go into a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalize {
    /// By mean and standard deviation of each channel of the training images.
    Data,
    /// By those of ImageNet, which the weights of torchvision need.
    ImageNet,
}

impl Normalize {
    /// The transform, for images with the channels of these training images.
    ///
    /// # Errors
    /// The statistics of ImageNet for images that do not have 3 channels.
    pub fn transform(self, training: &Images) -> Result<Transform, ImageError> {
        let [channels, ..] = training.stored_shape();
        let (mean, std) = match self {
            Self::ImageNet if channels != 3 => return Err(ImageError::Channels { channels }),
            Self::ImageNet => (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]),
            Self::Data => statistics(training),
        };
        Ok(Transform::Normalize { mean, std })
    }
}

/// Mean and standard deviation of each channel, of numbers from 0 to 1.
fn statistics(images: &Images) -> (Vec<f32>, Vec<f32>) {
    let [channels, height, width] = images.stored_shape();
    let plane = height * width;
    let channel = |channel: usize| {
        // Sums of bytes and of their squares are exact.
        let (mut sum, mut squares) = (0u64, 0u64);
        for index in 0..images.len() {
            for &byte in &images.pixels(index)[channel * plane..][..plane] {
                sum += u64::from(byte);
                squares += u64::from(byte).pow(2);
            }
        }
        let count = (images.len() * plane) as f64;
        let mean = sum as f64 / count;
        let variance = squares as f64 / count - mean * mean;
        // Images of one brightness would be divided by 0.
        let std = variance.max(0.0).sqrt().max(1.0);
        ((mean / 255.0) as f32, (std / 255.0) as f32)
    };
    (0..channels).map(channel).unzip()
}

/// Random changes of training images: shifted by up to an eighth of their size, and mirrored half of the
/// time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Augment {
    /// Whether images are mirrored; digits and letters should not be.
    pub mirror: bool,
}

/// Appends a resize (where a side is given and differs), random changes and normalization to the
/// transforms of the images.
pub(super) fn prepare(
    images: &Images,
    side: Option<usize>,
    augment: Option<Augment>,
    normalize: Option<&Transform>,
) -> Result<Images, ImageError> {
    let [_, mut height, mut width] = images.shape();
    let mut transforms = images.transforms().to_vec();
    if let Some(side) = side
        && [height, width] != [side, side]
    {
        (height, width) = (side, side);
        transforms.push(Transform::Resize { height, width });
    }
    if let Some(augment) = augment {
        let padding = height.min(width) / 8;
        transforms.push(Transform::RandomCrop {
            height,
            width,
            padding,
        });
        let probability = if augment.mirror { 0.5 } else { 0.0 };
        transforms.push(Transform::HorizontalFlip { probability });
    }
    transforms.extend(normalize.cloned());
    Ok(images.clone().with_transforms(transforms)?)
}

/// Splits images at random into two parts; the second one gets this share of every class.
///
/// # Errors
/// A share that is not between 0 and 1, too few images.
pub fn hold_out(images: &Images, share: f64, seed: Seed) -> Result<(Images, Images), ImageError> {
    if !(share > 0.0 && share < 1.0) {
        return Err(ImageError::Share { share });
    }
    let labels = images.classes().labels().iter().map(|&label| label as u64);
    let strategy = Strategy::Stratified(labels.collect());
    let parts = split(images.len(), &[1.0 - share, share], seed, &strategy)?;
    Ok((images.subset(&parts[0])?, images.subset(&parts[1])?))
}

/// `count` of the images, evenly spaced; all of them where there are not more.
///
/// # Errors
/// None for a count of at least 1.
pub fn at_most(images: &Images, count: usize) -> Result<Images, ImageError> {
    let all = images.len();
    if count >= all {
        return Ok(images.clone());
    }
    let spaced: Vec<usize> = (0..count).map(|i| i * all / count).collect();
    Ok(images.subset(&spaced)?)
}

//! Transforms of images.

use serde::{Deserialize, Serialize};
use tinderbox_core::{Rng, Seed};

use super::Resizer;
use crate::{DataError, Result};

/// A transform that is applied to an image when it is gathered into a batch. Images are
/// `[channels, height, width]`, with numbers from 0 to 1 before the first transform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Transform {
    /// Resizes bilinearly with antialiasing, as PyTorch does.
    Resize {
        /// New height.
        height: usize,
        /// New width.
        width: usize,
    },
    /// Crops a random part of this size, after padding with zeros on every side.
    RandomCrop {
        /// Height of the part.
        height: usize,
        /// Width of the part.
        width: usize,
        /// Zeros on every side.
        #[serde(default)]
        padding: usize,
    },
    /// Flips left and right with this probability.
    HorizontalFlip {
        /// From 0 to 1.
        probability: f64,
    },
    /// `(x - mean) / std`, with a mean and a standard deviation for each channel.
    Normalize {
        /// Mean of each channel.
        mean: Vec<f32>,
        /// Standard deviation of each channel.
        std: Vec<f32>,
    },
}

/// A transform that was checked for the shape of the images.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Resize {
        resizer: Resizer,
        to: [usize; 3],
    },
    Crop {
        from: [usize; 3],
        to: [usize; 2],
        padding: usize,
    },
    Flip {
        width: usize,
        probability: f64,
    },
    Normalize {
        plane: usize,
        mean: Vec<f32>,
        std: Vec<f32>,
    },
}

impl Transform {
    /// Whether it is random; such transforms are only for training.
    pub fn is_random(&self) -> bool {
        match self {
            Self::RandomCrop { .. } | Self::HorizontalFlip { .. } => true,
            Self::Resize { .. } | Self::Normalize { .. } => false,
        }
    }

    /// The step for images of this shape.
    pub(super) fn check(&self, shape: [usize; 3]) -> Result<Step> {
        let [channels, height, width] = shape;
        let fault = |problem: String| {
            Err(DataError::Transform {
                transform: format!("{self:?}"),
                shape,
                problem,
            })
        };
        match self {
            &Self::Resize {
                height: h,
                width: w,
            } => {
                if h == 0 || w == 0 {
                    return fault("no side may be 0".into());
                }
                Ok(Step::Resize {
                    resizer: Resizer::new([height, width], [h, w]),
                    to: [channels, h, w],
                })
            }
            &Self::RandomCrop {
                height: h,
                width: w,
                padding,
            } => {
                let room = [height + 2 * padding, width + 2 * padding];
                if h == 0 || w == 0 || h > room[0] || w > room[1] {
                    return fault(format!(
                        "a part must have 1 to {} rows and 1 to {} columns; resize before it, or \
                         add padding",
                        room[0], room[1]
                    ));
                }
                Ok(Step::Crop {
                    from: shape,
                    to: [h, w],
                    padding,
                })
            }
            &Self::HorizontalFlip { probability } => {
                if !(0.0..=1.0).contains(&probability) {
                    return fault("a probability is from 0 to 1".into());
                }
                Ok(Step::Flip { width, probability })
            }
            Self::Normalize { mean, std } => {
                let finite = mean.iter().chain(std).all(|number| number.is_finite());
                if mean.len() != channels || std.len() != channels {
                    return fault(format!(
                        "it needs a mean and a std for each of {channels} channels"
                    ));
                }
                if !finite || std.iter().any(|&std| std <= 0.0) {
                    return fault("numbers must be finite, and every std more than 0".into());
                }
                Ok(Step::Normalize {
                    plane: height * width,
                    mean: mean.clone(),
                    std: std.clone(),
                })
            }
        }
    }
}

impl Step {
    /// The shape of the image after this step.
    pub(super) fn output(&self, shape: [usize; 3]) -> [usize; 3] {
        match self {
            Self::Resize { to, .. } => *to,
            Self::Crop { to, .. } => [shape[0], to[0], to[1]],
            Self::Flip { .. } | Self::Normalize { .. } => shape,
        }
    }

    /// Applies the step to the image in the buffers; random numbers come from `seed` only.
    pub(super) fn apply(&self, buffers: &mut Buffers, seed: Seed) {
        let Buffers { image, made, row } = buffers;
        match self {
            Self::Resize { resizer, .. } => {
                made.clear();
                resizer.apply(image, row, made);
                std::mem::swap(image, made);
            }
            Self::Crop { from, to, padding } => {
                made.clear();
                crop(image, *from, *to, *padding, &mut seed.rng(), made);
                std::mem::swap(image, made);
            }
            Self::Flip { width, probability } => {
                if seed.rng().uniform() < *probability {
                    image.chunks_exact_mut(*width).for_each(<[f32]>::reverse);
                }
            }
            Self::Normalize { plane, mean, std } => {
                let planes = image.chunks_exact_mut(*plane).zip(mean.iter().zip(std));
                for (pixels, (mean, std)) in planes {
                    for pixel in pixels {
                        *pixel = (*pixel - mean) / std;
                    }
                }
            }
        }
    }
}

/// The image, and buffers of the steps that are reused for the next image.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// The image.
    pub(super) image: Vec<f32>,
    /// The result of a step, which is then swapped with the image.
    made: Vec<f32>,
    row: Vec<f32>,
}

/// Appends a part of the image, drawn by `rng`, to `output`.
fn crop(
    image: &[f32],
    from: [usize; 3],
    to: [usize; 2],
    padding: usize,
    rng: &mut Rng,
    output: &mut Vec<f32>,
) {
    let [channels, height, width] = from;
    let mut start = |side: usize, part: usize| {
        // As an offset into the image; negative where it starts in the padding.
        rng.below((side + 2 * padding - part + 1) as u64) as isize - padding as isize
    };
    let (top, left) = (start(height, to[0]), start(width, to[1]));
    // The columns of the image that are in the part: each line is copied at once.
    let place = |at: isize| at.clamp(0, width as isize) as usize;
    let (first, last) = (place(left), place(left + to[1] as isize));
    let before = (first as isize - left).clamp(0, to[1] as isize) as usize;
    output.reserve(channels * to[0] * to[1]);
    for channel in image.chunks_exact(height * width) {
        for row in 0..to[0] as isize {
            let end = output.len() + to[1];
            let row = top + row;
            if (0..height as isize).contains(&row) {
                output.resize(output.len() + before, 0.0);
                output.extend_from_slice(&channel[row as usize * width..][first..last]);
            }
            output.resize(end, 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(transform: &Transform, shape: [usize; 3], image: &[f32], seed: u64) -> Vec<f32> {
        let mut buffers = Buffers {
            image: image.to_vec(),
            ..Buffers::default()
        };
        let step = transform.check(shape).unwrap();
        step.apply(&mut buffers, Seed::new(seed));
        buffers.image
    }

    #[test]
    fn a_flip_reverses_every_row() {
        let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let flip = |probability| Transform::HorizontalFlip { probability };
        let always = apply(&flip(1.0), [1, 2, 3], &image, 1);
        assert_eq!(always, [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
        assert_eq!(apply(&flip(0.0), [1, 2, 3], &image, 1), image);
        let flipped = (0..1000).filter(|&seed| apply(&flip(0.5), [1, 2, 3], &image, seed) != image);
        assert!((440..560).contains(&flipped.count()));
    }

    #[test]
    fn normalized_channel_by_channel() {
        let transform = Transform::Normalize {
            mean: vec![0.5, 0.0],
            std: vec![0.5, 2.0],
        };
        let image = [0.0, 1.0, 0.0, 1.0];
        assert_eq!(
            apply(&transform, [2, 1, 2], &image, 1),
            [-1.0, 1.0, 0.0, 0.5]
        );
    }

    #[test]
    fn crops_reach_every_corner_and_padding_is_zero() {
        let image: Vec<f32> = (1..=9).map(|pixel| pixel as f32).collect();
        let crop = Transform::RandomCrop {
            height: 3,
            width: 3,
            padding: 1,
        };
        let crops: Vec<_> = (0..200)
            .map(|seed| apply(&crop, [1, 3, 3], &image, seed))
            .collect();
        assert!(crops.contains(&image));
        let upper_left = [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 4.0, 5.0];
        let lower_right = [5.0, 6.0, 0.0, 8.0, 9.0, 0.0, 0.0, 0.0, 0.0];
        for corner in [upper_left, lower_right] {
            assert!(crops.iter().any(|crop| crop[..] == corner), "{corner:?}");
        }
        let mut different = crops.clone();
        different.sort_by(|a, b| a.partial_cmp(b).unwrap());
        different.dedup();
        assert_eq!(different.len(), 9, "three offsets down, three across");
    }

    #[test]
    fn a_crop_with_wide_padding_is_a_part_of_the_padded_image() {
        let crop = Transform::RandomCrop {
            height: 2,
            width: 1,
            padding: 3,
        };
        let mut padded = [[0.0; 8]; 8];
        (padded[3][3], padded[3][4], padded[4][3], padded[4][4]) = (1.0, 2.0, 3.0, 4.0);
        let parts: Vec<[f32; 2]> = (0..7)
            .flat_map(|row| (0..8).map(move |column| (row, column)))
            .map(|(row, column)| [padded[row][column], padded[row + 1][column]])
            .collect();
        let drawn: Vec<_> = (0..400)
            .map(|seed| apply(&crop, [1, 2, 2], &[1.0, 2.0, 3.0, 4.0], seed))
            .collect();
        for part in &drawn {
            assert!(parts.iter().any(|one| one[..] == part[..]), "{part:?}");
        }
        for part in &parts {
            assert!(drawn.iter().any(|one| part[..] == one[..]), "{part:?}");
        }
    }

    #[test]
    fn transforms_that_do_not_fit_are_refused() {
        let bad = [
            Transform::Resize {
                height: 0,
                width: 4,
            },
            Transform::RandomCrop {
                height: 7,
                width: 3,
                padding: 1,
            },
            Transform::HorizontalFlip { probability: 1.5 },
            Transform::Normalize {
                mean: vec![0.5],
                std: vec![0.5],
            },
            Transform::Normalize {
                mean: vec![0.5; 3],
                std: vec![0.0; 3],
            },
        ];
        for transform in bad {
            let error = transform.check([3, 4, 4]).unwrap_err().to_string();
            assert!(error.contains("[3, 4, 4]"), "{error}");
        }
    }

    #[test]
    fn transforms_round_trip_through_json() {
        let text = r#"[{"name": "resize", "height": 96, "width": 96},
            {"name": "random_crop", "height": 32, "width": 32, "padding": 4},
            {"name": "horizontal_flip", "probability": 0.5}]"#;
        let read: Vec<Transform> = serde_json::from_str(text).unwrap();
        let again = serde_json::to_string(&read).unwrap();
        assert_eq!(
            serde_json::from_str::<Vec<Transform>>(&again).unwrap(),
            read
        );
    }
}

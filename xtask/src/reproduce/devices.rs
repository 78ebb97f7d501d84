//! Sections "Training on Multiple GPUs" and "Concise Implementation for Multiple GPUs": the same network on one device
//! and on two.
//!
//! The course printed one run: accuracy on the test images and the time of an epoch, on one and on two GPUs. Here the
//! second device is the first one once more: losses and accuracies are those of two devices, times are not.

use anyhow::{Context, Result};
use tinderbox::burn; // the derive macro names the crate
use tinderbox::burn::nn::Linear;
use tinderbox::burn::nn::conv::Conv2d;
use tinderbox::nn::{Conv, Init, Initializer, Layer, Network, Pool, flatten, relu};
use tinderbox::prelude::*;
use tinderbox::train::History;

use super::images::{Data, Model, Settings, full, quick, train_model};
use super::{Band, Experiment, SeedRun, Work, one_run, unpublished};

pub const EXPERIMENTS: &[Experiment] = &[
    Experiment {
        name: "multiple-gpus",
        seeds: (1, 1),
        bands: &[
            one_run("test accuracy, one device", 0.84),
            one_run("test accuracy, two devices", 0.83),
            one_run("seconds for an epoch, one device", 2.7),
            one_run("seconds for an epoch, two devices", 3.6),
            DIFFERENCE,
        ],
        work: Work::Sized {
            measure: |is_quick, run| {
                let settings = match is_quick {
                    true => quick(NOT_NAMED, 0.2),
                    false => full(NOT_NAMED, 0.2),
                };
                one_and_two([settings, settings], run, |_, seed, device| {
                    Ok(LeNet::init(seed, device))
                })
            },
            quick: "2 epochs of 10,000 images in batches of 64, 2,000 to test",
            heavy: false,
        },
    },
    Experiment {
        name: "multiple-gpus-concise",
        seeds: (1, 1),
        bands: &[
            one_run("test accuracy, one device, batches of 256, rate 0.1", 0.93),
            one_run("test accuracy, two devices, batches of 512, rate 0.2", 0.67),
            one_run("seconds for an epoch, one device", 12.2),
            one_run("seconds for an epoch, two devices", 7.4),
            DIFFERENCE,
        ],
        work: Work::Sized {
            measure: |is_quick, run| {
                let settings = |batch_size, rate| match is_quick {
                    true => Settings {
                        images: [512, 256],
                        batch_size: batch_size / 16,
                        ..quick(RESNET, rate)
                    },
                    false => Settings {
                        batch_size,
                        ..full(RESNET, rate)
                    },
                };
                let both = [settings(256, 0.1), settings(512, 0.2)];
                one_and_two(both, run, |settings, seed, device| {
                    let config = settings.model.config([1, 28, 28], 10)?;
                    Ok(config.init(seed, device)?)
                })
            },
            quick: "2 epochs of 512 images in batches of 16 and 32, 256 to test",
            heavy: true,
        },
    },
];

const RESNET: Model = Model::Named("resnet18_small");

/// The network by hand is none of the registry; its settings name its relative.
const NOT_NAMED: Model = Model::Named("lenet_modern");

/// Where both train with the same batches it begins as rounding.
const DIFFERENCE: Band = unpublished("largest difference of the mean losses of an epoch");

/// The course's network by hand: two convolutions with mean pooling and two linear layers.
#[derive(Module, Debug)]
struct LeNet {
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
    pool: Pool,
}

impl LeNet {
    /// Weights from a normal distribution of deviation 0.01, biases of zero.
    fn init(seed: Seed, device: &Device) -> Self {
        let init = Init::new(seed, device, Initializer::Normal { std: 0.01 });
        Self {
            conv1: init.conv2d("conv1", Conv::new(1, 20, 3)),
            conv2: init.conv2d("conv2", Conv::new(20, 50, 5)),
            fc1: init.linear("fc1", 800, 128),
            fc2: init.linear("fc2", 128, 10),
            pool: Pool::average(2, 2),
        }
    }
}

impl Network<4> for LeNet {
    fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let maps = self.pool.apply(relu(self.conv1.apply(images)));
        let maps = self.pool.apply(relu(self.conv2.apply(maps)));
        self.fc2.apply(relu(self.fc1.apply(flatten(maps))))
    }

    fn input_shape(&self) -> Vec<usize> {
        vec![1, 28, 28]
    }

    fn outputs(&self) -> usize {
        10
    }
}

/// Trains on one device and on two, each with its settings; the metrics in the order of the bands.
fn one_and_two<M: Module + Network<4>>(
    settings: [Settings; 2],
    run: &SeedRun,
    init: fn(&Settings, Seed, &Device) -> Result<M>,
) -> Result<Vec<f64>> {
    let device = &run.device;
    let mut histories = Vec::new();
    for (settings, devices) in settings.iter().zip(1..) {
        let data = Data::read(settings)?;
        let model = init(settings, Seed::new(run.seed).child("weights"), device)?;
        let own = SeedRun {
            device: device.clone(),
            folder: run.folder.as_ref().map(|folder| match devices {
                1 => folder.join("one-device"),
                _ => folder.join("two-devices"),
            }),
            ..*run
        };
        let devices = vec![device.clone(); devices];
        histories.push(train_model(model, settings, &data, &own, &devices)?);
    }
    let of = |history: &History, value: fn(&History) -> Option<f64>| {
        value(history).context("there was no epoch")
    };
    let accuracy = |history: &History| history.last()?.get("valid_accuracy");
    let seconds = |history: &History| {
        let all = history.epochs.iter().map(|epoch| epoch.seconds);
        Some(all.sum::<f64>() / history.epochs.len() as f64)
    };
    let [one, two] = [&histories[0], &histories[1]];
    let losses = one.series("train_loss").into_iter();
    let differences = losses
        .zip(two.series("train_loss"))
        .map(|((_, one), (_, two))| (one - two).abs());
    Ok(vec![
        of(one, accuracy)?,
        of(two, accuracy)?,
        of(one, seconds)?,
        of(two, seconds)?,
        differences
            .max_by(f64::total_cmp)
            .context("there was no epoch")?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20·9 + 20 + 50·20·25 + 50 + 800·128 + 128 + 1280 + 10 numbers, and the shapes of the course.
    #[test]
    fn the_network_by_hand_has_the_course_s_shapes() {
        let model = LeNet::init(Seed::new(0), &Device::flex());
        assert_eq!(model.num_params(), 129_068);
        let images = Tensor::<4>::zeros([2, 1, 28, 28], &Device::flex());
        assert_eq!(model.forward(images).dims(), [2, 10]);
    }
}

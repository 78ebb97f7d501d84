//! The image models as a table: published bands, and the settings in full and with `--quick`.
//!
//! In their quick form, networks with neither batch norm nor shortcuts use Adam: with plain SGD they need more steps
//! than a quick form has before they beat chance.

use anyhow::Result;
use tinderbox::models::ImageConfig;
use tinderbox::models::image::NinConfig;
use tinderbox::nn::Initializer;
use tinderbox::optim::{Per, Schedule};
use tinderbox::train::{Clip, History};

use super::Model::{self, Named};
use super::{Data, ImageTraining, Settings, full, quick, train};
use crate::reproduce::{Band, Experiment, SeedRun, Work, band, reported, scratch};

const fn loss(low: f64, median: f64, high: f64) -> Band {
    band("train loss", low, median, high)
}

const fn train_accuracy(low: f64, median: f64, high: f64) -> Band {
    band("train accuracy", low, median, high)
}

const fn test_accuracy(low: f64, median: f64, high: f64) -> Band {
    reported("test accuracy", low, median, high)
}

/// A network that a CPU trains in minutes.
const fn small(
    model: &'static str,
    learning_rate: f64,
    train: fn(&Settings, &Data, &SeedRun) -> Result<History>,
) -> Work {
    Work::Train(ImageTraining {
        full: full(Named(model), learning_rate),
        quick: quick(Named(model), learning_rate),
        heavy: false,
        train,
    })
}

/// A network that takes a day or more on a CPU.
const fn large(full: Settings, quick: Settings) -> Work {
    Work::Train(ImageTraining {
        full,
        quick,
        heavy: true,
        train,
    })
}

/// The quick form of a large network has fewer images.
const fn quick_large(model: &'static str, learning_rate: f64) -> Settings {
    Settings {
        images: [1024, 512],
        ..quick(Named(model), learning_rate)
    }
}

/// A network in network that learns from few images: in the course's form the ReLUs of its ten last maps often die in
/// the first steps.
fn quick_nin(input: [usize; 3], classes: usize) -> ImageConfig {
    ImageConfig::Nin(NinConfig {
        dropout: 0.0,
        initializer: Initializer::KaimingNormal {
            gain: std::f64::consts::SQRT_2,
        },
        ..NinConfig::new(input, classes)
    })
}

pub const EXPERIMENTS: &[Experiment] = &[
    Experiment {
        name: "softmax-regression-scratch",
        seeds: (3, 1),
        bands: &[
            loss(0.4465, 0.4473, 0.4481),
            train_accuracy(0.8472, 0.8480, 0.8491),
            test_accuracy(0.817, 0.831, 0.835),
        ],
        work: small("softmax_regression", 0.1, scratch::softmax_regression),
    },
    Experiment {
        name: "softmax-regression-concise",
        seeds: (3, 1),
        bands: &[
            loss(0.4466, 0.4473, 0.4479),
            train_accuracy(0.8473, 0.8482, 0.8489),
            test_accuracy(0.824, 0.832, 0.835),
        ],
        work: small("softmax_regression", 0.1, train),
    },
    Experiment {
        name: "mlp-scratch",
        seeds: (3, 1),
        bands: &[
            loss(0.380, 0.383, 0.386),
            train_accuracy(0.863, 0.865, 0.866),
            test_accuracy(0.824, 0.847, 0.853),
        ],
        work: small("mlp", 0.1, scratch::mlp),
    },
    Experiment {
        name: "mlp-concise",
        seeds: (3, 1),
        bands: &[
            loss(0.380, 0.383, 0.385),
            train_accuracy(0.863, 0.865, 0.866),
            test_accuracy(0.827, 0.847, 0.854),
        ],
        work: small("mlp", 0.1, train),
    },
    Experiment {
        name: "dropout-scratch",
        seeds: (3, 1),
        bands: &[
            loss(0.330, 0.335, 0.345),
            train_accuracy(0.873, 0.876, 0.879),
            test_accuracy(0.823, 0.857, 0.871),
        ],
        work: small("dropout_mlp", 0.5, scratch::dropout_mlp),
    },
    Experiment {
        name: "dropout-concise",
        seeds: (3, 1),
        bands: &[
            loss(0.339, 0.346, 0.359),
            train_accuracy(0.868, 0.873, 0.876),
            test_accuracy(0.818, 0.855, 0.870),
        ],
        work: small("dropout_mlp", 0.5, train),
    },
    Experiment {
        name: "lenet",
        seeds: (3, 1),
        bands: &[
            loss(0.455, 0.468, 0.486),
            train_accuracy(0.815, 0.824, 0.831),
            test_accuracy(0.773, 0.806, 0.824),
        ],
        work: Work::Train(ImageTraining {
            full: full(Named("lenet"), 0.9),
            quick: Settings {
                optimizer: "adam",
                ..quick(Named("lenet"), 0.003)
            },
            heavy: false,
            train,
        }),
    },
    Experiment {
        name: "batch-norm-scratch",
        seeds: (3, 1),
        bands: &[
            loss(0.244, 0.263, 0.273),
            train_accuracy(0.899, 0.903, 0.911),
            test_accuracy(0.700, 0.860, 0.887),
        ],
        work: small("lenet_batch_norm", 1.0, scratch::batch_norm_lenet),
    },
    Experiment {
        name: "batch-norm-concise",
        seeds: (3, 1),
        bands: &[
            loss(0.244, 0.263, 0.278),
            train_accuracy(0.897, 0.903, 0.910),
            test_accuracy(0.740, 0.846, 0.883),
        ],
        work: small("lenet_batch_norm", 1.0, train),
    },
    Experiment {
        name: "alexnet",
        seeds: (3, 1),
        bands: &[
            loss(0.325, 0.329, 0.361),
            train_accuracy(0.868, 0.879, 0.882),
            test_accuracy(0.860, 0.880, 0.885),
        ],
        work: large(
            Settings {
                side: 224,
                batch_size: 128,
                ..full(Named("alexnet"), 0.01)
            },
            Settings {
                side: 65,
                batch_size: 32,
                epochs: 2,
                optimizer: "adam",
                ..quick_large("alexnet", 0.001)
            },
        ),
    },
    Experiment {
        name: "vgg",
        seeds: (3, 1),
        bands: &[
            loss(0.170, 0.177, 0.186),
            train_accuracy(0.930, 0.935, 0.937),
            test_accuracy(0.907, 0.919, 0.924),
        ],
        work: large(
            Settings {
                side: 224,
                batch_size: 128,
                ..full(Named("vgg11_narrow"), 0.05)
            },
            Settings {
                side: 32,
                batch_size: 16,
                epochs: 2,
                optimizer: "adam",
                ..quick_large("vgg11_narrow", 0.0005)
            },
        ),
    },
    // Of the published runs that are finite, several never learn: 17 % end below a test accuracy of 0.7.
    Experiment {
        name: "nin",
        seeds: (3, 1),
        bands: &[
            loss(0.330, 0.377, 1.527),
            train_accuracy(0.407, 0.860, 0.878),
            test_accuracy(0.412, 0.849, 0.878),
        ],
        work: large(
            Settings {
                side: 224,
                batch_size: 128,
                ..full(Named("nin"), 0.1)
            },
            Settings {
                model: Model::Made(quick_nin),
                side: 67,
                batch_size: 16,
                epochs: 4,
                optimizer: "adam",
                // 64 steps in an epoch.
                schedule: || Schedule::cosine(4 * 64).after_warmup(50).into(),
                per: Per::Step,
                clip: Some(Clip::Norm(1.0)),
                ..quick_large("nin", 0.0005)
            },
        ),
    },
    Experiment {
        name: "googlenet",
        seeds: (3, 1),
        bands: &[
            loss(0.232, 0.246, 0.275),
            train_accuracy(0.896, 0.906, 0.913),
            test_accuracy(0.857, 0.889, 0.899),
        ],
        work: large(
            Settings {
                side: 96,
                batch_size: 128,
                ..full(Named("googlenet"), 0.1)
            },
            Settings {
                side: 32,
                batch_size: 32,
                epochs: 3,
                optimizer: "adam",
                ..quick_large("googlenet", 0.0005)
            },
        ),
    },
    Experiment {
        name: "resnet",
        seeds: (3, 1),
        bands: &[
            loss(0.009, 0.013, 0.051),
            train_accuracy(0.982, 0.996, 0.998),
            test_accuracy(0.848, 0.910, 0.922),
        ],
        work: large(
            Settings {
                side: 96,
                batch_size: 256,
                ..full(Named("resnet18_course"), 0.05)
            },
            Settings {
                side: 32,
                batch_size: 32,
                epochs: 2,
                ..quick_large("resnet18_course", 0.05)
            },
        ),
    },
    Experiment {
        name: "densenet",
        seeds: (3, 1),
        bands: &[
            loss(0.140, 0.150, 0.158),
            train_accuracy(0.942, 0.945, 0.949),
            test_accuracy(0.779, 0.880, 0.909),
        ],
        work: large(
            Settings {
                side: 96,
                batch_size: 256,
                ..full(Named("densenet_course"), 0.1)
            },
            Settings {
                side: 32,
                batch_size: 32,
                epochs: 2,
                ..quick_large("densenet_course", 0.1)
            },
        ),
    },
];

//! The course's image models on Fashion-MNIST: 60,000 images to train and 10,000 to test, plain SGD,
//! cross-entropy, 10 epochs, pixels from 0 to 1; the test set is also the validation set, as in the course.
//!
//! Loss and training accuracy are means over the last epoch, while the weights change and dropout drops: that is
//! what the course prints and what the [`Trainer`] records. Their bands decide. The accuracy on the test set
//! varies far more from run to run, so it is reported beside its band.

use std::fmt;

use anyhow::{Context, Result, ensure};
use examples::{say, unless_interrupted};
use tinderbox::data::fetch;
use tinderbox::data::images::{Images, Part, read_image_set};
use tinderbox::models::{ImageConfig, find};
use tinderbox::prelude::*;
use tinderbox::train::{Accuracy, Every, History};

use super::{Band, Experiment, Setting, Work, band, reported, scratch};

/// A training on images.
pub struct Training {
    /// As the course does it.
    pub course: Plan,
    /// What `--quick` does instead.
    pub quick: Plan,
    /// Takes a CPU hours or days, so that it runs only by name or with `--all`.
    pub heavy: bool,
    /// From images to figures, by hand or by the framework.
    pub train: fn(&Plan, &Data, &Setting) -> Result<History>,
}

/// The settings of a training.
#[derive(Clone, Copy)]
pub struct Plan {
    /// The first so many images to train and to test.
    pub images: [usize; 2],
    /// Height and width to which images are resized.
    pub side: usize,
    /// Examples in a batch; the last one is kept short.
    pub batch: usize,
    /// The learning rate that the schedule starts from.
    pub rate: f64,
    /// Times that every image is seen.
    pub epochs: usize,
    /// How the rate changes from epoch to epoch.
    pub schedule: fn() -> Schedule,
    /// What takes the steps.
    pub optimizer: fn() -> OptimizerConfig,
    /// The model for images of this shape and so many classes.
    pub model: fn([usize; 3], usize) -> Result<ImageConfig>,
}

/// Images to train and to test.
pub struct Data {
    pub train: Images,
    pub test: Images,
}

/// What guessing gets right, with ten classes.
const CHANCE: f64 = 0.1;

/// The settings that most of the course's trainings share.
pub const fn full(model: fn([usize; 3], usize) -> Result<ImageConfig>, rate: f64) -> Plan {
    Plan {
        images: [60_000, 10_000],
        side: 28,
        batch: 256,
        rate,
        epochs: 10,
        schedule: || Schedule::Constant,
        optimizer: OptimizerConfig::default,
        model,
    }
}

/// A small training of a few seconds.
pub const fn small(model: fn([usize; 3], usize) -> Result<ImageConfig>, rate: f64) -> Plan {
    Plan {
        images: [10_000, 2_000],
        batch: 64,
        epochs: 2,
        ..full(model, rate)
    }
}

/// For quick forms of networks with neither batch norm nor shortcuts: with plain SGD they need
/// hundreds of steps, more than a quick form has, to get away from guessing.
fn adam() -> OptimizerConfig {
    OptimizerConfig::Adam {
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-8,
        amsgrad: false,
        weight_decay: 0.0,
    }
}

const fn loss(low: f64, median: f64, high: f64) -> Band {
    band("train loss", low, median, high)
}

const fn train_accuracy(low: f64, median: f64, high: f64) -> Band {
    band("train accuracy", low, median, high)
}

const fn test_accuracy(low: f64, median: f64, high: f64) -> Band {
    reported("test accuracy", low, median, high)
}

macro_rules! model {
    ($name:literal) => {
        |input, classes| Ok((find($name)?.config)(input, classes))
    };
}

/// The experiments of minutes: in full the median of three seeds.
macro_rules! small_network {
    ($name:literal, $model:literal, $rate:literal, quick $quick:expr, $train:expr, $bands:expr) => {
        Experiment {
            name: $name,
            seeds: (3, 1),
            bands: &$bands,
            work: Work::Training(Training {
                course: full(model!($model), $rate),
                quick: $quick,
                heavy: false,
                train: $train,
            }),
        }
    };
    ($name:literal, $model:literal, $rate:literal, $train:expr, $bands:expr) => {
        small_network!(
            $name, $model, $rate, quick small(model!($model), $rate), $train, $bands
        )
    };
}

/// The networks that take a CPU a day and more: resized images, and a quick form with fewer and smaller ones.
macro_rules! large_network {
    ($name:literal, $model:literal, rate $rate:literal, side $side:literal, batch $batch:literal,
     quick side $small:literal, batch $few:literal, epochs $epochs:literal,
     $optimizer:path, rate $quick_rate:literal, $bands:expr) => {
        Experiment {
            name: $name,
            seeds: (3, 1),
            bands: &$bands,
            work: Work::Training(Training {
                course: Plan {
                    side: $side,
                    batch: $batch,
                    ..full(model!($model), $rate)
                },
                quick: Plan {
                    images: [1024, 512],
                    side: $small,
                    batch: $few,
                    epochs: $epochs,
                    optimizer: $optimizer,
                    ..small(model!($model), $quick_rate)
                },
                heavy: true,
                train: concise,
            }),
        }
    };
}

pub const SOFTMAX_SCRATCH: Experiment = small_network!(
    "softmax-regression-scratch",
    "softmax_regression",
    0.1,
    scratch::softmax_regression,
    [
        loss(0.4465, 0.4473, 0.4481),
        train_accuracy(0.8472, 0.8480, 0.8491),
        test_accuracy(0.817, 0.831, 0.835),
    ]
);

pub const SOFTMAX_CONCISE: Experiment = small_network!(
    "softmax-regression-concise",
    "softmax_regression",
    0.1,
    concise,
    [
        loss(0.4466, 0.4473, 0.4479),
        train_accuracy(0.8473, 0.8482, 0.8489),
        test_accuracy(0.824, 0.832, 0.835),
    ]
);

pub const MLP_SCRATCH: Experiment = small_network!(
    "mlp-scratch",
    "mlp",
    0.1,
    scratch::mlp,
    [
        loss(0.380, 0.383, 0.386),
        train_accuracy(0.863, 0.865, 0.866),
        test_accuracy(0.824, 0.847, 0.853),
    ]
);

pub const MLP_CONCISE: Experiment = small_network!(
    "mlp-concise",
    "mlp",
    0.1,
    concise,
    [
        loss(0.380, 0.383, 0.385),
        train_accuracy(0.863, 0.865, 0.866),
        test_accuracy(0.827, 0.847, 0.854),
    ]
);

pub const DROPOUT_SCRATCH: Experiment = small_network!(
    "dropout-scratch",
    "dropout_mlp",
    0.5,
    scratch::dropout_mlp,
    [
        loss(0.330, 0.335, 0.345),
        train_accuracy(0.873, 0.876, 0.879),
        test_accuracy(0.823, 0.857, 0.871),
    ]
);

pub const DROPOUT_CONCISE: Experiment = small_network!(
    "dropout-concise",
    "dropout_mlp",
    0.5,
    concise,
    [
        loss(0.339, 0.346, 0.359),
        train_accuracy(0.868, 0.873, 0.876),
        test_accuracy(0.818, 0.855, 0.870),
    ]
);

pub const LENET: Experiment = small_network!(
    "lenet",
    "lenet",
    0.9,
    quick Plan {
        optimizer: adam,
        ..small(model!("lenet"), 0.003)
    },
    concise,
    [
        loss(0.455, 0.468, 0.486),
        train_accuracy(0.815, 0.824, 0.831),
        test_accuracy(0.773, 0.806, 0.824),
    ]
);

pub const BATCH_NORM_SCRATCH: Experiment = small_network!(
    "batch-norm-scratch",
    "lenet_batch_norm",
    1.0,
    scratch::batch_norm_lenet,
    [
        loss(0.244, 0.263, 0.273),
        train_accuracy(0.899, 0.903, 0.911),
        test_accuracy(0.700, 0.860, 0.887),
    ]
);

pub const BATCH_NORM_CONCISE: Experiment = small_network!(
    "batch-norm-concise",
    "lenet_batch_norm",
    1.0,
    concise,
    [
        loss(0.244, 0.263, 0.278),
        train_accuracy(0.897, 0.903, 0.910),
        test_accuracy(0.740, 0.846, 0.883),
    ]
);

pub const ALEXNET: Experiment = large_network!(
    "alexnet", "alexnet", rate 0.01, side 224, batch 128,
    quick side 65, batch 32, epochs 2, adam, rate 0.001,
    [
        loss(0.325, 0.329, 0.361),
        train_accuracy(0.868, 0.879, 0.882),
        test_accuracy(0.860, 0.880, 0.885),
    ]
);

pub const VGG: Experiment = large_network!(
    "vgg", "vgg11_narrow", rate 0.05, side 224, batch 128,
    quick side 32, batch 16, epochs 2, adam, rate 0.0005,
    [
        loss(0.170, 0.177, 0.186),
        train_accuracy(0.930, 0.935, 0.937),
        test_accuracy(0.907, 0.919, 0.924),
    ]
);

/// Of the published runs that are finite, several are dead from the start: 17 % end below a test accuracy of 0.7.
pub const NIN: Experiment = large_network!(
    "nin", "nin", rate 0.1, side 224, batch 128,
    quick side 67, batch 16, epochs 5, adam, rate 0.0003,
    [
        loss(0.330, 0.377, 1.527),
        train_accuracy(0.407, 0.860, 0.878),
        test_accuracy(0.412, 0.849, 0.878),
    ]
);

pub const GOOGLENET: Experiment = large_network!(
    "googlenet", "googlenet", rate 0.1, side 96, batch 128,
    quick side 32, batch 32, epochs 3, adam, rate 0.0005,
    [
        loss(0.232, 0.246, 0.275),
        train_accuracy(0.896, 0.906, 0.913),
        test_accuracy(0.857, 0.889, 0.899),
    ]
);

pub const RESNET: Experiment = large_network!(
    "resnet", "resnet18_course", rate 0.05, side 96, batch 256,
    quick side 32, batch 32, epochs 2, OptimizerConfig::default, rate 0.05,
    [
        loss(0.009, 0.013, 0.051),
        train_accuracy(0.982, 0.996, 0.998),
        test_accuracy(0.848, 0.910, 0.922),
    ]
);

pub const DENSENET: Experiment = large_network!(
    "densenet", "densenet_course", rate 0.1, side 96, batch 256,
    quick side 32, batch 32, epochs 2, OptimizerConfig::default, rate 0.1,
    [
        loss(0.140, 0.150, 0.158),
        train_accuracy(0.942, 0.945, 0.949),
        test_accuracy(0.779, 0.880, 0.909),
    ]
);

impl Training {
    /// What is done in full, or with `--quick`.
    pub fn plan(&self, quick: bool) -> &Plan {
        if quick { &self.quick } else { &self.course }
    }

    /// Trains, and gives the last epoch's figures in the order of the bands.
    ///
    /// # Errors
    /// A loss that is not finite, or a network that does no better than guessing and should.
    pub fn figures(&self, bands: &[Band], quick: bool, setting: &Setting) -> Result<Vec<f64>> {
        let plan = self.plan(quick);
        let history = (self.train)(plan, &Data::read(plan)?, setting)?;
        plan.check(&history)?;
        let last = history.last().context("there was no epoch")?;
        let figures = bands.iter().map(|band| {
            // The test set is the validation set here.
            let name = band.figure.replace("test", "valid").replace(' ', "_");
            let figure = last.get(&name);
            figure.with_context(|| format!("the training has no figure {name}"))
        });
        figures.collect()
    }
}

impl Plan {
    /// Whether the training came to anything.
    fn check(&self, history: &History) -> Result<()> {
        for record in &history.epochs {
            let finite = record.get("train_loss").is_some_and(f64::is_finite);
            ensure!(
                finite,
                "the training loss of epoch {} is not finite",
                record.epoch
            );
        }
        let last = history.last().context("there was no epoch")?;
        let accuracy = last.get("train_accuracy").unwrap_or(f64::NAN);
        let enough = accuracy > 2.0 * CHANCE;
        ensure!(
            enough,
            "the training accuracy is {accuracy:.4} after epoch {}, where guessing gets {CHANCE}: \
             the network learns nothing",
            last.epoch
        );
        Ok(())
    }
}

/// The settings, and what is asserted of a training that no band belongs to.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let [train, test] = self.images;
        let Self {
            side,
            batch,
            rate,
            epochs,
            ..
        } = self;
        let optimizer = (self.optimizer)();
        let optimizer = optimizer.name();
        write!(
            f,
            "the first {train} images to train and {test} to test, {side} x {side}, batch {batch}, rate {rate}, \
             {epochs} epochs, {optimizer}; asserted: the loss is finite, the training accuracy above {}",
            2.0 * CHANCE
        )
    }
}

impl Data {
    /// Reads Fashion-MNIST and resizes it.
    fn read(plan: &Plan) -> Result<Self> {
        let folder = fetch("fashion-mnist")?;
        let part = |part, images: usize| -> Result<Images> {
            let all = read_image_set("fashion-mnist", &folder, part)?;
            let first: Vec<usize> = (0..images.min(all.len())).collect();
            let first = all.subset(&first)?;
            Ok(match first.shape() {
                [_, height, width] if [height, width] == [plan.side; 2] => first,
                _ => first.resized(plan.side, plan.side)?,
            })
        };
        Ok(Self {
            train: part(Part::Train, plan.images[0])?,
            test: part(Part::Test, plan.images[1])?,
        })
    }

    /// The batches to train on, in an order drawn from the seed, and those to test on.
    pub fn loaders(&self, batch: usize, seed: Seed) -> Result<(Loader<Images>, Loader<Images>)> {
        let train = Loader::new(self.train.clone(), batch)?.shuffle(seed.child("order"));
        Ok((train, Loader::for_evaluation(self.test.clone(), batch)?))
    }
}

/// The training with the framework: a model of the registry and the [`Trainer`].
pub fn concise(plan: &Plan, data: &Data, setting: &Setting) -> Result<History> {
    let seed = Seed::new(setting.seed);
    let (train, test) = data.loaders(plan.batch, seed)?;
    let model = (plan.model)(data.train.shape(), data.train.classes().names().len())?;
    let model = model.init(seed.child("weights"), &setting.device)?;
    let config = TrainConfig {
        epochs: plan.epochs,
        learning_rate: plan.rate,
        optimizer: (plan.optimizer)(),
        seed: setting.seed,
        schedule: RateSchedule::per_epoch((plan.schedule)()),
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(config)?.metric(Accuracy::default());
    if let Some(folder) = &setting.folder {
        let run = Run::open(folder)?;
        if !setting.resume {
            run.clear()?;
        }
        let resume = match std::fs::read_dir(run.checkpoints())?.next() {
            Some(_) => Resume::LastGood,
            None => Resume::No,
        };
        trainer = trainer
            .run(run)
            .resume(resume)
            .stop_flag(StopFlag::on_ctrl_c()?)
            .checkpoint(Every::Epochs(1), 1);
    }
    let fitted = trainer.fit(model, &Classification::default(), &train, Some(&test))?;
    let fitted = fitted.finished();
    if fitted.is_err() {
        say!("interrupted; continue with the same command and --resume");
    }
    Ok(unless_interrupted(fitted)?.history)
}

#[cfg(test)]
pub mod tests {
    use tinderbox::train::EpochRecord;

    use super::super::EXPERIMENTS;
    use super::*;

    /// Random pixels, a class a pattern: something that can be learned.
    pub fn data(images: usize, side: usize) -> Data {
        let mut draw = Seed::new(5).rng();
        let labels: Vec<i32> = (0..images).map(|_| draw.below(10) as i32).collect();
        let mut pixels = Vec::with_capacity(images * side * side);
        for label in &labels {
            for place in 0..side * side {
                let bright = place as i32 % 10 == *label;
                pixels.push(draw.below(100) as u8 + if bright { 150 } else { 0 });
            }
        }
        let names = (0..10).map(|class| class.to_string()).collect();
        let classes = Classes::new(labels, names).unwrap();
        let train = Images::new(pixels, [1, side, side], classes).unwrap();
        let test = train.subset(&(0..images / 4).collect::<Vec<_>>()).unwrap();
        Data { train, test }
    }

    pub fn setting(seed: u64, device: Device) -> Setting {
        Setting {
            seed,
            device,
            folder: None,
            resume: false,
        }
    }

    fn training(name: &str) -> &'static Training {
        let found = EXPERIMENTS.iter().find(|one| one.name == name).unwrap();
        match &found.work {
            Work::Training(training) => training,
            Work::Figures(_) => panic!("{name} is no training"),
        }
    }

    /// By hand and with the framework, the same seed gives the same figures: the mean of loss and accuracy over an
    /// epoch whose last batch is short, and the accuracy after it.
    #[test]
    fn scratch_and_concise_agree() {
        let data = data(250, 20);
        for (by_hand, concise) in [
            ("softmax-regression-scratch", "softmax-regression-concise"),
            ("mlp-scratch", "mlp-concise"),
            ("batch-norm-scratch", "batch-norm-concise"),
        ] {
            let plan = Plan {
                batch: 64,
                epochs: 3,
                ..training(concise).course
            };
            let setting = setting(3, Device::flex());
            let by_hand = (training(by_hand).train)(&plan, &data, &setting).unwrap();
            let other = (training(concise).train)(&plan, &data, &setting).unwrap();
            assert_eq!((by_hand.epochs.len(), other.epochs.len()), (3, 3));
            for (epoch, (a, b)) in by_hand.epochs.iter().zip(&other.epochs).enumerate() {
                let (a_loss, b_loss) = (a.get("train_loss").unwrap(), b.get("train_loss").unwrap());
                assert!(
                    (a_loss - b_loss).abs() < 1e-3,
                    "{concise}, epoch {epoch}: {a_loss} {b_loss}"
                );
                for name in ["train_accuracy", "valid_accuracy"] {
                    let (a, b) = (a.get(name).unwrap(), b.get(name).unwrap());
                    // An example on the border may fall to the other side.
                    assert!(
                        (a - b).abs() < 0.02,
                        "{concise}, epoch {epoch}, {name}: {a} {b}"
                    );
                }
            }
        }
    }

    #[test]
    fn dropout_by_hand_learns() {
        let plan = Plan {
            batch: 32,
            epochs: 12,
            ..training("dropout-scratch").course
        };
        let train = training("dropout-scratch").train;
        let history = train(&plan, &data(500, 12), &setting(0, Device::flex())).unwrap();
        let last = history.last().unwrap();
        assert!(last.get("valid_accuracy") > Some(0.9), "{last:?}");
        // Nothing is dropped when it is measured, so that is the better figure.
        let (dropped, whole) = (last.get("train_loss"), last.get("valid_loss"));
        assert!(dropped > whole, "{dropped:?} {whole:?}");
    }

    #[test]
    fn a_training_goes_on_where_it_was_interrupted() {
        let (data, folder) = (data(128, 12), tempfile::tempdir().unwrap());
        let plan = |epochs| Plan {
            batch: 32,
            epochs,
            ..training("mlp-concise").course
        };
        let mut setting = setting(1, Device::flex());
        let whole = concise(&plan(4), &data, &setting).unwrap();
        setting.folder = Some(folder.path().join("seed-1"));
        concise(&plan(2), &data, &setting).unwrap();
        setting.resume = true;
        let resumed = concise(&plan(4), &data, &setting).unwrap();
        assert_eq!(resumed.series("train_loss"), whole.series("train_loss"));
        setting.resume = false;
        let anew = concise(&plan(1), &data, &setting).unwrap();
        assert_eq!(anew.epochs.len(), 1);
    }

    fn history(loss: f64, accuracy: f64) -> History {
        let figures = vec![
            ("train_loss".into(), loss),
            ("train_accuracy".into(), accuracy),
        ];
        History {
            epochs: vec![EpochRecord {
                epoch: 7,
                step: 1,
                learning_rate: 0.1,
                figures,
                seconds: 1.0,
            }],
        }
    }

    #[test]
    fn a_dead_network_and_a_loss_that_is_not_finite_are_failures() {
        let plan = &training("nin").course;
        plan.check(&history(0.4, 0.85)).unwrap();
        let error = plan.check(&history(2.303, 0.1)).unwrap_err().to_string();
        assert!(
            error.contains("0.1000 after epoch 7") && error.contains("learns nothing"),
            "{error}"
        );
        assert!(plan.check(&history(2.3, f64::NAN)).is_err());
        let quick = &training("nin").quick;
        assert!(quick.check(&history(2.303, 0.1)).is_err());
        let error = quick.check(&history(f64::NAN, 0.1)).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("epoch 7 is not finite"), "{error}");
    }

    #[test]
    fn a_loss_that_overflows_names_the_epoch() {
        let plan = Plan {
            rate: 1e30,
            batch: 32,
            ..training("mlp-concise").course
        };
        let data = data(128, 12);
        for name in ["mlp-scratch", "mlp-concise"] {
            let error = (training(name).train)(&plan, &data, &setting(0, Device::flex()));
            let error = error.unwrap_err().to_string();
            assert!(
                error.contains("epoch 1") && error.contains("loss is"),
                "{name}: {error}"
            );
        }
    }

    /// Every network can be made at the size of the course and at that of its quick form.
    #[test]
    fn plans_fit_their_networks() {
        let mut trainings = 0;
        for experiment in EXPERIMENTS {
            let Work::Training(training) = &experiment.work else {
                continue;
            };
            trainings += 1;
            for plan in [&training.course, &training.quick] {
                let model = (plan.model)([1, plan.side, plan.side], 10).unwrap();
                model.init(Seed::new(0), &Device::flex()).unwrap();
                (plan.schedule)().check().unwrap();
                (plan.optimizer)().check().unwrap();
            }
            assert_eq!(training.course.images, [60_000, 10_000]);
        }
        assert_eq!(trainings, 20);
    }
}

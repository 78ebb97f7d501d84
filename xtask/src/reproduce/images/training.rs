//! Training with the framework: images, a model of the registry and the [`Trainer`].

use anyhow::Result;
use examples::{say, unless_interrupted};
use tinderbox::data::fetch;
use tinderbox::data::images::{Images, Part, read_image_set};
use tinderbox::prelude::*;
use tinderbox::train::{Accuracy, History, Interval};

use super::{SeedRun, Settings};

/// Images to train and to test.
pub struct Data {
    pub train: Images,
    pub test: Images,
}

impl Data {
    /// Reads Fashion-MNIST and resizes it.
    pub fn read(settings: &Settings) -> Result<Self> {
        let folder = fetch("fashion-mnist")?;
        let side = settings.side;
        let part = |part, images: usize| -> Result<Images> {
            let all = read_image_set("fashion-mnist", &folder, part)?;
            let first: Vec<usize> = (0..images.min(all.len())).collect();
            let first = all.subset(&first)?;
            Ok(match first.shape() {
                [_, height, width] if [height, width] == [side; 2] => first,
                _ => first.resized(side, side)?,
            })
        };
        Ok(Self {
            train: part(Part::Train, settings.images[0])?,
            test: part(Part::Test, settings.images[1])?,
        })
    }

    /// The batches to train on, in an order drawn from the seed, and those to test on.
    pub fn loaders(
        &self,
        batch_size: usize,
        seed: Seed,
    ) -> Result<(Loader<Images>, Loader<Images>)> {
        let train = Loader::new(self.train.clone(), batch_size)?.shuffle(seed.child("order"));
        let test = Loader::for_evaluation(self.test.clone(), batch_size)?;
        Ok((train, test))
    }
}

/// Trains the model of these settings with the [`Trainer`].
pub fn train(settings: &Settings, data: &Data, run: &SeedRun) -> Result<History> {
    let classes = data.train.classes().names().len();
    let model = settings.model.config(data.train.shape(), classes)?;
    let model = model.init(Seed::new(run.seed).child("weights"), &run.device)?;
    train_model(model, settings, data, run, &[])
}

/// Trains this model, on several devices if any are given.
pub fn train_model<M: Module + Network<4>>(
    model: M,
    settings: &Settings,
    data: &Data,
    run: &SeedRun,
    devices: &[Device],
) -> Result<History> {
    let (train, test) = data.loaders(settings.batch_size, Seed::new(run.seed))?;
    let config = TrainConfig {
        epochs: settings.epochs,
        learning_rate: settings.learning_rate,
        optimizer: OptimizerConfig::by_name(settings.optimizer)?,
        seed: run.seed,
        schedule: RateSchedule {
            schedule: (settings.schedule)(),
            per: settings.per,
        },
        clip: settings.clip,
        ..TrainConfig::default()
    };
    let mut trainer = Trainer::new(config)?
        .metric(Accuracy::default())
        .devices(devices.iter().cloned());
    if let Some(folder) = &run.folder {
        let files = Run::open(folder)?;
        if !run.resume {
            files.clear()?;
        }
        let resume = match std::fs::read_dir(files.checkpoints())?.next() {
            Some(_) => Resume::LastGood,
            None => Resume::No,
        };
        trainer = trainer
            .run(files)
            .resume(resume)
            .stop_flag(StopFlag::on_ctrl_c()?)
            .checkpoint(Interval::Epochs(1), 1);
    }
    let fitted = trainer.fit(model, &Classification::default(), &train, Some(&test))?;
    let fitted = fitted.finished();
    if fitted.is_err() {
        say!("interrupted; continue with the same command and --resume");
    }
    Ok(unless_interrupted(fitted)?.history)
}

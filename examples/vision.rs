//! What the examples about pictures share: from images and a model to a trained classifier, its
//! scores, its figures and its bundle.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use tinderbox::data::images::{
    FolderOptions, IMAGE_SETS, Images, Part, Transform, WHITE, read_image_folder_with_report,
    read_image_set,
};
use tinderbox::data::{Examples, Strategy, fetch, split};
use tinderbox::image::ImageClassifierConfig;
use tinderbox::models::{ImageConfig, ImageModel, summary};
use tinderbox::optim::{ParameterGroup, Select};
use tinderbox::plot::{Plot, Series, curves};
use tinderbox::prelude::*;
use tinderbox::train::{
    Accuracy, ConfusionMatrix, History, TopK, evaluate, load_matching_weights, prediction_grid,
};
use tinderbox::write_atomic;

use crate::{Common, expected, say, unless_interrupted};

/// Pictures in the prediction grid, and in a row of it.
const SHOWN: (usize, usize) = (40, 10);

/// What one can do where the catalog's copy of CIFAR-10 is all there is.
const CIFAR_ADVICE: &str = "CIFAR-10: the catalog has it as lossless WebP pictures, which are not \
    unpacked here. Get the binary version (cifar-10-binary.tar.gz) from \
    https://www.cs.toronto.edu/~kriz/cifar.html, unpack it, and give the folder that holds \
    data_batch_1.bin to test_batch.bin instead of the name: --data FOLDER";

/// The command line of an example on Fashion-MNIST.
#[derive(clap::Parser, Clone, Debug)]
#[command(about = "An example of Tinderbox on Fashion-MNIST; its first lines say what it shows.")]
pub struct Args {
    /// Take only so many of the training images, and of the test images: a quick try.
    #[arg(long)]
    pub limit: Option<usize>,
    /// The options that every example takes.
    #[command(flatten)]
    pub common: Common,
}

/// The 60,000 training and 10,000 test images of Fashion-MNIST, 1 x 28 x 28, or fewer of each.
pub fn fashion_mnist(limit: Option<usize>) -> Result<(Images, Images)> {
    let parts = named("fashion-mnist")?;
    limited(parts.train, parts.test, limit)
}

/// The images of a data set.
#[derive(Clone, Debug)]
pub struct Parts {
    /// To train on.
    pub train: Images,
    /// To choose the best epoch by, where the data set has such a part beside the test images.
    pub valid: Option<Images>,
    /// To measure on.
    pub test: Images,
}

/// The images of a data set: one of [`IMAGE_SETS`], or a folder.
///
/// A folder holds the binary batches of CIFAR-10, or `CLASS/*.png`, of which a fifth of every class becomes
/// the test images, or folders `train`, `valid` (also `val` and `validation`) and `test` (either of the two
/// may be absent) with such classes. What is passed over in a folder is printed.
pub fn images(data: &str, options: &FolderOptions, seed: Seed) -> Result<Parts> {
    let folder = Path::new(data);
    if IMAGE_SETS.contains(&data) {
        return named(data);
    }
    if !folder.is_dir() {
        // The error of an unknown name, which suggests the nearest.
        let unknown = read_image_set(data, folder, Part::Train);
        unknown.with_context(|| format!("--data {data} is neither a data set nor a folder"))?;
    }
    let batch = ["data_batch_1.bin", "data_batch_1.bin.gz"];
    if batch.iter().any(|name| folder.join(name).is_file()) {
        return parts("cifar-10", folder);
    }
    let train = part_of(folder, &["train", "training"])?;
    let held_out = [
        part_of(folder, &["valid", "val", "validation"])?,
        part_of(folder, &["test", "testing"])?,
    ];
    let (train, held_out) = match (train, held_out) {
        (Some(train), [None, None]) => (train, [None, None]),
        (Some(train), held_out) => (train, held_out),
        (None, _) => (folder.to_owned(), [None, None]),
    };
    let train = folder_images(&train, options)?;
    let [_, height, width] = train.stored_shape();
    let same = options.clone().classes(train.classes().names());
    let same = same.size(height, width);
    let [valid, test] = held_out.map(|part| part.map(|part| folder_images(&part, &same)));
    match (valid.transpose()?, test.transpose()?) {
        (valid, Some(test)) => Ok(Parts { train, valid, test }),
        (Some(valid), None) => Ok(Parts {
            train,
            valid: None,
            test: valid,
        }),
        (None, None) => {
            let (train, test) = hold_out(&train, 0.2, seed)?;
            Ok(Parts {
                train,
                valid: None,
                test,
            })
        }
    }
}

/// The folder in this one that has one of these names, in any case of letters.
fn part_of(folder: &Path, names: &[&str]) -> Result<Option<PathBuf>> {
    let mut found = None;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let named = name.is_some_and(|name| names.contains(&name.to_lowercase().as_str()));
        // A class of this name holds pictures, a part of a data set the folders of its classes.
        if !named || !holds_folders(&path) {
            continue;
        }
        if let Some(other) = found.replace(path.clone()) {
            bail!(
                "{} and {} are both there; rename one",
                other.display(),
                path.display()
            );
        }
    }
    Ok(found)
}

fn holds_folders(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let visible = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    visible.into_iter().any(|entry| entry.path().is_dir())
}

/// The images of a folder of classes; prints what is passed over.
fn folder_images(folder: &Path, options: &FolderOptions) -> Result<Images> {
    let (images, report) = read_image_folder_with_report(folder, options)?;
    let say = |what: String| crate::say!("{}: {what}", folder.display());
    if let [first, ..] = &report.passed_over[..] {
        let count = report.passed_over.len();
        say(format!(
            "{count} files that are no pictures are passed over, the first is {}",
            first.display()
        ));
    }
    if !report.empty.is_empty() {
        say(format!(
            "no class, for there is no picture in it: {}",
            report.empty.join(", ")
        ));
    }
    if !report.missing.is_empty() {
        say(format!("no picture of {}", report.missing.join(", ")));
    }
    for (path, problem) in &report.damaged {
        say(format!("{} is left out: {problem}", path.display()));
    }
    if report.transparent > 0 {
        let [red, green, blue] = options.background;
        say(format!(
            "{} pictures with transparent pixels are laid on #{red:02x}{green:02x}{blue:02x}",
            report.transparent
        ));
    }
    Ok(images)
}

fn named(name: &str) -> Result<Parts> {
    let read = fetch(name)
        .map_err(anyhow::Error::from)
        .and_then(|folder| parts(name, &folder));
    match name {
        "cifar-10" => read.context(CIFAR_ADVICE),
        _ => read,
    }
}

fn parts(name: &str, folder: &Path) -> Result<Parts> {
    let part = |part| read_image_set(name, folder, part);
    Ok(Parts {
        train: part(Part::Train)?,
        valid: None,
        test: part(Part::Test)?,
    })
}

/// Divides images at random; the second part gets this share of every class.
pub fn hold_out(images: &Images, share: f64, seed: Seed) -> Result<(Images, Images)> {
    let labels = images.classes().labels().iter().map(|&label| label as u64);
    let strategy = Strategy::Stratified(labels.collect());
    let parts = split(images.len(), &[1.0 - share, share], seed, &strategy)?;
    Ok((images.subset(&parts[0])?, images.subset(&parts[1])?))
}

/// As many of each as the limit says, and a line that says so.
pub fn limited(train: Images, test: Images, limit: Option<usize>) -> Result<(Images, Images)> {
    if let Some(limit) = limit {
        let (all, all_test) = (train.len(), test.len());
        say!("a part of the data: {limit} of {all} training, {limit} of {all_test} test images");
    }
    Ok((at_most(train, limit)?, at_most(test, limit)?))
}

/// So many of the images, evenly spaced; all of them where there are not more, or without a limit.
pub fn at_most(images: Images, limit: Option<usize>) -> Result<Images> {
    let count = images.len();
    match limit {
        Some(limit) if limit < count => {
            let spaced: Vec<usize> = (0..limit).map(|i| i * count / limit).collect();
            Ok(images.subset(&spaced)?)
        }
        _ => Ok(images),
    }
}

/// What pixels are shifted and scaled by, before they go into a model.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Normalize {
    /// Mean and standard deviation of the training images, channel by channel.
    Data,
    /// Those of ImageNet, for the weights that torchvision offers.
    Imagenet,
}

impl Normalize {
    /// The transform, for images with the channels of these training images.
    pub fn of(self, training: &Images) -> Result<Transform> {
        let [channels, ..] = training.stored_shape();
        let (mean, std) = match self {
            Self::Imagenet => {
                ensure!(
                    channels == 3,
                    "--normalize imagenet is for images of 3 channels, these have {channels}"
                );
                (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225])
            }
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
        // Images of one brightness have nothing to be divided by.
        let std = variance.max(0.0).sqrt().max(1.0);
        ((mean / 255.0) as f32, (std / 255.0) as f32)
    };
    (0..channels).map(channel).unzip()
}

/// Random changes of training images.
#[derive(Clone, Copy, Debug)]
pub struct Augment {
    /// Whether to mirror half of them.
    pub mirror: bool,
}

/// The images resized on the batch, where a side is given, changed at random, where that is asked for
/// (shifted by up to an eighth of their size, and mirrored), and normalised.
pub fn prepare(
    images: Images,
    side: Option<usize>,
    augment: Option<Augment>,
    normalize: Option<&Transform>,
) -> Result<Images> {
    let [_, mut height, mut width] = images.stored_shape();
    let mut transforms = Vec::new();
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
    Ok(images.with_transforms(transforms)?)
}

/// A training of an image model.
#[derive(Clone, Debug)]
pub struct Training<'a> {
    /// The run folder is below `runs/NAME`.
    pub name: &'a str,
    /// The command line.
    pub common: &'a Common,
    /// The name of the model in the registry.
    pub model: &'a str,
    /// The model.
    pub network: ImageConfig,
    /// Epochs, learning rate and optimizer.
    pub config: TrainConfig,
    /// Examples in a batch; as many as there are, where there are fewer.
    pub batch_size: usize,
    /// Label smoothing, from 0 (none) to less than 1.
    pub label_smoothing: f32,
    /// Weights to start from, as `.safetensors`, `.pt` or `.pth`; those of the last layer may be of
    /// another number of classes.
    pub weights: Option<PathBuf>,
    /// Another learning rate for the last layer.
    pub head_rate: Option<f64>,
    /// Red, green and blue behind transparent pixels of pictures.
    pub background: [u8; 3],
}

impl<'a> Training<'a> {
    /// The default settings: those of [`TrainConfig`], batches of 256.
    pub fn new(name: &'a str, common: &'a Common, model: &'a str, network: ImageConfig) -> Self {
        Self {
            name,
            common,
            model,
            network,
            config: TrainConfig::default(),
            batch_size: 256,
            label_smoothing: 0.0,
            weights: None,
            head_rate: None,
            background: WHITE,
        }
    }
}

/// What a training leaves behind.
#[derive(Debug)]
pub struct Trained {
    /// The run folder.
    pub run: Run,
    /// The trained model.
    pub model: ImageModel,
    /// The figures of every epoch.
    pub history: History,
    /// What the test images were taken for.
    pub matrix: ConfusionMatrix,
    /// The loss on the test images.
    pub test_loss: f64,
    examples: usize,
}

/// Trains a model on images, with the test images as validation data unless there are others.
///
/// The last batch is kept, and the last epoch's weights, as the course does it; with validation
/// images of their own, the weights of the epoch that was best on them.
pub fn train(
    plan: Training,
    train: &Images,
    valid: Option<&Images>,
    test: &Images,
) -> Result<Trained> {
    let (common, seed) = (plan.common, plan.common.seed());
    let device = common.device()?;
    let names = test.classes().names();
    let classifier = ImageClassifierConfig {
        model: plan.model.to_owned(),
        config: plan.network,
        classes: names.to_vec(),
        transforms: test.transforms().to_vec(),
        input: test.stored_shape(),
        background: plan.background,
    };
    let mut model = classifier.config.init(seed.child("weights"), &device)?;
    let mut config = plan.config;
    if let Some(path) = &plan.weights {
        model = start_from(model, path)?;
    }
    if let Some(rate) = plan.head_rate {
        let group = ParameterGroup::new(Select::Prefix(head(&model)?));
        let factor = rate / config.learning_rate;
        config.groups.push(group.rate_factor(factor));
    }
    // Before hours of training, not after them.
    classifier.check(&model)?;
    say!(
        "{}, {} parameters; {} training and {} test images of {:?}, {} classes",
        plan.model,
        tinderbox::nn::count_parameters(&model),
        train.len(),
        test.len(),
        train.shape(),
        names.len()
    );

    let loader = Loader::new(train.clone(), plan.batch_size.min(train.len().max(1)))?;
    let loader = loader.shuffle(seed.child("order"));
    let for_test = Loader::for_evaluation(test.clone(), plan.batch_size)?;
    let for_valid = valid.map(|valid| Loader::for_evaluation(valid.clone(), plan.batch_size));
    let for_valid = for_valid.transpose()?;
    let task = Classification {
        label_smoothing: plan.label_smoothing,
    };
    let run = common.run(plan.name)?;
    let mut trainer = common.trainer(config, &run)?.metric(Accuracy::default());
    if names.len() > 10 {
        trainer = trainer.metric(TopK::new(5)?);
    }
    if for_valid.is_some() {
        trainer = trainer.monitor(Monitor::max("valid_accuracy"));
    }
    let watched = for_valid.as_ref().unwrap_or(&for_test);
    let fitted = trainer.fit(model, &task, &loader, Some(watched))?;
    let fitted = unless_interrupted(fitted.finished())?;

    let mut matrix = ConfusionMatrix::default();
    let plain = Classification::default();
    let test_loss = evaluate(&fitted.model, &plain, &for_test, &mut [&mut matrix])?;
    let trained = Trained {
        examples: train.len(),
        run,
        model: fitted.model,
        history: fitted.history,
        matrix,
        test_loss,
    };
    classifier.save(trained.run.bundle(), &trained.model)?;
    trained.write_figures(test, &device)?;
    Ok(trained)
}

/// The name of the last layer with weights.
fn head(model: &ImageModel) -> Result<String> {
    let layers = summary(model)?.rows;
    let named = layers
        .into_iter()
        .rev()
        .find(|layer| !layer.name.is_empty());
    Ok(named.context("a model has layers with weights")?.name)
}

/// Loads weights; only those of the last layer may not fit, and are then drawn anew.
fn start_from(model: ImageModel, path: &Path) -> Result<ImageModel> {
    let head = head(&model)?;
    let (model, report) = load_matching_weights(model, path)?;
    let shapes = report.misshapen.iter().map(|weights| &weights.name);
    let misfits = report
        .missing
        .iter()
        .chain(&report.unexpected)
        .chain(shapes);
    let others = misfits.filter(|name| !name.starts_with(&format!("{head}.")));
    ensure!(
        others.count() == 0,
        "{} is not of this model: {report}; only {head} may differ",
        path.display()
    );
    say!("{}: {report}", path.display());
    Ok(model)
}

impl Trained {
    /// A figure of the last epoch: `train_loss`, `train_accuracy`, ….
    pub fn last(&self, figure: &str) -> Result<f64> {
        let last = self.history.last().context("no epoch was trained")?;
        last.get(figure)
            .with_context(|| format!("no figure is called {figure}"))
    }

    /// The share of the test images that were taken for what they are.
    pub fn test_accuracy(&self) -> f64 {
        self.matrix.scores().accuracy
    }

    /// Prints the scores of every class, and where things are.
    pub fn print(&self, names: &[String]) {
        say!("\n{}", self.matrix.scores().table(names).trim_end());
        say!("test loss {:.4}\n", self.test_loss);
        let seconds: f64 = self.history.epochs.iter().map(|epoch| epoch.seconds).sum();
        let seen = self.examples * self.history.epochs.len();
        say!(
            "{:.0} training examples a second, validation included",
            seen as f64 / seconds
        );
        say!("run folder  {}", self.run.folder().display());
        say!("bundle      {}", self.run.bundle().display());
    }

    /// Prints the last epoch beside the band of the course's published runs: 5 to 95 percent of them.
    pub fn expect(
        &self,
        train_loss: [f64; 2],
        train_accuracy: [f64; 2],
        test_accuracy: [f64; 2],
    ) -> Result<()> {
        let line = |what: &str, [low, high]: [f64; 2], got: f64| {
            expected(what, format!("{low} to {high}"), format!("{got:.4}"));
        };
        line("training loss", train_loss, self.last("train_loss")?);
        let accuracy = self.last("train_accuracy")?;
        line("training accuracy", train_accuracy, accuracy);
        line("test accuracy", test_accuracy, self.test_accuracy());
        Ok(())
    }

    /// The path of a file in the run folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.run.folder().join(name)
    }

    /// Curves, the confusion matrix, the scores of the classes and some predictions.
    fn write_figures(&self, test: &Images, device: &Device) -> Result<()> {
        let names = test.classes().names();
        let series = [
            ("train", "train_accuracy"),
            ("validation", "valid_accuracy"),
        ]
        .map(|(name, figure)| Series::new(name, self.history.series(figure)));
        let plot = Plot::new("Accuracy").labels("epoch", "accuracy");
        write_atomic(self.file("accuracy.svg"), curves(&plot, &series)?)?;
        let svg = self.matrix.to_svg("Test images", names)?;
        write_atomic(self.file("confusion.svg"), svg)?;
        let table = self.matrix.scores().table(names);
        write_atomic(self.file("classes.txt"), table)?;

        let (count, columns) = SHOWN;
        let some = at_most(test.clone(), Some(count))?;
        let guesses = predicted(&self.model, &some, device)?;
        let svg = prediction_grid("Test images: true, predicted", &some, &guesses, columns)?;
        write_atomic(self.file("predictions.svg"), svg)?;
        Ok(())
    }
}

/// The class of the highest logit for each image.
pub fn predicted(model: &ImageModel, images: &Images, device: &Device) -> Result<Vec<usize>> {
    let every: Vec<usize> = (0..images.len()).collect();
    // Only transforms for training draw.
    let batch = images.gather(&every, Seed::new(0))?;
    let batch = images.upload(batch, device);
    let logits = model.predict(batch.inputs)?;
    ensure!(
        logits.dims()[1] == images.classes().names().len(),
        "the model has {} classes, the images {}",
        logits.dims()[1],
        images.classes().names().len()
    );
    let guesses = logits.argmax(1).into_data();
    Ok(guesses.iter::<i64>().map(|guess| guess as usize).collect())
}

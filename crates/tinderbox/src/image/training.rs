use std::path::PathBuf;

use tinderbox_data::Loader;
use tinderbox_data::images::{Images, WHITE};
use tinderbox_models::{ImageConfig, ImageModel};
use tinderbox_nn::count_parameters;
use tinderbox_train::{Classification, ConfusionMatrix, evaluate};

use super::prepare::prepare;
use super::{Augment, ImageClassifier, ImageError, Normalize, Note, Trained, hold_out};
use crate::session::{Listener, Session, session_setters};

/// A training run of an image classifier: from images to a scored, saved and drawn model.
///
/// Everything has a default that depends on the number of images: 800 optimizer steps and 10 epochs at
/// least, batches of 8 to 128 images, Adam with a learning rate of 0.001 (0.1 for plain SGD, 0.01 for SGD
/// with momentum). With validation images the weights of the epoch with the best validation accuracy are
/// kept; without them the test images are measured in every epoch and the last epoch is kept.
///
/// ```
/// use tinderbox::data::Classes;
/// use tinderbox::data::images::Images;
/// use tinderbox::image::{Normalize, Training, hold_out};
/// use tinderbox::prelude::*;
///
/// // 8 x 8 grey pixels, dark or bright; a folder of images: see `Parts::read`.
/// let pixels = (0..200).flat_map(|image| [60 + image % 2 * 100 + image / 2 % 40; 64]);
/// let classes = Classes::new((0..200).map(|image| image % 2).collect(), vec!["dark".into(), "bright".into()])?;
/// let images = Images::new(pixels.map(|pixel| pixel as u8).collect(), [1, 8, 8], classes)?;
///
/// let (train, test) = hold_out(&images, 0.2, Seed::new(1))?;
/// let training = Training::new("softmax_regression").normalize(Normalize::Data).epochs(10).learning_rate(0.01);
/// let trained = training.fit(&train, None, &test)?;
/// println!("{}", trained.scores());
/// assert_eq!(trained.test_accuracy(), 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Training {
    pub(super) session: Session<ImageModel>,
    pub(super) model: String,
    pub(super) network: Option<ImageConfig>,
    validation_share: Option<f64>,
    resize: Option<usize>,
    augment: Option<Augment>,
    normalize: Option<Normalize>,
    pub(super) label_smoothing: f32,
    pub(super) weights: Option<PathBuf>,
    pub(super) head_learning_rate: Option<f64>,
    pub(super) background: [u8; 3],
    on_note: Option<Listener<Note>>,
    notes: Vec<Note>,
}

impl Training {
    /// A training run of a model of the [`registry`](tinderbox_models::registry), by its name.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            session: Session::default(),
            model: model.into(),
            network: None,
            validation_share: None,
            resize: None,
            augment: None,
            normalize: None,
            label_smoothing: 0.0,
            weights: None,
            head_learning_rate: None,
            background: WHITE,
            on_note: None,
            notes: Vec::new(),
        }
    }

    /// The configuration of the model, instead of the one of the registry for these images.
    pub fn network(mut self, network: ImageConfig) -> Self {
        self.network = Some(network);
        self
    }

    /// Holds out this share of every class of the training images to choose the best epoch, where
    /// [`fit`](Self::fit) is given no validation images.
    pub fn validation_share(mut self, share: f64) -> Self {
        self.validation_share = Some(share);
        self
    }

    /// Resizes images to this many rows and columns, on the batch.
    pub fn resize(mut self, side: usize) -> Self {
        self.resize = Some(side);
        self
    }

    /// Changes training images at random, differently in every epoch.
    pub fn augment(mut self, augment: Augment) -> Self {
        self.augment = Some(augment);
        self
    }

    /// Shifts and scales the pixels.
    pub fn normalize(mut self, normalize: Normalize) -> Self {
        self.normalize = Some(normalize);
        self
    }

    /// Label smoothing, from 0 (none) to less than 1.
    pub fn label_smoothing(mut self, smoothing: f32) -> Self {
        self.label_smoothing = smoothing;
        self
    }

    /// Starts from the weights of a file (`.safetensors`, `.pt`, `.pth`); those of the last layer may be
    /// for other classes.
    pub fn weights(mut self, file: impl Into<PathBuf>) -> Self {
        self.weights = Some(file.into());
        self
    }

    /// Another learning rate for the last layer.
    pub fn head_learning_rate(mut self, learning_rate: f64) -> Self {
        self.head_learning_rate = Some(learning_rate);
        self
    }

    /// Red, green and blue behind transparent pixels of the image files that the bundle predicts for;
    /// white by default.
    pub fn background(mut self, background: [u8; 3]) -> Self {
        self.background = background;
        self
    }

    /// Calls this with each note when it arises; all of them are in [`Trained::notes`] too.
    pub fn on_note(mut self, each: impl FnMut(&Note) + 'static) -> Self {
        self.on_note = Some(Box::new(each));
        self
    }

    session_setters!(ImageModel);

    /// Trains, measures on the test images, and, with a run folder, writes bundle and figures.
    ///
    /// # Errors
    /// An unknown model, images that it does not take, settings that the trainer refuses, weights of
    /// another model, an interruption, files that cannot be written.
    pub fn fit(
        mut self,
        train: &Images,
        valid: Option<&Images>,
        test: &Images,
    ) -> Result<Trained, ImageError> {
        let seed = self.session.seed();
        let (train, valid) = match (valid, self.validation_share) {
            (None, Some(share)) => {
                let (train, valid) = hold_out(train, share, seed.child("validation"))?;
                (train, Some(valid))
            }
            (valid, _) => (train.clone(), valid.cloned()),
        };
        let normalize = self
            .normalize
            .map(|how| how.transform(&train))
            .transpose()?;
        let plain = |images: &Images| prepare(images, self.resize, None, normalize.as_ref());
        let (test, valid) = (plain(test)?, valid.as_ref().map(plain).transpose()?);
        let train = prepare(&train, self.resize, self.augment, normalize.as_ref())?;

        let device = self.session.device()?;
        let description = self.description(&test)?;
        let mut model = description.config.init(seed.child("weights"), &device)?;
        if let Some(path) = self.weights.take() {
            model = self.start_from(model, &path)?;
        }
        // Before hours of training, not after them.
        description.check(&model)?;
        self.note(Note::Start {
            model: self.model.clone(),
            parameters: count_parameters(&model),
            train: train.len(),
            test: test.len(),
            shape: train.shape(),
            classes: description.classes.len(),
        });

        let (config, batch_size) = self.plan(&model, train.len())?;
        let run = self.session.open(&config)?;
        let fitted = self.train(
            model,
            config,
            batch_size,
            [&train, &test],
            valid.as_ref(),
            run.as_ref(),
        )?;
        let fitted = fitted.finished()?;

        let mut matrix = ConfusionMatrix::default();
        let for_test = Loader::for_evaluation(test.clone(), batch_size)?;
        let task = Classification::default();
        let test_loss = evaluate(&fitted.model, &task, &for_test, &mut [&mut matrix])?;
        let mut trained = Trained {
            classifier: ImageClassifier::new(description, fitted.model, &device)?,
            history: fitted.history,
            matrix,
            test_loss,
            notes: self.notes,
            run: None,
            images: train.len(),
            test,
        };
        if let Some(run) = run {
            trained.save(run.bundle())?;
            trained.write_figures(run.folder())?;
            trained.run = Some(run);
        }
        Ok(trained)
    }

    pub(super) fn note(&mut self, note: Note) {
        if let Some(each) = &mut self.on_note {
            each(&note);
        }
        self.notes.push(note);
    }
}

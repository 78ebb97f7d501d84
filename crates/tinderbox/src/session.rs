//! The common part of all training runs of the facade: the user's settings,
//! and how the run is recorded, resumed and stopped.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;
use tinderbox_core::Seed;
use tinderbox_optim::OptimizerConfig;
use tinderbox_train::{
    Callback, Communicator, Interval, Logits, Predictions, Resume, Run, StopFlag, TrainConfig,
    TrainError, Trainer,
};

use crate::{DeviceError, device};

/// The settings of a training run of a model `M`; what is `None` depends on the data.
pub(crate) struct Session<M> {
    pub epochs: Option<usize>,
    pub batch_size: Option<usize>,
    pub learning_rate: Option<f64>,
    pub optimizer: Option<OptimizerConfig>,
    pub seed: u64,
    pub checkpoint: Option<(Interval, usize)>,
    devices: Vec<Device>,
    configure: Vec<Change<TrainConfig>>,
    folder: Option<Folder>,
    resume: Resume,
    stop: StopFlag,
    ranks: Option<Arc<dyn Communicator>>,
    callbacks: Vec<Box<dyn AddCallback<M>>>,
}

/// A change of some settings; training of several models applies it to each.
pub(crate) type Change<T> = Rc<dyn Fn(&mut T)>;

/// A function that is called with each note.
pub(crate) type Listener<N> = Box<dyn FnMut(&N)>;

/// Where the run is recorded.
enum Folder {
    Path(PathBuf),
    /// A numbered folder below this one.
    Parent(PathBuf),
    Run(Run),
}

impl<M> Default for Session<M> {
    fn default() -> Self {
        Self {
            epochs: None,
            batch_size: None,
            learning_rate: None,
            optimizer: None,
            seed: 0,
            checkpoint: None,
            devices: Vec::new(),
            configure: Vec::new(),
            folder: None,
            resume: Resume::No,
            stop: StopFlag::new(),
            ranks: None,
            callbacks: Vec::new(),
        }
    }
}

impl<M: Module> Session<M> {
    pub fn seed(&self) -> Seed {
        Seed::new(self.seed)
    }

    pub fn device(&self) -> Result<Device, DeviceError> {
        match self.devices.first() {
            Some(device) => Ok(device.clone()),
            None => device(None),
        }
    }

    pub fn set_devices(&mut self, devices: &[Device]) {
        self.devices = devices.to_vec();
    }

    pub fn set_folder(&mut self, folder: PathBuf) {
        self.folder = Some(Folder::Path(folder));
    }

    pub fn set_parent(&mut self, parent: PathBuf) {
        self.folder = Some(Folder::Parent(parent));
    }

    pub fn set_run(&mut self, run: Run) {
        self.folder = Some(Folder::Run(run));
    }

    pub fn set_resume(&mut self, resume: Resume) {
        self.resume = resume;
    }

    pub fn set_stop_flag(&mut self, stop: &StopFlag) {
        self.stop = stop.clone();
    }

    pub fn set_communicator(&mut self, ranks: Arc<dyn Communicator>) {
        self.ranks = Some(ranks);
    }

    /// The number of ranks of the run.
    #[cfg_attr(not(feature = "tables"), expect(dead_code))]
    pub fn ranks(&self) -> usize {
        self.ranks.as_ref().map_or(1, |ranks| ranks.size())
    }

    pub fn add_callback(&mut self, callback: impl Callback<M> + 'static) {
        self.callbacks.push(Box::new(callback));
    }

    pub fn add_configure(&mut self, change: impl Fn(&mut TrainConfig) + 'static) {
        self.configure.push(Rc::new(change));
    }

    /// The session of one of several models: the same settings and the same stop flag, but another seed, no
    /// callbacks and no run folder.
    #[cfg_attr(not(feature = "tables"), expect(dead_code))]
    pub fn member(&self, seed: u64) -> Self {
        Self {
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            optimizer: self.optimizer.clone(),
            seed,
            devices: self.devices.clone(),
            configure: self.configure.clone(),
            stop: self.stop.clone(),
            ranks: self.ranks.clone(),
            ..Self::default()
        }
    }

    /// Whether the user asks to resume.
    #[cfg_attr(not(feature = "tables"), expect(dead_code))]
    pub fn resumes(&self) -> bool {
        self.resume != Resume::No
    }

    /// These settings, with the changes of the user.
    pub fn configured(&self, mut config: TrainConfig) -> TrainConfig {
        for change in &self.configure {
            change(&mut config);
        }
        config
    }

    /// The run folder, if there is one and this is rank 0; its `config.json` gets these settings.
    pub fn open(&mut self, config: &TrainConfig) -> Result<Option<Run>, TrainError> {
        if self.ranks.as_ref().is_some_and(|ranks| ranks.rank() > 0) {
            return Ok(None);
        }
        let run = match (self.folder.take(), &self.resume) {
            (None, _) => return Ok(None),
            (Some(Folder::Run(run)), _) => run,
            (Some(Folder::Path(path)), Resume::No) => Run::create(path)?,
            (Some(Folder::Path(path)), _) => Run::open(path)?,
            (Some(Folder::Parent(parent)), Resume::No) => Run::next(parent)?,
            (Some(Folder::Parent(parent)), _) => Run::latest(parent)?,
        };
        run.write_config(config)?;
        Ok(Some(run))
    }

    /// A trainer for numbers.
    #[cfg_attr(
        not(any(feature = "tables", feature = "tokenizers")),
        expect(dead_code)
    )]
    pub fn regressor(
        mut self,
        config: TrainConfig,
        run: Option<&Run>,
    ) -> Result<Trainer<M, Predictions>, TrainError> {
        let trainer = self
            .callbacks
            .drain(..)
            .fold(Trainer::new(config)?, |trainer, callback| {
                callback.to_regressor(trainer)
            });
        Ok(self.finish(trainer, run))
    }

    /// A trainer for classes.
    pub fn classifier(
        mut self,
        config: TrainConfig,
        run: Option<&Run>,
    ) -> Result<Trainer<M, Logits>, TrainError> {
        let trainer = self
            .callbacks
            .drain(..)
            .fold(Trainer::new(config)?, |trainer, callback| {
                callback.to_classifier(trainer)
            });
        Ok(self.finish(trainer, run))
    }

    fn finish<O>(self, trainer: Trainer<M, O>, run: Option<&Run>) -> Trainer<M, O> {
        let trainer = trainer.resume(self.resume).stop_flag(self.stop);
        let mut trainer = trainer.devices(self.devices);
        if let Some(ranks) = self.ranks {
            trainer = trainer.communicator(ranks);
        }
        if let Some(run) = run {
            trainer = trainer.run(run.clone());
        }
        if let Some((interval, keep)) = self.checkpoint {
            trainer = trainer.checkpoint(interval, keep);
        }
        trainer
    }
}

/// A callback on its way into a trainer of either kind.
trait AddCallback<M> {
    fn to_regressor(self: Box<Self>, to: Trainer<M, Predictions>) -> Trainer<M, Predictions>;
    fn to_classifier(self: Box<Self>, to: Trainer<M, Logits>) -> Trainer<M, Logits>;
}

impl<M: Module, C: Callback<M> + 'static> AddCallback<M> for C {
    fn to_regressor(self: Box<Self>, to: Trainer<M, Predictions>) -> Trainer<M, Predictions> {
        to.callback(*self)
    }

    fn to_classifier(self: Box<Self>, to: Trainer<M, Logits>) -> Trainer<M, Logits> {
        to.callback(*self)
    }
}

/// The setters that `tabular::Training` and `image::Training` have in common.
macro_rules! session_setters {
    ($model:ty) => {
        /// Number of passes over the training data; with it the learning rate stays constant, so that
        /// a run can be resumed with more.
        pub fn epochs(mut self, epochs: usize) -> Self {
            self.session.epochs = Some(epochs);
            self
        }

        /// Examples in a batch; all of them where there are fewer.
        pub fn batch_size(mut self, batch_size: usize) -> Self {
            self.session.batch_size = Some(batch_size);
            self
        }

        /// The learning rate that the schedule starts from.
        pub fn learning_rate(mut self, learning_rate: f64) -> Self {
            self.session.learning_rate = Some(learning_rate);
            self
        }

        /// The optimizer.
        pub fn optimizer(mut self, optimizer: impl Into<$crate::optim::OptimizerConfig>) -> Self {
            self.session.optimizer = Some(optimizer.into());
            self
        }

        /// Seed of everything random: splits, initial weights, order of the examples, dropout. The
        /// default is 0.
        pub fn seed(mut self, seed: u64) -> Self {
            self.session.seed = seed;
            self
        }

        /// The device to train on; by default the one that [`device(None)`](crate::device()) chooses.
        pub fn device(mut self, device: &burn::tensor::Device) -> Self {
            self.session.set_devices(std::slice::from_ref(device));
            self
        }

        /// Several devices to train on together; see
        /// [`Trainer::devices`](crate::train::Trainer::devices). Everything else is computed on the first one.
        pub fn devices(mut self, devices: &[burn::tensor::Device]) -> Self {
            self.session.set_devices(devices);
            self
        }

        /// Changes any setting of the trainer (moving average of the weights, gradient clipping,
        /// schedule, frozen layers, …) after the defaults were chosen.
        pub fn configure(
            mut self,
            change: impl Fn(&mut $crate::train::TrainConfig) + 'static,
        ) -> Self {
            self.session.add_configure(change);
            self
        }

        /// Records the run in this folder: history, curves, checkpoints, the bundle and figures. A new
        /// run needs a folder without checkpoints. Without a run folder nothing is written.
        pub fn run_folder(mut self, folder: impl Into<std::path::PathBuf>) -> Self {
            self.session.set_folder(folder.into());
            self
        }

        /// Records the run in a new numbered folder below this one (`runs/houses/001`), or resumes the
        /// newest one there; see [`run_folder`](Self::run_folder).
        pub fn runs(mut self, parent: impl Into<std::path::PathBuf>) -> Self {
            self.session.set_parent(parent.into());
            self
        }

        /// Records the run in a folder that is open already; see [`run_folder`](Self::run_folder).
        pub fn run(mut self, run: $crate::train::Run) -> Self {
            self.session.set_run(run);
            self
        }

        /// Resumes from a checkpoint of the run folder.
        pub fn resume(mut self, resume: $crate::train::Resume) -> Self {
            self.session.set_resume(resume);
            self
        }

        /// Stops training after the current step when this flag is set; `fit` then returns
        /// [`TrainError::Interrupted`](crate::train::TrainError::Interrupted).
        pub fn stop_flag(mut self, stop: &$crate::train::StopFlag) -> Self {
            self.session.set_stop_flag(stop);
            self
        }

        /// Trains on several ranks together; see
        /// [`Trainer::communicator`](crate::train::Trainer::communicator). The run folder is that of rank 0.
        pub fn communicator(
            mut self,
            ranks: std::sync::Arc<dyn $crate::train::Communicator>,
        ) -> Self {
            self.session.set_communicator(ranks);
            self
        }

        /// How often a checkpoint is written, and how many of them are kept.
        pub fn checkpoint(mut self, interval: $crate::train::Interval, keep: usize) -> Self {
            self.session.checkpoint = Some((interval, keep));
            self
        }

        /// Adds a callback, such as [`Progress`](crate::train::Progress): nothing is printed without one.
        pub fn callback(
            mut self,
            callback: impl $crate::train::Callback<$model> + 'static,
        ) -> Self {
            self.session.add_callback(callback);
            self
        }
    };
}
pub(crate) use session_setters;

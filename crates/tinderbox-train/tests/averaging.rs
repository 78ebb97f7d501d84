//! Training with averaged weights: what is measured, kept, saved and resumed is the average.

use std::sync::{Arc, Mutex};

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::tensor::{Device, Tensor};
use tinderbox_core::Seed;
use tinderbox_data::{Loader, Rows, synthetic};
use tinderbox_nn::{Dropout, Initializer, LinearInit, Network, linear};
use tinderbox_optim::{Ema, OptimizerConfig};
use tinderbox_train::*;

/// Everything that changes while training: weights, running statistics, masks.
#[derive(Module, Debug)]
struct Net {
    hidden: Linear,
    norm: BatchNorm,
    dropout: Dropout,
    output: Linear,
}

impl Network<2> for Net {
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        let hidden = self.norm.forward(self.hidden.forward(inputs));
        self.output.forward(self.dropout.forward(hidden))
    }

    fn input_shape(&self) -> Vec<usize> {
        vec![2]
    }

    fn outputs(&self) -> usize {
        1
    }
}

fn net() -> Net {
    let device = Device::flex();
    let drawn = LinearInit {
        bias: true,
        weight: Initializer::Normal { std: 0.5 },
    };
    Net {
        hidden: linear(2, 4, drawn, Seed::new(3), &device),
        norm: BatchNormConfig::new(4).init(&device),
        dropout: Dropout::new(0.2),
        output: linear(4, 1, drawn, Seed::new(4), &device),
    }
}

fn data(seed: u64) -> Rows {
    synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 40, Seed::new(seed)).unwrap()
}

fn config(epochs: usize, ema_decay: Option<f64>) -> TrainConfig {
    TrainConfig {
        epochs,
        learning_rate: 0.05,
        optimizer: OptimizerConfig::adam().into(),
        ema_decay,
        ..TrainConfig::default()
    }
}

/// The bits of all numbers below a module.
fn bits<M: Module>(module: &M) -> Vec<u32> {
    #[derive(Default)]
    struct Bits(Vec<u32>);

    impl ModuleVisitor for Bits {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let numbers = param.val().try_into_vec_as::<f32>().unwrap();
            self.0.extend(numbers.into_iter().map(f32::to_bits));
        }
    }

    let mut bits = Bits::default();
    module.valid().visit(&mut bits);
    bits.0
}

/// Keeps a copy of the model after every epoch.
struct Keep(Arc<Mutex<Vec<Net>>>);

impl Callback<Net> for Keep {
    fn on_epoch_end(&mut self, _: &EpochRecord, model: &Net) -> Result<Flow, StepError> {
        self.0.lock().unwrap().push(model.valid());
        Ok(Flow::Continue)
    }
}

/// Trains with one step per epoch; also returns the model after every epoch.
fn one_step_epochs(config: TrainConfig) -> (Fitted<Net>, Vec<Net>) {
    let train = Loader::new(data(1), 40).unwrap();
    let valid = Loader::for_evaluation(data(2), 40).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let fitted = Trainer::new(config)
        .unwrap()
        .callback(Keep(Arc::clone(&seen)))
        .monitor(Monitor::min("valid_loss"))
        .fit(net(), &Regression::default(), &train, Some(&valid));
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (fitted.unwrap(), seen)
}

fn loss(model: &Net) -> f64 {
    let valid = Loader::for_evaluation(data(2), 40).unwrap();
    evaluate(model, &Regression::default(), &valid, &mut []).unwrap()
}

#[test]
fn the_average_is_measured_watched_and_returned() {
    let (_, weights) = one_step_epochs(config(12, None));
    let (fitted, averages) = one_step_epochs(config(12, Some(0.7)));
    let mut ema = Ema::new(0.7).unwrap();
    let losses = fitted.history.series("valid_loss");
    for (epoch, (weights, average)) in weights.iter().zip(&averages).enumerate() {
        ema.update(weights);
        let expected = ema.apply(weights);
        // Steps are taken from the last weights, so both runs have the same.
        assert_eq!(bits(average), bits(&expected), "epoch {}", epoch + 1);
        assert_eq!(losses[epoch].1, loss(&expected));
    }
    assert_ne!(bits(&averages[11]), bits(&weights[11]));
    let (best, value) = fitted.best.unwrap();
    assert_eq!(bits(&fitted.model), bits(&averages[best - 1]));
    assert_eq!(value, loss(&fitted.model));

    let folder = tempfile::tempdir().unwrap();
    let bundle = Bundle::save(folder.path(), "net", &(), &fitted.model).unwrap();
    let loaded = bundle.load_into(net()).unwrap();
    assert_eq!(loss(&loaded), value, "the bundle holds the average");
}

/// Sets the flag after this many steps, in the middle of an epoch.
struct StopAt(usize, StopFlag);

impl Callback<Net> for StopAt {
    fn on_step_end(&mut self, info: &StepInfo<Net>) -> Result<(), StepError> {
        if info.step == self.0 {
            self.1.stop();
        }
        Ok(())
    }
}

#[test]
fn a_run_with_an_average_is_resumed_in_mid_epoch_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    // Five batches per epoch: step 8 is the third of the second epoch.
    let fit = |name: &str, stop: usize, resume, decay| {
        let train = Loader::new(data(1), 8).unwrap().shuffle(Seed::new(5));
        let valid = Loader::for_evaluation(data(2), 40).unwrap();
        let flag = StopFlag::new();
        Trainer::new(config(4, Some(decay)))
            .unwrap()
            .run(Run::open(folder.path().join(name)).unwrap())
            .resume(resume)
            .monitor(Monitor::min("valid_loss"))
            .checkpoint(Interval::Steps(3), 2)
            .callback(StopAt(stop, flag.clone()))
            .stop_flag(flag)
            .fit(net(), &Regression::default(), &train, Some(&valid))
    };
    let whole = fit("whole", usize::MAX, Resume::No, 0.9).unwrap();
    let parts = fit("parts", 8, Resume::No, 0.9).unwrap();
    assert!(matches!(
        parts.stop_reason,
        StopReason::Interrupted(Some(_))
    ));
    let error = fit("parts", 0, Resume::Latest, 0.8).unwrap_err();
    assert!(
        matches!(&error, TrainError::ForeignCheckpoint { reason, .. }
            if reason.contains("averaging of the weights was 0.9, and is 0.8 now")),
        "{error}"
    );
    let parts = fit("parts", usize::MAX, Resume::Latest, 0.9).unwrap();
    assert_eq!(bits(&parts.model), bits(&whole.model));
    assert_eq!(parts.best, whole.best);
    let metrics = |fitted: &Fitted<Net>| fitted.history.series("valid_loss");
    assert_eq!(metrics(&parts), metrics(&whole));
}

#[test]
fn frozen_parts_keep_their_bits_and_bad_decays_are_refused() {
    let frozen = TrainConfig {
        freeze: vec!["hidden".into(), "norm".into()],
        ..config(6, Some(0.9))
    };
    let (fitted, _) = one_step_epochs(frozen);
    assert_eq!(bits(&fitted.model.hidden), bits(&net().hidden));
    assert_eq!(bits(&fitted.model.norm), bits(&net().norm));
    assert_ne!(bits(&fitted.model.output), bits(&net().output));
    for decay in [1.0, -0.5, f64::NAN] {
        let error = Trainer::<Net, Predictions>::new(config(1, Some(decay)));
        let error = error.err().unwrap().to_string();
        assert!(error.contains("ema: `decay`"), "{error}");
    }
}

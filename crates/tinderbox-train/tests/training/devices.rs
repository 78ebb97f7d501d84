//! Several devices of one process train one model, as one device does.

use tinderbox_nn::weights_digest;

use super::ranks::{
    Net, StopAt, assert_close, fit, left, loader, on_ranks, reductions, settings, trainer,
};
use super::*;

#[allow(deprecated)]
fn ndarray() -> Device {
    Device::ndarray()
}

#[test]
fn devices_follow_the_losses_of_one() {
    for config in reductions() {
        let config = || config.clone();
        let (alone, _) = left(&fit(trainer(config()), false).unwrap());
        for devices in [
            vec![Device::flex(), Device::flex()],
            vec![Device::flex(), ndarray(), Device::flex()],
        ] {
            let train = || {
                let trainer = trainer(config()).devices(devices.clone());
                left(&fit(trainer, false).unwrap())
            };
            let together = train();
            // 50 steps, and the validation metrics of ten epochs.
            assert_close(&together.0, &alone);
            assert_eq!(train(), together, "the same bits in every run");
        }
    }
}

#[test]
fn the_model_is_moved_to_the_first_device() {
    let model = Net::new(true);
    let trainer = trainer(settings()).devices([ndarray(), Device::flex()]);
    let loader = loader().last_batch(LastBatch::Drop);
    let before = weights_digest(&model);
    let fitted = trainer.fit(model.clone(), &Regression::default(), &loader, None);
    assert_eq!(fitted.unwrap().model.devices(), [ndarray()]);
    assert_eq!(model.devices(), [Device::flex()]);
    assert_eq!(weights_digest(&model), before);
}

#[test]
fn ranks_can_have_several_devices() {
    let (alone, _) = left(&fit(trainer(settings()), false).unwrap());
    let results = on_ranks(2, |rank| {
        let trainer = trainer(settings())
            .communicator(rank)
            .devices([Device::flex(), Device::flex()]);
        left(&fit(trainer, false).unwrap())
    });
    assert_close(&results[0].0, &alone);
    assert_eq!(results[0], results[1]);
    let results = on_ranks(2, |rank| {
        let devices = vec![Device::flex(); 1 + rank.rank()];
        let trainer = trainer(settings()).communicator(rank).devices(devices);
        fit(trainer, false).unwrap_err().to_string()
    });
    assert!(results[0].contains("number of devices: 1 on rank 0, and 2 here"));
}

/// Carries a mean of the targets that a device has seen, on which its loss depends.
struct Carried;

impl Task<Net, Batch> for Carried {
    type Output = ();
    type State = Option<Tensor<2>>;

    fn step(&self, model: &Net, batch: Batch, state: &mut Self::State) -> Result<Step, StepError> {
        let own = batch.targets.clone().mean_dim(0);
        let mean = match state.take() {
            Some(seen) => (seen + own) * 0.5,
            None => own,
        };
        let examples = batch.targets.dims()[0];
        let error = model.forward(batch.inputs) - batch.targets + mean.clone();
        *state = Some(mean);
        Ok(Step::mean(error.square().mean(), examples))
    }
}

#[test]
fn a_run_resumes_with_the_state_of_every_device() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let train = |devices: usize, stop: Option<usize>, resume: bool| {
        let flag = StopFlag::new();
        let mut trainer = Trainer::new(settings())?
            .devices(vec![Device::flex(); devices])
            .stop_flag(flag.clone())
            .callback(StopAt(stop.unwrap_or(0), flag));
        if resume {
            trainer = trainer.run(Run::open(&path)?).resume(Resume::Latest);
        } else if stop.is_some() {
            trainer = trainer.run(Run::create(&path)?);
        }
        let loader = loader().last_batch(LastBatch::Drop);
        let fitted = trainer.fit(Net::new(false), &Carried, &loader, None)?;
        Ok::<_, TrainError>(left(&fitted))
    };
    let undisturbed = train(2, None, false).unwrap();
    train(2, Some(18), false).unwrap();
    let error = train(3, None, true).unwrap_err().to_string();
    assert!(error.contains("by 2 ranks or devices"), "{error}");
    assert_eq!(train(2, None, true).unwrap(), undisturbed);
}

//! Batch norms over the examples of all ranks.

use std::cell::Cell;

use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use tinderbox_nn::{Layer, running_statistics, weights_digest};

use super::ranks::{on_ranks, settings};
use super::*;

/// Two batch norms, one of rows and one of sequences.
#[derive(Module, Debug)]
struct Net {
    hidden: Linear,
    norm1: BatchNorm,
    norm2: BatchNorm,
    output: Linear,
}

impl Net {
    fn new() -> Self {
        let device = Device::flex();
        let init = LinearInit {
            bias: true,
            weight: Initializer::Normal { std: 0.3 },
        };
        let layer = |name, inputs, outputs| {
            linear(inputs, outputs, init, Seed::new(5).child(name), &device)
        };
        Self {
            hidden: layer("hidden", 3, 12),
            norm1: BatchNormConfig::new(12).init(&device),
            norm2: BatchNormConfig::new(4).init(&device),
            output: layer("output", 12, 1),
        }
    }
}

impl Network<2> for Net {
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        let [rows, _] = inputs.dims();
        let hidden = self.norm1.apply(self.hidden.forward(inputs)).tanh();
        let hidden: Tensor<3> = self.norm2.apply(hidden.reshape([rows, 4, 3]));
        self.output.forward(hidden.reshape([rows, 12]))
    }

    fn input_shape(&self) -> Vec<usize> {
        vec![3]
    }

    fn outputs(&self) -> usize {
        1
    }
}

/// 37 examples in batches of 7: the last one has two.
fn loader() -> Loader<Rows> {
    let rows = synthetic::linear(&[2.0, -3.4, 0.5], 4.2, 0.1, 37, Seed::new(1)).unwrap();
    Loader::new(rows, 7).unwrap().shuffle(Seed::new(2))
}

/// What a run left: all metrics, the digest of the weights, and the running statistics.
type Left = (Vec<f64>, u64, Vec<f32>);

fn train(rank: Option<Arc<ThreadCommunicator>>, config: TrainConfig) -> Left {
    let mut trainer = Trainer::new(config).unwrap();
    if let Some(rank) = rank {
        trainer = trainer.communicator(rank);
    }
    let (loader, task) = (loader(), Regression::default());
    let valid = Loader::new(loader.data().clone(), 10).unwrap();
    let fitted = trainer.fit(Net::new(), &task, &loader, Some(&valid));
    let fitted = fitted.unwrap();
    let records = fitted.history.epochs.iter();
    let metrics = records.flat_map(|record| record.metrics.iter().map(|(_, value)| *value));
    (
        metrics.collect(),
        weights_digest(&fitted.model),
        running_statistics(&fitted.model),
    )
}

fn synchronized() -> TrainConfig {
    TrainConfig {
        epochs: 3,
        sync_batch_norm: true,
        ..settings()
    }
}

fn furthest(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let pairs = ours.iter().zip(theirs);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn synchronised_batch_norms_are_those_of_one_process() {
    for (loss_reduction, accumulate) in [
        (LossReduction::Mean, 1),
        (LossReduction::Mean, 2),
        (LossReduction::DivideBy(7), 1),
    ] {
        let config = || TrainConfig {
            loss_reduction,
            accumulate,
            ..synchronized()
        };
        let alone = train(None, config());
        // With three ranks one of them has no example of the last batch.
        for ranks in [2, 3] {
            let all = on_ranks(ranks, |rank| train(Some(rank), config()));
            let distance = furthest(&all[0].0, &alone.0);
            assert!(distance < 1e-5, "{ranks} ranks: {distance}");
            for (ours, theirs) in all[0].2.iter().zip(&alone.2) {
                assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
            }
            for other in &all {
                assert_eq!(*other, all[0], "every rank takes the same steps");
            }
            let again = on_ranks(ranks, |rank| train(Some(rank), config()));
            assert_eq!(again, all, "the same bits in every run");
        }
        // Batch norms of each rank's own examples are others.
        let own = on_ranks(2, |rank| {
            let config = TrainConfig {
                sync_batch_norm: false,
                ..config()
            };
            train(Some(rank), config)
        });
        let distance = furthest(&own[0].0, &alone.0);
        assert!(distance > 1e-3, "{distance}");
    }
}

fn errors(
    ranks: usize,
    fit: impl Fn(Trainer<Net, ()>, usize) -> Result<Fitted<Net>> + Sync,
) -> Vec<String> {
    on_ranks(ranks, |rank| {
        let number = rank.rank();
        let trainer = Trainer::new(synchronized()).unwrap().communicator(rank);
        fit(trainer, number).unwrap_err().to_string()
    })
}

#[test]
fn an_error_in_the_middle_of_a_pass_ends_all_ranks() {
    let messages = errors(3, |trainer, number| {
        let steps = Cell::new(0);
        let task = |model: &Net, batch: Batch| -> Result<Step, StepError> {
            steps.set(steps.get() + 1);
            // After the first batch norm on rank 1, while the others go on to the second.
            let [rows, _] = batch.inputs.dims();
            let hidden = model.norm1.apply(model.hidden.forward(batch.inputs));
            if number == 1 && steps.get() == 4 {
                return Err("a bad row".into());
            }
            let hidden: Tensor<3> = model.norm2.apply(hidden.reshape([rows, 4, 3]));
            let outputs = model.output.forward(hidden.reshape([rows, 12]));
            let loss = (outputs - batch.targets).square().mean();
            Ok(Step::mean(loss, rows))
        };
        trainer.fit(Net::new(), &task, &loader(), None)
    });
    assert!(messages[1].ends_with("a bad row"), "{messages:?}");
    for other in [0, 2] {
        let message = &messages[other];
        assert!(message.starts_with("rank 1 failed"), "{message}");
        assert!(message.ends_with("a bad row"), "{message}");
    }
}

#[test]
fn what_cannot_be_synchronised_is_refused() {
    let messages = errors(2, |trainer, _| {
        let task = |model: &Net, batch: Batch| -> Result<Step, StepError> {
            let [rows, _] = batch.inputs.dims();
            // Burn's own computation knows nothing of ranks.
            let hidden = model.norm1.forward(model.hidden.forward(batch.inputs));
            let loss = (model.output.forward(hidden) - batch.targets)
                .square()
                .mean();
            Ok(Step::mean(loss, rows))
        };
        trainer.fit(Net::new(), &task, &loader(), None)
    });
    for message in messages {
        assert!(message.contains("use `Layer::apply`"), "{message}");
    }
    let trainer = Trainer::new(synchronized()).unwrap();
    let trainer = trainer.devices([Device::flex(), Device::flex()]);
    let error = trainer.fit(Net::new(), &Regression::default(), &loader(), None);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("a process for each device"), "{error}");
}

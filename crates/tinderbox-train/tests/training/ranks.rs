//! Several ranks train one model: as one process does, together or not at all.

use burn::nn::BatchNorm;
use burn::tensor::Int;
use tinderbox_nn::{Dropout, running_statistics, weights_digest};

use super::*;

/// A network with dropout, whose masks must not depend on the number of ranks.
#[derive(Module, Debug)]
pub struct Net {
    hidden: burn::nn::Linear,
    norm: Option<BatchNorm>,
    dropout: Dropout,
    output: burn::nn::Linear,
}

impl Net {
    pub fn new(norm: bool) -> Self {
        let device = Device::flex();
        let init = LinearInit {
            bias: true,
            weight: Initializer::Normal { std: 0.3 },
        };
        let layer = |name, inputs, outputs| {
            linear(inputs, outputs, init, Seed::new(5).child(name), &device)
        };
        Self {
            hidden: layer("hidden", 3, 16),
            norm: norm.then(|| burn::nn::BatchNormConfig::new(16).init(&device)),
            dropout: Dropout::new(0.25),
            output: layer("output", 16, 1),
        }
    }
}

impl Network<2> for Net {
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        let hidden = self.hidden.forward(inputs).tanh();
        let hidden = match &self.norm {
            Some(norm) => norm.forward(hidden),
            None => hidden,
        };
        self.output.forward(self.dropout.forward(hidden))
    }

    fn input_shape(&self) -> Vec<usize> {
        vec![3]
    }

    fn outputs(&self) -> usize {
        1
    }
}

/// 37 examples in batches of 9: the last one has a single example.
pub fn loader() -> Loader<Rows> {
    let rows = synthetic::linear(&[2.0, -3.4, 0.5], 4.2, 0.1, 37, Seed::new(1)).unwrap();
    Loader::new(rows, 9).unwrap().shuffle(Seed::new(2))
}

pub fn settings() -> TrainConfig {
    TrainConfig {
        epochs: 10,
        learning_rate: 0.02,
        ..TrainConfig::default()
    }
}

pub fn trainer(config: TrainConfig) -> Trainer<Net, Predictions> {
    use RegressionMetric::*;
    Trainer::new(config)
        .unwrap()
        .metric(RegressionMetrics::new(&[Mse, Mae, R2, LogRmse]))
}

pub fn fit(trainer: Trainer<Net, Predictions>, norm: bool) -> Result<Fitted<Net>> {
    let loader = match norm {
        // A batch norm needs more than one example.
        true => loader().last_batch(LastBatch::Drop),
        false => loader(),
    };
    let valid = Loader::new(loader.data().clone(), 10).unwrap();
    trainer.fit(
        Net::new(norm),
        &Regression::default(),
        &loader,
        Some(&valid),
    )
}

/// Runs the same work on as many ranks; the results in the order of the ranks.
pub fn on_ranks<R: Send>(
    ranks: usize,
    work: impl Fn(Arc<ThreadCommunicator>) -> R + Sync,
) -> Vec<R> {
    std::thread::scope(|scope| {
        let spawn = |rank| {
            let work = &work;
            scope.spawn(move || work(Arc::new(rank)))
        };
        let threads: Vec<_> = ThreadCommunicator::ranks(ranks)
            .into_iter()
            .map(spawn)
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// What a run left: all metrics of its history, and all its weights.
pub fn left(fitted: &Fitted<Net>) -> (Vec<f64>, u64) {
    let records = fitted.history.epochs.iter();
    let metrics = records.flat_map(|record| record.metrics.iter().map(|(_, value)| *value));
    (metrics.collect(), weights_digest(&fitted.model))
}

/// Settings with every way to make one gradient of several losses.
pub fn reductions() -> [TrainConfig; 4] {
    [
        (LossReduction::Mean, 1),
        (LossReduction::Mean, 3),
        (LossReduction::DivideBy(9), 2),
        (LossReduction::Sum, 1),
    ]
    .map(|(loss_reduction, accumulate)| TrainConfig {
        loss_reduction,
        accumulate,
        clip: Some(Clip::Norm(1.0)),
        learning_rate: 0.01,
        ..settings()
    })
}

pub fn assert_close(ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
    }
}

#[test]
fn ranks_follow_the_losses_of_one_process() {
    for config in reductions() {
        let config = || config.clone();
        let (alone, _) = left(&fit(trainer(config()), false).unwrap());
        for ranks in [2, 3] {
            let work = |rank: Arc<ThreadCommunicator>| {
                left(&fit(trainer(config()).communicator(rank), false).unwrap())
            };
            let first = on_ranks(ranks, work);
            // 50 steps, and the validation metrics of ten epochs.
            assert_close(&first[0].0, &alone);
            for other in &first {
                assert_eq!(*other, first[0], "every rank takes the same steps");
            }
            assert_eq!(on_ranks(ranks, work), first, "the same bits in every run");
        }
    }
}

#[test]
fn batch_norms_of_ranks_keep_one_mean_of_their_statistics() {
    let results = on_ranks(2, |rank| {
        let fitted = fit(trainer(settings()).communicator(rank), true).unwrap();
        (running_statistics(&fitted.model), left(&fitted))
    });
    assert_eq!(results[0], results[1]);
    assert!(results[0].0.iter().all(|number| number.is_finite()));
    assert_eq!(results[0].0.len(), 32);
}

/// Stops a run after this step.
pub struct StopAt(pub usize, pub StopFlag);

impl<M> Callback<M> for StopAt {
    fn on_step_end(&mut self, step: &StepInfo<M>) -> Result<(), StepError> {
        if step.step == self.0 {
            self.1.stop();
        }
        Ok(())
    }
}

#[test]
fn a_run_resumes_with_any_number_of_ranks() {
    let folder = tempfile::tempdir().unwrap();
    let undisturbed = on_ranks(2, |rank| {
        left(&fit(trainer(settings()).communicator(rank), false).unwrap())
    });
    for (name, resumed_by) in [("two", 2), ("three", 3), ("one", 1)] {
        let path = folder.path().join(name);
        let stopped = on_ranks(2, |rank| {
            let stop = StopFlag::new();
            let mut trainer = trainer(settings())
                .communicator(rank.clone())
                .callback(StopAt(22, stop.clone()))
                .stop_flag(stop);
            if rank.rank() == 0 {
                trainer = trainer.run(Run::create(&path).unwrap());
            }
            fit(trainer, false).unwrap().stop_reason
        });
        assert!(matches!(&stopped[0], StopReason::Interrupted(Some(_))));
        assert_eq!(stopped[0], stopped[1]);
        let resumed = on_ranks(resumed_by, |rank| {
            let mut trainer = trainer(settings())
                .communicator(rank.clone())
                .callback(StopAt(0, StopFlag::new()));
            if rank.rank() == 0 {
                trainer = trainer
                    .run(Run::open(&path).unwrap())
                    .resume(Resume::Latest);
            }
            left(&fit(trainer, false).unwrap())
        });
        assert_close(&resumed[0].0, &undisturbed[0].0);
        if resumed_by == 2 {
            // The same weights to the bit. The sums of a metric in the interrupted epoch are added in another order:
            // those before the checkpoint, of all ranks, first.
            assert_eq!(resumed[0].1, undisturbed[0].1);
            let pairs = resumed[0].0.iter().zip(&undisturbed[0].0);
            assert!(
                pairs
                    .into_iter()
                    .all(|(ours, theirs)| (ours - theirs).abs() < 1e-12)
            );
        }
    }
}

fn errors(results: Vec<Result<Fitted<Net>>>) -> Vec<String> {
    results
        .into_iter()
        .map(|result| result.unwrap_err().to_string())
        .collect()
}

#[test]
fn ranks_that_were_started_differently_do_not_train() {
    let results = on_ranks(3, |rank| {
        let learning_rate = if rank.rank() == 2 { 0.5 } else { 0.02 };
        let config = TrainConfig {
            learning_rate,
            ..settings()
        };
        fit(trainer(config).communicator(rank), false)
    });
    for error in errors(results) {
        assert!(
            error.starts_with("rank 2 was not started like rank 0"),
            "{error}"
        );
        assert!(
            error.contains("learning rate: 0.02 on rank 0, and 0.5 here"),
            "{error}"
        );
    }
    let results = on_ranks(2, |rank| {
        let rows = synthetic::linear(
            &[2.0, 1.0, 0.5],
            4.2,
            0.1,
            40,
            Seed::new(rank.rank() as u64),
        );
        let loader = Loader::new(rows.unwrap(), 10).unwrap();
        let trainer = trainer(settings()).communicator(rank);
        trainer.fit(Net::new(false), &Regression::default(), &loader, None)
    });
    for error in errors(results) {
        assert!(error.contains("training data"), "{error}");
    }
    let results = on_ranks(2, |rank| {
        let mut net = Net::new(false);
        if rank.rank() == 1 {
            net.output = Net::new(false).output.map(&mut Half);
        }
        trainer(settings())
            .communicator(rank)
            .fit(net, &Regression::default(), &loader(), None)
    });
    for error in errors(results) {
        assert!(error.contains("the digest of the weights"), "{error}");
    }
}

struct Half;

impl burn::module::ModuleMapper for Half {
    fn map_float<const D: usize>(
        &mut self,
        param: burn::module::Param<Tensor<D>>,
    ) -> burn::module::Param<Tensor<D>> {
        param.map(|weights| weights * 0.5)
    }
}

#[test]
fn an_error_on_one_rank_ends_all_of_them() {
    let results = on_ranks(3, |rank| {
        let number = rank.rank();
        let steps = std::cell::Cell::new(0);
        let task = |model: &Net, batch: Batch| -> Result<Step, StepError> {
            steps.set(steps.get() + 1);
            if number == 1 && steps.get() == 7 {
                return Err("a bad row".into());
            }
            let examples = batch.targets.dims()[0];
            let error = model.forward(batch.inputs) - batch.targets;
            Ok(Step::mean(error.square().mean(), examples))
        };
        Trainer::new(settings()).unwrap().communicator(rank).fit(
            Net::new(false),
            &task,
            &loader(),
            None,
        )
    });
    let errors = errors(results);
    assert!(errors[1].ends_with("a bad row"), "{errors:?}");
    for other in [0, 2] {
        assert!(
            errors[other].starts_with("rank 1 failed, so all ranks end: "),
            "{errors:?}"
        );
        assert!(errors[other].ends_with("a bad row"), "{errors:?}");
    }
    // A rank that disappears in the middle of a step, without a word.
    let folder = tempfile::tempdir().unwrap();
    let results = on_ranks(2, |rank| {
        let mut trainer = trainer(settings()).communicator(rank.clone());
        match rank.rank() {
            0 => trainer = trainer.run(Run::create(folder.path().join("run")).unwrap()),
            _ => trainer = trainer.callback(StopAt(0, StopFlag::new())),
        }
        if rank.rank() == 0 {
            let fitted = trainer.fit(Net::new(false), &Regression::default(), &loader(), None);
            return Some(fitted.unwrap_err().to_string());
        }
        let stepping = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let steps = std::cell::Cell::new(0);
            let task = |_: &Net, _: Batch| -> Result<Step<Predictions>, StepError> {
                steps.set(steps.get() + 1);
                std::panic::resume_unwind(Box::new("killed"))
            };
            trainer
                .fit(Net::new(false), &task, &loader(), None)
                .map(|_| ())
        }));
        assert!(stepping.is_err());
        None
    });
    let lost = results[0].as_ref().unwrap();
    assert!(
        lost.starts_with("lost the connection to the other ranks: rank 1 has ended"),
        "{lost}"
    );
}

#[test]
fn merged_metrics_are_those_of_all_examples() {
    let device = Device::flex();
    let logits = |rows: usize, seed| {
        let mut rng = Seed::new(seed).rng();
        let numbers: Vec<f32> = (0..rows * 3).map(|_| rng.normal() as f32).collect();
        let classes: Vec<i32> = (0..rows).map(|_| rng.below(3) as i32).collect();
        let numbers = burn::tensor::TensorData::new(numbers, [rows, 3]);
        Logits {
            logits: Tensor::from_data(numbers, &device),
            targets: Tensor::<1, Int>::from_data(&classes[..], &device),
        }
    };
    let parts = [logits(20, 1), logits(7, 2), logits(1, 3)];
    fn check<M: Metric<Logits> + Clone>(metric: M, parts: &[Logits]) {
        let mut whole = metric.clone();
        let mut merged = metric.clone();
        for part in parts {
            whole.update(part).unwrap();
            let mut own = metric.clone();
            own.update(part).unwrap();
            assert!(merged.merge(&own.state()));
        }
        for ((name, merged), (_, whole)) in merged.values().into_iter().zip(whole.values()) {
            assert!((merged - whole).abs() < 1e-12, "{name}: {merged} {whole}");
        }
        assert!(!merged.merge(&serde_json::json!("of another kind")));
    }
    check(Accuracy::default(), &parts);
    check(LogLoss::default(), &parts);
    check(TopK::new(2).unwrap(), &parts);
    check(Auc::default(), &parts);
    check(ConfusionMatrix::default(), &parts);
    check(Perplexity::default(), &parts);
}

/// Batches that do not know how to be divided.
struct Whole(Loader<Rows>);

impl Batches for Whole {
    type Batch = Batch;

    fn examples(&self) -> Option<usize> {
        self.0.examples()
    }

    fn batches(&self) -> Option<usize> {
        self.0.batches()
    }

    fn epoch<'a>(
        &'a self,
        epoch: usize,
        skip: usize,
        device: &Device,
    ) -> tinderbox_data::Result<tinderbox_data::BatchIterator<'a, Batch>> {
        self.0.epoch(epoch, skip, device)
    }
}

#[test]
fn batches_that_cannot_be_divided_are_refused() {
    let results = on_ranks(2, |rank| {
        let whole = Whole(loader());
        trainer(settings()).communicator(rank).fit(
            Net::new(false),
            &Regression::default(),
            &whole,
            None,
        )
    });
    for error in errors(results) {
        assert!(error.contains("`Batches::share`"), "{error}");
    }
}

//! A generator and a discriminator, whose losses take turns (Dive into Deep Learning, chapter
//! "Generative Adversarial Networks").

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::softplus;
use burn::tensor::{Tensor, TensorData};
use tinderbox_core::{Seed, next_layer_seed, seed_layers};
use tinderbox_data::{Batch, Loader, Rows, Values};
use tinderbox_optim::{OptimError, OptimizerConfig, ParameterGroup, Select};
use tinderbox_train::{
    Fitted, Interval, Resume, Run, Step, StepError, StepLoss, StopReason, Task, TrainConfig,
    TrainError, Trainer, Turn,
};

use crate::layer;

#[derive(Module, Debug)]
struct Gan {
    generator: Linear,
    discriminator: Discriminator,
}

#[derive(Module, Debug)]
struct Discriminator {
    first: Linear,
    second: Linear,
    last: Linear,
}

impl Discriminator {
    /// How real each row looks, as a logit `[rows, 1]`.
    fn forward(&self, rows: Tensor<2>) -> Tensor<2> {
        let hidden = self.first.forward(rows).tanh();
        self.last.forward(self.second.forward(hidden).tanh())
    }
}

impl Gan {
    fn new() -> Self {
        Self {
            generator: layer(2, 2, 1),
            discriminator: Discriminator {
                first: layer(2, 5, 2),
                second: layer(5, 3, 3),
                last: layer(3, 1, 4),
            },
        }
    }

    /// Rows generated from noise.
    fn generate(&self, rows: usize) -> Tensor<2> {
        let mut rng = next_layer_seed().rng();
        let noise: Vec<f32> = (0..2 * rows).map(|_| rng.normal() as f32).collect();
        let device = self.generator.weight.val().device();
        let noise = Tensor::from_data(TensorData::new(noise, [rows, 2]), &device);
        self.generator.forward(noise)
    }

    fn bits(&self) -> [Vec<u32>; 2] {
        let bits = |layers: &[&Linear]| {
            let numbers = layers.iter().flat_map(|layer| {
                let bias = layer.bias.as_ref().unwrap().val().to_data();
                let weight = layer.weight.val().to_data();
                [weight, bias]
            });
            let all = numbers.flat_map(|data| data.iter::<f32>().collect::<Vec<_>>());
            all.map(f32::to_bits).collect()
        };
        let of = &self.discriminator;
        [
            bits(&[&self.generator]),
            bits(&[&of.first, &of.second, &of.last]),
        ]
    }
}

/// Both losses are cross-entropies of real and generated rows.
struct Adversarial;

impl Task<Gan, Batch> for Adversarial {
    /// Rows of the batch.
    type Output = usize;
    type State = ();

    fn step(&self, model: &Gan, batch: Batch, _: &mut ()) -> Result<Step<usize>, StepError> {
        let rows = batch.inputs.dims()[0];
        // The generator is not trained in this turn.
        let made = model.generate(rows).detach();
        let real = softplus(-model.discriminator.forward(batch.inputs), 1.0);
        let made = softplus(model.discriminator.forward(made), 1.0);
        let loss = (real.mean() + made.mean()) / 2.0;
        Ok(Step::mean(loss, rows).with_output(rows))
    }

    fn turns(&self) -> Vec<Turn> {
        vec![
            Turn::new("discriminator", &["discriminator"]),
            Turn::new("generator", &["generator"]),
        ]
    }

    fn next_turn(
        &self,
        _: usize,
        model: &Gan,
        rows: &usize,
        _: &mut (),
    ) -> Result<StepLoss, StepError> {
        let judged = model.discriminator.forward(model.generate(*rows));
        Ok(StepLoss {
            mean: softplus(-judged, 1.0).mean(),
            count: *rows,
        })
    }
}

/// The course's data: normal rows times `[[1, 2], [-0.1, 0.5]]`, plus `[1, 2]`.
fn data() -> Rows {
    let mut rng = Seed::new(8).rng();
    let rows = (0..1000).flat_map(|_| {
        let (a, b) = (rng.normal(), rng.normal());
        [a - 0.1 * b + 1.0, 2.0 * a + 0.5 * b + 2.0].map(|number| number as f32)
    });
    let rows = Values::new(rows.collect(), 2).unwrap();
    Rows::new(rows.clone(), rows).unwrap()
}

/// The course's settings: Adam, 0.05 for the discriminator and 0.005 for the generator.
fn config(epochs: usize) -> TrainConfig {
    TrainConfig {
        epochs,
        learning_rate: 0.05,
        optimizer: OptimizerConfig::adam().into(),
        groups: vec![group("generator", 0.1)],
        ..TrainConfig::default()
    }
}

fn group(part: &str, factor: f64) -> ParameterGroup {
    ParameterGroup::new(Select::Prefix(part.into())).rate_factor(factor)
}

fn fit(trainer: Trainer<Gan, usize>) -> Result<Fitted<Gan>, TrainError> {
    let train = Loader::new(data(), 8).unwrap().shuffle(Seed::new(5));
    trainer.fit(Gan::new(), &Adversarial, &train, None)
}

#[test]
fn the_generator_learns_the_distribution() {
    let fitted = fit(Trainer::new(config(20)).unwrap()).unwrap();
    let last = fitted.history.last().unwrap();
    assert_eq!(last.step, 20 * 125, "a step has both turns");
    // At equilibrium the discriminator cannot distinguish them: its loss is ln 2.
    for name in ["train_loss", "train_generator_loss"] {
        let loss = last.get(name).unwrap();
        assert!((0.6..0.8).contains(&loss), "{name} {loss}");
    }
    seed_layers(Seed::new(9));
    let made = fitted.model.generate(2000);
    let mean = made.clone().mean_dim(0).to_data();
    for (got, truth) in mean.iter::<f64>().zip([1.0, 2.0]) {
        assert!((got - truth).abs() < 0.4, "{mean:?}");
    }
    let deviation = made.var(0).sqrt().to_data();
    for (got, truth) in deviation.iter::<f64>().zip([1.005, 2.06]) {
        assert!((got / truth - 1.0).abs() < 0.4, "{deviation:?}");
    }
}

#[test]
fn a_turn_trains_its_parts_alone() {
    let [generator, discriminator] = Gan::new().bits();
    for (part, factor) in [("generator", 0.0), ("discriminator", 0.0)] {
        let config = TrainConfig {
            groups: vec![group(part, factor)],
            ..config(1)
        };
        let [g, d] = fit(Trainer::new(config).unwrap()).unwrap().model.bits();
        assert_eq!(g == generator, part == "generator");
        assert_eq!(d == discriminator, part == "discriminator");
    }
}

#[test]
fn both_turns_resume_in_mid_epoch_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, steps, resume| {
        let config = TrainConfig {
            max_steps: Some(steps),
            ..config(2)
        };
        let trainer = Trainer::new(config)
            .unwrap()
            .run(Run::open(folder.path().join(name)).unwrap())
            .checkpoint(Interval::Steps(50), 2)
            .resume(resume);
        fit(trainer).unwrap()
    };
    let whole = run("whole", 250, Resume::No);
    run("parts", 177, Resume::No);
    let parts = run("parts", 250, Resume::Latest);
    assert_eq!(parts.stop_reason, StopReason::Finished);
    assert_eq!(parts.model.bits(), whole.model.bits());
}

#[test]
fn turns_that_cannot_be_taken_are_refused() {
    struct Misnamed;
    impl Task<Gan, Batch> for Misnamed {
        type Output = usize;
        type State = ();

        fn step(&self, model: &Gan, batch: Batch, _: &mut ()) -> Result<Step<usize>, StepError> {
            Adversarial.step(model, batch, &mut ())
        }

        fn turns(&self) -> Vec<Turn> {
            vec![
                Turn::new("first", &["discriminator"]),
                Turn::new("second", &["generater"]),
            ]
        }
    }
    let train = Loader::new(data(), 8).unwrap();
    let fit = |config| {
        let trainer = Trainer::new(config).unwrap();
        trainer
            .fit(Gan::new(), &Misnamed, &train, None)
            .unwrap_err()
    };
    let error = fit(config(1));
    assert!(
        matches!(
            &error,
            TrainError::Optim(OptimError::EmptyGroup { selection, .. })
                if selection == "\"generater\""
        ),
        "{error}"
    );
    let accumulate = TrainConfig {
        accumulate: 2,
        ..config(1)
    };
    let trainer = Trainer::new(accumulate).unwrap();
    let error = trainer
        .fit(Gan::new(), &Adversarial, &train, None)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("accumulate = 2: losses that take turns"),
        "{error}"
    );
}

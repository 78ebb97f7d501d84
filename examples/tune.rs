//! A search for good settings: many small networks for an epoch or two, the best of them for longer.
//!
//! Data: NASA's airfoil self-noise, in three parts: to learn from, to choose settings on, and to report on. The
//! learning-rate finder gives the first settings to try, successive halving the others.
//! `cargo run --release --example tune`

use anyhow::{Context, Result};
use clap::Parser;
use examples::expected;
use tinderbox::burn; // the derive macro names the crate
use tinderbox::burn::nn::Linear;
use tinderbox::burn::tensor::activation::relu;
use tinderbox::data::{FeatureSpec, ReadOptions, Strategy, fetch, split, take};
use tinderbox::nn::{LinearInit, linear};
use tinderbox::optim::least_squares;
use tinderbox::prelude::*;
use tinderbox::train::{LrFinder, Search, SearchStrategy, Settings, Space, StepError, Trial};

#[derive(clap::Parser)]
#[command(
    about = "Random search with successive halving over rate, batch size, optimizer and width."
)]
struct Args {
    #[command(flatten)]
    common: examples::Common,
    /// Settings to begin with.
    #[arg(long, default_value_t = 27)]
    trials: usize,
    /// Trials at the same time; default: all cores.
    #[arg(long)]
    threads: Option<usize>,
    /// Runs of every trial, whose median counts.
    #[arg(long, default_value_t = 1)]
    runs: usize,
}

const OPTIMIZERS: [&str; 4] = ["sgd", "momentum", "adam", "rmsprop"];

/// A network with one hidden layer.
#[derive(Module, Debug)]
struct Mlp {
    hidden: Linear,
    output: Linear,
}

impl Mlp {
    fn new(inputs: usize, units: usize, seed: Seed, device: &Device) -> Self {
        let init = LinearInit {
            bias: true,
            weight: Initializer::KaimingNormal { gain: 2f64.sqrt() },
        };
        Self {
            hidden: linear(inputs, units, init, seed.child("hidden"), device),
            output: linear(units, 1, init, seed.child("output"), device),
        }
    }
}

impl Network<2> for Mlp {
    fn forward(&self, inputs: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(inputs)))
    }

    fn input_shape(&self) -> Vec<usize> {
        vec![self.hidden.weight.lazy_shape()[0]]
    }

    fn outputs(&self) -> usize {
        1
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let common = &args.common;
    let (device, seed) = (common.device()?, common.seed());
    let [train, valid, test] = airfoil(seed)?;
    let space = Space::new()
        .log_uniform("learning_rate", 1e-4, 1.0)
        .choice("batch_size", [8.0, 32.0, 128.0])
        .choice("units", [16.0, 64.0])
        .choice("optimizer", OPTIMIZERS);

    // The finder's rate for every optimizer: four trials that are not left to chance.
    let mut first = Vec::new();
    for optimizer in OPTIMIZERS {
        let loader = Loader::new(train.clone(), 32)?.shuffle(seed.child("order"));
        let model = Mlp::new(train.features().width(), 64, seed.child("weights"), &device);
        let config = TrainConfig {
            optimizer: OptimizerConfig::by_name(optimizer)?,
            ..TrainConfig::default()
        };
        let found = LrFinder::default().search(&model, &Regression::default(), &config, &loader)?;
        let Some(rate) = found.suggestion else {
            continue;
        };
        println!("{optimizer}: the finder suggests {rate:.2e}");
        let settings = Settings::default()
            .with("learning_rate", rate.clamp(1e-4, 1.0))
            .with("batch_size", 32.0)
            .with("units", 64.0)
            .with("optimizer", optimizer);
        first.push(settings);
    }

    // A network for some settings, and its root mean squared error on other rows.
    let fit = |trial: &Trial<'_>| -> Result<Mlp> {
        let batch = trial.settings.count("batch_size")?;
        let loader = Loader::new(train.clone(), batch)?.shuffle(trial.seed.child("order"));
        let units = trial.settings.count("units")?;
        let weights = trial.seed.child("weights");
        let model = Mlp::new(train.features().width(), units, weights, &device);
        let config = TrainConfig {
            epochs: trial.budget,
            learning_rate: trial.settings.number("learning_rate")?,
            optimizer: OptimizerConfig::by_name(trial.settings.text("optimizer")?)?,
            ..TrainConfig::default()
        };
        Ok(Trainer::new(config)?
            .fit(model, &Regression::default(), &loader, None)?
            .model)
    };
    let rmse = |model: &Mlp, rows: &Rows| -> Result<f64> {
        let predicted = model.predict(rows.features().clone().into_tensor(&device))?;
        let error = predicted - rows.targets().clone().into_tensor(&device);
        Ok(error.square().mean().sqrt().try_into_scalar()?)
    };

    let most = common.epochs.unwrap_or(54);
    let mut search = Search::new(SearchStrategy::SuccessiveHalving {
        trials: args.trials,
        least: (most / 27).max(1),
        most,
        factor: 3,
    });
    search.seed = seed;
    search.runs = args.runs;
    search.first = first;
    search.threads = args.threads.unwrap_or(search.threads);
    let report = search.run(&space, |trial| {
        let score = fit(trial).and_then(|model| rmse(&model, &valid));
        score.map_err(StepError::from)
    })?;
    println!("\n{}", report.to_markdown());

    let run = common.run("tune")?;
    tinderbox::write_atomic(run.folder().join("trials.md"), report.to_markdown())?;
    tinderbox::write_atomic(run.folder().join("trials.csv"), report.to_csv())?;
    for (name, _) in space.ranges() {
        let svg = report.plot(name)?;
        tinderbox::write_atomic(run.folder().join(format!("{name}.svg")), svg)?;
    }
    println!("table and plots: {}", run.folder().display());

    // The best settings, once more, on rows that had no say in choosing them.
    let best = report.best();
    let model = fit(&Trial {
        number: best.number,
        settings: &best.settings,
        budget: best.budget,
        seed: seed.child("final"),
    })?;
    let (x, width) = (train.features().as_slice(), train.features().width());
    let exact = least_squares(x, width, train.targets().as_slice(), 1)?;
    let pairs = exact.predict(test.features().as_slice())?;
    let pairs = pairs.iter().zip(test.targets().as_slice());
    let squares: f64 = pairs.map(|(p, y)| (p - f64::from(*y)).powi(2)).sum();
    let line = (squares / test.len() as f64).sqrt();
    println!("best: {}", best.settings);
    let got = rmse(&model, &test)?;
    expected(
        "RMSE on the test rows",
        format!("below {line:.3} (exact linear model)"),
        format!("{got:.3}"),
    );
    Ok(())
}

/// 60 % of the rows to learn from, 20 % to choose settings on, 20 % to report on; all standardised with the
/// means and deviations of the first.
fn airfoil(seed: Seed) -> Result<[Rows; 3]> {
    let names = [
        "frequency",
        "angle",
        "chord",
        "velocity",
        "thickness",
        "pressure",
    ];
    let file = fetch("airfoil")?.join("airfoil_self_noise.dat");
    let frame = ReadOptions::default().names(names).read(&file)?.collect()?;
    let parts = split(
        frame.height(),
        &[0.6, 0.2, 0.2],
        seed.child("split"),
        &Strategy::Random,
    )?;
    let train = take(&frame, &parts[0])?;
    let mut spec = FeatureSpec::infer(&train, "pressure")?;
    let target = spec.target.as_mut().context("the target was named")?;
    target
        .transform
        .push(tinderbox::data::TargetStep::Standardise);
    let features = spec.fit(&train)?;
    let rows = |part: &[usize]| -> Result<Rows> {
        Ok(features.transform(&take(&frame, part)?)?.regression()?)
    };
    Ok([rows(&parts[0])?, rows(&parts[1])?, rows(&parts[2])?])
}

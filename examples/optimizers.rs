//! Every optimizer on the same problem: NASA's airfoil noise, a linear model, two passes over the data.
//!
//! Dive into Deep Learning, chapter "Optimization Algorithms": its settings, and the final losses that it
//! publishes. No optimizer can reach a loss below that of the exact solution, which is printed first.
//! `cargo run --example optimizers`

use anyhow::{Context, Result};
use clap::Parser;
use examples::{output, say};
use tinderbox::Timer;
use tinderbox::data::fetch;
use tinderbox::optim::{GradientsParams, Reduction, least_squares};
use tinderbox::plot::{self, Plot, Scale, Series};
use tinderbox::prelude::*;
use tinderbox::tables::{FeatureSpec, ReadOptions, TargetStep};

/// One training run of the chapter.
pub struct Entry {
    pub name: &'static str,
    pub optimizer: OptimizerConfig,
    pub rate: f64,
    pub batch: usize,
    pub epochs: usize,
    /// The loss: half the squared error in the versions from scratch, the squared error
    /// in the concise ones.
    pub loss: Loss,
    /// The median of the final losses that the course published.
    pub published: f64,
}

/// The chapter's training runs with its settings, then the optimizers that it leaves out.
pub fn entries() -> Vec<Entry> {
    let momentum = |momentum| OptimizerConfig::from(OptimizerConfig::sgd().momentum(momentum));
    let adagrad = || OptimizerConfig::from(OptimizerConfig::adagrad());
    let rmsprop = || OptimizerConfig::from(OptimizerConfig::rmsprop().alpha(0.9).epsilon(1e-6));
    let adadelta = |epsilon| OptimizerConfig::from(OptimizerConfig::adadelta().epsilon(epsilon));
    let adam = |epsilon| OptimizerConfig::from(OptimizerConfig::adam().epsilon(epsilon));
    let yogi = OptimizerConfig::yogi().into();
    // Batch 10 and two epochs from scratch, four of the concise versions, unless stated otherwise.
    let scratch = |name, optimizer, rate, published| Entry {
        name,
        optimizer,
        rate,
        batch: 10,
        epochs: 2,
        loss: Loss::HalfSquared,
        published,
    };
    let concise = |name, optimizer, rate, published| Entry {
        epochs: 4,
        loss: Loss::Squared,
        ..scratch(name, optimizer, rate, published)
    };
    vec![
        Entry {
            batch: 1500,
            epochs: 10,
            ..scratch("gradient descent, all 1500 rows", momentum(0.0), 1.0, 0.247)
        },
        Entry {
            batch: 1,
            ..scratch("SGD, batch 1", momentum(0.0), 0.005, 0.244)
        },
        Entry {
            batch: 100,
            ..scratch("SGD, batch 100", momentum(0.0), 0.4, 0.245)
        },
        scratch("SGD, batch 10", momentum(0.0), 0.05, 0.246),
        concise("SGD, concise", momentum(0.0), 0.01, 0.244),
        scratch("momentum 0.5", momentum(0.5), 0.02, 0.245),
        scratch("momentum 0.9, rate 0.01", momentum(0.9), 0.01, 0.248),
        scratch("momentum 0.9, rate 0.005", momentum(0.9), 0.005, 0.245),
        concise("momentum 0.9, concise", momentum(0.9), 0.005, 0.246),
        scratch("Adagrad", adagrad(), 0.1, 0.243),
        concise("Adagrad, concise", adagrad(), 0.1, 0.242),
        scratch("RMSProp", rmsprop(), 0.01, 0.245),
        concise("RMSProp, concise", rmsprop(), 0.01, 0.244),
        scratch("Adadelta", adadelta(1e-5), 1.0, 0.244),
        concise("Adadelta, concise", adadelta(1e-6), 1.0, 0.243),
        scratch("Adam", adam(1e-6), 0.01, 0.244),
        concise("Adam, concise", adam(1e-8), 0.01, 0.244),
        scratch("Yogi", yogi, 0.01, 0.244),
    ]
}

/// Optimizers that the chapter does not have, with rates found by trying.
fn beyond() -> Vec<Entry> {
    let nesterov = OptimizerConfig::sgd().momentum(0.9).nesterov(true);
    let optimizers: [(&str, OptimizerConfig, f64); 5] = [
        ("nesterov", nesterov.into(), 0.005),
        ("adamw", OptimizerConfig::adamw().into(), 0.01),
        ("lion", OptimizerConfig::lion().into(), 0.002),
        ("lamb", OptimizerConfig::lamb().into(), 0.02),
        ("muon", OptimizerConfig::muon().into(), 0.02),
    ];
    let entry = |(name, optimizer, rate)| Entry {
        name,
        optimizer,
        rate,
        batch: 10,
        epochs: 2,
        loss: Loss::HalfSquared,
        published: f64::NAN,
    };
    optimizers.map(entry).into()
}

/// The chapter's data: all columns standardized, then the first 1500 of 1503 rows.
pub fn airfoil() -> Result<Rows> {
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
    let mut spec = FeatureSpec::infer(&frame, "pressure")?;
    let target = spec.target.as_mut().context("the target was named")?;
    target.transform.push(TargetStep::Standardize);
    let rows = spec.fit(&frame)?.transform(&frame)?.regression()?;
    Ok(rows.gather(&(0..1500).collect::<Vec<_>>()))
}

/// Half the mean squared error of the exact solution: the lower bound for linear models.
pub fn floor(data: &Rows) -> Result<f64> {
    let (x, y) = (data.features(), data.targets());
    Ok(least_squares(x.as_slice(), x.width(), y.as_slice(), 1)?.mse[0] / 2.0)
}

/// The result of a training run.
pub struct Trained {
    /// (epoch, half the mean squared error over all rows), every 200 examples.
    pub curve: Vec<(f64, f64)>,
    /// Time of training alone, without measuring the losses of the curve.
    pub seconds_an_epoch: f64,
}

impl Trained {
    /// The loss at the end.
    pub fn last(&self) -> f64 {
        self.curve.last().map_or(f64::NAN, |point| point.1)
    }
}

/// One training run, as the chapter does it: any training loop on Burn looks like this one.
pub fn train(entry: &Entry, data: &Rows, seed: Seed, plain: &Device) -> Result<Trained> {
    let device = plain.clone().autodiff();
    let whole = data.features().clone().into_tensor(plain);
    let targets = data.targets().clone().into_tensor(plain);
    let loader = Loader::new(data.clone(), entry.batch)?.shuffle(seed.child("order"));
    let config = LinearRegressionConfig::new(data.features().width());
    let mut model = config.init(seed.child("weights"), plain)?.train();
    let mut optimizer = entry.optimizer.build()?;

    let measure = |model: &LinearRegression| -> Result<f64> {
        let predicted = model.valid().forward(whole.clone());
        let loss = Loss::HalfSquared.forward(predicted, targets.clone(), Reduction::Mean)?;
        Ok(loss.try_into_scalar()?)
    };
    let (mut curve, mut seen) = (vec![(0.0, measure(&model)?)], 0);
    let mut timer = Timer::new();
    for epoch in 0..entry.epochs {
        for batch in loader.epoch(epoch, 0, &device)? {
            timer.start();
            let Batch { inputs, targets } = batch?;
            let examples = inputs.dims()[0];
            let predicted = model.forward(inputs);
            let loss = entry.loss.forward(predicted, targets, Reduction::Mean)?;
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(entry.rate, model, gradients);
            timer.stop();
            let before = seen / 200;
            seen += examples;
            if seen / 200 > before || seen == entry.epochs * data.len() {
                curve.push((seen as f64 / data.len() as f64, measure(&model)?));
            }
        }
    }
    Ok(Trained {
        curve,
        seconds_an_epoch: timer.total() / entry.epochs as f64,
    })
}

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let device = args.device()?;
    let run = args.run("optimizers")?;
    let stop = StopFlag::on_ctrl_c()?;
    let data = airfoil()?;
    let floor = floor(&data)?;
    say!("the exact solution: {floor:.4}\n");

    let mut table =
        String::from("| optimizer | rate | batch | epochs | loss | published | time per epoch |\n");
    table += "| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    let mut curves = Vec::new();
    for mut entry in entries().into_iter().chain(beyond()) {
        entry.rate = args.lr.unwrap_or(entry.rate);
        entry.batch = args.batch_size.unwrap_or(entry.batch);
        entry.epochs = args.epochs.unwrap_or(entry.epochs);
        let trained = train(&entry, &data, args.seed(), &device)?;
        output::end_if_stopped(&stop, "no table was written; start again");
        let published = match entry.published {
            loss if loss.is_nan() => String::new(),
            loss => format!("{loss:.3}"),
        };
        table += &format!(
            "| {} | {} | {} | {} | {:.4} | {published} | {:.1} ms |\n",
            entry.name,
            entry.rate,
            entry.batch,
            entry.epochs,
            trained.last(),
            1e3 * trained.seconds_an_epoch,
        );
        // One curve for each optimizer: those of the concise versions and of other batch sizes overlap.
        if [
            "SGD, batch 10",
            "momentum 0.5",
            "Adagrad",
            "RMSProp",
            "Adadelta",
            "Adam",
            "Yogi",
        ]
        .contains(&entry.name)
        {
            curves.push(Series::new(entry.name, trained.curve));
        }
    }
    say!("{table}");
    let plot = Plot {
        y_scale: Scale::Linear,
        y_range: Some((0.22, 0.36)),
        ..Plot::new("Airfoil: loss over all rows while training")
            .labels("epoch", "half squared error")
    };
    let svg = plot::curves(&plot, &curves)?;
    tinderbox::write_atomic(run.folder().join("optimizers.svg"), svg)?;
    tinderbox::write_atomic(run.folder().join("optimizers.md"), &table)?;
    say!("table and curves: {}", run.folder().display());
    Ok(())
}

//! Tables: from a file to tensors, from a file through one epoch, and from a file to predictions. Measures time, or
//! peak memory with `--memory`. The PyTorch version is `benchmarks/pytorch/tables.py`. Data sets are downloaded if needed.
#![recursion_limit = "256"]

use std::path::PathBuf;

use benchmarks::Outcome as Result;
use criterion::{Criterion, Throughput};
use polars::prelude::{LazyFrame, col, lit};
use tinderbox::data::fetch;
use tinderbox::prelude::*;
use tinderbox::tables::{
    ColumnSpec, DatePart, DateSpec, FeatureSpec, Impute, ReadOptions, Step, StreamLoader,
    TargetSpec, Task, read,
};
use tinderbox::tabular::Predictor;

const BATCH: usize = 1024;

/// A CSV file to a tensor of features and a tensor of targets, with fitted statistics.
fn house_prices(criterion: &mut Criterion) {
    let device = Device::flex();
    let folder = fetch("house-prices").expect("the data set house-prices");
    let file = folder.join("kaggle_house_pred_train.csv");
    let tensors = || -> Result<_> {
        let frame = read(&file)?.collect()?;
        let features = FeatureSpec::infer(&frame, "SalePrice")?.fit(&frame)?;
        let rows = features.transform(&frame)?.regression()?;
        let (features, targets) = rows.into_parts();
        Ok((features.into_tensor(&device), targets.into_tensor(&device)))
    };
    let mut group = criterion.benchmark_group("tables");
    group.bench_function("house_prices", |bencher| {
        bencher.iter(|| tensors().expect("tensors"))
    });
    group.finish();
}

fn flights_file() -> Result<PathBuf> {
    Ok(fetch("flights")?.join("flights-1m.parquet"))
}

/// Distance, hour, weekday and one-hot airports; the delay in minutes.
fn flights_spec() -> FeatureSpec {
    let mut spec = FeatureSpec::default();
    spec.target = Some(TargetSpec::new(["delay"], Task::Regression));
    let when = DateSpec {
        name: "date".into(),
        parts: vec![DatePart::Hour, DatePart::Weekday],
        impute: Impute::Error,
        missing_indicator: false,
        steps: vec![Step::Standardize],
    };
    spec.columns = vec![
        ColumnSpec::numeric("distance"),
        ColumnSpec::Date(when),
        ColumnSpec::one_hot("origin"),
        ColumnSpec::one_hot("destination"),
    ];
    spec
}

/// The flights, with the file repeated `repeat` times; delays are clipped to -30 to 120 minutes.
fn flights_frame(repeat: usize) -> Result<LazyFrame> {
    let frame = ReadOptions::default().read_files(&vec![flights_file()?; repeat])?;
    Ok(frame.with_column(col("delay").clip(lit(-30), lit(120))))
}

/// From Parquet through fitted features and one epoch of a linear model.
fn flights_epoch(repeat: usize) -> Result<Predictor> {
    let device = Device::flex();
    let frame = flights_frame(repeat)?;
    let features = flights_spec().fit(&frame)?;
    let config = TableConfig::linear(&features)?;
    let network = config.init(Seed::new(1), &device)?;
    let loader: StreamLoader = StreamLoader::new(frame, features.clone(), BATCH)?;
    let loader = loader.shuffle(Seed::new(2), 65_536);
    let train = TrainConfig {
        epochs: 1,
        learning_rate: 0.02,
        optimizer: OptimizerConfig::adam().into(),
        ..TrainConfig::default()
    };
    let fitted = Trainer::new(train)?.fit(network, &Regression::default(), &loader, None)?;
    Ok(Predictor::new(features, config, fitted.model, &device)?)
}

/// Predictions for every row as CSV.
fn flights_predict(predictor: &Predictor) -> Result<usize> {
    let out = std::env::temp_dir().join("tinderbox-bench-predictions.csv");
    Ok(predictor.predict_csv(&flights_frame(1)?, out)?.rows)
}

fn flights(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tables");
    group.sample_size(10);
    group.bench_function("flights_epoch", |bencher| {
        bencher.iter(|| flights_epoch(1).expect("an epoch"))
    });
    let predictor = flights_epoch(1).expect("an epoch");
    // Elements are rows, so criterion prints rows per second.
    group.throughput(Throughput::Elements(1_000_000));
    group.bench_function("flights_predict", |bencher| {
        bencher.iter(|| flights_predict(&predictor).expect("predictions"))
    });
    group.finish();
}

/// The measurements of peak memory.
const MEMORY: [&str; 3] = [
    "tables/flights_epoch memory",
    "tables/flights_epoch of 4M rows memory",
    "tables/flights_predict memory",
];

/// Does the work of one of [`MEMORY`].
fn work(name: &str) -> Result<()> {
    match name {
        "tables/flights_epoch memory" => drop(flights_epoch(1)?),
        "tables/flights_epoch of 4M rows memory" => drop(flights_epoch(4)?),
        // The model does not matter: it is not trained.
        _ => {
            let (device, features) = (Device::flex(), flights_spec().fit(&flights_frame(1)?)?);
            let config = TableConfig::linear(&features)?;
            let network = config.init(Seed::new(1), &device)?;
            flights_predict(&Predictor::new(features, config, network, &device)?)?;
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    if benchmarks::peaks(&MEMORY, work)? {
        return Ok(());
    }
    let mut criterion = Criterion::default().configure_from_args();
    house_prices(&mut criterion);
    flights(&mut criterion);
    criterion.final_summary();
    Ok(())
}

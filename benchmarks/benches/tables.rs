//! Tables: from a file to tensors, and from a file through one epoch. The twin is
//! `benchmarks/pytorch/tables.py`. The data sets are fetched first.
#![recursion_limit = "256"]

use std::path::PathBuf;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use polars::prelude::{col, lit};
use tinderbox::data::{
    ColumnSpec, DatePart, DateSpec, FeatureSpec, Impute, Step, StreamLoader, TargetSpec, Task,
    fetch, read,
};
use tinderbox::prelude::*;
use tinderbox::tabular::Predictor;

const BATCH: usize = 1024;

/// CSV to a tensor of features and one of targets, statistics fitted on the way.
fn house_prices(criterion: &mut Criterion) {
    let device = Device::flex();
    let folder = fetch("house-prices").expect("the data set house-prices");
    let file = folder.join("kaggle_house_pred_train.csv");
    let tensors = || -> Result<_, Box<dyn std::error::Error>> {
        let frame = read(&file)?.collect()?;
        let features = FeatureSpec::infer(&frame, "SalePrice")?.fit(&frame)?;
        let rows = features.transform(&frame)?.regression()?;
        let targets = rows.targets().clone().into_tensor(&device);
        Ok((rows.features().clone().into_tensor(&device), targets))
    };
    let mut group = criterion.benchmark_group("tables");
    group.bench_function("house_prices", |bencher| {
        bencher.iter(|| tensors().expect("tensors"))
    });
    group.finish();
}

fn flights_file() -> PathBuf {
    fetch("flights")
        .expect("the data set flights")
        .join("flights-1m.parquet")
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
        steps: vec![Step::Standardise],
    };
    spec.columns = vec![
        ColumnSpec::numeric("distance"),
        ColumnSpec::Date(when),
        ColumnSpec::one_hot("origin"),
        ColumnSpec::one_hot("destination"),
    ];
    spec
}

/// Parquet through one epoch of a linear model, then predictions for every row as CSV.
fn flights(criterion: &mut Criterion) {
    let device = Device::flex();
    let file = flights_file();
    let frame = || -> Result<_, Box<dyn std::error::Error>> {
        Ok(read(&file)?.with_column(col("delay").clip(lit(-30), lit(120))))
    };
    let epoch = || -> Result<_, Box<dyn std::error::Error>> {
        let frame = frame()?;
        let features = flights_spec().fit(&frame)?;
        let config = TableConfig::linear(&features)?;
        let network = config.init(Seed::new(1), &device)?;
        let loader: StreamLoader = StreamLoader::new(frame, features.clone(), BATCH)?;
        let loader = loader.shuffle(Seed::new(2), 65_536);
        let train = TrainConfig {
            epochs: 1,
            learning_rate: 0.02,
            optimizer: OptimizerConfig::by_name("adam")?,
            ..TrainConfig::default()
        };
        let fitted = Trainer::new(train)?.fit(network, &Regression::default(), &loader, None)?;
        Ok((features, fitted.model))
    };
    let mut group = criterion.benchmark_group("tables");
    group.sample_size(10);
    group.bench_function("flights_epoch", |bencher| {
        bencher.iter(|| epoch().expect("an epoch"))
    });
    let (features, network) = epoch().expect("an epoch");
    let predictor = Predictor::new(features, network, &device).expect("a predictor");
    let out = std::env::temp_dir().join("tinderbox-bench-predictions.csv");
    // Elements are rows, so criterion prints rows per second.
    group.throughput(Throughput::Elements(1_000_000));
    group.bench_function("flights_predict", |bencher| {
        bencher.iter(|| {
            let frame = frame().expect("a frame");
            predictor.predict_csv(&frame, &out).expect("predictions")
        })
    });
    group.finish();
}

criterion_group!(benches, house_prices, flights);
criterion_main!(benches);

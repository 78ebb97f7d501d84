//! The inputs of the search over other examples: options with ranges, and histories.

use anyhow::Result;
use tinderbox::prelude::*;
use tinderbox::train::Range;

#[allow(dead_code)] // `main`
#[path = "../search.rs"]
mod search;

#[test]
fn options_have_ranges_or_choices() -> Result<()> {
    let range = |text: &str| -> Result<Range> { Ok(search::setting(text)?.1) };
    let (low, high) = (1e-4, 1.0);
    assert_eq!(range("lr=1e-4..1")?, Range::LogUniform { low, high });
    let (low, high) = (0.0, 0.5);
    assert_eq!(range("dropout=0..0.5")?, Range::Uniform { low, high });
    let choices = vec!["adam".into(), 16.0.into()];
    assert_eq!(range("x=adam,16")?, Range::Choice(choices));
    assert_eq!(search::setting("batch-size=8")?.0, "batch-size");
    for wrong in ["lr", "lr=a..1", "lr=1.."] {
        assert!(search::setting(wrong).is_err(), "{wrong}");
    }
    Ok(())
}

#[test]
fn a_score_is_read_from_the_history() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let message = |metric: &str| {
        let error = search::last_metric(folder.path(), metric).unwrap_err();
        error.to_string()
    };
    assert!(message("valid_loss").contains("history.csv"));

    let data = tinderbox::data::synthetic::linear(&[2.0], 1.0, 0.1, 40, Seed::new(0))?;
    let loader = Loader::new(data, 10)?;
    let model = LinearRegressionConfig::new(1).init(Seed::new(0), &device(None)?)?;
    let config = TrainConfig {
        epochs: 2,
        ..TrainConfig::default()
    };
    let fitted = Trainer::new(config)?.run(Run::create(folder.path())?).fit(
        model,
        &Regression::default(),
        &loader,
        Some(&loader),
    )?;
    let last = fitted
        .history
        .last()
        .and_then(|last| last.get("valid_loss"));
    assert_eq!(
        Some(search::last_metric(folder.path(), "valid_loss")?),
        last
    );
    assert!(message("valid_rmse").contains("the example has: epoch, step"));
    Ok(())
}

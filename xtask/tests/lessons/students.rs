//! The students' questions.

use anyhow::Result;
use examples::lesson::Page;
use rstest::rstest;
use tinderbox::prelude::*;

use super::*;

#[test]
fn squares_and_absolute_values() -> Result<()> {
    let mut page = Page::in_memory();
    squared_loss::answer(&mut page)?;
    assert_results(
        &page,
        &[
            ("peak of N(0, 1)", "0.3989"),
            ("peak of N(0, 2)", "0.1995"),
            ("peak of N(3, 1)", "0.3989"),
            ("best for squares", "22.0"),
            ("best for absolute values", "3.0"),
        ],
    )?;
    assert!(page.number("squared: off after 100 steps of rate 0.1")? < 1e-8);
    assert!(page.number("absolute: off after 100 steps of rate 0.1")? > 0.04);
    assert_between(&page, "best for Huber", 2.5, 4.0)?;
    assert_figures(&page, &["normal_densities", "approach"]);
    Ok(())
}

#[rstest]
fn a_sum_hides_the_batch_size(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    mean_or_sum::answer(&mut page, &cpu(device), Seed::new(0))?;
    assert_eq!(page.result("1 / mean")?, page.result("1 / sum")?);
    assert!(page.number("10 / sum")? < 7e-5);
    assert!(page.number("100 / sum")? > 1e3);
    assert!(page.number("100 / mean")? < 10.0);
    Ok(())
}

#[rstest]
fn the_search_finds_a_rate_that_trains(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    learning_rate::answer(&mut page, &cpu(device), Seed::new(0))?;
    let found = page.number("rate where the loss falls fastest")?;
    assert!((0.003..1.0).contains(&found), "{found}");
    let third = format!("{:.4} / loss after 3 epochs", 0.0003);
    assert!(
        page.number(&third)? > 1.0,
        "too small a rate does not arrive"
    );
    assert!(page.number("0.0300 / loss after 3 epochs")? < 7e-5);
    assert_figures(&page, &["learning_rate"]);
    Ok(())
}

#[test]
fn newton_needs_too_much_memory() -> Result<()> {
    let mut page = Page::in_memory();
    newton::answer(&mut page, Seed::new(0))?;
    for parameters in [25, 50, 100, 200] {
        assert!(page.number(&format!("{parameters} / solve exactly"))? > 0.0);
    }
    assert_eq!(page.result("LeNet / GB")?, "15.2");
    assert_eq!(page.result("ResNet-18 / GB")?, "499824.5");
    assert_figures(&page, &["newton"]);
    Ok(())
}

#[rstest]
fn a_file_trains_as_well_as_memory(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    let folder = tempfile::tempdir()?;
    memory::answer(&mut page, &cpu(device), Seed::new(0), folder.path())?;
    assert_eq!(folder.path().read_dir()?.count(), 0, "the file is removed");
    assert_between(&page, "loss, all in memory", 4e-5, 6e-5)?;
    assert_between(&page, "loss, from the file", 4e-5, 6e-5)?;
    assert_results(
        &page,
        &[("rows in the file", "4000"), ("rows in the buffer", "200")],
    )
}

#[rstest]
fn stopping_early_is_better(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    when_to_stop::answer(&mut page, &cpu(device), Seed::new(0))?;
    assert_eq!(page.result("epochs without stopping")?, "400");
    let stopped = page.number("epochs with a patience of 20")?;
    assert_eq!(stopped, page.number("best epoch")? + 20.0);
    assert!(stopped < 200.0, "{stopped}");
    let best = page.number("test loss of the best weights")?;
    assert!(best < 0.8 * page.number("test loss without stopping")?);
    assert_figures(&page, &["when_to_stop"]);
    Ok(())
}

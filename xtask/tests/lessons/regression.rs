//! Optimization, linear regression, overfitting and its remedies.

use anyhow::Result;
use examples::lesson::{Page, Shown};
use rstest::rstest;
use tinderbox::prelude::*;

use super::*;

#[test]
fn gradient_descent_prints_the_courses_traces() -> Result<()> {
    let mut page = Page::in_memory();
    gradient_descent::lesson(&mut page, Seed::new(0))?;
    assert_results(
        &page,
        &[
            ("x^2, rate 0.05 (too small)", "3.486784"),
            ("x^2, rate 0.2 (right)", "0.060466"),
            ("x^2, rate 1.1 (too large)", "61.917364"),
            ("x cos(0.15 pi x), rate 2", "-1.528166"),
            ("x1^2 + 2 x2^2, rate 0.1", "-0.057646, -0.000073"),
            ("cosh(x / 2), Newton", "0.000000"),
            ("x cos(0.15 pi x), Newton, rate 1", "26.8341"),
            ("x cos(0.15 pi x), Newton, rate 0.5", "7.2699"),
            ("gradient descent 0.4", "-0.943467, -0.000073"),
            ("gradient descent 0.6", "-0.387814, -1673.365109"),
            ("momentum 0.5, rate 0.6", "0.007188, 0.002553"),
            ("momentum 0.25, rate 0.6", "-0.126340, -0.186632"),
            ("Adagrad 0.4", "-2.382563, -0.158591"),
            ("Adagrad 2", "-0.002295, -0.000000"),
            ("RMSProp 0.4", "-0.010599, 0.000000"),
        ],
    )?;
    let distance = |name: &str| page.number(&format!("{name} / distance after 400 steps"));
    let falling = distance("1 / sqrt(1 + t / 10)")?;
    assert!(falling < 0.5 * distance("constant")?);
    assert!(falling < 0.5 * distance("exp(-t / 10)")?);
    assert_figures(
        &page,
        &[
            "rates",
            "parabola",
            "local_minimum",
            "two_dimensions",
            "valley_rates",
            "valley_momentum",
            "valley_adaptive",
            "noise",
        ],
    );
    Ok(())
}

#[rstest]
fn batch_size_changes_time_noise_and_result(
    #[values("flex", "ndarray")] device: &str,
) -> Result<()> {
    let mut page = Page::in_memory();
    batch_size::lesson(&mut page, &cpu(device), Seed::new(0))?;
    assert_eq!(page.result("same result")?, "true");
    assert!(page.number("times faster")? > 0.0);
    let milliseconds =
        |what: &str| -> Result<f64> { Ok(page.result(what)?.trim_end_matches(" ms").parse()?) };
    let sum = milliseconds("one by one")? + milliseconds("at once")?;
    assert!((milliseconds("both together")? - sum).abs() <= 0.002);
    // The noise alone gives 0.00005; three steps with rate 0.03 are far too few.
    for size in ["1, rate 0.03", "10, rate 0.03", "100, rate 0.3"] {
        assert_between(&page, &format!("{size} / loss"), 4e-5, 8e-5)?;
    }
    assert!(page.number("1000, rate 0.03 / loss")? > 5.0);
    assert!(page.number("1000, rate 0.9 / loss")? < 0.1);
    assert_results(
        &page,
        &[
            ("1, rate 0.03 / steps", "3000"),
            ("1000, rate 0.9 / steps", "3"),
        ],
    )?;
    // The noise falls with the square root of the size.
    let one = page.number("1 / noise x sqrt(size)")?;
    let many = page.number("256 / noise x sqrt(size)")?;
    assert!((0.9..1.1).contains(&(one / many)), "{one} {many}");
    assert_results(
        &page,
        &[
            ("keep / batches", "11"),
            ("keep / examples", "1000"),
            ("keep / in the last", "40"),
            ("keep / its scale / 96", "0.4167"),
            ("drop / batches", "10"),
            ("drop / examples", "960"),
            ("drop / in the last", "96"),
            ("wrap / batches", "11"),
            ("wrap / examples", "1056"),
            ("wrap / its scale / 96", "1.0000"),
        ],
    )?;
    for policy in ["keep", "drop", "wrap"] {
        assert_between(&page, &format!("{policy} / loss"), 4e-5, 6e-5)?;
        assert!(page.number(&format!("{policy} / w error"))? < 2e-3);
    }
    assert_between(&page, "loss, divided by 96 always", 4e-5, 6e-5)?;
    assert_figures(&page, &["noise_4", "noise_64"]);
    Ok(())
}

#[rstest]
fn linear_regression_ends_in_the_published_bands(
    #[values("flex", "ndarray")] device: &str,
) -> Result<()> {
    let mut page = Page::in_memory();
    linear_regression_exact::lesson(&mut page, &cpu(device), Seed::new(0))?;
    assert_results(
        &page,
        &[
            ("features", "[1000, 2]"),
            ("labels", "[1000, 1]"),
            ("features of a batch", "[10, 2]"),
            ("labels of a batch", "[10, 1]"),
        ],
    )?;
    // The published p5 to p95, a little wider: this is one run.
    assert_between(
        &page,
        "half the mean squared error after epoch 1",
        0.02,
        0.06,
    )?;
    assert_between(
        &page,
        "half the mean squared error after epoch 2",
        8e-5,
        2.7e-4,
    )?;
    assert_between(
        &page,
        "half the mean squared error after epoch 3",
        4.5e-5,
        5.6e-5,
    )?;
    assert_between(&page, "mean squared error after epoch 1", 1.2e-4, 4.5e-4)?;
    assert_between(&page, "mean squared error after epoch 3", 9e-5, 1.12e-4)?;
    for (solution, off) in [("by hand", 2e-3), ("framework", 2e-3), ("exact", 1.2e-3)] {
        for (name, truth) in [("w1", 2.0), ("w2", -3.4), ("b", 4.2)] {
            assert_between(
                &page,
                &format!("{solution} / {name}"),
                truth - off,
                truth + off,
            )?;
        }
    }
    let error = |solution: &str| page.number(&format!("{solution} / squared error"));
    for other in ["truth", "by hand", "framework"] {
        assert!(error("exact")? <= error(other)?, "{other}");
    }
    assert_eq!(page.result("slope after one Newton step, w x")?, "0.000000");
    assert!(page.number("slope after one Newton step, tanh(w x)")? > 0.01);
    assert_figures(&page, &["surface", "fit", "residuals"]);
    Ok(())
}

#[rstest]
fn polynomials_under_and_overfit(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    overfitting::lesson(&mut page, &cpu(device), Seed::new(0), 400)?;
    let weights = page.result("degree 3: first weights")?;
    let weights: Vec<f64> = weights[1..weights.len() - 1]
        .split(", ")
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    for (weight, truth) in weights.iter().zip([5.0, 1.2, -3.4, 5.6]) {
        assert!((weight - truth).abs() < 0.15, "{weights:?}");
    }
    assert_between(&page, "degree 3 / train", 0.006, 0.016)?;
    assert_between(&page, "degree 3 / test", 0.007, 0.02)?;
    assert!(page.number("degree 1 / train")? > 3.0);
    assert!(page.number("degree 1 / test")? > 3.0);
    assert!(page.number("degree 19 / test")? > page.number("degree 3 / test")?);
    let exact = |degree: usize, data: &str| page.number(&format!("degree {degree}, exact, {data}"));
    assert!(exact(19, "train")? < exact(3, "train")?);
    assert!(exact(19, "test")? > 10.0 * exact(3, "test")?);
    assert_figures(&page, &["degree_3", "degree_1", "degree_19", "fits"]);
    Ok(())
}

#[rstest]
fn weight_decay_ends_in_the_published_bands(
    #[values("flex", "ndarray")] device: &str,
) -> Result<()> {
    let mut pages = Vec::new();
    for seed in 0..5 {
        let mut page = Page::in_memory();
        weight_decay::lesson(&mut page, &cpu(device), Seed::new(seed))?;
        assert!(page.number("lambda 0 / train")? < 1e-3);
        assert!(page.number("lambda 3 / train")? < 5e-3);
        pages.push(page);
    }
    let median = |what: &str| -> Result<f64> {
        let values = pages.iter().map(|page| page.number(what));
        let mut values: Vec<f64> = values.collect::<Result<_>>()?;
        values.sort_by(f64::total_cmp);
        Ok(values[2])
    };
    // Published over 163 runs, p5 to p95: test 64.9 to 116.6 without decay, 0.062 to 0.160 with it.
    assert!((64.9..=116.6).contains(&median("lambda 0 / test")?));
    assert!((0.062..=0.160).contains(&median("lambda 3 / test")?));
    // Norms of one run: 12.96 and 0.356. Without decay it is that of 180 of 200 random weights.
    assert!((12.0..=15.0).contains(&median("lambda 0 / norm of w")?));
    assert!((0.25..=0.5).contains(&median("lambda 3 / norm of w")?));
    let page = &pages[0];
    // The exact norm shrinks with every larger decay.
    let norms =
        ["0.001", "0.03", "1", "3", "30"].map(|decay| page.number(&format!("{decay} / norm of w")));
    let norms: Vec<f64> = norms.into_iter().collect::<Result<_>>()?;
    assert!(norms.windows(2).all(|pair| pair[1] < pair[0]), "{norms:?}");
    assert_figures(page, &["lambda_0", "lambda_3"]);
    Ok(())
}

#[rstest]
fn dropout_prints_what_the_course_prints(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    dropout_demo::lesson(&mut page, &cpu(device), Seed::new(0))?;
    let x = Tensor::<1, Int>::arange(0..16, &cpu(device))
        .float()
        .reshape([2, 8]);
    let zeros = x.zeros_like().shown()?;
    assert_results(
        &page,
        &[
            ("p = 0", &x.shown()?),
            ("p = 1", &zeros),
            ("p = 0.5: each is gone or doubled", "[true]"),
            ("0.2 / in theory", "5.0"),
            ("0.5 / in theory", "10.0"),
            ("0.8 / in theory", "20.0"),
            ("in training: twice the same", "[false]"),
            ("afterwards: twice the same", "[true]"),
        ],
    )?;
    let half = page.result("p = 0.5")?;
    assert!(half != x.shown()? && half != zeros, "{half}");
    for (p, spread) in [("0.2", 5.0), ("0.5", 10.0), ("0.8", 20.0)] {
        // 2,000 draws: the mean is off by a 45th of the spread, the spread by a 63rd, mostly.
        let (mean, slack) = (format!("{p} / mean"), spread / 10.0);
        assert_between(&page, &mean, 100.0 - slack, 100.0 + slack)?;
        assert_between(
            &page,
            &format!("{p} / spread"),
            spread - slack,
            spread + slack,
        )?;
    }
    assert_figures(&page, &["sums"]);
    Ok(())
}

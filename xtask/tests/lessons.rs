//! Every lesson runs on both CPU backends, and prints what the course prints.
#![recursion_limit = "256"]

use anyhow::Result;
use examples::lesson::{Page, Shown};
use rstest::rstest;
use tinderbox::prelude::*;

/// The lessons as they are run; only their `main` has no use here.
macro_rules! lessons {
    ($($path:literal $name:ident),* $(,)?) => {
        $(#[allow(dead_code)] // `main`
        #[path = $path]
        mod $name;)*
    };
}

lessons! {
    "../../examples/lessons/tensors.rs" tensors,
    "../../examples/lessons/preprocessing.rs" preprocessing,
    "../../examples/lessons/linear_algebra.rs" linear_algebra,
    "../../examples/lessons/calculus.rs" calculus,
    "../../examples/lessons/autograd.rs" autograd,
    "../../examples/lessons/linear_regression_exact.rs" linear_regression_exact,
    "../../examples/lessons/batch_size.rs" batch_size,
    "../../examples/lessons/gradient_descent.rs" gradient_descent,
    "../../examples/lessons/overfitting.rs" overfitting,
    "../../examples/lessons/weight_decay.rs" weight_decay,
    "../../examples/lessons/dropout_demo.rs" dropout_demo,
    "../../examples/questions/squared_loss.rs" squared_loss,
    "../../examples/questions/mean_or_sum.rs" mean_or_sum,
    "../../examples/questions/learning_rate.rs" learning_rate,
    "../../examples/questions/newton.rs" newton,
    "../../examples/questions/memory.rs" memory,
    "../../examples/questions/when_to_stop.rs" when_to_stop,
}

#[allow(deprecated)] // the feature `ndarray` is ours to keep
fn cpu(name: &str) -> Device {
    match name {
        "flex" => Device::flex(),
        _ => Device::ndarray(),
    }
}

/// The results of this name are these, as printed.
fn assert_results(page: &Page, expected: &[(&str, &str)]) -> Result<()> {
    for (what, value) in expected {
        assert_eq!(page.result(what)?, *value, "{what}");
    }
    Ok(())
}

/// The result of this name is in the range.
fn assert_between(page: &Page, what: &str, low: f64, high: f64) -> Result<()> {
    let value = page.number(what)?;
    assert!(
        (low..=high).contains(&value),
        "{what}: {value} is not between {low} and {high}"
    );
    Ok(())
}

/// The page has these figures, each an SVG document.
fn assert_figures(page: &Page, names: &[&str]) {
    let found: Vec<&str> = page
        .figures()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(found, names);
    assert!(
        page.figures()
            .iter()
            .all(|(_, svg)| svg.starts_with("<svg"))
    );
}

#[rstest]
fn tensors_print_what_the_course_prints(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    tensors::lesson(&mut page, &cpu(device), Seed::new(0))?;
    let row = |value: &str| format!("[{}]", [value; 4].join(", "));
    let ones = |value: &str| {
        let matrix = format!("[{}]", vec![row(value); 3].join(", "));
        format!("[{matrix}, {matrix}]")
    };
    assert_results(
        &page,
        &[
            ("arange(0..12)", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]"),
            ("its shape", "[12]"),
            ("number of its elements", "12"),
            ("x as 3 x 4", "[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]"),
            ("x as 3 x (-1), the same", "[true]"),
            ("zeros of 2 x 3 x 4", &ones("0.0")),
            ("ones of 2 x 3 x 4", &ones("1.0")),
            (
                "a literal",
                "[[2.0, 1.0, 4.0, 3.0], [1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]]",
            ),
            ("x + y", "[3.0, 4.0, 6.0, 10.0]"),
            ("x - y", "[-1.0, 0.0, 2.0, 6.0]"),
            ("x * y", "[2.0, 4.0, 8.0, 16.0]"),
            ("x / y", "[0.5, 1.0, 2.0, 4.0]"),
            ("x ** y", "[1.0, 4.0, 16.0, 64.0]"),
            ("exp(x)", "[2.7183, 7.3891, 54.598, 2981.0]"),
            (
                "X above Y (axis 0)",
                "[[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0], [8.0, 9.0, 10.0, 11.0], \
                 [2.0, 1.0, 4.0, 3.0], [1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]]",
            ),
            (
                "X beside Y (axis 1)",
                "[[0.0, 1.0, 2.0, 3.0, 2.0, 1.0, 4.0, 3.0], [4.0, 5.0, 6.0, 7.0, 1.0, 2.0, 3.0, 4.0], \
                 [8.0, 9.0, 10.0, 11.0, 4.0, 3.0, 2.0, 1.0]]",
            ),
            (
                "X == Y",
                "[[false, true, false, true], [false, false, false, false], [false, false, false, false]]",
            ),
            (
                "X < Y",
                "[[true, false, true, false], [false, false, false, false], [false, false, false, false]]",
            ),
            ("sum of X", "[66.0]"),
            ("mean of X", "[5.5]"),
            ("sum of X over axis 0, kept", "[[12.0, 15.0, 18.0, 21.0]]"),
            ("sum of X over axis 0", "[12.0, 15.0, 18.0, 21.0]"),
            ("mean of X over axis 1", "[1.5, 5.5, 9.5]"),
            ("3 x 1 plus 1 x 2", "[[0, 1], [1, 2], [2, 3]]"),
            ("loss of a perfect prediction", "[0.0]"),
            ("the same with the targets in a row", "[1.3333]"),
            ("the last row", "[[8.0, 9.0, 10.0, 11.0]]"),
            (
                "rows 1 to 2",
                "[[4.0, 5.0, 6.0, 7.0], [8.0, 9.0, 10.0, 11.0]]",
            ),
            ("row 1 after X[1, 2] = 9", "[[4.0, 5.0, 9.0, 7.0]]"),
            (
                "X after X[0..2, ..] = 12",
                "[[12.0, 12.0, 12.0, 12.0], [12.0, 12.0, 12.0, 12.0], [8.0, 9.0, 10.0, 11.0]]",
            ),
            ("the clone, written to", "[7.0, 0.0, 0.0]"),
            ("the original", "[0.0, 0.0, 0.0]"),
            ("three times added", "[21.0, 0.0, 0.0]"),
            ("and back", "[21.0, 0.0, 0.0]"),
            ("[3.5] as a float", "3.5"),
            ("[3.5] as an integer", "3"),
        ],
    )
}

#[rstest]
fn preprocessing_prints_what_the_course_prints(
    #[values("flex", "ndarray")] device: &str,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut page = Page::in_memory();
    preprocessing::lesson(&mut page, &cpu(device), folder.path())?;
    assert_results(
        &page,
        &[
            ("rows and columns", "[4, 3]"),
            ("NumRooms", "[null, 2, 4, null]"),
            ("Alley", "[Pave, null, null, null]"),
            ("Price", "[127500, 106000, 178100, 140000]"),
            ("NumRooms, filled", "[3.0, 2.0, 4.0, 3.0]"),
            ("Alley_Pave", "[1.0, 0.0, 0.0, 0.0]"),
            ("Alley_nan", "[0.0, 1.0, 1.0, 1.0]"),
            (
                "X",
                "[[3.0, 1.0, 0.0], [2.0, 0.0, 1.0], [4.0, 0.0, 1.0], [3.0, 0.0, 1.0]]",
            ),
            ("y", "[127500.0, 106000.0, 178100.0, 140000.0]"),
            ("columns", "NumRooms, Alley_Pave, Alley_nan"),
            ("equal to X by hand", "true"),
            ("a new house", "[[3.0, 0.0, 0.0]]"),
            (
                "X with roofs",
                "[[3.0, 0.0, 1.0], [2.0, 0.0, 1.0], [4.0, 1.0, 0.0], [3.0, 0.0, 1.0]]",
            ),
        ],
    )
}

#[rstest]
fn linear_algebra_prints_what_the_course_prints(
    #[values("flex", "ndarray")] device: &str,
) -> Result<()> {
    let mut page = Page::in_memory();
    linear_algebra::lesson(&mut page, &cpu(device))?;
    assert_results(
        &page,
        &[
            ("3 + 2", "[5.0]"),
            ("3 * 2", "[6.0]"),
            ("3 / 2", "[1.5]"),
            ("3 ** 2", "[9.0]"),
            ("x", "[0.0, 1.0, 2.0, 3.0]"),
            ("x[3]", "[3.0]"),
            ("length of x", "4"),
            ("transposed twice is A", "[true]"),
            ("B is symmetric", "[true]"),
            ("shape of 2 * it", "[2, 3, 4]"),
            ("sum of x", "[6.0]"),
            ("shape of A", "[5, 4]"),
            ("sum of A", "[190.0]"),
            ("sum over the rows (axis 0)", "[40.0, 45.0, 50.0, 55.0]"),
            (
                "sum over the columns (axis 1)",
                "[6.0, 22.0, 38.0, 54.0, 70.0]",
            ),
            ("sum over both", "[190.0]"),
            ("mean of A", "[9.5]"),
            ("its sum divided by 20", "[9.5]"),
            ("mean over the rows", "[8.0, 9.0, 10.0, 11.0]"),
            (
                "sums of the rows, axis kept",
                "[[6.0], [22.0], [38.0], [54.0], [70.0]]",
            ),
            (
                "each row divided by its sum, first",
                "[[0.0, 0.16667, 0.33333, 0.5]]",
            ),
            (
                "each row divided by its sum, last",
                "[[0.22857, 0.24286, 0.25714, 0.27143]]",
            ),
            (
                "running sum down the rows",
                "[[0.0, 1.0, 2.0, 3.0], [4.0, 6.0, 8.0, 10.0], [12.0, 15.0, 18.0, 21.0], \
                 [24.0, 28.0, 32.0, 36.0], [40.0, 45.0, 50.0, 55.0]]",
            ),
            ("dot product of x and ones", "[6.0]"),
            ("the same as sum(x * ones)", "[6.0]"),
            ("A times x", "[14.0, 38.0, 62.0, 86.0, 110.0]"),
            (
                "A times ones of 4 x 3",
                "[[6.0, 6.0, 6.0], [22.0, 22.0, 22.0], [38.0, 38.0, 38.0], [54.0, 54.0, 54.0], \
                 [70.0, 70.0, 70.0]]",
            ),
            ("L2 norm of [3, -4]", "[5.0]"),
            ("L1 norm of [3, -4]", "[7.0]"),
            ("Frobenius norm of ones of 4 x 9", "[6.0]"),
        ],
    )?;
    let transposed = page.result("A transposed")?;
    assert!(
        transposed.starts_with("[[0.0, 4.0, 8.0, 12.0, 16.0], "),
        "{transposed}"
    );
    let counted = |from: usize, step: usize, shape: &[usize]| {
        let numbers = (0..shape.iter().product::<usize>()).map(|i| (from + step * i) as f32);
        Tensor::<1>::from_data(numbers.collect::<Vec<_>>().as_slice(), &cpu(device))
    };
    let shifted = counted(2, 1, &[2, 3, 4]).reshape([2, 3, 4]).shown()?;
    assert_eq!(page.result("2 + a tensor of 2 x 3 x 4")?, shifted);
    let a = counted(0, 1, &[5, 4]).reshape([5, 4]);
    assert_eq!(page.result("A")?, a.shown()?);
    assert_eq!(
        page.result("A + A")?,
        counted(0, 2, &[5, 4]).reshape([5, 4]).shown()?
    );
    assert_eq!(
        page.result("A * A, element by element")?,
        a.square().shown()?
    );
    Ok(())
}

#[test]
fn calculus_prints_what_the_course_prints() -> Result<()> {
    let mut page = Page::in_memory();
    calculus::lesson(&mut page)?;
    assert_results(
        &page,
        &[
            ("0.10000 / slope", "2.30000"),
            ("0.01000 / slope", "2.03000"),
            ("0.00100 / slope", "2.00300"),
            ("0.00010 / slope", "2.00030"),
            ("0.00001 / slope", "2.00003"),
            ("1e-16 / slope", "0.00000"),
            ("from both sides, h = 1e-5, off by less than 1e-9", "true"),
            ("f(1) and the tangent at 1", "[-1.0, -1.0]"),
            ("f(2) and the tangent at 2", "[4.0, 1.0]"),
            ("gradient of x^2 + 2 y^2 at (3, -1)", "[6.0000, -4.0000]"),
        ],
    )?;
    let gain = |turn: &str| page.number(&format!("{turn}° / change"));
    assert!(gain("0")? > gain("45")? && gain("45")? > gain("90")?);
    assert!(gain("90")?.abs() < 0.02 && gain("180")? < gain("135")?);
    assert_figures(&page, &["tangent", "gradient"]);
    Ok(())
}

#[rstest]
fn autograd_prints_what_the_course_prints(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    autograd::lesson(&mut page, &cpu(device))?;
    assert_results(
        &page,
        &[
            ("2 x·x", "[28.0]"),
            ("its gradient", "[0.0, 4.0, 8.0, 12.0]"),
            ("equal to 4 x", "[true]"),
            (
                "then d sum(x)/dx, not mixed with the first",
                "[1.0, 1.0, 1.0, 1.0]",
            ),
            ("gradient of sum(x * x)", "[0.0, 2.0, 4.0, 6.0]"),
            ("gradient of sum(detach(x * x) * x)", "[0.0, 1.0, 4.0, 9.0]"),
            ("equal to x * x, as if that were a number", "[true]"),
            (
                "x * x itself can still be differentiated",
                "[0.0, 2.0, 4.0, 6.0]",
            ),
            ("without detach", "[0.0, 3.0, 12.0, 27.0]"),
            ("equal, since d is a straight line in a", "true"),
            ("largest difference below 1e-6", "true"),
        ],
    )?;
    // 10 x 0.8^60 on the one side; on the other a swing that never dies down.
    assert_between(&page, "60 / cleared", 0.0, 1e-4)?;
    let late = [20, 40, 60].map(|step| page.number(&format!("{step} / added up")));
    let late: Vec<f64> = late.into_iter().collect::<Result<_>>()?;
    assert!(late.iter().any(|x| x.abs() > 5.0), "{late:?}");
    Ok(())
}

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
fn batch_size_shows_its_price(#[values("flex", "ndarray")] device: &str) -> Result<()> {
    let mut page = Page::in_memory();
    batch_size::lesson(&mut page, &cpu(device), Seed::new(0))?;
    assert_eq!(page.result("same result")?, "true");
    assert!(page.number("times faster")? > 0.0);
    let milliseconds =
        |what: &str| -> Result<f64> { Ok(page.result(what)?.trim_end_matches(" ms").parse()?) };
    let sum = milliseconds("one by one")? + milliseconds("at once")?;
    assert!((milliseconds("both together")? - sum).abs() <= 0.002);
    // The floor of the noise is 0.00005; three steps of rate 0.03 are not enough by far.
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
fn newton_is_dear() -> Result<()> {
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

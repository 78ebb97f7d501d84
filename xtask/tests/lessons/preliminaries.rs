//! Chapter "Preliminaries".

use anyhow::Result;
use examples::lesson::{Page, Shown};
use rstest::rstest;
use tinderbox::prelude::*;

use super::*;

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
    // Cleared gradients give 10 x 0.8^60; without clearing, x keeps oscillating.
    assert_between(&page, "60 / cleared", 0.0, 1e-4)?;
    let late = [20, 40, 60].map(|step| page.number(&format!("{step} / added up")));
    let late: Vec<f64> = late.into_iter().collect::<Result<_>>()?;
    assert!(late.iter().any(|x| x.abs() > 5.0), "{late:?}");
    Ok(())
}

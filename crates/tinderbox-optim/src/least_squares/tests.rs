use super::*;
use proptest::prelude::*;
use tinderbox_core::Seed;

fn normals(seed: u64, count: usize) -> Vec<f64> {
    let mut rng = Seed::new(seed).rng();
    (0..count).map(|_| rng.normal()).collect()
}

#[test]
fn a_line_through_two_points() {
    let solution = least_squares(&[1.0, 3.0], 1, &[5.0, 9.0], 1).unwrap();
    assert!((solution.weights[0] - 2.0).abs() < 1e-14);
    assert!((solution.bias[0] - 3.0).abs() < 1e-14);
    assert_eq!(
        (solution.rank, solution.outputs(), solution.width()),
        (1, 1, 1)
    );
    assert!(solution.mse[0] < 1e-28);
}

/// Anscombe's first data set (Anscombe 1973): y = 3.0001 + 0.50009 x, SSE 13.763.
#[test]
fn anscombes_quartet() {
    let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
    let y = [
        8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68,
    ];
    let solution = least_squares(&x, 1, &y, 1).unwrap();
    assert!((solution.weights[0] - 0.500_090_9).abs() < 1e-7);
    assert!((solution.bias[0] - 3.000_090_9).abs() < 1e-7);
    assert!((solution.mse[0] * 11.0 - 13.762_69).abs() < 1e-5);
}

#[test]
fn columns_of_wildly_different_size_and_a_far_mean() {
    let noise = normals(1, 400);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for pair in noise.chunks_exact(2) {
        let row = [1e8 + pair[0] * 1e3, pair[1] * 1e-9];
        x.extend(row);
        y.push(2e-4 * row[0] - 3e9 * row[1] + 7.0);
    }
    let solution = least_squares(&x, 2, &y, 1).unwrap();
    assert!(
        (solution.weights[0] / 2e-4 - 1.0).abs() < 1e-9,
        "{:?}",
        solution.weights
    );
    assert!((solution.weights[1] / -3e9 - 1.0).abs() < 1e-9);
    assert!((solution.bias[0] - 7.0).abs() < 1e-4);
    assert!(solution.collinear.is_empty());
}

#[test]
fn dependent_and_constant_columns_are_named() {
    // Columns: a, a one-hot pair that sums to 1, a constant, b.
    let noise = normals(2, 120);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for (i, pair) in noise.chunks_exact(2).enumerate() {
        let hot = (i % 3 == 0) as u8 as f64;
        x.extend([pair[0], hot, 1.0 - hot, 0.1, pair[1]]);
        y.push(pair[0] + 4.0 * hot - pair[1] + 1.0);
    }
    let solution = least_squares(&x, 5, &y, 1).unwrap();
    assert_eq!((solution.rank, &*solution.constant), (3, &[3][..]));
    assert_eq!(solution.collinear, [1, 2]);
    assert_eq!(solution.weights[3], 0.0);
    // Smallest norm: the effect of 4 is shared out evenly.
    assert!((solution.weights[1] - 2.0).abs() < 1e-10);
    assert!((solution.weights[2] + 2.0).abs() < 1e-10);
    assert!(solution.mse[0] < 1e-20);
}

#[test]
fn what_f32_rounds_is_not_fitted_within_its_tolerance() {
    // The third column is the sum of the first two, up to the rounding of f32.
    let noise = normals(5, 3 * 200);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for row in noise.chunks_exact(3) {
        let (a, b) = (row[0] as f32, row[1] as f32);
        x.extend([a, b, a + b]);
        y.push(a - b + row[2] as f32);
    }
    let exact = least_squares(&x, 3, &y, 1).unwrap();
    let within = least_squares_with_tolerance(&x, 3, &y, 1, F32_TOLERANCE).unwrap();
    assert_eq!((exact.rank, within.rank), (3, 2));
    let largest =
        |solution: &ExactSolution| solution.weights.iter().fold(0f64, |m, w| m.max(w.abs()));
    assert!(largest(&exact) > 1e3 && largest(&within) < 2.0);
    assert!(within.mse[0] < 1.02 * exact.mse[0]);
    assert!(least_squares_with_tolerance(&x, 3, &y, 1, -1.0).is_err());
}

#[test]
fn more_columns_than_rows_still_fit_exactly() {
    let x = normals(3, 5 * 20);
    let y = normals(4, 5 * 2);
    let solution = least_squares(&x, 20, &y, 2).unwrap();
    assert_eq!(solution.rank, 4, "centring takes one of five");
    assert!(
        solution.mse.iter().all(|mse| *mse < 1e-20),
        "{:?}",
        solution.mse
    );
    assert_eq!(solution.collinear.len(), 20);
}

/// For one centred column the solution is `sum(xy) / (sum(xx) + lambda)`.
#[test]
fn ridge_shrinks_by_the_formula_and_leaves_the_intercept() {
    let solution = ridge(&[1.0f32, 2.0, 3.0], 1, &[10.0, 12.0, 14.0], 1, 2.0).unwrap();
    assert!((solution.weights[0] - 4.0 / 4.0).abs() < 1e-12);
    assert!((solution.bias[0] - 10.0).abs() < 1e-12);
    let huge = ridge(&[1.0, 2.0, 3.0], 1, &[10.0, 12.0, 14.0], 1, 1e12).unwrap();
    assert!(huge.weights[0].abs() < 1e-11 && (huge.bias[0] - 12.0).abs() < 1e-9);
}

#[test]
fn bad_data_is_refused_by_name() {
    let error = |x: &[f64], width, y: &[f64], outputs| {
        least_squares(x, width, y, outputs).unwrap_err().to_string()
    };
    let bad = error(&[1.0, 2.0, f64::NAN, 4.0], 2, &[1.0, 2.0], 1);
    assert!(bad.contains("features: row 1, column 0 is NaN"), "{bad}");
    let bad = error(&[1.0, 2.0], 1, &[1.0, f64::INFINITY], 1);
    assert!(bad.contains("targets: row 1, column 0 is inf"), "{bad}");
    assert!(error(&[], 2, &[], 1).contains("no data"));
    assert!(error(&[1.0], 0, &[1.0], 1).contains("no data"));
    assert!(error(&[1.0, 2.0, 3.0], 2, &[1.0], 1).contains("rows of 2"));
    assert!(error(&[1.0, 2.0], 1, &[1.0], 1).contains("2 rows of features but 1"));
    assert!(
        ridge(&[1.0], 1, &[1.0], 1, -1.0)
            .unwrap_err()
            .to_string()
            .contains("lambda")
    );
    let solution = least_squares(&[1.0, 3.0], 1, &[5.0, 9.0], 1).unwrap();
    assert!(solution.predict::<f64>(&[]).is_err());
}

proptest! {
    /// The normal equations: at the optimum the gradient of the objective is zero.
    #[test]
    fn the_gradient_is_zero_at_the_solution(
        seed: u64, rows in 3usize..40, width in 1usize..5, lambda in 0.0f64..10.0,
    ) {
        let x = normals(seed, rows * width);
        let y = normals(seed ^ 1, rows);
        let solution = ridge(&x, width, &y, 1, lambda).unwrap();
        let predicted = solution.predict(&x).unwrap();
        let residual: Vec<f64> = predicted.iter().zip(&y).map(|(p, t)| p - t).collect();
        prop_assert!(residual.iter().sum::<f64>().abs() < 1e-8);
        for j in 0..width {
            let slope: f64 = (0..rows).map(|i| residual[i] * x[i * width + j]).sum();
            prop_assert!((slope + lambda * solution.weights[j]).abs() < 1e-8, "{slope}");
        }
    }
}

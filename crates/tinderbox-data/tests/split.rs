//! Splits and folds: nothing leaks.

use polars::prelude::*;
use proptest::prelude::*;
use tinderbox_core::Seed;
use tinderbox_data::{Fold, Strategy as By, k_fold, split, take};

/// Every row exactly once, over all parts.
fn partition(parts: &[Vec<usize>], rows: usize) -> bool {
    let mut all: Vec<usize> = parts.concat();
    all.sort_unstable();
    all == (0..rows).collect::<Vec<_>>()
}

#[test]
fn sizes_are_the_shares() {
    let parts = split(1000, &[0.7, 0.2, 0.1], Seed::new(1), &By::Random).unwrap();
    assert_eq!(
        parts.iter().map(Vec::len).collect::<Vec<_>>(),
        [700, 200, 100]
    );
    assert!(partition(&parts, 1000));
    let half = split(10, &[0.25, 0.25], Seed::new(1), &By::Random).unwrap();
    assert_eq!(half.concat().len(), 5);
    assert_ne!(
        parts,
        split(1000, &[0.7, 0.2, 0.1], Seed::new(2), &By::Random).unwrap()
    );
    let blocks = k_fold(10, 5, Seed::new(0), &By::Consecutive).unwrap();
    assert_eq!(blocks[1].valid, [2, 3]);
}

#[test]
fn columns_of_a_frame_decide() {
    let table = df!(
        "who" => ["a", "b", "a", "c", "b", "c"],
        "when" => [3i64, 1, 2, 6, 5, 4],
    )
    .unwrap();
    let parts = split(
        6,
        &[0.5, 0.5],
        Seed::new(3),
        &By::time(&table, "when").unwrap(),
    )
    .unwrap();
    assert_eq!(parts, [vec![0, 1, 2], vec![3, 4, 5]]);
    let groups = By::grouped(&table, "who").unwrap();
    let parts = split(6, &[0.6, 0.4], Seed::new(3), &groups).unwrap();
    assert!(partition(&parts, 6));
    assert_eq!(
        take(&table, &[5, 0]).unwrap()["who"].str().unwrap().get(0),
        Some("c")
    );
    assert!(take(&table, &[6]).is_err());
    let error = By::stratified(&table, "whi").unwrap_err().to_string();
    assert!(error.contains("who"), "{error}");
    assert!(
        By::time(&table, "who")
            .unwrap_err()
            .to_string()
            .contains("no order in time")
    );
}

#[test]
fn what_cannot_be_split_is_told() {
    for shares in [&[][..], &[0.0, 1.0], &[0.9, 0.2], &[f64::NAN]] {
        assert!(
            split(10, shares, Seed::new(0), &By::Random).is_err(),
            "{shares:?}"
        );
    }
    assert!(split(1, &[0.5, 0.5], Seed::new(0), &By::Random).is_err());
    assert!(split(3, &[1.0], Seed::new(0), &By::Grouped(vec![1])).is_err());
    assert!(split(4, &[0.5, 0.5], Seed::new(0), &By::Grouped(vec![7; 4])).is_err());
    for k in [0, 1, 11] {
        assert!(k_fold(10, k, Seed::new(0), &By::Random).is_err(), "{k}");
    }
}

fn train_and_valid_are_apart(folds: &[Fold]) -> bool {
    folds.iter().all(|fold| {
        fold.train
            .iter()
            .all(|row| fold.valid.binary_search(row).is_err())
    })
}

proptest! {
    #[test]
    fn random_folds(rows in 2usize..200, k in 2usize..8, seed: u64) {
        prop_assume!(k <= rows);
        let folds = k_fold(rows, k, Seed::new(seed), &By::Random).unwrap();
        prop_assert_eq!(&folds, &k_fold(rows, k, Seed::new(seed), &By::Random).unwrap());
        let valid: Vec<_> = folds.iter().map(|fold| fold.valid.clone()).collect();
        prop_assert!(partition(&valid, rows));
        prop_assert!(train_and_valid_are_apart(&folds));
        for fold in &folds {
            prop_assert_eq!(fold.train.len() + fold.valid.len(), rows);
            prop_assert!(fold.valid.len().abs_diff(rows / k) <= 1);
        }
    }

    #[test]
    fn classes_keep_their_shares(classes in proptest::collection::vec(0u64..4, 20..300), share in 0.2f64..0.8, seed: u64) {
        let rows = classes.len();
        let parts = split(rows, &[share, 1.0 - share], Seed::new(seed), &By::Stratified(classes.clone())).unwrap();
        prop_assert!(partition(&parts, rows));
        for class in 0..4 {
            let all = classes.iter().filter(|other| **other == class).count() as f64;
            let first = parts[0].iter().filter(|row| classes[**row] == class).count() as f64;
            prop_assert!((first - share * all).abs() <= 2.0, "{first} of {all} at {share}");
        }
    }

    #[test]
    fn groups_stay_together(groups in proptest::collection::vec(0u64..12, 30..200), k in 2usize..5, seed: u64) {
        let by = By::Grouped(groups.clone());
        if let Ok(folds) = k_fold(groups.len(), k, Seed::new(seed), &by) {
            let valid: Vec<_> = folds.iter().map(|fold| fold.valid.clone()).collect();
            prop_assert!(partition(&valid, groups.len()));
            for fold in &folds {
                for row in &fold.valid {
                    prop_assert!(fold.train.iter().all(|other| groups[*other] != groups[*row]));
                }
            }
        }
    }

    #[test]
    fn the_future_is_not_known(times in proptest::collection::vec(0i64..40, 30..200), k in 2usize..5) {
        if let Ok(folds) = k_fold(times.len(), k, Seed::new(0), &By::Time(times.clone())) {
            prop_assert_eq!(folds.len(), k);
            for fold in &folds {
                let last = fold.train.iter().map(|row| times[*row]).max().unwrap();
                let first = fold.valid.iter().map(|row| times[*row]).min().unwrap();
                prop_assert!(last < first);
            }
        }
    }
}

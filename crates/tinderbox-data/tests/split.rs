//! Splits and folds: nothing leaks.

use proptest::prelude::*;
use tinderbox_core::Seed;
use tinderbox_data::{Fold, Folds, Strategy as By, k_fold, split};

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
    assert_eq!(blocks.fold(1).unwrap().valid, [2, 3]);
    let error = blocks.fold(5).unwrap_err().to_string();
    assert!(error.contains("no fold 5: there are 5"), "{error}");
}

/// Validation rows of 200 seeds.
fn held_out(rows: usize, shares: &[f64], by: &By) -> Vec<Vec<usize>> {
    let of = |seed| split(rows, shares, Seed::new(seed), by).unwrap();
    let all: Vec<_> = (0..200).map(of).collect();
    assert!(all.iter().all(|parts| partition(parts, rows)));
    assert_eq!(all[7], of(7), "the same seed is the same");
    all.into_iter().map(|mut parts| parts.remove(1)).collect()
}

fn different(sets: &[Vec<usize>]) -> usize {
    sets.iter().collect::<std::collections::HashSet<_>>().len()
}

/// How often each row is in one of these sets.
fn times(sets: &[Vec<usize>], rows: usize) -> Vec<usize> {
    let mut times = vec![0; rows];
    sets.iter().flatten().for_each(|&row| times[row] += 1);
    times
}

#[test]
fn groups_of_different_sizes_are_drawn_at_random() {
    // 20 groups of 1 to 20 rows.
    let groups: Vec<u64> = (1..=20u64)
        .flat_map(|size| vec![size; size as usize])
        .collect();
    let sets = held_out(210, &[0.8, 0.2], &By::Grouped(groups.clone()));
    assert!(different(&sets) > 150, "{}", different(&sets));
    for set in &sets {
        assert!(set.len().abs_diff(42) <= 20, "{}", set.len());
    }
    let mean = sets.iter().map(Vec::len).sum::<usize>() as f64 / 200.0;
    assert!((mean - 42.0).abs() < 3.0, "{mean}");
    let times = times(&sets, 210);
    assert!(
        times.iter().all(|times| *times > 0),
        "every group is drawn at least once"
    );
    let folds = |seed| k_fold(210, 4, Seed::new(seed), &By::Grouped(groups.clone())).unwrap();
    assert_ne!(folds(1), folds(2));
}

#[test]
fn classes_are_drawn_at_random_and_small_ones_are_for_training() {
    // 60 rows of class 0, 30 of class 1, three classes of one row.
    let mut classes: Vec<u64> = (0..90).map(|row| u64::from(row % 3 == 0)).collect();
    classes.extend([7, 8, 9]);
    let by = By::Stratified(classes.clone());
    let sets = held_out(93, &[0.8, 0.2], &by);
    assert_eq!(different(&sets), 200);
    for set in &sets {
        let ones = set.iter().filter(|row| classes[**row] == 1).count();
        assert_eq!((set.len(), ones), (18, 6));
    }
    let times = times(&sets, 93);
    // 200 draws of a fifth: 40 times, with a deviation of 5.7.
    assert!(
        times[..90].iter().all(|times| (15..=65).contains(times)),
        "{times:?}"
    );
    assert_eq!(times[90..], [0; 3], "single rows are for training");
    assert_eq!(by.small_classes(2), [vec![90], vec![91], vec![92]]);
    assert!(by.small_classes(1).is_empty() && By::Random.small_classes(9).is_empty());

    let folds = k_fold(93, 5, Seed::new(3), &by).unwrap();
    for fold in &folds {
        assert_eq!(fold.valid.len(), 18);
        assert!((90..93).all(|row| fold.train.contains(&row)));
    }
    // A class of two rows is in two folds, and in the training rows of each.
    let two = By::Stratified((0..22).map(|row| u64::from(row > 19)).collect());
    for fold in &k_fold(22, 5, Seed::new(3), &two).unwrap() {
        assert!(fold.train.iter().any(|row| *row > 19));
    }
    // A column of numbers as classes: nothing can be spread.
    let error = split(
        5,
        &[0.8, 0.2],
        Seed::new(0),
        &By::Stratified((0..5).collect()),
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("5 classes") && error.contains("join small classes"),
        "{error}"
    );
}

#[test]
fn every_class_is_trained_on_whatever_the_share() {
    let classes: Vec<u64> = (0..40).map(|row| row / 4).collect();
    for seed in 0..50 {
        let by = By::Stratified(classes.clone());
        let parts = split(40, &[0.1, 0.9], Seed::new(seed), &by).unwrap();
        assert!(partition(&parts, 40));
        for class in 0..10 {
            assert!(parts[0].iter().any(|row| classes[*row] == class), "{class}");
        }
    }
}

#[test]
fn a_part_has_a_row_where_there_are_enough() {
    let seeds = 0..50;
    let sizes = |rows, shares: &[f64], by: &By| -> Vec<Vec<usize>> {
        let of = |seed| split(rows, shares, Seed::new(seed), by).unwrap();
        let sizes = |parts: Vec<Vec<usize>>| parts.iter().map(Vec::len).collect();
        seeds.clone().map(of).map(sizes).collect()
    };
    let two: Vec<u64> = (0..100).map(|row| u64::from(row >= 60)).collect();
    for found in sizes(100, &[0.8, 0.2], &By::Grouped(two)) {
        assert_eq!(found, [60, 40]);
    }
    let three: Vec<u64> = (0..100)
        .map(|row| u64::from(row >= 90) + u64::from(row >= 95))
        .collect();
    for found in sizes(100, &[0.2, 0.2, 0.6], &By::Grouped(three.clone())) {
        assert!(!found.contains(&0), "{found:?}");
    }
    for by in [By::Random, By::Consecutive, By::Time((0..3).collect())] {
        for found in sizes(3, &[0.98, 0.01, 0.01], &by) {
            assert_eq!(found, [1, 1, 1]);
        }
    }
    // Two times, the later one for validation, although the first has nearly all rows.
    let times = By::Time((0..10).map(|row| i64::from(row == 9)).collect());
    assert_eq!(sizes(10, &[0.3, 0.7], &times)[0], [9, 1]);
    let many: Vec<u64> = (0..100).map(|row| u64::from(row > 97)).collect();
    for found in sizes(100, &[0.998, 0.002], &By::Stratified(many)) {
        assert_eq!(found, [99, 1]);
    }
    let error = |by| split(100, &[0.5, 0.2, 0.2, 0.1], Seed::new(0), &by).unwrap_err();
    let groups = error(By::Grouped(three)).to_string();
    assert!(groups.contains("3 groups cannot fill 4 parts"), "{groups}");
    let times = error(By::Time(vec![5; 100])).to_string();
    assert!(times.contains("1 times cannot fill 4 parts"), "{times}");
}

#[test]
fn splits_that_are_not_possible_are_errors() {
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

fn validated(folds: &Folds) -> Vec<Vec<usize>> {
    folds.iter().map(|fold: Fold| fold.valid).collect()
}

fn train_and_valid_are_apart(folds: &Folds) -> bool {
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
        prop_assert!(partition(&validated(&folds), rows));
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
            prop_assert!(all < 2.0 || (first - share * all).abs() <= 2.0, "{first} of {all} at {share}");
        }
    }

    #[test]
    fn groups_stay_together(groups in proptest::collection::vec(0u64..12, 30..200), k in 2usize..5, seed: u64) {
        let by = By::Grouped(groups.clone());
        if let Ok(folds) = k_fold(groups.len(), k, Seed::new(seed), &by) {
            prop_assert!(partition(&validated(&folds), groups.len()));
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

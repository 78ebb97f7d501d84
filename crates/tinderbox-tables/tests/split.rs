//! Splits by the values of a column.

use polars::prelude::*;
use tinderbox_core::Seed;
use tinderbox_data::{Strategy, split};
use tinderbox_tables::{FeatureSpec, grouped_by, ordered_by, stratified_by, take};

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
        &ordered_by(&table, "when").unwrap(),
    )
    .unwrap();
    assert_eq!(parts, [vec![0, 1, 2], vec![3, 4, 5]]);
    let groups = grouped_by(&table, "who").unwrap();
    let parts = split(6, &[0.6, 0.4], Seed::new(3), &groups).unwrap();
    let mut all = parts.concat();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4, 5]);
    assert_eq!(
        take(&table, &[5, 0]).unwrap()["who"].str().unwrap().get(0),
        Some("c")
    );
    assert!(take(&table, &[6]).is_err());
    let error = stratified_by(&table, "whi").unwrap_err().to_string();
    assert!(error.contains("who"), "{error}");
}

#[test]
fn columns_without_an_order_in_time_or_without_classes_are_refused() {
    let words = ["b", "a", "c"];
    let kinds = FrozenCategories::new(words).unwrap();
    let table = df!(
        "float" => [1.5f64, 1.2, 3.0],
        "whole" => [Some(1.0f64), Some(f64::NAN), None],
        "word" => words,
        "yes" => [true, false, true],
        "small" => [3u8, 1, 2],
        "late" => [1u64, u64::MAX, 2],
        "date" => [20i32, 10, 30],
    )
    .unwrap();
    let table = table
        .lazy()
        .with_columns([
            col("word")
                .cast(DataType::from_frozen_categories(kinds))
                .alias("category"),
            col("date").cast(DataType::Date),
        ])
        .collect()
        .unwrap();
    for (column, says) in [
        ("float", "cast it to an integer"),
        ("whole", "cast it to an integer"),
        ("word", "read it as dates"),
        ("category", "read it as dates"),
        ("yes", "read it as dates"),
        ("late", "too large"),
    ] {
        let error = ordered_by(&table, column).unwrap_err().to_string();
        assert!(error.contains(column) && error.contains(says), "{error}");
    }
    assert_eq!(
        ordered_by(&table, "small").unwrap(),
        Strategy::Time(vec![3, 1, 2])
    );
    assert_eq!(
        ordered_by(&table, "date").unwrap(),
        Strategy::Time(vec![20, 10, 30])
    );
    let error = stratified_by(&table, "float").unwrap_err().to_string();
    assert!(error.contains("1.5") && error.contains("Random"), "{error}");
    // NaN and null are both missing, and missing values are a class.
    let whole = stratified_by(&table, "whole").unwrap();
    assert_eq!(whole, Strategy::Stratified(vec![0, 1, 1]));
}

#[test]
fn an_error_about_a_part_can_name_the_row_of_the_table() {
    let table = df!("x" => ["1", "2", "n/a", "4", "5"], "y" => [1, 2, 3, 4, 5]).unwrap();
    let rows = [4, 2, 0];
    let spec = FeatureSpec::from_toml(
        "[target]\ncolumns = [\"y\"]\n[[column]]\nname = \"x\"\nkind = \"numeric\"\n",
    );
    let error = spec
        .unwrap()
        .fit(&take(&table, &rows).unwrap())
        .unwrap_err();
    assert!(error.to_string().contains("row 2 "), "{error}");
    let error = error.of_rows(&rows).to_string();
    assert!(
        error.contains("\"x\", row 3 ") && error.contains("n/a"),
        "{error}"
    );
}

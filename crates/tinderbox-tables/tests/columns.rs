//! Columns as they occur in practice: sparse, extreme, of a database's types, with thousands of categories.

use std::fs::File;
use std::path::{Path, PathBuf};

use polars::prelude::*;
use tinderbox_data::Result;
use tinderbox_tables::{
    ColumnSpec, ColumnType, Encode, FeatureSpec, Features, Inference, OutputKind, ReadOptions,
    Step, Targets, Task, TensorTable, Unseen, collect, read,
};

fn spec(text: &str) -> FeatureSpec {
    FeatureSpec::from_toml(text).unwrap()
}

fn infer(frame: &impl tinderbox_tables::Frame, inference: &Inference) -> Result<FeatureSpec> {
    FeatureSpec::infer_with(frame, "y", inference)
}

/// The features of a row by name.
fn row(table: &TensorTable, row: usize) -> Vec<(&str, f32)> {
    let names = table.feature_names.iter().map(String::as_str);
    names.zip(table.features.row(row).iter().copied()).collect()
}

fn fails<T: std::fmt::Debug>(result: Result<T>, parts: &[&str]) {
    let error = result.unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }
}

fn column_names(spec: &FeatureSpec) -> Vec<&str> {
    spec.columns.iter().flat_map(ColumnSpec::names).collect()
}

fn reason(spec: &FeatureSpec, name: &str) -> String {
    let found = spec.ignored.iter().find(|column| column.name == name);
    found
        .unwrap_or_else(|| panic!("{name} is used"))
        .reason
        .clone()
}

#[test]
fn features_that_no_training_row_had_stay_zero() {
    let train = df!(
        "x" => [1.0, 2.0, 3.0, 4.0],
        "day" => [10i32, 20, 30, 40],
        "word" => ["a", "a", "b", "b"],
        "index" => ["a", "a", "b", "b"],
    )
    .unwrap();
    let days = train.column("day").unwrap().cast(&DataType::Date).unwrap();
    let mut train = train;
    train.with_column(days).unwrap();
    let spec = spec(
        r#"
        [[column]]
        name = "x"
        kind = "numeric"
        impute = "mean"
        missing_indicator = true
        [[column]]
        name = "day"
        kind = "date"
        parts = ["day"]
        impute = "mean"
        missing_indicator = true
        [[column]]
        name = "word"
        kind = "category"
        unseen = "rare"
        rare_below = 2
        [[column]]
        columns = ["word", "index"]
        kind = "cross"
        [[column]]
        name = "index"
        kind = "category"
        encode = "ordinal"
        unseen = "rare"
        rare_below = 2
        "#,
    );
    let features = spec.fit(&train).unwrap();
    let mut later = df!(
        "x" => [None, Some(2.0)],
        "day" => [None, Some(20i32)],
        "word" => [None, Some("new")],
        "index" => [None, Some("new")],
    )
    .unwrap();
    let days = later.column("day").unwrap().cast(&DataType::Date).unwrap();
    later.with_column(days).unwrap();
    let table = features.transform(&later).unwrap();
    for place in 0..2 {
        for (name, value) in row(&table, place) {
            match name {
                // Imputed by the mean, or there: days of January 1970 from the 11th on.
                "x" => assert_eq!(value, [2.5, 2.0][place]),
                "day_day" => assert!(value > 0.0),
                _ => assert_eq!(value, 0.0, "{name}"),
            }
        }
    }
    // The width is that of the specification, whatever the rows are.
    let names = [
        "x_missing",
        "day_missing",
        "word_rare",
        "word_nan",
        "word×index_nan",
    ];
    for name in names {
        assert!(
            table.feature_names.iter().any(|found| found == name),
            "{name}"
        );
    }
    // Missing or unseen, a, b: no index for rare ones that never were.
    let index = features.outputs().last().unwrap();
    assert_eq!(index.kind, OutputKind::Index { size: 3 });

    // Where training rows had them, they are there.
    let features = spec.fit(&train.vstack(&later).unwrap()).unwrap();
    let table = features.transform(&later).unwrap();
    let of = |place: usize, name: &str| {
        let found = row(&table, place)
            .into_iter()
            .find(|(found, _)| *found == name);
        found.unwrap().1
    };
    for name in ["x_missing", "day_missing", "word_nan"] {
        assert_eq!((of(0, name), of(1, name)), (1.0, 0.0), "{name}");
    }
    assert_eq!((of(0, "word_rare"), of(1, "word_rare")), (0.0, 1.0));
    assert_eq!((of(0, "index"), of(1, "index")), (0.0, 3.0));
    let again = Features::from_json(&features.to_json().unwrap()).unwrap();
    assert_eq!(again, features);
}

#[test]
fn one_extreme_value_does_not_make_the_others_equal() {
    let rows = 400;
    let mut x: Vec<f64> = (0..rows).map(|i| f64::from(i * 7 % 400)).collect();
    let usual = x.clone();
    x[17] = 1e30;
    let mut zeros: Vec<f64> = (0..rows)
        .map(|i| f64::from(i32::from(i % 10 == 0) * i))
        .collect();
    let many_zeros = zeros.clone();
    zeros[17] = 1e30;
    // 2001 to 2005, and once the year 9999 for "never".
    let mut days: Vec<i32> = (0..rows).map(|i| 11_323 + i * 4).collect();
    days[3] = 2_932_896;
    let y = vec![1.0; rows as usize];
    let mut frame = df!(
        "x" => x, "usual" => usual, "zeros" => zeros, "many_zeros" => many_zeros, "day" => days,
        "y" => y,
    )
    .unwrap();
    let days = frame.column("day").unwrap().cast(&DataType::Date).unwrap();
    frame.with_column(days).unwrap();
    let spec = infer(&frame, &Inference::default()).unwrap();
    let robust: Vec<&str> = spec
        .columns
        .iter()
        .filter(|column| match column {
            ColumnSpec::Numeric(number) => number.steps.contains(&Step::Robust),
            ColumnSpec::Date(date) => date.steps.contains(&Step::Robust),
            _ => false,
        })
        .map(|column| column.names()[0])
        .collect();
    assert_eq!(robust, ["x", "zeros", "day"]);

    let table = spec.fit(&frame).unwrap().transform(&frame).unwrap();
    for name in ["x", "day_year", "zeros"] {
        let place = table
            .feature_names
            .iter()
            .position(|found| found == name)
            .unwrap();
        let mut values: Vec<f32> = (0..400).map(|row| table.features.row(row)[place]).collect();
        let extreme = if name == "day_year" { 3 } else { 17 };
        assert_eq!(values.remove(extreme), 10.0, "{name} is cut");
        let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(low, high), &x| {
            (low.min(x), high.max(x))
        });
        assert!(
            high - low > 0.5 && high - low < 10.0,
            "{name}: {low} to {high}"
        );
    }
    // By hand: the median of 0 to 399 without 119 is about 200, the quartiles 100 and 300.
    let first = table.features.row(0)[0];
    assert!((first + 1.0).abs() < 0.02, "{first}");
}

fn write(frame: &mut DataFrame, folder: &Path) -> [PathBuf; 2] {
    let paths = [folder.join("t.parquet"), folder.join("t.arrow")];
    ParquetWriter::new(File::create(&paths[0]).unwrap())
        .finish(frame)
        .unwrap();
    IpcWriter::new(File::create(&paths[1]).unwrap())
        .finish(frame)
        .unwrap();
    paths
}

#[test]
fn decimals_half_floats_and_lists_of_databases() {
    let decimals = |name: &str, values: [i128; 4], precision, scale| {
        let values = Int128Chunked::from_slice(name.into(), &values);
        values
            .into_decimal(precision, scale)
            .unwrap()
            .into_series()
            .into_column()
    };
    let halves = Column::new("half".into(), [0.5f32, 1.5, -2.25, 0.1]);
    let list = |values: [f64; 2]| Series::new("".into(), values);
    let lists = Column::new(
        "list".into(),
        [
            list([1., 2.]),
            list([3., 4.]),
            list([5., 6.]),
            list([7., 8.]),
        ],
    );
    let arrays = lists
        .cast(&DataType::Array(Box::new(DataType::Float64), 2))
        .unwrap()
        .with_name("array".into());
    let mut frame = DataFrame::new(
        4,
        vec![
            decimals("price", [1250, -5, 999_999_999, 10], 10, 2),
            // 38 digits: 0.1234… to the nearest f64.
            decimals(
                "long",
                [12_345_678_901_234_567_890_123_456_789_012_345_678, 1, 3, -7],
                38,
                38,
            ),
            decimals("code", [700, 800, 700, 800], 6, 2),
            halves.cast(&DataType::Float16).unwrap(),
            arrays,
            lists,
            Column::new("y".into(), [1.0, 2.0, 3.0, 4.0]),
        ],
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plain = |name: &str| {
        spec(&format!(
            "[target]\ncolumns = [\"y\"]\n[[column]]\nname = \"{name}\"\nkind = \"numeric\"\n"
        ))
    };
    for path in write(&mut frame, folder.path()) {
        let found = collect(&read(&path).unwrap()).unwrap();
        assert_eq!(found.dtypes(), frame.dtypes(), "{}", path.display());
        let numbers = |name: &str| {
            let table = plain(name).fit(&found).unwrap().transform(&found).unwrap();
            table.features.into_vec()
        };
        assert_eq!(numbers("price"), [12.5, -0.05, 9_999_999.99f64 as f32, 0.1]);
        let nearest: f64 = "0.12345678901234567890123456789012345678".parse().unwrap();
        assert_eq!(numbers("long"), [nearest as f32, 1e-38, 3e-38, -7e-38]);
        let half = 0.1f32;
        assert_eq!(numbers("half")[..3], [0.5, 1.5, -2.25]);
        assert!((numbers("half")[3] - half).abs() < 1e-4);
        // A key of a database: NUMBER(6, 2) that holds whole numbers.
        let code = spec("[[column]]\nname = \"code\"\nkind = \"category\"\n");
        let table = code.fit(&found).unwrap().transform(&found).unwrap();
        assert_eq!(table.feature_names, ["code_7", "code_8", "code_nan"]);

        let inferred = infer(&found, &Inference::default()).unwrap();
        assert_eq!(column_names(&inferred), ["price", "long", "code", "half"]);
        assert!(reason(&inferred, "list").contains("list"), "{inferred:?}");
        assert!(reason(&inferred, "array").contains("array"), "{inferred:?}");
        inferred
            .fit(&found)
            .unwrap()
            .transform(&read(&path).unwrap())
            .unwrap();
        for name in ["list", "array"] {
            fails(
                plain(name).fit(&found),
                &[
                    name,
                    "f64",
                    "make a column of each of its parts, or leave it out",
                ],
            );
        }
        // A decimal target is numbers.
        let price = FeatureSpec::infer(&found, "price").unwrap();
        let table = price.fit(&found).unwrap().transform(&found).unwrap();
        let Targets::Values(values) = table.targets else {
            panic!("numbers");
        };
        assert_eq!(values.as_slice()[0], 12.5);
    }
}

#[test]
fn columns_of_odd_types_do_no_harm() {
    let list = Series::new("".into(), [1i64, 2]);
    let lists = Series::new("".into(), [list]);
    let spans = Column::new("span".into(), [1i64, 2, 3]);
    let mut frame = DataFrame::new(
        3,
        vec![
            Column::new("x".into(), [1.0, 2.0, 4.0]),
            Column::new("bytes".into(), [b"a".as_slice(), b"bc", b""]),
            spans
                .cast(&DataType::Duration(TimeUnit::Microseconds))
                .unwrap(),
            Column::new("lists".into(), [lists.clone(), lists.clone(), lists]),
            Column::full_null("nothing".into(), 3, &DataType::Null),
            Column::new("y".into(), [1.0, 2.0, 3.0]),
        ],
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    for path in write(&mut frame, folder.path()) {
        let found = collect(&read(&path).unwrap()).unwrap();
        let spec = infer(&found, &Inference::default()).unwrap();
        assert_eq!(column_names(&spec), ["x"]);
        let types = [
            ("bytes", "binary"),
            ("span", "duration"),
            ("lists", "list[list[i64]]"),
        ];
        for (name, kind) in types {
            assert!(reason(&spec, name).contains(kind), "{spec:?}");
        }
        let table = spec.fit(&found).unwrap().transform(&found).unwrap();
        assert_eq!((table.features.rows(), table.features.width()), (3, 1));
    }
}

#[test]
fn a_sparse_column_is_left_out_by_the_rows_that_have_none() {
    let frame = df!(
        "x" => [1.0, 2.0, 3.0, 4.0],
        "note" => [None, None, None, Some("damaged")],
        "late" => [None, None, None, Some(3.5)],
        "y" => [1.0, 2.0, 3.0, 4.0],
    )
    .unwrap();
    let mut frame = frame;
    let sold = Column::new("sold".into(), [None, None, None, Some(9i32)]);
    frame
        .with_column(sold.cast(&DataType::Date).unwrap())
        .unwrap();
    let mut inferred = infer(&frame, &Inference::default()).unwrap();
    assert_eq!(column_names(&inferred), ["x", "note", "late", "sold"]);
    let cross = "[[column]]\ncolumns = [\"note\", \"note\"]\nkind = \"cross\"\n";
    inferred.columns.extend(spec(cross).columns);
    let features = inferred.fit(&frame.head(Some(3))).unwrap();
    let left_out: Vec<(&str, &str)> = (features.left_out().iter())
        .map(|column| (column.name.as_str(), column.reason.as_str()))
        .collect();
    let reason = "it has no value in any training row";
    let expected = ["note", "late", "sold", "note×note"].map(|name| (name, reason));
    assert_eq!(left_out, expected);
    assert_eq!((features.inputs(), features.width()), (vec!["x"], 1));
    // The rows with values, and tables without the columns, are transformed too.
    assert_eq!(features.transform(&frame).unwrap().features.rows(), 4);
    let without = frame.select(["x"]).unwrap();
    assert_eq!(features.transform(&without).unwrap().features.rows(), 4);
    let again = Features::from_json(&features.to_json().unwrap()).unwrap();
    assert_eq!(again.left_out(), features.left_out());
}

#[test]
fn what_counts_up_is_a_row_number_a_year_or_a_time() {
    let n: Vec<i64> = (0..60).collect();
    let of = |start: i64| n.iter().map(|i| start + i).collect::<Vec<_>>();
    let y: Vec<f64> = n.iter().map(|&i| i as f64 / 3.0).collect();
    let frame = df!(
        "year" => of(1960), "row" => of(0), "Id" => of(1), "HouseId" => of(1700),
        "order" => of(10_001), "x" => y.clone(), "y" => y.clone(),
    )
    .unwrap();
    let spec = infer(&frame, &Inference::default()).unwrap();
    assert_eq!(column_names(&spec), ["year", "x"]);
    for name in ["row", "Id", "HouseId", "order"] {
        assert_eq!(reason(&spec, name), "it counts the rows");
    }
    // A series over time has nothing else.
    let series = df!("t" => of(1), "y" => y).unwrap();
    let spec = infer(&series, &Inference::default()).unwrap();
    assert_eq!(column_names(&spec), ["t"]);
    assert!(spec.ignored.is_empty());
    let table = spec.fit(&series).unwrap().transform(&series).unwrap();
    assert!(table.features.row(0)[0] < -1.5 && table.features.row(59)[0] > 1.5);
    // If no column is left, the error has the reasons.
    let words: Vec<String> = (0..200).map(|i| format!("name {i}")).collect();
    let names = df!("name" => words, "y" => vec![1.0; 200]).unwrap();
    let spec = infer(&names, &Inference::default()).unwrap();
    fails(
        spec.fit(&names),
        &[
            "no column gives a feature",
            "\"name\" is left out",
            "identify rows",
        ],
    );
}

#[test]
fn inference_follows_stated_columns() {
    let n: Vec<i64> = (1..=60).collect();
    let words: Vec<String> = n
        .iter()
        .map(|i| {
            if *i == 7 {
                "many".into()
            } else {
                i.to_string()
            }
        })
        .collect();
    let zip: Vec<i64> = n.iter().map(|i| i % 5).collect();
    let y: Vec<f64> = n.iter().map(|&i| i as f64).collect();
    let frame = df!("id" => n, "zip" => zip, "words" => words, "y" => y).unwrap();
    fails(
        infer(&frame, &Inference::default()),
        &["\"words\", row 7", "many"],
    );
    let stated = Inference::default()
        .numeric(["id"])
        .category(["zip"])
        .ignore(["words"]);
    let spec = infer(&frame, &stated).unwrap();
    assert!(matches!(&spec.columns[0], ColumnSpec::Numeric(number) if number.name == "id"));
    assert!(matches!(&spec.columns[1], ColumnSpec::Category(word) if word.name == "zip"));
    assert_eq!(reason(&spec, "words"), "as stated");
    let features = spec.fit(&frame).unwrap();
    assert_eq!(features.width(), 1 + 5 + 1);
    // A category column may have any values.
    let stated = Inference::default().category(["words"]);
    let spec = infer(&frame, &stated).unwrap();
    assert_eq!(column_names(&spec), ["zip", "words"]);

    let wrong = |inference: Inference, parts: &[&str]| fails(infer(&frame, &inference), parts);
    let stated = Inference::default;
    wrong(
        stated().numeric(["zipp"]),
        &["no column \"zipp\"", "did you mean", "zip"],
    );
    wrong(stated().ignore(["yy"]), &["no column \"yy\"", "y"]);
    wrong(stated().ignore(["y"]), &["\"y\"", "is the target"]);
    wrong(
        stated().numeric(["id"]).category(["id"]).ignore(["words"]),
        &["\"id\"", "stated as two kinds"],
    );
    wrong(
        stated().numeric(["words"]),
        &["\"words\", row 7", "\"many\" is text"],
    );
    wrong(stated().date(["words"]), &["\"words\"", "not a date"]);
    let both = stated().numeric(["id", "id"]).ignore(["words"]);
    assert_eq!(
        infer(&frame, &both).unwrap().columns.len(),
        2,
        "the same twice is not an error"
    );
}

/// 100,000 rows of 3,540 cities and a number: 1.3 MB as a text file.
fn cities() -> DataFrame {
    let rows = 100_000;
    let city = |i: usize| format!("c{:04}", i * 7 % 3540);
    let cities: Vec<String> = (0..rows).map(city).collect();
    let x: Vec<f64> = (0..rows).map(|i| (i % 100) as f64).collect();
    let y: Vec<f64> = (0..rows).map(|i| (i % 10) as f64).collect();
    df!("city" => cities, "x" => x, "y" => y).unwrap()
}

#[test]
fn thousands_of_categories_take_the_memory_of_the_file() {
    let frame = cities();
    let one_hot = spec(
        "[target]\ncolumns = [\"y\"]\n[[column]]\nname = \"city\"\nkind = \"category\"\n[[column]]\nname = \"x\"\nkind = \"numeric\"\n",
    );
    let features = one_hot.fit(&frame).unwrap();
    let table = features.transform(&frame).unwrap();
    assert_eq!(
        (table.features.rows(), table.features.width()),
        (100_000, 3542)
    );
    // Wide, these are 1.4 GB.
    assert_eq!(table.features.bytes(), 100_000 * 2 * 4);
    let rows = table.regression().unwrap();
    let some = rows.gather(&[0, 1, 99_999]);
    assert_eq!(some.features().bytes(), 3 * 2 * 4);
    let wide = some.features().to_wide();
    for (place, i) in [0usize, 1, 99_999].into_iter().enumerate() {
        let row = &wide[place * 3542..][..3542];
        let ones: Vec<usize> = (0..3541).filter(|&place| row[place] == 1.0).collect();
        assert_eq!(ones, [i * 7 % 3540]);
        assert_eq!(row[3541], (i % 100) as f32);
        assert_eq!(
            row.iter().filter(|value| **value != 0.0).count(),
            1 + usize::from(i % 100 > 0)
        );
    }
}

#[test]
fn by_default_many_categories_are_an_embedding_or_the_frequent_ones() {
    let frame = cities();
    let spec = infer(&frame, &Inference::default().embed_above(12)).unwrap();
    assert!(
        matches!(&spec.columns[0], ColumnSpec::Category(city) if city.encode == Encode::Ordinal)
    );
    let spec = infer(&frame, &Inference::default()).unwrap();
    let ColumnSpec::Category(city) = &spec.columns[0] else {
        panic!("a category");
    };
    assert_eq!(
        (
            city.encode,
            city.unseen,
            city.rare_below,
            city.keep_most_frequent
        ),
        (Encode::OneHot, Unseen::Rare, 5, Some(4000))
    );
    // Every city has 28 rows at least: all of them, others, missing ones; x.
    assert_eq!(spec.fit(&frame).unwrap().width(), 3540 + 1 + 1 + 1);
    // 16,000 = 4 x 3540 + 1840: the first 1,840 cities have 5 rows, the others 4.
    let few = frame.head(Some(16_000));
    let spec = infer(&few, &Inference::default()).unwrap();
    let table = spec
        .fit(&few)
        .unwrap()
        .transform(&few.head(Some(3540)))
        .unwrap();
    assert_eq!(table.features.width(), 1840 + 1 + 1 + 1);
    let rare = table
        .feature_names
        .iter()
        .position(|name| name == "city_rare")
        .unwrap();
    for row in 0..3540 {
        let features = table.features.row(row);
        assert_eq!(features[..1842].iter().sum::<f32>(), 1.0);
        assert_eq!(features[rare] == 1.0, row >= 1840, "row {row}");
    }
    assert!(FeatureSpec::from_toml(&spec.to_toml().unwrap()).unwrap() == spec);
}

#[test]
fn the_most_frequent_are_kept_and_ties_go_to_the_first() {
    let words = ["d", "c", "c", "b", "b", "a", "e", "e", "e"];
    let frame = df!("w" => words).unwrap();
    let of = |rest: &str| {
        let spec = spec(&format!(
            "[[column]]\nname = \"w\"\nkind = \"category\"\nmissing = \"zeros\"\n{rest}\n"
        ));
        spec.fit(&frame).unwrap().transform(&frame).unwrap()
    };
    let table = of("keep_most_frequent = 2");
    assert_eq!(table.feature_names, ["w_b", "w_e", "w_rare"]);
    assert_eq!(table.features.row(0), [0., 0., 1.]);
    let table = of("keep_most_frequent = 4\nrare_below = 2");
    assert_eq!(table.feature_names, ["w_b", "w_c", "w_e", "w_rare"]);
    fails(
        FeatureSpec::from_toml(
            "[[column]]\nname = \"w\"\nkind = \"category\"\nkeep_most_frequent = 0\n",
        ),
        &["keep_most_frequent"],
    );
}

#[test]
fn the_same_values_of_another_type_are_the_same_categories() {
    let category = |rest: &str| {
        spec(&format!(
            "[[column]]\nname = \"w\"\nkind = \"category\"\nmissing = \"zeros\"\n{rest}\n"
        ))
    };
    let names = |features: &Features, column: Column| -> Result<Vec<String>> {
        let frame = DataFrame::new(column.len(), vec![column]).unwrap();
        let table = features.transform(&frame)?;
        let name = |row: usize| {
            let found = table
                .features
                .row(row)
                .iter()
                .position(|value| *value == 1.0);
            found.map_or("-".to_owned(), |place| table.feature_names[place].clone())
        };
        Ok((0..frame.height()).map(name).collect())
    };
    // Ages: 18, 26 and "19-25".
    let ages = category("")
        .fit(&df!("w" => ["18", "19-25", "26"]).unwrap())
        .unwrap();
    let found = names(&ages, Column::new("w".into(), [26i64, 18, 19])).unwrap();
    assert_eq!(found, ["w_26", "w_18", "-"]);
    assert_eq!(ages.input_types()["w"], ColumnType::Text);
    // A number loses leading zeros.
    let zips = category("")
        .fit(&df!("w" => ["02100", "10115"]).unwrap())
        .unwrap();
    let error = names(&zips, Column::new("w".into(), [2100i64]));
    fails(error, &["\"w\"", "holds whole numbers, but held text"]);
    // Whole numbers, and text among them: `unseen` decides.
    let codes = df!("w" => [1i64, 2, 30]).unwrap();
    let fitted = category("").fit(&codes).unwrap();
    let found = names(&fitted, Column::new("w".into(), ["30", "new", " 2", "1.0"])).unwrap();
    assert_eq!(found, ["w_30", "-", "w_2", "w_1"]);
    let strict = category("unseen = \"error\"").fit(&codes).unwrap();
    fails(
        names(&strict, Column::new("w".into(), ["30", "new"])),
        &["row 2", "\"new\""],
    );
    let flags = category("")
        .fit(&df!("w" => [true, false]).unwrap())
        .unwrap();
    let found = names(&flags, Column::new("w".into(), ["TRUE", "False", "maybe"])).unwrap();
    assert_eq!(found, ["w_true", "w_false", "-"]);
    // No rows are not an error.
    let none = Column::new_empty("w".into(), &DataType::String);
    assert!(names(&flags, none).unwrap().is_empty());
}

#[test]
fn another_file_is_read_as_the_training_rows_were() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let train = file(
        "train.csv",
        "age;code;x;flag;y\n18;1;1;true;5\n19-25;2;?;false;6\n26;1;3;true;7\n18;2;5;true;8\n",
    );
    let options = ReadOptions::default().separator(b';').null_values(["?"]);
    let (frame, format) = options.read_described(&train).unwrap();
    let spec = spec(
        r#"
        [target]
        columns = ["y"]
        [[column]]
        name = "age"
        kind = "category"
        missing = "zeros"
        [[column]]
        name = "code"
        kind = "category"
        missing = "zeros"
        [[column]]
        name = "x"
        kind = "numeric"
        impute = "mean"
        [[column]]
        name = "flag"
        kind = "numeric"
        "#,
    );
    let features = spec.fit(&frame).unwrap().with_format(format);
    let stored = features.to_json().unwrap();
    let features = Features::from_json(&stored).unwrap();
    let rows = |path: &Path| -> Vec<Vec<f32>> {
        let frame = features.format().read(path).unwrap();
        let table = features
            .transform(&collect(&frame).unwrap().drop_many(["y"]))
            .unwrap();
        (0..table.features.rows())
            .map(|row| table.features.row(row).to_vec())
            .collect()
    };
    // Features: age 18, 19-25, 26; code 1, 2; x; flag.
    let expected = [[0., 0., 1., 0., 1., 0.5, 0.], [1., 0., 0., 0., 0., 3., 1.]];
    let new = file(
        "new.csv",
        "age;code;x;flag;y\n26;2;0.5;false;unknown\n18;new;?;true;?\n",
    );
    assert_eq!(rows(&new), expected);
    let other = file(
        "other.csv",
        "flag;x;age;code\nfalse;0.5;26;2\nTRUE;?;18;new\n",
    );
    assert_eq!(rows(&other), expected);
    assert!(rows(&file("none.csv", "age;code;x;flag\n")).is_empty());
    // Of a database: the types are its own, the categories the same.
    let mut frame = df!(
        "age" => [26i64, 18], "code" => ["2", "new"], "x" => [Some(0.5), None], "flag" => [false, true]
    )
    .unwrap();
    for path in write(&mut frame, folder.path()) {
        assert_eq!(rows(&path), expected, "{}", path.display());
    }
    // Features of a frame know its types, if not how its file was written.
    let frame = collect(&options.read(&train).unwrap()).unwrap();
    let format = spec.fit(&frame).unwrap().format();
    let commas = file("commas.csv", "age,code,x,flag\n26,2,0.5,false\n");
    let found = collect(&format.read(&commas).unwrap()).unwrap();
    let types = [
        DataType::String,
        DataType::String,
        DataType::Float64,
        DataType::Boolean,
    ];
    assert_eq!(found.dtypes(), types);
}

#[test]
fn categories_that_are_all_rare_are_left_out_with_a_reason() {
    let rows: Vec<i32> = (0..2100).collect();
    let code: Vec<String> = rows.iter().map(|row| format!("c{}", row % 700)).collect();
    let y: Vec<f64> = rows.iter().map(|&row| f64::from(row % 7)).collect();
    let frame = df!("code" => code, "x" => rows.clone(), "y" => y).unwrap();
    let spec = infer(&frame, &Inference::default()).unwrap();
    assert_eq!(
        reason(&spec, "code"),
        "it has 700 different values, each in fewer than 5 rows"
    );
    // If the specification has it, the fit leaves it out.
    let stated = Inference::default().category(["code"]).numeric(["x"]);
    let features = infer(&frame, &stated).unwrap().fit(&frame).unwrap();
    assert_eq!((features.width(), features.left_out().len()), (1, 1));
    let left_out = &features.left_out()[0];
    assert_eq!(
        (left_out.name.as_str(), left_out.reason.as_str()),
        (
            "code",
            "each of its 700 values has fewer than 5 training rows, so all would be one category"
        )
    );
}

#[test]
fn a_target_of_dates_is_refused_with_advice() {
    let when = Column::new("when".into(), [1i32, 2, 3])
        .cast(&DataType::Date)
        .unwrap();
    let x = Column::new("x".into(), [1.5, 2.5, 4.0]);
    let frame = DataFrame::new(3, vec![when, x]).unwrap();
    for task in [Task::Auto, Task::Regression, Task::Classification] {
        let spec = FeatureSpec::infer_with(&frame, "when", &Inference::default().task(task));
        fails(
            spec.unwrap().fit(&frame),
            &[
                "\"when\"",
                "holds dates",
                "days since a fixed day",
                "--column-type \"when=text\"",
            ],
        );
    }
}

//! From frames to numbers: the tables of the course, every step, and the errors of bad input.

#[path = "features/text.rs"]
mod text;

use polars::prelude::*;
use tinderbox_data::{Values, fetch};
use tinderbox_tables::{
    ColumnSpec, Encode, FeatureSpec, Features, ReadOptions, Targets, TensorTable, read,
};

fn spec(text: &str) -> FeatureSpec {
    FeatureSpec::from_toml(text).unwrap()
}

fn rows(table: &TensorTable) -> Vec<Vec<f32>> {
    (0..table.features.rows())
        .map(|row| table.features.row(row).to_vec())
        .collect()
}

fn house_prices() -> (LazyFrame, LazyFrame) {
    let folder = fetch("house-prices").unwrap_or_else(|error| {
        panic!("this test needs the house-price table; set TINDERBOX_MIRROR to a folder with house-prices/: {error}")
    });
    let options = ReadOptions::default().null_values(["NA"]);
    let read = |name| options.read(folder.join(name)).unwrap();
    (
        read("kaggle_house_pred_train.csv"),
        read("kaggle_house_pred_test.csv"),
    )
}

#[test]
fn the_courses_tiny_table() {
    let table = df!(
        "NumRooms" => [None, Some(2i64), Some(4), None],
        "Alley" => [Some("Pave"), None, None, None],
        "Price" => [127500i64, 106000, 178100, 140000],
    )
    .unwrap();
    let spec = spec(
        "[target]\ncolumns = [\"Price\"]\n[[column]]\nname = \"NumRooms\"\nkind = \"numeric\"\nimpute = \"mean\"\n[[column]]\nname = \"Alley\"\nkind = \"category\"\n",
    );
    let numbers = spec.fit(&table).unwrap().transform(&table).unwrap();
    assert_eq!(
        numbers.feature_names,
        ["NumRooms", "Alley_Pave", "Alley_nan"]
    );
    let expected = [[3., 1., 0.], [2., 0., 1.], [4., 0., 1.], [3., 0., 1.]];
    assert_eq!(rows(&numbers), expected.map(|row| row.to_vec()));
    let targets = numbers.regression().unwrap();
    assert_eq!(
        targets.targets().as_slice(),
        [127500., 106000., 178100., 140000.]
    );
}

#[test]
fn house_prices_have_331_columns() {
    let (train, test) = house_prices();
    let both = concat(
        [
            train.clone().drop(by_name(["SalePrice"], true, false)),
            test,
        ],
        UnionArgs {
            to_supertypes: true,
            ..Default::default()
        },
    )
    .unwrap();
    // The training prices as a stand-in: inference needs a target, the inputs are what is counted.
    let both = both.with_column(lit(0.0).alias("SalePrice"));
    let spec = FeatureSpec::infer(&both, "SalePrice").unwrap();
    assert_eq!(spec.ignored.len(), 1, "{:?}", spec.ignored);
    assert_eq!(spec.ignored[0].name, "Id");
    let features = spec.fit(&both).unwrap();
    let table = features.transform(&both).unwrap();
    assert_eq!((table.features.rows(), table.features.width()), (2919, 331));
    // Numeric columns: mean 0, deviation 1 of the values present, 0 where missing.
    let column = table
        .feature_names
        .iter()
        .position(|name| name == "LotFrontage")
        .unwrap();
    let values: Vec<f64> = (0..2919)
        .map(|row| f64::from(table.features.row(row)[column]))
        .collect();
    let zeros = values.iter().filter(|value| **value == 0.0).count();
    assert_eq!(zeros, 486, "as many as are missing");
    let squares: f64 = values.iter().map(|value| value * value).sum();
    assert!(
        (squares / (2919.0 - 486.0 - 1.0) - 1.0).abs() < 1e-5,
        "{squares}"
    );
    // One-hot columns: one of each group.
    let zoning: Vec<usize> = (0..331)
        .filter(|&place| features.outputs()[place].source == "MSZoning")
        .collect();
    assert_eq!(zoning.len(), 6);
    for row in 0..2919 {
        let sum: f32 = zoning
            .iter()
            .map(|&place| table.features.row(row)[place])
            .sum();
        assert_eq!(sum, 1.0);
    }
    // The same from memory, and by way of JSON, to the last bit.
    let again = Features::from_json(&features.to_json().unwrap()).unwrap();
    assert_eq!(again, features);
    assert_eq!(again.transform(&both.collect().unwrap()).unwrap(), table);
}

#[test]
fn features_are_fitted_on_the_training_rows_only() {
    let (train, test) = house_prices();
    let features = FeatureSpec::infer(&train, "SalePrice")
        .unwrap()
        .fit(&train)
        .unwrap();
    let train = features.transform(&train).unwrap();
    let test = features.transform(&test).unwrap();
    assert_eq!(train.features.width(), test.features.width());
    assert_eq!(test.targets, Targets::None);
    assert_eq!(train.regression().unwrap().len(), 1460);
    let error = test.regression().unwrap_err().to_string();
    assert!(error.contains("nothing as targets"), "{error}");
}

#[test]
fn penguins_have_classes_and_missing_values() {
    let folder = fetch("penguins").unwrap();
    let frame = read(folder.join("penguins.csv")).unwrap();
    let spec = FeatureSpec::infer(&frame, "species").unwrap();
    let table = spec.fit(&frame).unwrap().transform(&frame).unwrap();
    let rows = table.classification().unwrap();
    assert_eq!(rows.targets().names(), ["Adelie", "Chinstrap", "Gentoo"]);
    let count = |class| {
        rows.targets()
            .labels()
            .iter()
            .filter(|label| **label == class)
            .count()
    };
    assert_eq!([0, 1, 2].map(count), [152, 68, 124]);
    assert!(
        rows.features()
            .as_slice()
            .iter()
            .all(|value| value.is_finite())
    );
}

#[test]
fn other_tables_of_the_catalog() {
    let get = |name: &str| {
        fetch(name).unwrap_or_else(|error| {
            panic!("set TINDERBOX_MIRROR to a folder with {name}/: {error}")
        })
    };
    let airfoil = read(get("airfoil").join("airfoil_self_noise.dat"))
        .unwrap()
        .collect()
        .unwrap();
    assert_eq!(airfoil.shape(), (1503, 6));
    let diabetes = read(get("diabetes").join("diabetes_data_raw.csv.gz"))
        .unwrap()
        .collect()
        .unwrap();
    assert_eq!(diabetes.shape(), (442, 10));
    assert!(diabetes.dtypes().iter().all(DataType::is_primitive_numeric));
    let digits = read(get("digits").join("digits.csv.gz"))
        .unwrap()
        .collect()
        .unwrap();
    assert_eq!(digits.shape(), (1797, 65));
    let housing = read(get("california-housing").join("housing.csv.gz")).unwrap();
    let spec = FeatureSpec::infer(&housing, "median_house_value").unwrap();
    let table = spec.fit(&housing).unwrap().transform(&housing).unwrap();
    assert_eq!((table.features.rows(), table.features.width()), (20640, 14));
    let flights = read(get("flights").join("flights-1m.parquet")).unwrap();
    let spec = spec_of_flights();
    let features = spec.fit(&flights).unwrap();
    let table = features.transform(&flights).unwrap();
    assert_eq!(table.features.rows(), 1_000_000);
    let distance = table
        .feature_names
        .iter()
        .position(|name| name == "distance")
        .unwrap();
    let sum: f64 = (0..1_000_000)
        .map(|row| f64::from(table.features.row(row)[distance]))
        .sum();
    assert!((sum / 1e6).abs() < 1e-3, "mean {}", sum / 1e6);
}

fn spec_of_flights() -> FeatureSpec {
    spec(
        "[target]\ncolumns = [\"delay\"]\n[[column]]\nname = \"distance\"\nkind = \"numeric\"\nsteps = [\"standardize\"]\n[[column]]\nname = \"date\"\nkind = \"date\"\nparts = [\"hour\", \"weekday\"]\nsteps = [\"standardize\"]\n[[column]]\nname = \"origin\"\nkind = \"category\"\nencode = \"ordinal\"\n",
    )
}

#[test]
fn numeric_steps() {
    let table =
        df!("x" => [Some(1.0), Some(2.0), Some(4.0), None, Some(9.0)], "y" => [1i64, 2, 3, 4, 5])
            .unwrap();
    let of = |rest: &str| {
        let text = format!("[[column]]\nname = \"x\"\nkind = \"numeric\"\n{rest}\n");
        let table = spec(&text).fit(&table).unwrap().transform(&table).unwrap();
        table.features.into_vec()
    };
    let close = |found: Vec<f32>, expected: &[f64]| {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-6,
                "{found:?} {expected:?}"
            );
        }
    };
    close(of("impute = \"median\""), &[1., 2., 4., 3., 9.]);
    close(of("impute = \"most_frequent\""), &[1., 2., 4., 1., 9.]);
    close(
        of("impute = { constant = -1 }\nmissing_indicator = true"),
        &[1., 0., 2., 0., 4., 0., -1., 1., 9., 0.],
    );
    close(
        of("impute = \"mean\"\nsteps = [\"min_max\"]"),
        &[0., 0.125, 0.375, 0.375, 1.],
    );
    // Quartiles of 1, 2, 4, 9: 1.75 and 5.25; median 3.
    close(
        of("impute = \"median\"\nsteps = [\"robust\"]"),
        &[-2. / 3.5, -1. / 3.5, 1. / 3.5, 0., 6. / 3.5],
    );
    close(
        of("impute = \"mean\"\nsteps = [{ clip = { low = 2, high = 4 } }, \"log1p\"]"),
        &[3f64.ln(), 3f64.ln(), 5f64.ln(), 5f64.ln(), 5f64.ln()],
    );
    let (mean, deviation) = (4.0, (38.0f64 / 3.0).sqrt());
    close(
        of("impute = \"mean\"\nsteps = [\"standardize\"]"),
        &[1., 2., 4., mean, 9.].map(|x| (x - mean) / deviation),
    );
}

#[test]
fn categories_crosses_and_dates() {
    let days = [0i32, 31, 59];
    let table = df!(
        "a" => [Some("x"), Some("x"), Some("y"), None, Some("z")],
        "b" => [Some(10i64), Some(9), Some(10), Some(10), None],
    )
    .unwrap();
    let of = |text: &str| {
        let table = spec(text).fit(&table).unwrap().transform(&table).unwrap();
        (table.feature_names.clone(), rows(&table))
    };
    let (names, numbers) = of(
        "[[column]]\nname = \"a\"\nkind = \"category\"\nrare_below = 2\nmissing = \"most_frequent\"\n",
    );
    assert_eq!(names, ["a_x", "a_rare"]);
    assert_eq!(
        numbers,
        [[1., 0.], [1., 0.], [0., 1.], [1., 0.], [0., 1.]].map(|row| row.to_vec())
    );
    let (names, numbers) =
        of("[[column]]\nname = \"b\"\nkind = \"category\"\nencode = \"ordinal\"\n");
    assert_eq!(names, ["b"]);
    assert_eq!(numbers.concat(), [2., 1., 2., 2., 0.], "9 comes before 10");
    let (names, numbers) =
        of("[[column]]\ncolumns = [\"a\", \"b\"]\nkind = \"cross\"\nmissing = \"zeros\"\n");
    assert_eq!(names, ["a×b_x×10", "a×b_x×9", "a×b_y×10"]);
    assert_eq!(numbers[1], [0., 1., 0.]);
    assert_eq!(numbers[3], [0., 0., 0.]);
    let dates = DataFrame::new(
        3,
        vec![Column::new("d".into(), days).cast(&DataType::Date).unwrap()],
    )
    .unwrap();
    let spec = spec(
        "[[column]]\nname = \"d\"\nkind = \"date\"\nparts = [\"year\", \"month\", \"day\", \"weekday\"]\n",
    );
    let numbers = spec.fit(&dates).unwrap().transform(&dates).unwrap();
    assert_eq!(
        numbers.feature_names,
        ["d_year", "d_month", "d_day", "d_weekday"]
    );
    assert_eq!(rows(&numbers)[2], [1970., 3., 1., 7.]);
}

#[test]
fn steps_in_a_wrong_order_are_refused_with_the_right_one() {
    let fit = |target: &str, steps: &str| {
        let text = format!(
            "[target]\ncolumns = [\"y\"]\ntransform = {target}\n[[column]]\nname = \"x\"\nkind = \"numeric\"\nsteps = {steps}\n"
        );
        FeatureSpec::from_toml(&text)
    };
    for wrong in [
        "[\"standardize\", \"log1p\"]",
        "[\"standardize\", \"log1p\", \"standardize\"]",
    ] {
        let error = fit(wrong, "[]").unwrap_err().to_string();
        let right = "transform = [\"log1p\", \"standardize\"]";
        assert!(error.contains(right), "{error}");
    }
    let error = fit("[]", "[\"robust\", \"log1p\"]")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("\"x\"") && error.contains("put log1p first"),
        "{error}"
    );
    assert!(fit("[\"log1p\", \"standardize\"]", "[\"log1p\", \"robust\"]").is_ok());
}

#[test]
fn target_transforms_are_undone() {
    let table = df!("x" => [1.0, 2.0, 3.0, 4.0], "y" => [1.0, 10.0, 100.0, 1000.0]).unwrap();
    let spec = spec(
        "[target]\ncolumns = [\"y\"]\ntransform = [\"log\", \"standardize\"]\n[[column]]\nname = \"x\"\nkind = \"numeric\"\n",
    );
    let features = spec.fit(&table).unwrap();
    let rows = features.transform(&table).unwrap().regression().unwrap();
    let mean: f32 = rows.targets().as_slice().iter().sum::<f32>() / 4.0;
    assert!(mean.abs() < 1e-6);
    let back = features.invert_targets(rows.targets()).unwrap();
    for (found, expected) in back.as_slice().iter().zip([1.0f32, 10.0, 100.0, 1000.0]) {
        assert!((found / expected - 1.0).abs() < 1e-5, "{found} {expected}");
    }
    assert!(
        features
            .invert_targets(&Values::new(vec![0.0; 4], 2).unwrap())
            .is_err()
    );
}

#[test]
fn constant_columns_become_zero() {
    let table = df!("x" => [0.1, 0.1, 0.1], "y" => [1.0, 2.0, 3.0]).unwrap();
    for step in ["standardize", "min_max", "robust"] {
        let text = format!("[[column]]\nname = \"x\"\nkind = \"numeric\"\nsteps = [\"{step}\"]\n");
        let numbers = spec(&text).fit(&table).unwrap().transform(&table).unwrap();
        assert_eq!(numbers.features.as_slice(), [0.0; 3], "{step}");
    }
}

#[test]
fn a_spec_comes_back_from_toml() {
    let (train, _) = house_prices();
    let mut spec = FeatureSpec::infer(&train, "SalePrice").unwrap();
    spec.columns.push(ColumnSpec::ordinal("Neighborhood"));
    let again = FeatureSpec::from_toml(&spec.to_toml().unwrap()).unwrap();
    assert_eq!(again, spec);
    assert!(
        matches!(&again.columns[again.columns.len() - 1], ColumnSpec::Category(spec) if spec.encode == Encode::Ordinal)
    );
}

fn fails<T: std::fmt::Debug>(result: tinderbox_data::Result<T>, parts: &[&str]) {
    let error = result.unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }
}

#[test]
fn bad_specs_are_errors() {
    let column =
        |rest: &str| FeatureSpec::from_toml(&format!("[[column]]\nname = \"x\"\nkind = {rest}\n"));
    fails(
        column("\"numeric\"\nsteps = [\"standardise\"]"),
        &["standardise", "standardize", "log1p"],
    );
    fails(column("\"number\""), &["number", "numeric"]);
    fails(column("\"numeric\"\nimput = \"mean\""), &["imput"]);
    fails(
        column("\"numeric\"\nsteps = [\"robust\", \"min_max\"]"),
        &["\"x\"", "two scaling steps"],
    );
    fails(
        column("\"numeric\"\nsteps = [{ clip = { low = 2, high = 1 } }]"),
        &["clip"],
    );
    fails(column("\"category\"\nunseen = \"rare\""), &["rare_below"]);
    fails(column("\"date\"\nparts = []"), &["no parts"]);
    let leak = "[target]\ncolumns = [\"x\"]\n[[column]]\nname = \"x\"\nkind = \"numeric\"\n";
    fails(FeatureSpec::from_toml(leak), &["target and a feature"]);
    let table = df!("y" => [1.0]).unwrap();
    fails(
        FeatureSpec::default().fit(&table),
        &["no column gives a feature"],
    );
    fails(
        FeatureSpec::default().fit(&table.clone().lazy()),
        &["no column gives a feature"],
    );
    let only_target = FeatureSpec::infer(&table.lazy(), "y").unwrap();
    assert!(only_target.columns.is_empty());
}

#[test]
fn bad_columns_and_values_are_reported_with_name_and_row() {
    let table = df!(
        "LotArea" => [Some(1.0), None, Some(f64::INFINITY)],
        "nan" => [1.0, f64::NAN, 2.0],
        "none" => [None::<f64>, None, None],
        "word" => [Some("a"), Some("b"), None],
        "y" => [Some(1.0), Some(2.0), None],
        "one" => ["a", "a", "a"],
    )
    .unwrap();
    let numeric = |name: &str, rest: &str| {
        spec(&format!(
            "[[column]]\nname = \"{name}\"\nkind = \"numeric\"\n{rest}\n"
        ))
    };
    fails(
        numeric("LotAera", "").fit(&table),
        &["no column \"LotAera\"", "LotArea"],
    );
    fails(
        numeric("LotArea", "").fit(&table),
        &["\"LotArea\", row 2", "missing"],
    );
    fails(
        numeric("LotArea", "impute = \"mean\"").fit(&table),
        &["\"LotArea\", row 3", "clip"],
    );
    fails(
        numeric("nan", "").fit(&table),
        &["\"nan\", row 2", "missing"],
    );
    fails(
        numeric("none", "impute = \"mean\"").fit(&table),
        &[
            "\"none\"",
            "no value in any training row",
            "no column gives a feature",
        ],
    );
    fails(
        numeric("word", "").fit(&table),
        &["\"word\", row 1", "\"a\" is text in a numeric column"],
    );
    let category = |rest: &str| {
        spec(&format!(
            "[[column]]\nname = \"word\"\nkind = \"category\"\n{rest}\n"
        ))
    };
    fails(
        category("missing = \"error\"").fit(&table),
        &["\"word\", row 3", "missing"],
    );
    let mut small = category("");
    small.max_categories = 1;
    fails(small.fit(&table), &["\"word\"", "more than 1 different"]);
    let target = |name: &str, task: &str| {
        spec(&format!(
            "[target]\ncolumns = [\"{name}\"]\ntask = \"{task}\"\n[[column]]\nname = \"word\"\nkind = \"category\"\n"
        ))
    };
    fails(
        target("y", "auto").fit(&table),
        &["\"y\", row 3", "target is missing"],
    );
    fails(target("z", "auto").fit(&table), &["no column \"z\""]);
    fails(
        target("one", "auto").fit(&table),
        &["\"one\"", "only the class a"],
    );
    fails(
        numeric("y", "impute = \"mean\"").fit(&table.head(Some(0))),
        &["no rows"],
    );
    fails(FeatureSpec::infer(&table, "yy"), &["no column \"yy\""]);

    let fitted = category("unseen = \"error\"").fit(&table).unwrap();
    let other = |column: Column| DataFrame::new(column.len(), vec![column]).unwrap();
    fails(
        fitted.transform(&other(Column::new("word".into(), ["a", "c"]))),
        &["\"word\", row 2", "\"c\" is not among"],
    );
    fails(
        fitted.transform(&other(Column::new("word".into(), [1i64, 2]))),
        &["\"word\"", "holds whole numbers, but held text"],
    );
    fails(
        fitted.transform(&other(Column::new("w".into(), ["a"]))),
        &["no column \"word\""],
    );
    let fitted = target("one", "regression").fit(&table);
    fails(fitted, &["\"one\", row 1", "text in a numeric column"]);
    let mixed = df!("y" => ["1", "2.5", "many", "3"]).unwrap();
    fails(
        numeric("y", "").fit(&mixed),
        &["\"y\", row 3", "\"many\" is text in a numeric column"],
    );
    let inferred = FeatureSpec::infer(&table.head(Some(2)), "y").unwrap();
    let none = inferred.ignored.iter().find(|column| column.name == "none");
    assert_eq!(none.unwrap().reason, "it has no value in any row");
}

#[test]
fn some_of_the_targets_are_not_enough() {
    let table =
        df!("x" => [1.0, 2.0, 3.0], "y" => [1.0, 2.0, 4.0], "z" => [0.0, 1.0, 0.0]).unwrap();
    let fitted =
        spec("[target]\ncolumns = [\"y\", \"z\"]\n[[column]]\nname = \"x\"\nkind = \"numeric\"\n")
            .fit(&table)
            .unwrap();
    assert_eq!(
        fitted
            .transform(&table)
            .unwrap()
            .regression()
            .unwrap()
            .targets()
            .width(),
        2
    );
    let without = table.drop("z").unwrap();
    fails(fitted.transform(&without), &["no column \"z\""]);
    let without = without.drop("y").unwrap();
    let numbers = fitted.transform(&without).unwrap();
    fails(
        numbers.regression(),
        &["nothing as targets", "target column"],
    );
    let missing = df!("x" => [1.0, 2.0], "y" => [Some(1.0), None], "z" => [0.0, 1.0]).unwrap();
    fails(
        fitted.transform(&missing),
        &["\"y\", row 2", "target is missing"],
    );
}

#[test]
fn a_spec_that_is_wrong_names_its_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spec.toml");
    let text =
        "[[column]]\nname = \"x\"\nkind = \"numeric\"\nsteps = [\"standardize\", \"squared\"]\n";
    std::fs::write(&path, text).unwrap();
    fails(
        FeatureSpec::load(&path),
        &["spec.toml", "unknown variant `squared`", "log1p"],
    );
    fails(
        FeatureSpec::load(folder.path().join("no.toml")),
        &["no.toml"],
    );
}

#[test]
fn numbers_spoiled_by_a_word_are_no_categories() {
    let mut cells: Vec<String> = (0..50).map(|i| i.to_string()).collect();
    cells[37] = "missing".into();
    let table = df!("x" => cells, "y" => vec![1.0; 50]).unwrap();
    fails(
        FeatureSpec::infer(&table, "y"),
        &[
            "\"x\", row 38",
            "\"missing\" is text in a column of numbers (49 of 50",
        ],
    );
}

#[test]
fn stored_features_are_checked() {
    let table = df!("x" => [1.0, 2.0]).unwrap();
    let fitted = spec("[[column]]\nname = \"x\"\nkind = \"numeric\"\nsteps = [\"standardize\"]\n")
        .fit(&table)
        .unwrap();
    let text = fitted.to_json().unwrap();
    fails(
        Features::from_json(&text.replace("\"format\": 3", "\"format\": 2")),
        &["format 2", "reads format 3"],
    );
    fails(
        Features::from_json(&text[..text.len() / 2]),
        &["cannot be used"],
    );
    let scale = text.rfind("\"scale\"").unwrap();
    let zero = format!(
        "{}\"scale\": 0.0}}}}]}}}}],\"target\":null,\"types\":{{}},\"left_out\":[]}}",
        &text[..scale]
    );
    assert!(Features::from_json(&zero).is_err());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.json");
    fitted.save(&path).unwrap();
    assert_eq!(Features::load(&path).unwrap(), fitted);
    fails(Features::load(folder.path().join("no.json")), &["no.json"]);
}

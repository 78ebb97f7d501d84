//! How values are written: numbers, dates, encodings, headers, several files, packed files.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use polars::prelude::*;
use tinderbox_tables::{
    ColumnSpec, ColumnType, DateOrder, Encoding, FeatureSpec, Inference, ReadOptions, Separator,
    TableFormat, collect,
};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn described(options: &ReadOptions, path: impl AsRef<Path>) -> (DataFrame, TableFormat) {
    let (frame, format) = options.read_described(path).unwrap();
    (collect(&frame).unwrap(), format)
}

fn plain(path: impl AsRef<Path>) -> (DataFrame, TableFormat) {
    described(&ReadOptions::default(), path)
}

fn refused(options: &ReadOptions, path: impl AsRef<Path>) -> String {
    let read = options.read(path).and_then(|frame| collect(&frame));
    read.unwrap_err().to_string()
}

fn floats(table: &DataFrame, column: &str) -> Vec<Option<f64>> {
    table[column].f64().unwrap().iter().collect()
}

fn integers(table: &DataFrame, column: &str) -> Vec<Option<i64>> {
    table[column].i64().unwrap().iter().collect()
}

fn texts<'a>(table: &'a DataFrame, column: &str) -> Vec<Option<&'a str>> {
    table[column].str().unwrap().iter().collect()
}

fn notes<'a>(format: &'a TableFormat, column: &str) -> Vec<&'a str> {
    let notes = &format.column(column).unwrap().notes;
    notes.iter().map(String::as_str).collect()
}

#[test]
fn numbers_in_all_common_forms() {
    let folder = Folder::new();
    let path = folder.write(
        "shop.csv",
        "name;price;total;share;cost;left\n\
         a;1,95;1.299,99;3,5%;$12.50;(5)\n\
         b;0,5;12;100%;$1,000.25;1 000\n\
         c;NA;1.000;-1%;-$3;-2\n",
    );
    let (table, format) = plain(&path);
    assert_eq!(floats(&table, "price"), [Some(1.95), Some(0.5), None]);
    assert_eq!(
        floats(&table, "total"),
        [Some(1299.99), Some(12.0), Some(1000.0)]
    );
    assert_eq!(
        floats(&table, "share"),
        [Some(0.035), Some(1.0), Some(-0.01)]
    );
    assert_eq!(
        floats(&table, "cost"),
        [Some(12.5), Some(1000.25), Some(-3.0)]
    );
    assert_eq!(integers(&table, "left"), [Some(-5), Some(1000), Some(-2)]);
    assert_eq!(notes(&format, "price"), ["decimal comma"]);
    assert_eq!(notes(&format, "total"), ["decimal comma", "thousands by ."]);
    assert_eq!(
        notes(&format, "share"),
        ["decimal comma", "percent (3.5% is 0.035)"]
    );
    assert_eq!(notes(&format, "cost"), ["thousands by ,", "in $"]);
    assert_eq!(notes(&format, "left"), ["thousands by blank", "(5) is -5"]);
}

#[test]
fn numbers_with_commas_are_numbers_for_features_and_targets() {
    let folder = Folder::new();
    let mut text = String::from("size;price\n");
    for row in 0..400 {
        text += &format!("{},{};1.{:03},50\n", row, row % 10, row);
    }
    let (table, _) = plain(folder.write("p.csv", text));
    let spec = FeatureSpec::infer(&table, "price").unwrap();
    let features = spec.fit(&table).unwrap();
    assert_eq!((features.width(), features.classes()), (1, None));
    let rows = features.transform(&table).unwrap().regression().unwrap();
    assert_eq!(rows.targets().as_slice()[399], 1399.5);
}

#[test]
fn values_that_can_be_read_in_two_ways_follow_a_rule() {
    let folder = Folder::new();
    // The other columns of the table decide.
    let (table, format) = plain(folder.write("t.csv", "a;b\n1.234;0,5\n2.345;1,25\n"));
    assert_eq!(integers(&table, "a"), [Some(1234), Some(2345)]);
    assert_eq!(
        notes(&format, "a"),
        [
            "thousands by .",
            "1.234 is 1234, as in other columns (--decimal . makes it 1.234)"
        ]
    );
    // They do not: a comma before three digits.
    let (table, format) = plain(folder.write("c.csv", "a,b\n\"1,234\",x\n\"2,345\",y\n"));
    assert_eq!(integers(&table, "a"), [Some(1234), Some(2345)]);
    assert_eq!(
        notes(&format, "a"),
        [
            "thousands by ,",
            "1,234 is 1234 (--decimal , makes it 1.234)"
        ]
    );
    let (table, _) = plain(folder.write("s.csv", "a;b\n1,234;x\n2,345;y\n"));
    assert_eq!(floats(&table, "a"), [Some(1.234), Some(2.345)]);
    let (table, format) = plain(folder.write("p.csv", "a;b\n1.234;x\n2.345;y\n"));
    assert_eq!(floats(&table, "a"), [Some(1.234), Some(2.345)]);
    assert_eq!(
        notes(&format, "a"),
        ["1.234 is 1.234 (--decimal , makes it 1234)"]
    );
    // Options decide.
    let options = ReadOptions::default().decimal(',');
    let (table, _) = described(&options, folder.0.path().join("p.csv"));
    assert_eq!(integers(&table, "a"), [Some(1234), Some(2345)]);
    let options = ReadOptions::default().thousands(',');
    let (table, _) = described(&options, folder.0.path().join("s.csv"));
    assert_eq!(integers(&table, "a"), [Some(1234), Some(2345)]);
    // Thousands by . alone mean that the comma is the decimal mark, and the other way around.
    let options = ReadOptions::default().thousands('.');
    let (table, _) = described(&options, folder.0.path().join("p.csv"));
    assert_eq!(integers(&table, "a"), [Some(1234), Some(2345)]);
    let (table, _) = described(&options, folder.0.path().join("s.csv"));
    assert_eq!(floats(&table, "a"), [Some(1.234), Some(2.345)]);
    let point = folder.write("q.csv", "a;b\n2.5;x\n1.234;y\n");
    let (table, format) = described(&options, point);
    assert_eq!(texts(&table, "a"), [Some("2.5"), Some("1.234")]);
    assert!(notes(&format, "a")[0].contains("in another way than stated"));
    let error = refused(&options.decimal('.'), folder.0.path().join("s.csv"));
    assert!(error.contains("the same character"), "{error}");
    // Two styles in one column are text, with a note; if the type is stated, an error with the cell.
    let mixed = folder.write("m.csv", "a;b\n1,5;x\n2.5;y\n");
    let (table, format) = plain(&mixed);
    assert_eq!(texts(&table, "a"), [Some("1,5"), Some("2.5")]);
    assert!(notes(&format, "a")[0].contains("some numbers have a decimal comma"));
    let options = ReadOptions::default()
        .decimal(',')
        .column_type("a", ColumnType::Float);
    let error = refused(&options, &mixed);
    assert!(
        error.contains("m.csv, line 3, column \"a\": \"2.5\"") && error.contains("--decimal"),
        "{error}"
    );
}

#[test]
fn commas_before_three_digits_follow_the_whole_column() {
    let folder = Folder::new();
    let read = |text: &str| {
        let (table, format) = plain(folder.write("c.csv", text));
        let column = table["a"].cast(&DataType::Float64).unwrap();
        let values: Vec<f64> = column.f64().unwrap().iter().flatten().collect();
        let notes: Vec<String> = (notes(&format, "a").iter())
            .map(|note| note.to_string())
            .collect();
        (values, notes.join("; "))
    };
    // Numbers below 1000 without a fraction: the comma groups, also where semicolons separate.
    let (values, note) = read("a;b\n8,845;x\n999;y\n12,001;z\n");
    assert_eq!(values, [8845.0, 999.0, 12001.0]);
    assert_eq!(
        note,
        "thousands by ,; 1,234 is 1234, as there are numbers below 1000 without decimals (--decimal , makes it 1.234)"
    );
    let (values, _) = read("a,b\n\"8,845\",x\n999,y\n");
    assert_eq!(values, [8845.0, 999.0]);
    // A larger number without a comma: the comma is the decimal mark.
    let (values, note) = read("a;b\n8,845;x\n12001;y\n999;z\n");
    assert_eq!(values, [8.845, 12001.0, 999.0]);
    assert!(
        note.ends_with(
            "1,234 is 1.234, as larger numbers have no comma (--decimal . makes it 1234)"
        ),
        "{note}"
    );
    let (values, _) = read("a\tb\n8,845\tx\n12001\ty\n");
    assert_eq!(values, [8.845, 12001.0]);
    // Two commas: the comma groups.
    let (values, note) = read("a;b\n8,845;x\n1,200,001;y\n12001;z\n");
    assert_eq!(values, [8845.0, 1_200_001.0, 12001.0]);
    assert_eq!(note, "thousands by ,");
    // Nothing but three digits after the comma.
    let (values, note) = read("a;b\n8,845;x\n0;y\n");
    assert_eq!(values, [8.845, 0.0]);
    assert!(note.contains("as semicolons separate the fields"), "{note}");
}

#[test]
fn numbers_in_forms_that_are_not_read_are_named() {
    let folder = Folder::new();
    let path = folder.write(
        "u.csv",
        "lakh;hex;short;mixed;price\n1,23,456;0x1F;77k;1k;1\n12,34,567;0xA0;5;red;2\n",
    );
    let (table, format) = plain(&path);
    assert_eq!(texts(&table, "lakh"), [Some("1,23,456"), Some("12,34,567")]);
    assert_eq!(
        notes(&format, "lakh"),
        ["text: 1,23,456 has Indian grouping, which is not read; write 123456 or 123,456"]
    );
    assert_eq!(
        notes(&format, "hex"),
        ["text: 0x1F is hexadecimal, which is not read; write it with decimal digits"]
    );
    assert_eq!(
        notes(&format, "short"),
        ["text: 77k has a suffix such as k or M, which is not read; write all digits"]
    );
    assert_eq!(notes(&format, "mixed"), [""; 0]);
    let options = ReadOptions::default().column_type("short", ColumnType::Float);
    let error = refused(&options, &path);
    assert!(
        error.contains("u.csv, line 2, column \"short\": \"77k\" is not a number (it has a suffix"),
        "{error}"
    );
    // As the user states it for the features.
    let stated = Inference::default().numeric(["lakh"]);
    let error = FeatureSpec::infer_with(&table, "price", &stated).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("\"lakh\", row 1 ") && error.contains("Indian grouping"),
        "{error}"
    );
}

#[test]
fn dates_with_names_of_months_short_years_and_halves_of_the_day() {
    let folder = Folder::new();
    let text = "a;b;c;d;e;f\n\
        05-Jan-2020;05 Jan 2020;Jan 5, 2020;05.01.20;1/5/20;01/05/2020 11:30 PM\n\
        31-DEC-1999;31 December 1999;December 31, 1999;31.12.99;12/31/99;12/31/1999 12:00 AM\n";
    let (table, format) = plain(folder.write("d.csv", text));
    for name in ["a", "b", "c", "d", "e"] {
        assert_eq!(table[name].dtype(), &DataType::Date, "{name}");
        let days = table[name].cast(&DataType::Int32).unwrap();
        let days: Vec<_> = days.i32().unwrap().iter().flatten().collect();
        assert_eq!(days, [18_266, 10_956], "{name}");
    }
    let moments = table["f"].cast(&DataType::Int64).unwrap();
    let minutes: Vec<_> = (moments.i64().unwrap().iter().flatten())
        .map(|moment| moment / 60_000_000)
        .collect();
    assert_eq!(minutes, [18_266 * 1440 + 1410, 10_956 * 1440]);
    assert_eq!(notes(&format, "a"), [""; 0]);
    assert_eq!(
        notes(&format, "d"),
        ["years of two digits are 1969 to 2068"]
    );
    assert_eq!(
        notes(&format, "e"),
        [
            "dates month/day/year",
            "years of two digits are 1969 to 2068"
        ]
    );
    // Version numbers are not dates.
    let (table, _) = plain(folder.write("v.csv", "a,b\n1.2.10,1\n1.10.2,2\n"));
    assert_eq!(table["a"].dtype(), &DataType::String);
}

#[test]
fn eight_digits_are_dates_if_name_or_option_say_so() {
    let folder = Folder::new();
    let path = folder.write(
        "n.csv",
        "sale_date,code,date_wrong\n20200105,20200105,20200105\n19991231,19991231,20201399\n",
    );
    let (table, format) = plain(&path);
    let days = |table: &DataFrame, name: &str| {
        assert_eq!(table[name].dtype(), &DataType::Date, "{name}");
        let days = table[name].cast(&DataType::Int32).unwrap();
        days.i32().unwrap().iter().flatten().collect::<Vec<_>>()
    };
    assert_eq!(days(&table, "sale_date"), [18_266, 10_956]);
    assert_eq!(notes(&format, "sale_date"), ["dates such as 20010131"]);
    assert_eq!(
        integers(&table, "code"),
        [Some(20_200_105), Some(19_991_231)]
    );
    assert_eq!(table["date_wrong"].dtype(), &DataType::Int64);
    let stated = ReadOptions::default().column_type("code", ColumnType::Date);
    assert_eq!(days(&described(&stated, &path).0, "code"), [18_266, 10_956]);
    let wrong = ReadOptions::default().column_type("date_wrong", ColumnType::Date);
    let error = refused(&wrong, &path);
    assert!(
        error.contains("line 3") && error.contains("\"20201399\" is not a date"),
        "{error}"
    );
    // The same in JSON lines, and in a file that is read as this one was.
    let lines = "{\"date\":20200105}\n{\"date\":\"19991231\"}\n";
    assert_eq!(
        days(&plain(folder.write("n.jsonl", lines)).0, "date"),
        [18_266, 10_956]
    );
    let new = folder.write("new.csv", "sale_date\n2020-01-05\n");
    assert_eq!(
        days(&collect(&format.read(new).unwrap()).unwrap(), "sale_date"),
        [18_266]
    );
    let mixed = folder.write("m.csv", "date\n20200105\n1999-12-31\n");
    assert_eq!(days(&plain(mixed).0, "date"), [18_266, 10_956]);
    // Stated for the features only.
    let stated = Inference::default().date(["code"]);
    let spec = FeatureSpec::infer_with(&table.drop("date_wrong").unwrap(), "sale_date", &stated);
    let mut spec = spec.unwrap();
    spec.target = None;
    let fitted = spec.fit(&table).unwrap();
    assert_eq!(fitted.outputs()[0].name, "code_year");
    let wrong = Inference::default().date(["date_wrong"]);
    let error = FeatureSpec::infer_with(&table, "code", &wrong).unwrap_err();
    assert!(
        error.to_string().contains("\"date_wrong\", row 2 "),
        "{error}"
    );
}

#[test]
fn gzip_is_known_by_its_first_bytes() {
    let folder = Folder::new();
    let path = folder.write("t.csv", pack(b"a,b\n1,2\n3,4\n"));
    assert_eq!(integers(&plain(&path).0, "b"), [Some(2), Some(4)]);
    let error = refused(&ReadOptions::default().max_unpacked(5), &path);
    assert!(
        error.contains("t.csv") && error.contains("5 bytes"),
        "{error}"
    );
    let cut = pack("a,b\n1,2\n".repeat(100).as_bytes());
    let error = refused(
        &ReadOptions::default(),
        folder.write("c.csv", &cut[..cut.len() - 9]),
    );
    assert!(error.contains("end of the .gz file is missing"), "{error}");
}

#[test]
fn columns_without_names_lead_to_the_option_for_a_header() {
    let folder = Folder::new();
    let path = folder.write("y.csv", "2001,2002,2003\n1,2,3\n4,5,6\n");
    let (table, _) = plain(&path);
    assert_eq!(table.height(), 3);
    let error = FeatureSpec::infer(&table, "2003").unwrap_err().to_string();
    assert!(
        error.contains("no column \"2003\"")
            && error.contains("column_1")
            && error.contains("--header"),
        "{error}"
    );
    let (table, _) = described(&ReadOptions::default().has_header(true), &path);
    assert!(FeatureSpec::infer(&table, "2003").is_ok());
}

#[test]
fn dates_of_every_form_are_one_grammar() {
    let folder = Folder::new();
    let days = [
        "2001-01-31,2001/01/31,31.01.2001,1/31/2001,31/1/2001",
        "1970-01-02,1970/1/2,2.1.1970,1/2/1970,2/1/1970",
        ",,,,",
    ];
    let text = format!("a,b,c,d,e\n{}\n", days.join("\n"));
    let mut lines = String::new();
    for row in days {
        let cells: Vec<String> = (row.split(',').zip(["a", "b", "c", "d", "e"]))
            .map(|(cell, name)| match cell {
                "" => format!("\"{name}\":null"),
                cell => format!("\"{name}\":\"{cell}\""),
            })
            .collect();
        lines += &format!("{{{}}}\n", cells.join(","));
    }
    for path in [folder.write("d.csv", text), folder.write("d.jsonl", lines)] {
        let (table, format) = plain(&path);
        for name in ["a", "b", "c", "d", "e"] {
            let column = table[name].cast(&DataType::Int32).unwrap();
            assert_eq!(table[name].dtype(), &DataType::Date, "{name}");
            let found: Vec<_> = column.i32().unwrap().iter().collect();
            assert_eq!(found, [Some(11_353), Some(1), None], "{name}");
        }
        assert_eq!(notes(&format, "d"), ["dates month/day/year"]);
        assert_eq!(notes(&format, "e"), ["dates day/month/year"]);
    }
    let moments =
        "a\n2001-01-31T10:20:30.25Z\n2001-01-31 11:20:30.25+01:00\n2001-01-31 10:20\n2001-01-31\n";
    let (table, format) = plain(folder.write("m.csv", moments));
    assert_eq!(
        table["a"].dtype(),
        &DataType::Datetime(TimeUnit::Microseconds, None)
    );
    let found = table["a"].cast(&DataType::Int64).unwrap();
    let second = 980_936_430_000_000i64;
    assert_eq!(
        found.i64().unwrap().iter().collect::<Vec<_>>(),
        [
            Some(second + 250_000),
            Some(second + 250_000),
            Some(second - 30_000_000),
            Some(980_899_200_000_000)
        ]
    );
    assert_eq!(
        notes(&format, "a"),
        ["times in UTC, those without an offset too"]
    );
}

#[test]
fn an_open_order_of_day_and_month_is_text_until_it_is_stated() {
    let folder = Folder::new();
    let open = folder.write("o.csv", "a,b\n01/02/2001,1\n03/04/2001,2\n");
    let (table, format) = plain(&open);
    assert_eq!(table["a"].dtype(), &DataType::String);
    assert!(notes(&format, "a")[0].contains("--dates day-first"));
    let first = |order| {
        let (table, _) = described(&ReadOptions::default().dates(order), &open);
        let days = table["a"].cast(&DataType::Int32).unwrap();
        days.i32().unwrap().get(0).unwrap()
    };
    assert_eq!(first(DateOrder::MonthFirst), 11_324);
    assert_eq!(first(DateOrder::DayFirst), 11_354);
    // Another column decides.
    let stated = folder.write(
        "t.csv",
        "a,b\n01/02/2001,31/12/2000\n03/04/2001,01/01/2001\n",
    );
    let (table, format) = plain(stated);
    assert_eq!(table["a"].dtype(), &DataType::Date);
    assert_eq!(
        notes(&format, "a"),
        ["dates day/month/year, as in other columns"]
    );
}

#[test]
fn whole_numbers_stay_exact() {
    let folder = Folder::new();
    let path = folder.write(
        "big.csv",
        "id,hash,rounded\n9007199254740993,18446744073709551615,9007199254740993\n9223372036854775807,1,0.5\n",
    );
    let (table, format) = plain(path);
    assert_eq!(
        integers(&table, "id"),
        [Some(9_007_199_254_740_993), Some(i64::MAX)]
    );
    assert_eq!(
        texts(&table, "hash"),
        [Some("18446744073709551615"), Some("1")]
    );
    // Stated as numbers, they are the nearest ones of 64 bits.
    let stated = Inference::default().numeric(["hash"]);
    let spec = FeatureSpec::infer_with(&table, "rounded", &stated).unwrap();
    let steps = spec.columns.iter().filter_map(|column| match column {
        ColumnSpec::Numeric(number) if number.name == "hash" => Some(()),
        _ => None,
    });
    assert_eq!(steps.count(), 1);
    assert!(spec.fit(&table).is_ok());
    let options = ReadOptions::default().column_type("hash", ColumnType::Float);
    let (numbers, _) = described(&options, folder.0.path().join("big.csv"));
    assert_eq!(
        floats(&numbers, "hash"),
        [Some(18_446_744_073_709_551_615.0), Some(1.0)]
    );
    assert!(notes(&format, "id")[0].contains("beyond 2^53: exact in the table"));
    assert!(notes(&format, "hash")[0].contains("more than 64 bits"));
    assert_eq!(
        notes(&format, "rounded"),
        ["whole numbers beyond 2^53 are rounded"]
    );
}

#[test]
fn encodings_by_name_and_by_byte_order_mark() {
    let folder = Folder::new();
    let wide = |text: &str, little: bool, mark: bool| -> Vec<u8> {
        let mark = if mark { "\u{feff}" } else { "" };
        let units = (mark.encode_utf16()).chain(text.encode_utf16());
        units
            .flat_map(|unit| match little {
                true => unit.to_le_bytes(),
                false => unit.to_be_bytes(),
            })
            .collect()
    };
    let text = "name,price\ncafé,1\n東京,2\n";
    for (name, bytes, encoding) in [
        ("le.csv", wide(text, true, true), None),
        ("be.csv", wide(text, false, true), None),
        (
            "bare.csv",
            wide(text, true, false),
            Some(Encoding::UTF_16LE),
        ),
        ("gz.csv.gz", pack(&wide(text, true, true)), None),
    ] {
        let mut options = ReadOptions::default();
        options.encoding = encoding;
        let (table, _) = described(&options, folder.write(name, bytes));
        assert_eq!(
            texts(&table, "name"),
            [Some("café"), Some("東京")],
            "{name}"
        );
        assert_eq!(integers(&table, "price"), [Some(1), Some(2)], "{name}");
    }
    let latin = folder.write("latin.csv", b"name\ncaf\xe9\n\x80 5\n");
    for label in ["latin1", "latin-1", "windows-1252", "iso-8859-1"] {
        let options = ReadOptions::default().encoding(label.parse().unwrap());
        let (table, _) = described(&options, &latin);
        assert_eq!(
            texts(&table, "name"),
            [Some("café"), Some("€ 5")],
            "{label}"
        );
    }
    assert!(
        "klingon"
            .parse::<Encoding>()
            .unwrap_err()
            .contains("klingon")
    );
}

#[test]
fn a_first_line_is_compared_with_the_rows_below() {
    let folder = Folder::new();
    let shape = |text: &str, names: Option<&[&str]>| {
        let mut options = ReadOptions::default();
        if let Some(names) = names {
            options = options.names(names.to_vec());
        }
        let (table, _) = described(&options, folder.write("h.csv", text));
        let names: Vec<String> = (table.get_column_names().iter())
            .map(|name| name.to_string())
            .collect();
        (names.join(" "), table.height())
    };
    let of = |names: &str, rows| (names.to_owned(), rows);
    // Text and years above numbers; years above years; numbers.
    let years = "region,2019,2020\nnorth,1.5,2\nsouth,3,1999\n";
    assert_eq!(shape(years, None), of("region 2019 2020", 2));
    let cars = "Ford,1999,2003\nOpel,2001,2002\n";
    assert_eq!(shape(cars, None), of("column_1 column_2 column_3", 2));
    let covid = "place,2020-01-31,2020-02-29\nx,1,2\n";
    assert_eq!(shape(covid, None), of("place 2020-01-31 2020-02-29", 1));
    assert_eq!(
        shape("5.1,setosa\n4.9,x\n", None),
        of("column_1 column_2", 2)
    );
    assert_eq!(
        shape("2001-01-31,x\n2001-02-28,y\n", None),
        of("column_1 column_2", 2)
    );
    assert_eq!(shape("a,b\nx,y\n", None), of("a b", 1));
    // If names are given, lines of text are rows.
    let names = Some(&["p", "q"][..]);
    assert_eq!(shape("red,round\nblue,flat\n", names), of("p q", 2));
    assert_eq!(shape("?,4.5\n1,2.5\n", names), of("p q", 2));
    assert_eq!(shape("color,size\nblue,3\n", names), of("p q", 1));
    assert_eq!(shape("q,p\nblue,flat\n", names), of("p q", 1));
}

#[test]
fn lines_before_the_table_and_comments_are_skipped() {
    let folder = Folder::new();
    let text = "A report, of sorts\nmade by hand\na,b\n# 1,2,3\n1,2\n\n# end\n3,4\n";
    let options = ReadOptions::default().skip_rows(2).comment("#");
    let (table, _) = described(&options, folder.write("r.csv", text));
    assert_eq!(integers(&table, "a"), [Some(1), Some(3)]);
    let wrong = folder.write("w.csv", "one\ntwo\na,b\n1,2,3\n");
    let error = refused(&ReadOptions::default().skip_rows(2), wrong);
    assert!(
        error.contains("w.csv, line 4") && error.contains("--skip-rows"),
        "{error}"
    );
}

#[test]
fn several_files_have_one_type_per_column() {
    let folder = Folder::new();
    let both = |one: &str, two: &str| {
        let paths = [folder.write("one.csv", one), folder.write("two.csv", two)];
        ReadOptions::default()
            .read_files_described(&paths)
            .and_then(|(frame, format)| Ok((collect(&frame)?, format)))
    };
    // Digits in one file, other text in the other.
    let (table, _) = both("zip,x\n02100,1\n", "zip,x\nAB1 2CD,2\n02100,3\n").unwrap();
    assert_eq!(
        texts(&table, "zip"),
        [Some("02100"), Some("AB1 2CD"), Some("02100")]
    );
    // A column without values has no vote.
    for texts in [
        ("d,x\n2001-01-31,1\n", "d,x\n,2\n"),
        ("d,x\n,1\n", "d,x\n2001-01-31,2\n"),
    ] {
        let (table, _) = both(texts.0, texts.1).unwrap();
        assert_eq!(table["d"].dtype(), &DataType::Date);
        assert_eq!(table["d"].null_count(), 1);
    }
    // Another file may decide how numbers are written.
    let (table, _) = both("p;x\n1.234;1\n", "p;x\n0,5;2\n").unwrap();
    assert_eq!(floats(&table, "p"), [Some(1234.0), Some(0.5)]);
    // A day in one file, a moment in the other.
    let (table, _) = both("d,x\n2001-01-31,1\n", "d,x\n2001-01-31 10:00,1\n").unwrap();
    assert!(matches!(table["d"].dtype(), DataType::Datetime(..)));
    // What does not fit names both.
    for (one, two, parts) in [
        ("d,x\n2001-01-31,1\n", "d,x\n2002,2\n", ["dates", "numbers"]),
        ("d,x\ntrue,1\n", "d,x\n2002,2\n", ["booleans", "numbers"]),
        (
            "d;x\n1,5;1\n",
            "d;x\n1.5;2\n",
            ["decimal comma", "decimal point"],
        ),
    ] {
        let error = both(one, two).unwrap_err().to_string();
        for part in parts.iter().chain(&["column \"d\"", "one.csv", "two.csv"]) {
            assert!(error.contains(part), "{error}");
        }
    }
}

#[test]
fn a_packed_file_unpacks_within_a_limit() {
    let folder = Folder::new();
    let lines = "{\"a\":1}\n".repeat(2_000);
    for (name, text) in [
        ("t.csv.gz", "a,b\n".to_owned() + &"1,2\n".repeat(2_000)),
        ("t.jsonl.gz", lines),
    ] {
        let path = folder.write(name, pack(text.as_bytes()));
        let error = refused(&ReadOptions::default().max_unpacked(7_000), &path);
        assert!(
            error.contains(name)
                && error.contains("7000 bytes")
                && error.contains("--max-unpacked"),
            "{error}"
        );
        let options = ReadOptions::default().max_unpacked(text.len() as u64);
        assert_eq!(described(&options, &path).0.height(), 2_000, "{name}");
    }
}

#[test]
fn another_file_is_read_as_the_first_was() {
    let folder = Folder::new();
    let text =
        "age;price;when;id;share;y\n19-25;1,5;31/01/2001;007;3%;a\n18;2,25;01/02/2001;x;5%;b\n";
    let options = ReadOptions::default().null_values(["?"]);
    let (_, format) = described(&options, folder.write("train.csv", text));
    // Kept as JSON, as a bundle does.
    let kept = serde_json::to_string(&format).unwrap();
    let format: TableFormat = serde_json::from_str(&kept).unwrap();
    // Another separator, no target, another order, values that look otherwise.
    let new = "id,age,price,when,extra,share\n008,18,\"1,234\",02/03/2001,5,1%\n9,26,?,?,6,2%\n";
    let table = collect(&format.read(folder.write("new.csv", new)).unwrap()).unwrap();
    assert_eq!(texts(&table, "id"), [Some("008"), Some("9")]);
    assert_eq!(texts(&table, "age"), [Some("18"), Some("26")]);
    assert_eq!(floats(&table, "price"), [Some(1.234), None]);
    assert_eq!(floats(&table, "share"), [Some(0.01), Some(0.02)]);
    assert_eq!(integers(&table, "extra"), [Some(5), Some(6)]);
    let days = table["when"].cast(&DataType::Int32).unwrap();
    assert_eq!(days.i32().unwrap().get(0), Some(11_383));
    // The same as JSON lines.
    let lines = "{\"id\":8,\"age\":18,\"price\":1.5,\"when\":\"2001-03-02\"}\n";
    let table = collect(&format.read(folder.write("new.jsonl", lines)).unwrap()).unwrap();
    assert_eq!(texts(&table, "age"), [Some("18")]);
    assert_eq!(table["when"].dtype(), &DataType::Date);
    // A header alone is a table without rows.
    let table = collect(
        &format
            .read(folder.write("none.csv", "age,price,when\n"))
            .unwrap(),
    )
    .unwrap();
    assert_eq!(table.height(), 0);
    assert_eq!(
        table.dtypes(),
        [DataType::String, DataType::Float64, DataType::Date]
    );
    // A value that does not fit is an error with its cell.
    let wrong = folder.write("wrong.csv", "age,price\n18,\"1,5\"\n19,cheap\n");
    let error = format.read(wrong).err().unwrap().to_string();
    assert!(
        error.contains("wrong.csv, line 3, column \"price\": \"cheap\" is not a number"),
        "{error}"
    );
    let wrong = folder.write("wrong.csv", "share\n3\n");
    let error = format.read(wrong).err().unwrap().to_string();
    assert!(error.contains("no percent sign"), "{error}");
    // Whole numbers with a fraction, later.
    let (_, format) = plain(folder.write("whole.csv", "n,m\n1,2\n3,4\n"));
    let later = folder.write("later.csv", "n,m\n1.0,2.5\n3.0,4\n");
    let table = collect(&format.read(later).unwrap()).unwrap();
    assert_eq!(table.dtypes(), [DataType::Int64, DataType::Float64]);
}

#[test]
fn a_value_has_one_meaning_whatever_the_other_values_of_a_new_file() {
    let folder = Folder::new();
    let text = "p;d\n1,5;31/01/2001\n2,25;01/02/2001\n";
    let (_, format) = plain(folder.write("train.csv", text));
    let read = |text: &str| {
        let path = folder.write("new.csv", text);
        format.read(path).and_then(|frame| collect(&frame))
    };
    // Alone, 1.500 is read as in training, and the day is first.
    let table = read("p;d\n1.500;03/04/2021\n2.250;04/03/2021\n").unwrap();
    assert_eq!(floats(&table, "p"), [Some(1500.0), Some(2250.0)]);
    let days = table["d"].cast(&DataType::Int32).unwrap();
    assert_eq!(days.i32().unwrap().get(0), Some(18_720));
    // Other neighbors make it an error, not another number.
    let error = read("p;d\n1.5;03/04/2021\n1.500;04/03/2021\n").unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("\"1.500\" can be read in two ways") && error.contains("--decimal ."),
        "{error}"
    );
    let error = read("p;d\n1,5;03/04/2021\n1,5;12/31/2021\n").unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("line 3") && error.contains("\"12/31/2021\" is not a date day/month/year"),
        "{error}"
    );
    // Where no cell is in doubt, numbers may be written in the other way.
    let table = read("p;d\n1.5;03/04/2021\n2.25;04/03/2021\n").unwrap();
    assert_eq!(floats(&table, "p"), [Some(1.5), Some(2.25)]);
}

#[test]
fn quoted_fields_may_follow_a_blank() {
    let folder = Folder::new();
    let text = "x, \"c, d\", y\n1, \"red\",  2\n3 , \"a, b\" , \"0.5\"\n";
    let (table, _) = plain(folder.write("t.csv", text));
    assert_eq!(texts(&table, "c, d"), [Some("red"), Some("a, b")]);
    assert_eq!(floats(&table, "y"), [Some(2.0), Some(0.5)]);
}

#[test]
fn json_lines_have_the_types_of_all_lines() {
    let folder = Folder::new();
    let path = folder.write(
        "t.jsonl",
        "{\"id\":9007199254740993,\"zip\":\"02100\",\"p\":\"$1,299.50\",\"f\":true,\"s\":\"\"}\n\
         {\"zip\":\"10000\",\"id\":2,\"n\":1.5,\"tags\":[1,\"a\"],\"s\":\"a, \\\"b\\\"\\n\"}\n",
    );
    let (table, format) = plain(path);
    assert_eq!(
        integers(&table, "id"),
        [Some(9_007_199_254_740_993), Some(2)]
    );
    assert_eq!(texts(&table, "zip"), [Some("02100"), Some("10000")]);
    assert_eq!(floats(&table, "p"), [Some(1299.5), None]);
    assert_eq!(floats(&table, "n"), [None, Some(1.5)]);
    assert_eq!(table["f"].bool().unwrap().get(0), Some(true));
    assert_eq!(texts(&table, "s"), [Some(""), Some("a, \"b\"\n")]);
    assert_eq!(texts(&table, "tags"), [None, Some("[1,\"a\"]")]);
    assert_eq!(notes(&format, "tags"), ["lists or objects, as JSON text"]);
}

#[test]
fn a_column_of_its_own_keeps_its_missing_values() {
    let folder = Folder::new();
    let options = ReadOptions::default().separator(Separator::Byte(b';'));
    let (table, _) = described(&options, folder.write("one.csv", "a\n1,5\nNA\n\n2,5\n"));
    assert_eq!(floats(&table, "a"), [Some(1.5), None, Some(2.5)]);
}

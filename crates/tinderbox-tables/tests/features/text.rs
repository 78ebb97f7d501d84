//! Columns of free text: how they are found, and what becomes of them.

use std::sync::Arc;

use polars::prelude::{DataFrame, df};
use proptest::prelude::*;
use tinderbox_tables::{
    ColumnSpec, FeatureSpec, Features, Inference, OutputKind, ReadOptions, TextEncoder, read,
};

use super::{fails, rows, spec};

/// Sentences of eight words; a row's number is in its text.
fn sentences(rows: usize) -> Vec<String> {
    let words = ["good", "bad", "film", "plot", "very", "not", "end", "long"];
    let text = |row: usize| {
        let word = |place: usize| words[(row * 5 + place * 3 + row / 8) % 8];
        let all: Vec<&str> = (0..7).map(word).collect();
        format!("{} no{row}", all.join(" "))
    };
    (0..rows).map(text).collect()
}

/// How the column `x` of these texts is used.
fn inferred(texts: &[String]) -> Result<ColumnSpec, String> {
    let y: Vec<f64> = (0..texts.len()).map(|row| row as f64).collect();
    let frame = df!("x" => texts, "z" => &y, "y" => &y).unwrap();
    let mut spec = FeatureSpec::infer(&frame, "y").unwrap();
    match spec
        .columns
        .iter()
        .position(|column| column.names() == ["x"])
    {
        Some(place) => Ok(spec.columns.remove(place)),
        None => Err(spec.ignored.remove(0).reason),
    }
}

#[test]
fn free_text_is_told_from_categories_and_identifiers() {
    assert_eq!(inferred(&sentences(300)).unwrap(), ColumnSpec::text("x"));
    // Few rows of few words, sentences that repeat, and names are none.
    assert_eq!(inferred(&sentences(19)).unwrap(), ColumnSpec::one_hot("x"));
    let repeated: Vec<String> = (0..300)
        .map(|row| sentences(30)[row % 30].clone())
        .collect();
    assert_eq!(inferred(&repeated).unwrap(), ColumnSpec::one_hot("x"));
    let names: Vec<String> = (0..300).map(|row| format!("Anna Schmidt{row}")).collect();
    assert!(inferred(&names).unwrap_err().contains("identify rows"));
    let keys: Vec<String> = (0..300).map(|row| format!("a-b-c-d/e-{row}-f")).collect();
    assert!(inferred(&keys).unwrap_err().contains("identify rows"));
    // Nine characters without blanks.
    let chinese: Vec<String> = (0..300u32)
        .map(|row| {
            let other = char::from_u32(0x4e00 + row).unwrap();
            format!("我喜欢这部{other}电影了")
        })
        .collect();
    assert_eq!(inferred(&chinese).unwrap(), ColumnSpec::text("x"));
    // More different values than are counted.
    let twice: Vec<String> = [sentences(11_000), sentences(11_000)].concat();
    assert_eq!(inferred(&twice).unwrap(), ColumnSpec::text("x"));
}

#[test]
fn weights_of_words_are_those_of_scikit_learn() {
    // make_pipeline(HashingVectorizer(n_features=16, alternate_sign=False, norm=None, ngram_range=(1, 2)),
    //               TfidfTransformer(sublinear_tf=True)).fit_transform(texts), scikit-learn 1.9.1
    let texts = [
        Some("good good movie, very good"),
        Some("a bad movie"),
        Some("not good at all"),
        None,
        Some("not bad"),
    ];
    let expected: [&[(usize, f32)]; 5] = [
        &[
            (0, 0.3326811),
            (1, 0.563278),
            (6, 0.3326811),
            (10, 0.268405),
            (13, 0.268405),
            (14, 0.563278),
        ],
        &[(3, 0.5317723), (7, 0.659118), (10, 0.5317723)],
        &[
            (1, 0.3089487),
            (2, 0.382934),
            (4, 0.3089487),
            (8, 0.382934),
            (11, 0.6483635),
            (13, 0.3089487),
        ],
        &[],
        &[(3, 0.5085423), (4, 0.861037)],
    ];
    let table = df!("x" => texts).unwrap();
    let features = spec(
        "[[column]]\nname = \"x\"\nkind = \"text\"\nwidth = 16\nngrams = 2\nmin_rows = 1\n\
         missing_indicator = true\n",
    )
    .fit(&table)
    .unwrap();
    let outputs = features.outputs();
    assert!(
        outputs[..12]
            .iter()
            .all(|output| output.kind == OutputKind::Text && output.source == "x")
    );
    assert_eq!(outputs.last().unwrap().name, "x_missing");
    let numbers = features.transform(&table).unwrap();
    for (row, (ours, theirs)) in rows(&numbers).iter().zip(expected).enumerate() {
        for (output, &ours) in outputs.iter().zip(ours) {
            let Some(bucket) = output.name.strip_prefix("x_words_") else {
                assert_eq!(ours, f32::from(u8::from(row == 3)));
                continue;
            };
            let bucket: usize = bucket.parse().unwrap();
            let theirs = theirs.iter().find(|(place, _)| *place == bucket);
            let theirs = theirs.map_or(0.0, |(_, weight)| *weight);
            assert!(
                (ours - theirs).abs() < 1e-6,
                "{row}, {bucket}: {ours} {theirs}"
            );
        }
    }
    // Words of at least two rows only, and the same numbers from a file of features.
    let common =
        FeatureSpec::from_toml("[[column]]\nname = \"x\"\nkind = \"text\"\nwidth = 4096\n")
            .unwrap()
            .fit(&table)
            .unwrap();
    assert_eq!(common.width(), 4, "good, movie, bad, not");
    let again = Features::from_json(&features.to_json().unwrap()).unwrap();
    assert_eq!(again, features);
    assert_eq!(again.transform(&table).unwrap(), numbers);
}

#[test]
fn texts_with_gaps_and_numbers_are_read_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let mut lines = String::from("note,y\n");
    for (row, text) in sentences(60).iter().enumerate() {
        match row % 5 {
            0 => lines += &format!(",{row}\n"),
            1 => lines += &format!("2024,{row}\n"),
            _ => lines += &format!("{text},{row}\n"),
        }
    }
    let (frame, format) = ReadOptions::default()
        .read_described(write("train.csv", &lines))
        .unwrap();
    let frame = frame.collect().unwrap();
    let stated = Inference::default().text(["note"]);
    let features = FeatureSpec::infer_with(&frame, "y", &stated)
        .unwrap()
        .fit(&frame)
        .unwrap()
        .with_format(format);
    let numbers = rows(&features.transform(&frame).unwrap());
    assert!(numbers[0].iter().all(|number| *number == 0.0), "no text");
    let of_year: Vec<f32> = numbers[1].iter().copied().filter(|x| *x != 0.0).collect();
    assert_eq!(of_year, [1.0], "2024 is a word");
    // A file in which all texts are numbers.
    let path = write("new.csv", "note\n2024\n\n2024\n");
    let new = features.format().read(&path).unwrap().collect().unwrap();
    let found = rows(&features.transform(&new).unwrap());
    assert_eq!(found[0], numbers[1]);
    // Columns that cannot be text, and columns without words.
    let path = write("days.csv", "d\n2024-01-01\n2024-01-02\n");
    let frame = read(&path).unwrap().collect().unwrap();
    let fit = |name: &str, frame: &DataFrame| {
        spec(&format!("[[column]]\nname = \"{name}\"\nkind = \"text\"\n")).fit(frame)
    };
    fails(fit("d", &frame), &["\"d\"", "no type of texts"]);
    let frame = df!("t" => ["one of", "these words", "is rare"]).unwrap();
    fails(fit("t", &frame), &["\"t\" is left out", "2 training rows"]);
    let frame = df!("t" => [None::<&str>, None]).unwrap();
    fails(fit("t", &frame), &["no value"]);
    fails(
        FeatureSpec::from_toml("[[column]]\nname = \"t\"\nkind = \"text\"\nngrams = 0\n"),
        &["\"t\"", "ngrams of 1 to 5"],
    );
}

/// Lengths, and a constant.
#[derive(Debug)]
struct Lengths(&'static str);

impl TextEncoder for Lengths {
    fn name(&self) -> &str {
        "lengths"
    }

    fn digest(&self) -> &str {
        self.0
    }

    fn width(&self) -> usize {
        2
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<f32>, String> {
        let numbers = texts.iter().map(|text| match text.contains('?') {
            true => Err(format!("\"{text}\" has a question mark")),
            false => Ok([text.len() as f32, 7.0]),
        });
        Ok(numbers.collect::<Result<Vec<_>, _>>()?.concat())
    }
}

#[test]
fn vectors_of_an_encoder_are_standardized_features() {
    let texts: Vec<String> = (0..3000).map(|row| "x".repeat(row % 5 + 1)).collect();
    let frame = df!("t" => &texts).unwrap();
    let unnamed = spec("[[column]]\nname = \"t\"\nkind = \"text\"\nencoder = \"lengths\"\n");
    assert_eq!(unnamed.encoders(), ["lengths"]);
    fails(
        unnamed.fit(&frame),
        &["\"t\"", "encoded by lengths", "--encoder"],
    );
    let spec = unnamed.with_encoder(Arc::new(Lengths("a")));
    let features = spec.fit(&frame).unwrap();
    let numbers = rows(&features.transform(&frame).unwrap());
    let deviation = (2.0f64 * 3000.0 / 2999.0).sqrt();
    for (row, numbers) in numbers.iter().enumerate() {
        let expected = ((row % 5) as f64 - 2.0) / deviation;
        assert!((f64::from(numbers[0]) - expected).abs() < 1e-6);
        assert_eq!(numbers[1], 0.0, "a constant");
    }
    // From a file: without the encoder, with another one, with the right one.
    let stored = Features::from_json(&features.to_json().unwrap()).unwrap();
    assert_eq!(stored.encoders(), ["lengths"]);
    fails(stored.transform(&frame), &["encoded by lengths"]);
    let other = stored.clone().with_encoder(Arc::new(Lengths("b")));
    fails(other, &["\"t\"", "another encoder"]);
    let opened = stored.with_encoder(Arc::new(Lengths("a"))).unwrap();
    assert_eq!(rows(&opened.transform(&frame).unwrap()), numbers);
    let wrong = df!("t" => ["a", "b?"]).unwrap();
    fails(
        opened.transform(&wrong),
        &["\"t\"", "question mark", "2 texts from here"],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever other rows hold, and however they are cut: a row's numbers follow from its text and the training
    /// rows alone.
    #[test]
    fn nothing_leaks_from_other_rows(seed in 0usize..1000, train in 30usize..80, cut in 1usize..40) {
        let texts: Vec<String> = sentences(1200).into_iter().skip(seed).take(120).collect();
        let frame = df!("t" => &texts).unwrap();
        let spec = spec("[[column]]\nname = \"t\"\nkind = \"text\"\nwidth = 64\nngrams = 2\n");
        let part = |from: usize, to: usize| frame.slice(from as i64, to - from);
        let features = spec.fit(&part(0, train)).unwrap();
        // Fitted on the same rows of a table whose other rows differ.
        let mut changed = texts[..train].to_vec();
        changed.resize(120, "something else entirely good bad".into());
        let other = df!("t" => changed).unwrap().slice(0, train);
        prop_assert_eq!(&spec.fit(&other).unwrap(), &features);
        let whole = rows(&features.transform(&frame).unwrap());
        let valid = rows(&features.transform(&part(train, train + cut)).unwrap());
        prop_assert_eq!(&whole[train..train + cut], &valid[..]);
        for row in &whole {
            let length: f32 = row.iter().map(|x| x * x).sum();
            prop_assert!((length - 1.0).abs() < 1e-5 || length == 0.0);
        }
    }
}

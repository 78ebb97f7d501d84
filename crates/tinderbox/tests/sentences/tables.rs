//! Vectors of an encoder as features of a table.

use std::fs;
use std::sync::Arc;

use burn::tensor::Device;
use polars::prelude::df;
use tinderbox::tables::{FeatureSpec, Inference, TextEncoder};
use tinderbox::tabular::{Model, Predicted, Predictor, TextVectors, Training};

use super::fine_tuning::{encoder, texts};

#[test]
fn a_table_learns_from_vectors_and_its_bundle_names_the_encoder() {
    let (folder, out) = (encoder(0), tempfile::tempdir().unwrap());
    let path = folder.path().join("encoder");
    fs::create_dir(&path).unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs::rename(folder.path().join(file), path.join(file)).unwrap();
    }
    let (texts, good) = texts(240);
    let class: Vec<&str> = good
        .iter()
        .map(|good| if *good { "good" } else { "bad" })
        .collect();
    let frame = df!("text" => &texts, "class" => class).unwrap();
    let device = Device::flex();
    let vectors = TextVectors::open(&path, &device).unwrap();
    let together = vectors.encode(&["good film", "bad", "good film"]).unwrap();
    assert_eq!(together.len(), 3 * vectors.width());
    assert_eq!(together[..vectors.width()], together[2 * vectors.width()..]);
    let alone = vectors.encode(&["bad"]).unwrap();
    assert_eq!(
        alone,
        together[vectors.width()..2 * vectors.width()],
        "remembered"
    );
    assert_eq!(vectors.cut_texts(), None);

    let stated = Inference::default().text(["text"]).encoder(vectors.name());
    let spec = FeatureSpec::infer_with(&frame, "class", &stated).unwrap();
    let spec = spec.with_encoder(Arc::new(vectors));
    let run = out.path().join("run");
    let trained = Training::new(spec)
        .model(Model::Linear)
        .epochs(60)
        .run_folder(&run)
        .fit_split(&frame)
        .unwrap();
    let accuracy = trained.test("accuracy").unwrap();
    // The encoder's weights are random; half of the rows are of each class.
    assert!(accuracy > 0.7, "{accuracy}");
    let expected = trained.predictor.predict(&frame).unwrap();
    // Other texts beside a text change its padding, and the last bits of its vector.
    let same = |found: &Predicted| {
        let pairs = found
            .values()
            .as_slice()
            .iter()
            .zip(expected.values().as_slice());
        for (found, expected) in pairs {
            assert!((found - expected).abs() < 1e-3, "{found} {expected}");
        }
    };
    let bundle = run.join("bundle");
    let open = || Predictor::open(&bundle, &device).unwrap();
    same(&open().predict(&frame).unwrap());

    // The encoder is moved, replaced, and given.
    let moved = folder.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    let error = open().predict(&frame).unwrap_err().to_string();
    assert!(
        error.contains("--encoder") && error.contains("\"text\""),
        "{error}"
    );
    let given = || TextVectors::open(&moved, &device).unwrap();
    let given: Arc<dyn TextEncoder> = Arc::new(given());
    let opened = Predictor::open_with_encoder(&bundle, &given, &device).unwrap();
    same(&opened.predict(&frame).unwrap());
    let words = fs::read_to_string(moved.join("tokenizer.json")).unwrap();
    fs::write(moved.join("tokenizer.json"), words.replace("plot", "plat")).unwrap();
    let other: Arc<dyn TextEncoder> = Arc::new(TextVectors::open(&moved, &device).unwrap());
    let error = Predictor::open_with_encoder(&bundle, &other, &device).unwrap_err();
    assert!(error.to_string().contains("another encoder"), "{error}");
}

#[test]
fn texts_that_are_cut_are_counted_once_and_the_report_names_them() {
    let (folder, out) = (encoder(0), tempfile::tempdir().unwrap());
    let (mut texts, good) = texts(60);
    // More than the encoder's positions; two of three are the same.
    texts[3] = "very ".repeat(40) + "bad";
    let same = texts[3].clone();
    texts[5] = same;
    texts[8] = "was ".repeat(40) + "good";
    let frame = df!("text" => &texts, "class" => good).unwrap();
    let vectors = Arc::new(TextVectors::open(folder.path(), &Device::flex()).unwrap());
    let tokens = vectors.max_tokens();
    let stated = Inference::default().text(["text"]).encoder(vectors.name());
    let spec = FeatureSpec::infer_with(&frame, "class", &stated).unwrap();
    let training = |run: &str| {
        Training::new(spec.clone().with_encoder(vectors.clone()))
            .model(Model::Linear)
            .epochs(1)
            .run_folder(out.path().join(run))
    };
    let warning = format!(
        "warning: 2 different texts are longer than {tokens} tokens: the rest was not read"
    );
    let report = |run: &str| fs::read_to_string(out.path().join(run).join("report.html")).unwrap();
    let trained = training("one").fit_split(&frame).unwrap();
    let cut = trained.predictor.features().cut_texts().unwrap();
    assert_eq!(
        (cut.texts, cut.tokens, cut.to_string()),
        (2, tokens, warning.clone())
    );
    assert!(report("one").contains(&warning));
    training("folds").fit_folds(&frame, 2).unwrap();
    assert!(report("folds").contains(&warning));

    // A program that predicts knows only of its own rows.
    let bundle = out.path().join("one/bundle");
    let predictor = Predictor::open(bundle, &Device::flex()).unwrap();
    assert_eq!(predictor.features().cut_texts(), None);
    let rows = |from, count| frame.slice(from, count);
    predictor.predict(&rows(10, 20)).unwrap();
    assert_eq!(predictor.features().cut_texts(), None);
    predictor.predict(&rows(3, 3)).unwrap();
    let cut = predictor.features().cut_texts().unwrap().to_string();
    assert!(cut.starts_with("warning: 1 text is longer than "), "{cut}");
}

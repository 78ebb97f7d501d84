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
    assert_eq!(vectors.cut(), 0);

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

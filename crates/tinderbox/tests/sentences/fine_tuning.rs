//! Fine-tuning of the small BERT of `reference/pretrained`, with a tokenizer of whole words.

use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use polars::prelude::{Column, DataFrame};
use tempfile::TempDir;
use tinderbox::data::Classes;
use tinderbox::nn::Lora;
use tinderbox::text::{FineTuneError, FineTuning, TextData, TextNote, TextPredictor, TextTargets};
use tinderbox::train::Resume;

/// The words after `[PAD]`, `[CLS]`, `[SEP]` and `[UNK]`.
const WORDS: [&str; 12] = [
    "good", "fine", "bad", "poor", "a", "the", "film", "plot", "actor", "was", "very", "with",
];

/// The folder of the encoder; its tokenizer has `extra` words more.
pub fn encoder(extra: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = Path::new("tests/reference/pretrained/bert");
    for file in ["config.json", "model.safetensors"] {
        fs::copy(from.join(file), folder.path().join(file)).unwrap();
    }
    let extra: Vec<String> = (0..extra).map(|index| format!("extra{index}")).collect();
    let words = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
        .into_iter()
        .chain(WORDS);
    let words = words.chain(extra.iter().map(String::as_str)).zip(0..);
    let vocab: serde_json::Map<String, serde_json::Value> = words
        .map(|(word, id)| (word.to_owned(), serde_json::json!(id)))
        .collect();
    let special = |name: &str| serde_json::json!({"SpecialToken": {"id": name, "type_id": 0}});
    let text = |id: &str| serde_json::json!({"Sequence": {"id": id, "type_id": 0}});
    let token =
        |name: &str, id: u32| serde_json::json!({"id": name, "ids": [id], "tokens": [name]});
    let tokenizer = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special("[CLS]"), text("A"), special("[SEP]")],
            "pair": [special("[CLS]"), text("A"), special("[SEP]"), text("B"), special("[SEP]")],
            "special_tokens": {"[CLS]": token("[CLS]", 1), "[SEP]": token("[SEP]", 2)},
        },
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"},
    });
    fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    folder
}

/// Texts of three to five words, one of which decides.
pub fn texts(count: usize) -> (Vec<String>, Vec<bool>) {
    let text = |index: usize| {
        let good = index.is_multiple_of(2);
        let deciding = WORDS[index % 2 * 2 + index / 2 % 2];
        let other = |at: usize| WORDS[4 + (index / 4 * 7 + at * 3) % 8];
        let mut words: Vec<&str> = (0..2 + index % 3).map(other).collect();
        words.insert(index % words.len(), deciding);
        (words.join(" "), good)
    };
    (0..count).map(text).unzip()
}

fn classes(count: usize) -> TextData {
    let (texts, good) = texts(count);
    let labels = good.into_iter().map(i32::from).collect();
    let names = ["bad", "good"].map(String::from).to_vec();
    TextData::new(
        texts,
        TextTargets::Classes(Classes::new(labels, names).unwrap()),
    )
    .unwrap()
}

fn tuning(folder: &Path) -> FineTuning {
    let fast = FineTuning::new(folder).device(&Device::flex().autodiff());
    fast.learning_rate(5e-3)
        .head_learning_rate(5e-3)
        .epochs(8)
        .seed(3)
}

#[test]
fn a_classifier_learns_and_its_bundle_predicts_the_same() {
    let (folder, out) = (encoder(0), tempfile::tempdir().unwrap());
    let data = classes(240);
    let tuned = tuning(folder.path())
        .run_folder(out.path().join("run"))
        .fit(&data)
        .unwrap();
    assert!(
        tuned.score("accuracy").unwrap() > 0.95,
        "{}",
        tuned.scores()
    );
    let [
        TextNote::Start {
            parameters,
            trained,
            texts,
            classes,
        },
    ] = &tuned.notes[..]
    else {
        panic!("{:?}", tuned.notes);
    };
    assert_eq!((texts, classes), (&[168, 36, 36], &Some(2)));
    assert_eq!(parameters, trained);

    let open = TextPredictor::open(out.path().join("run/bundle"), &Device::flex()).unwrap();
    let read = ["The film was good", "a very poor plot", "unknown words"];
    let predicted = open.predict(&read).unwrap();
    assert_eq!(predicted, tuned.predictor.predict(&read).unwrap());
    assert!(
        predicted.rows[0][1] > 0.5 && predicted.rows[1][0] > 0.5,
        "{predicted:?}"
    );
    let alone = open.predict(&read[1..2]).unwrap().rows;
    assert!((alone[0][0] - predicted.rows[1][0]).abs() < 1e-5);

    let csv = out.path().join("predictions.csv");
    let column = Column::new("text".into(), [Some("good film"), None, Some("very bad")]);
    let frame = DataFrame::new(3, vec![column]).unwrap();
    let written = open.predict_csv(&frame, &csv).unwrap();
    assert_eq!((written.rows, written.missing, written.cut), (3, 1, 0));
    let text = fs::read_to_string(csv).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "target,probability_bad,probability_good");
    assert!(
        lines[1].starts_with("good,") && lines[3].starts_with("bad,"),
        "{text}"
    );
}

#[test]
fn adapters_are_trained_merged_and_resumed() {
    let folder = encoder(0);
    let data = classes(120);
    let out = tempfile::tempdir().unwrap();
    let lora = |path: &str, epochs: usize| {
        let tuning = tuning(folder.path()).lora(Lora::new(4, 8.0)).epochs(epochs);
        tuning.learning_rate(2e-2).run_folder(out.path().join(path))
    };
    let whole = lora("whole", 6).fit(&data).unwrap();
    let TextNote::Start {
        parameters,
        trained,
        ..
    } = &whole.notes[0]
    else {
        panic!("{:?}", whole.notes);
    };
    // Two blocks of queries and values, 12 x 4 + 4 x 12 each, and the new layer of 12 x 2 + 2.
    assert_eq!(*trained, 2 * 2 * 96 + 26);
    assert!(parameters > trained);
    lora("parts", 2).fit(&data).unwrap();
    let parts = lora("parts", 6).resume(Resume::Latest).fit(&data).unwrap();
    let weights = |tuned: &tinderbox::text::FineTuned| numbers(tuned.predictor.model());
    assert_eq!(weights(&whole), weights(&parts));
    assert_eq!(whole.history.epochs.len(), parts.history.epochs.len());

    // Only the adapted weights and the new layer differ from the folder's, and the bundle has no adapters.
    let tinderbox::pretrained::Pretrained::Bert { model, .. } =
        tinderbox::pretrained::Pretrained::open(folder.path(), &Device::flex()).unwrap()
    else {
        panic!("it is an encoder");
    };
    let (before, after) = (numbers(&model), numbers(&whole.predictor.model().bert));
    assert_eq!(before.len(), after.len());
    let mut changed: Vec<&str> = Vec::new();
    for ((path, old), (_, new)) in before.iter().zip(&after) {
        if old != new {
            changed.push(path.split(".heads.").last().unwrap());
        }
    }
    assert_eq!(
        changed,
        [
            "query.weight",
            "value.weight",
            "query.weight",
            "value.weight"
        ]
    );
    let open = TextPredictor::open(out.path().join("whole/bundle"), &Device::flex()).unwrap();
    assert_eq!(numbers(open.model()), weights(&whole));
}

/// All weights of a model, by their paths.
fn numbers<M: Module>(model: &M) -> Vec<(String, Vec<f32>)> {
    #[derive(Default)]
    struct Numbers(Vec<Vec<f32>>);
    impl burn::module::ModuleVisitor for Numbers {
        fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
            self.0.push(param.val().into_data().iter::<f32>().collect());
        }
    }
    let mut all = Numbers::default();
    model.visit(&mut all);
    let paths = tinderbox::nn::parameters(model).into_iter();
    paths.map(|parameter| parameter.path).zip(all.0).collect()
}

#[test]
fn numbers_are_predicted_in_their_units_and_frozen_layers_stay() {
    let folder = encoder(0);
    let (texts, good) = texts(240);
    let prices = good.iter().map(|&good| if good { 1_300.0 } else { 900.0 });
    let data = TextData::new(texts, TextTargets::Numbers(prices.collect())).unwrap();
    let tuned = tuning(folder.path())
        .epochs(25)
        .learning_rate(1e-2)
        .freeze_layers(1)
        .shares(0.2, 0.0)
        .fit(&data)
        .unwrap();
    assert!(tuned.score("rmse").unwrap() < 90.0, "{}", tuned.scores());
    assert!(tuned.score("r2").unwrap() > 0.8, "{}", tuned.scores());
    let predicted = tuned.predictor.predict(&data.texts).unwrap().rows;
    let TextTargets::Numbers(prices) = &data.targets else {
        panic!("they are numbers");
    };
    let errors = predicted
        .iter()
        .zip(prices)
        .map(|(row, price)| (row[0] - price).abs());
    let mean = errors.sum::<f32>() / prices.len() as f32;
    assert!(mean < 60.0, "{mean}");
    let tinderbox::pretrained::Pretrained::Bert { model, .. } =
        tinderbox::pretrained::Pretrained::open(folder.path(), &Device::flex()).unwrap()
    else {
        panic!("it is an encoder");
    };
    for ((path, before), (_, after)) in numbers(&model)
        .iter()
        .zip(&numbers(&tuned.predictor.model().bert))
    {
        let frozen = path.starts_with("embeddings") || path.starts_with("encoder.layer.0");
        // The pooler is not used: the mean of the vectors is.
        let same = frozen || path.starts_with("pooler");
        assert!(
            same == (before == after) || path.contains("key.bias"),
            "{path}"
        );
    }
}

#[test]
fn long_texts_are_cut_and_counted() {
    let folder = encoder(0);
    let (mut texts, good) = texts(40);
    texts[5] = "very ".repeat(30) + "bad";
    texts[8] += " was was was was was was was was was was was was was";
    let labels = good.into_iter().map(i32::from).collect();
    let names = ["bad", "good"].map(String::from).to_vec();
    let targets = TextTargets::Classes(Classes::new(labels, names).unwrap());
    let data = TextData::new(texts.clone(), targets).unwrap();
    let tuned = tuning(folder.path())
        .epochs(1)
        .max_tokens(8)
        .fit(&data)
        .unwrap();
    let note = tuned.notes[0].to_string();
    assert!(
        note.contains("2 of 40 texts are longer than 8 tokens"),
        "{note}"
    );
    assert_eq!(tuned.predictor.predict(&texts).unwrap().cut, 2);
}

#[test]
fn what_cannot_be_tuned_is_refused_with_what_to_do() {
    let folder = encoder(0);
    let data = classes(20);
    let error = |result: Result<tinderbox::text::FineTuned, FineTuneError>| {
        result.err().unwrap().to_string()
    };
    let tune = || tuning(folder.path()).epochs(1);
    let positions = error(tune().max_tokens(1000).fit(&data));
    assert!(
        positions.contains("max_tokens = 1000: the encoder reads texts of 2 to "),
        "{positions}"
    );
    let layer = error(tune().lora(Lora::new(2, 4.0).layers(["querry"])).fit(&data));
    assert!(
        layer.contains("no linear layer \"querry\" for LoRA; the nearest: query"),
        "{layer}"
    );
    let frozen = error(tune().freeze_layers(3).fit(&data));
    assert!(
        frozen.contains("3 frozen layers, but the encoder has 2"),
        "{frozen}"
    );
    let both = error(tune().freeze_layers(1).lora(Lora::new(2, 4.0)).fit(&data));
    assert!(both.contains("leave one out"), "{both}");
    let shares = error(tune().shares(0.6, 0.6).fit(&data));
    assert!(shares.contains("validation = 0.6"), "{shares}");
    let other = error(FineTuning::new(encoder(9).path()).fit(&data));
    assert!(
        other.contains("the tokenizer has 25 tokens, but the model 23"),
        "{other}"
    );
    let one = Classes::new(vec![0, 0], vec!["good".into()]).unwrap();
    let one = TextData::new(vec!["a".into(), "b".into()], TextTargets::Classes(one));
    assert!(
        one.err()
            .unwrap()
            .to_string()
            .contains("one class only (good)")
    );
}

#[test]
fn columns_that_are_no_texts_are_refused() {
    let frame = DataFrame::new(
        4,
        vec![
            Column::new(
                "review".into(),
                [Some("good"), None, Some("bad"), Some(" ")],
            ),
            Column::new("stars".into(), [Some(5i64), Some(1), None, Some(2)]),
            Column::new("score".into(), [0.5, f64::NAN, 1.0, 2.0]),
        ],
    )
    .unwrap();
    let read =
        |text: &str, target: &str, skip: bool| TextData::from_frame(&frame, text, target, skip);
    let error =
        |text: &str, target: &str, skip| read(text, target, skip).err().unwrap().to_string();
    let missing = error("review", "stars", false);
    assert!(
        missing.contains("column \"review\", row 2: the value is missing, as in 2 of 4 rows"),
        "{missing}"
    );
    let numbers = error("stars", "review", false);
    assert!(
        numbers.contains("column \"stars\": it holds values of the type i64; texts are expected"),
        "{numbers}"
    );
    let absent = error("reviews", "stars", false);
    assert!(absent.contains("the nearest: review"), "{absent}");
    let kept = read("review", "stars", true).unwrap();
    assert_eq!((kept.texts.len(), kept.skipped), (1, 3));
    assert_eq!(kept.targets, TextTargets::Numbers(vec![5.0]));
    let bools = DataFrame::new(
        2,
        vec![
            Column::new("t".into(), ["x", "y"]),
            Column::new("b".into(), [true, false]),
        ],
    );
    let data = TextData::from_frame(&bools.unwrap(), "t", "b", false).unwrap();
    let TextTargets::Classes(classes) = data.targets else {
        panic!("true and false are classes");
    };
    assert_eq!(
        (classes.labels(), classes.names()),
        (&[1, 0][..], &["false".to_owned(), "true".to_owned()][..])
    );
}

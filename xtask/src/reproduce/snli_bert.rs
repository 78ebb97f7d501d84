//! Natural-language inference with BERT: on SNLI from the course's pretrained weights, with `--quick` from scratch on
//! generated pairs.

use std::path::Path;

use anyhow::{Result, ensure};
use tinderbox::data::synthetic;
use tinderbox::data::text::{Inferences, LabeledTexts, MaskedPairs, Vocab, VocabConfig, read_snli};
use tinderbox::models::{Bert, BertConfig, BertPredictor, BertPredictorConfig, Pooling};
use tinderbox::prelude::*;
use tinderbox::train::{Accuracy, Renamed, load_renamed_weights};

use super::texts::{SNLI, test_accuracy};
use super::words::Archive;
use super::{Experiment, SeedRun, Work, band};

pub const EXPERIMENTS: &[Experiment] = &[Experiment {
    name: "snli-bert",
    seeds: (3, 1),
    bands: &[band("test accuracy", 0.777, 0.781, 0.785)],
    work: Work::Sized {
        measure: snli,
        quick: "from scratch on 4,000 generated pairs, 2 blocks of 32 features, 10 epochs",
        heavy: true,
    },
}];

/// The course's small pretrained BERT: its vocabulary, and the weights as PyTorch writes them.
const BERT: Archive = Archive {
    file: "bert.small.torch.zip",
    address: "http://d2l-data.s3-accelerate.amazonaws.com/bert.small.torch.zip",
    sha1: "c72329e68a732bef0452e4b96a1c341c8910f81f",
};

/// 128 tokens of both sentences, 5 epochs, Adam with 1e-4, as in the course.
fn snli(quick: bool, run: &SeedRun) -> Result<Vec<f64>> {
    let seed = Seed::new(run.seed);
    let device = &run.device;
    let ([train, test], vocab, encoder, bert) = match quick {
        true => {
            let part = |count, name| synthetic::inferences(count, seed.child(name));
            let parts = [part(4_000, "train")?, part(500, "test")?];
            let vocab = vocab(&parts[0])?;
            let config = BertConfig {
                context: 32,
                size: 32,
                feed_forward: 64,
                dropout: 0.0,
                // From scratch the course's shape learns this slowly.
                embedding_norm: true,
                initializer_range: 0.3,
                ..BertConfig::course(vocab.len())
            };
            let bert = config.init(seed.child("bert"), device)?;
            (parts, vocab, config, bert)
        }
        false => {
            let path = SNLI.path()?;
            let parts = [read_snli(&path, "train")?, read_snli(&path, "test")?];
            let vocab = pretrained_vocab(&BERT.read("vocab.json")?)?;
            let config = BertConfig::course(vocab.len());
            let folder = tempfile::tempdir()?;
            let file = folder.path().join("pretrained.params");
            std::fs::write(&file, BERT.bytes("pretrained.params")?)?;
            let bert = course_bert(&config, &file, device)?;
            (parts, vocab, config, bert)
        }
    };
    let steps = encoder.context.min(128);
    let shape = BertPredictorConfig {
        encoder,
        // The course keeps the layer on the first token, of which only the last layer is new.
        pooling: Pooling::Pooler,
        outputs: 3,
        dropout: 0.0,
        separator: vocab.get("<sep>"),
    };
    let model = BertPredictor::new(&shape, bert, seed.child("weights"), device)?;
    let batch_size = if quick { 32 } else { 512 };
    let loader = |pairs: &Inferences| -> Result<_> {
        let texts = joined(pairs, steps, &vocab)?;
        Ok(Loader::for_evaluation(texts, batch_size)?)
    };
    let config = TrainConfig {
        epochs: if quick { 10 } else { 5 },
        learning_rate: if quick { 0.002 } else { 1e-4 },
        optimizer: OptimizerConfig::adam().into(),
        seed: run.seed,
        ..TrainConfig::default()
    };
    let train = loader(&train)?.shuffle(seed.child("order"));
    let trainer = Trainer::new(config)?.metric(Accuracy::default());
    let task = Classification::default();
    let fitted = trainer.fit(model, &task, &train, Some(&loader(&test)?))?;
    Ok(vec![test_accuracy(fitted, quick.then_some(0.95))?])
}

/// The words of training pairs, after the reserved tokens.
fn vocab(pairs: &Inferences) -> Result<Vocab> {
    let config = VocabConfig {
        reserved: MaskedPairs::reserved(),
        ..VocabConfig::default()
    };
    let words = pairs.pairs.iter().flatten();
    Ok(Vocab::fit(
        words.flat_map(|text| text.split_whitespace()),
        &config,
    )?)
}

/// Premise and hypothesis as one text each, in lower case.
fn joined(
    pairs: &Inferences,
    steps: usize,
    vocab: &Vocab,
) -> Result<LabeledTexts<tinderbox::data::Classes>> {
    let ids = |text: &String| {
        let text = text.to_lowercase();
        text.split_whitespace().map(|word| vocab.id(word)).collect()
    };
    let side = |side: usize| pairs.pairs.iter().map(|pair| ids(&pair[side])).collect();
    let sides = [side(0), side(1)];
    Ok(LabeledTexts::joined(
        sides,
        pairs.classes.clone(),
        steps,
        vocab,
    )?)
}

/// The vocabulary of the archive: a list of tokens, the unknown one first.
fn pretrained_vocab(text: &str) -> Result<Vocab> {
    let tokens: Vec<String> = serde_json::from_str(text)?;
    let first = tokens.first().map(String::as_str);
    ensure!(
        first == Some("<unk>"),
        "the first token is {first:?} instead of <unk>"
    );
    let counts = vec![0; tokens.len()];
    let vocab = serde_json::json!({ "tokens": tokens, "counts": counts });
    Ok(serde_json::from_value(vocab)?)
}

/// An encoder of this shape with the weights of a file that has the course's names.
fn course_bert(config: &BertConfig, file: &Path, device: &Device) -> Result<Bert> {
    // The numbers are read from the file.
    let model = config.init(Seed::new(0), device)?;
    Ok(load_renamed_weights(
        model,
        &[file.to_owned()],
        course_name,
    )?)
}

/// `encoder.blks.0.attention.W_q.weight`, `encoder.layer.0.attention.heads.query.weight`.
fn course_name(name: &str) -> Renamed {
    if name == "encoder.pos_embedding" {
        return Renamed::Squeezed("embeddings.position_embeddings.weight".into());
    }
    // The heads of the pretraining.
    if name.starts_with("mlm.") || name.starts_with("nsp.") {
        return Renamed::Ignored;
    }
    let parts = [
        ("encoder.token_embedding", "embeddings.word_embeddings"),
        (
            "encoder.segment_embedding",
            "embeddings.token_type_embeddings",
        ),
        ("encoder.blks.", "encoder.layer."),
        ("attention.W_q", "attention.heads.query"),
        ("attention.W_k", "attention.heads.key"),
        ("attention.W_v", "attention.heads.value"),
        ("attention.W_o", "attention.output.dense"),
        ("addnorm1.ln", "attention.output.norm"),
        ("ffn.dense1", "intermediate.dense"),
        ("ffn.dense2", "output.dense"),
        ("addnorm2.ln", "output.norm"),
        ("hidden.0", "pooler.dense"),
    ];
    let renamed = |name: String, (theirs, ours): (&str, &str)| name.replace(theirs, ours);
    Renamed::Name(parts.into_iter().fold(name.to_owned(), renamed))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use tinderbox::models::BertInputs;

    use super::*;

    #[derive(Deserialize)]
    struct Reference {
        tokens: Vec<Vec<i32>>,
        pooled: Vec<Vec<f32>>,
    }

    /// `tests/reference/make_course_bert.py`
    #[test]
    fn weights_with_the_course_s_names_compute_what_the_course_does() {
        let text = std::fs::read("tests/reference/course_bert.json").unwrap();
        let expected: Reference = serde_json::from_slice(&text).unwrap();
        let config = BertConfig {
            context: 9,
            size: 8,
            feed_forward: 12,
            heads: 2,
            ..BertConfig::course(11)
        };
        let file = Path::new("tests/reference/course_bert.safetensors");
        let device = Device::flex();
        let model = course_bert(&config, file, &device).unwrap();
        for (tokens, expected) in expected.tokens.iter().zip(&expected.pooled) {
            let steps = tokens.len();
            let tokens = Tensor::<1, Int>::from_data(&tokens[..], &device).reshape([1, steps]);
            let vectors = model.forward(BertInputs {
                types: Some(Bert::types_of_pairs(tokens.clone(), 4)),
                tokens,
                lengths: Tensor::from_data([steps as i32], &device),
            });
            let pooled = model.pool(vectors).unwrap().into_data();
            for (ours, theirs) in pooled.iter::<f32>().zip(expected) {
                assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
            }
        }
        let error = course_bert(
            &BertConfig {
                layers: 3,
                ..config
            },
            file,
            &device,
        );
        let error = error.unwrap_err().to_string();
        assert!(error.contains("16 missing: encoder.layer.2."), "{error}");
    }

    #[test]
    fn the_vocabulary_of_the_archive_is_a_list_of_tokens() {
        let vocab = pretrained_vocab(r#"["<unk>", "<pad>", "<mask>", "<cls>", "<sep>", "a"]"#);
        let vocab = vocab.unwrap();
        assert_eq!((vocab.id("a"), vocab.id("b"), vocab.len()), (5, 0, 6));
        let error = pretrained_vocab(r#"["a"]"#).unwrap_err().to_string();
        assert!(error.contains("instead of <unk>"), "{error}");
    }

    #[test]
    fn pairs_are_read_in_lower_case() {
        let pairs = Inferences {
            pairs: vec![["A dog".into(), "An animal".into()]],
            classes: tinderbox::data::Classes::new(vec![0], vec!["x".into(), "y".into()]).unwrap(),
        };
        let lower = ["a dog an animal"].map(|text| [text.to_owned(), text.to_owned()]);
        let vocab = vocab(&Inferences {
            pairs: lower.to_vec(),
            classes: pairs.classes.clone(),
        });
        let texts = joined(&pairs, 128, &vocab.unwrap()).unwrap();
        assert!(!texts.ids()[0].contains(&0) && texts.ids()[0].len() == 7);
    }
}

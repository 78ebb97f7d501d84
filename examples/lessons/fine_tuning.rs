//! Fine-tuning BERT: one encoder for many tasks; a head, all layers, LoRA, and learning rates by layer.
//!
//! Dive into Deep Learning, chapters "Fine-Tuning BERT for Sequence-Level and Token-Level Applications" and "Natural
//! Language Inference: Fine-Tuning BERT".
//! `cargo run --example fine_tuning`

use anyhow::{Context, Result};
use clap::Parser;
use examples::lesson::Page;
use examples::unless_interrupted;
use tinderbox::Rng;
use tinderbox::burn::optim::GradientsParams;
use tinderbox::data::text::{LabeledTexts, MaskedPairBatch, MaskedPairs, Vocab, VocabConfig};
use tinderbox::models::{
    Bert, BertConfig, BertInputs, BertPredictor, BertPredictorConfig, BertPretraining, Pooling,
    pretraining_losses,
};
use tinderbox::nn::{
    Init, Layer, Lora, TextNetwork, count_parameters, cross_entropy, merge_lora, parameters,
};
use tinderbox::optim::{ParameterGroup, Select, frozen_group};
use tinderbox::prelude::*;
use tinderbox::train::{Accuracy, StepError};

const NOUNS: [&str; 6] = ["film", "plot", "cast", "music", "ending", "script"];
const WORDS: [[&str; 6]; 2] = [
    ["bad", "dull", "poor", "weak", "awful", "boring"],
    ["good", "great", "fine", "superb", "lovely", "clever"],
];
/// The first words of each kind, which the labeled texts have.
const LABELED: usize = 2;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("fine_tuning"), &args.device()?, args.seed())
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Fine-tuning BERT")?;
    page.text(
        "Pretraining needs text without labels, of which there is much; a task has few labels. Fine-tuning\n\
         starts from the pretrained weights: the encoder has learned already which words are alike.",
    )?;
    let vocab = vocab()?;
    let shape = BertConfig {
        context: 16,
        size: 16,
        feed_forward: 32,
        heads: 2,
        layers: 1,
        dropout: 0.0,
        pooler: false,
        initializer_range: 0.25,
        ..BertConfig::base(vocab.len())
    };
    tasks(page, &shape, device, seed)?;
    let lesson = Lesson {
        bert: pretrain(page, &shape, &vocab, device, seed)?,
        scratch: shape.init(seed.child("scratch"), device)?,
        shape,
        vocab,
        device: device.clone(),
        seed,
    };
    lesson.compare(page)?;
    lesson.merge(page)?;
    lesson.rates(page)
}

/// A sentence that praises or not: the sentence and the word of what the writer thought.
fn sentence(rng: &mut Rng, words: std::ops::Range<usize>) -> (String, bool) {
    let noun = NOUNS[rng.below(NOUNS.len() as u64) as usize];
    let good = rng.below(2) == 1;
    let word = words.start + rng.below(words.len() as u64) as usize;
    let word = WORDS[usize::from(good)][word];
    (format!("{word} {noun}"), good)
}

fn vocab() -> Result<Vocab> {
    let config = VocabConfig {
        reserved: MaskedPairs::reserved(),
        ..VocabConfig::default()
    };
    let others = ["i", "liked", "hated", "it"];
    let words = NOUNS.iter().chain(WORDS.iter().flatten()).chain(&others);
    Ok(Vocab::fit(words.copied(), &config)?)
}

fn ids(text: &str, vocab: &Vocab) -> Vec<u32> {
    text.split_whitespace().map(|word| vocab.id(word)).collect()
}

/// The outputs of the four kinds of tasks.
fn tasks(page: &mut Page, shape: &BertConfig, device: &Device, seed: Seed) -> Result<()> {
    page.section("One encoder, four kinds of tasks")?;
    page.text(
        "All of them add one linear layer to the encoder's vectors. For a whole text or a pair it is\n\
         applied to the vector of <cls>, for a tag of each token to every vector. An answer in a text has a\n\
         start and an end: two numbers for each token. Only the new layer starts from random weights.",
    )?;
    let init = Init::new(
        seed.child("tasks"),
        device,
        Initializer::Normal { std: 0.02 },
    );
    let encoder = shape.init(seed.child("tasks"), device)?;
    // Two texts of 7 tokens: <cls>, a premise of 2, <sep>, a hypothesis of 2, <sep>.
    let tokens = Tensor::<2, Int>::from_data(
        [[3, 10, 11, 4, 12, 13, 4], [3, 14, 15, 4, 16, 17, 4]],
        device,
    );
    let types = Bert::types_of_pairs(tokens.clone(), 4);
    let row = |tensor: Tensor<2, Int>| tensor.narrow(0, 0, 1).reshape([7]);
    page.show("types of a pair", &row(types.clone()))?;
    let vectors = encoder.forward(BertInputs {
        tokens,
        types: Some(types),
        lengths: Tensor::from_data([7, 7], device),
    });
    let size = shape.size;
    let first = vectors.clone().narrow(1, 0, 1).reshape([2, size]);
    let classes = init.linear("classes", size, 3).apply(first);
    let tags = init.linear("tags", size, 5).apply(vectors.clone());
    let answer = init.linear("answer", size, 2).apply(vectors.clone());
    page.show("vectors", &vectors.dims())?;
    page.show("classes of a text or a pair", &classes.dims())?;
    page.show("tags of the tokens", &tags.dims())?;
    page.show("start and end of an answer", &answer.dims())
}

/// An encoder that has learned to fill in masked words; nobody labeled the texts.
fn pretrain(
    page: &mut Page,
    shape: &BertConfig,
    vocab: &Vocab,
    device: &Device,
    seed: Seed,
) -> Result<Bert> {
    page.section("Pretraining without labels")?;
    page.text(
        "Texts say what was good and what the writer thought of it. Who fills in \"liked\" or \"hated\" must\n\
         know which words praise.",
    )?;
    let mut rng = seed.child("texts").rng();
    let mut review = || {
        let (text, liked) = sentence(&mut rng, 0..6);
        format!("{text} i {} it", if liked { "liked" } else { "hated" })
    };
    page.show("a text", &review())?;
    let paragraphs: Vec<Vec<Vec<u32>>> = (0..TEXTS)
        .map(|_| vec![ids(&review(), vocab), ids(&review(), vocab)])
        .collect();
    let pairs = MaskedPairs::new(&paragraphs, 16, vocab, seed.child("pairs"))?;
    let loader = Loader::new(pairs, 16)?.shuffle(seed.child("order"));
    let model = BertPretraining::new(shape, seed.child("bert"), device)?;
    let task = |model: &BertPretraining, batch: MaskedPairBatch| -> Result<_, StepError> {
        let [pairs] = batch.next.dims();
        let inputs = BertInputs {
            tokens: batch.tokens,
            types: Some(batch.types),
            lengths: batch.lengths,
        };
        let (_, tokens, next) = model.forward(inputs, batch.positions);
        let masked = (batch.labels, batch.weights);
        // The texts of a pair have nothing to do with each other: the second loss is left out.
        let [masked, _] = pretraining_losses((tokens, next), masked, batch.next);
        Ok(Step::mean(masked, pairs))
    };
    let config = TrainConfig {
        epochs: PRETRAINING,
        learning_rate: 0.01,
        optimizer: OptimizerConfig::adam().into(),
        seed: seed.value(),
        ..TrainConfig::default()
    };
    let fitted = Trainer::new(config)?.fit(model, &task, &loader, None)?;
    let fitted = unless_interrupted(fitted.finished())?;
    let losses = fitted.history.epochs.iter();
    let losses: Vec<f64> = losses.filter_map(|epoch| epoch.get("train_loss")).collect();
    let (Some(first), Some(last)) = (losses.first(), losses.last()) else {
        anyhow::bail!("there was no epoch");
    };
    page.show("loss of the first epoch", &format!("{first:.2}"))?;
    page.show("loss of the last epoch", &format!("{last:.2}"))?;
    Ok(fitted.model.bert)
}

/// Pairs of texts, and passes over them.
const TEXTS: usize = 320;
const PRETRAINING: usize = 20;

struct Lesson {
    bert: Bert,
    scratch: Bert,
    shape: BertConfig,
    vocab: Vocab,
    device: Device,
    seed: Seed,
}

/// A model after training, with the share of right classes of test texts.
struct Tuned {
    model: BertPredictor,
    accuracy: f64,
}

impl Lesson {
    /// Sentences with a class: whether the writer liked it.
    fn texts(
        &self,
        count: usize,
        words: std::ops::Range<usize>,
        name: &str,
    ) -> Result<LabeledTexts<Classes>> {
        let mut rng = self.seed.child(name).rng();
        let (mut texts, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (text, liked) = sentence(&mut rng, words.clone());
            texts.push(ids(&format!("<cls> {text} <sep>"), &self.vocab));
            labels.push(i32::from(liked));
        }
        let classes = Classes::new(labels, ["hated", "liked"].map(String::from).to_vec())?;
        Ok(LabeledTexts::new(texts, classes)?)
    }

    /// A new layer on an encoder, which may have adapters.
    fn predictor(&self, bert: Bert) -> Result<BertPredictor> {
        let config = BertPredictorConfig {
            encoder: self.shape.clone(),
            pooling: Pooling::Mean,
            outputs: 2,
            dropout: 0.0,
            separator: None,
        };
        Ok(BertPredictor::new(
            &config,
            bert,
            self.seed.child("head"),
            &self.device,
        )?)
    }

    fn lora(&self, rank: usize) -> Result<BertPredictor> {
        let lora = Lora::new(rank, 2.0 * rank as f64);
        self.predictor(lora.apply(self.bert.clone(), self.seed.child("lora"))?)
    }

    fn tune(&self, model: BertPredictor, how: TrainConfig) -> Result<Tuned> {
        let train = self.texts(32, 0..LABELED, "train")?;
        let test = self.texts(256, LABELED..6, "test")?;
        let train = Loader::new(train, 8)?.shuffle(self.seed.child("batches"));
        let test = Loader::for_evaluation(test, 256)?;
        let config = TrainConfig {
            epochs: 12,
            optimizer: OptimizerConfig::adam().into(),
            seed: self.seed.value(),
            ..how
        };
        let trainer = Trainer::new(config)?.metric(Accuracy::default());
        let task = Classification::default();
        let fitted =
            unless_interrupted(trainer.fit(model, &task, &train, Some(&test))?.finished())?;
        let last = fitted.history.last().context("there was no epoch")?;
        Ok(Tuned {
            model: fitted.model,
            accuracy: last.get("valid_accuracy").context("it was measured")?,
        })
    }

    /// The number of parameters that have a gradient.
    fn trained(&self, model: &BertPredictor, freeze: &[&str]) -> Result<usize> {
        let device = self.device.clone().autodiff();
        let model = model.clone().to_device(&device).train();
        let parts: Vec<String> = freeze.iter().map(|part| (*part).to_owned()).collect();
        let frozen = frozen_group(&model, &parts)?;
        let model = model.freeze_group(frozen);
        let outputs = model.forward(
            Tensor::from_data([[3, 5, 4]], &device),
            Tensor::from_data([3], &device),
        );
        let loss = cross_entropy(outputs, Tensor::from_data([1], &device), 0.0);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let all = parameters(&model);
        let has = all.iter().filter(|parameter| match parameter.shape.len() {
            1 => gradients.get::<1>(parameter.id).is_some(),
            _ => gradients.get::<2>(parameter.id).is_some(),
        });
        Ok(has.map(|parameter| parameter.count()).sum())
    }

    fn compare(&self, page: &mut Page) -> Result<()> {
        page.section("What is trained")?;
        page.text(
            "32 labeled sentences have four of the twelve words that praise or not; the test sentences have\n\
             the other eight. LoRA keeps the weights W and trains two thin matrices: W + alpha / rank A B.",
        )?;
        let rate = |learning_rate| TrainConfig {
            learning_rate,
            ..TrainConfig::default()
        };
        let frozen = TrainConfig {
            freeze: vec!["bert".into()],
            ..rate(0.01)
        };
        let all = || self.predictor(self.bert.clone());
        let runs = [
            (
                "all, from scratch",
                self.predictor(self.scratch.clone())?,
                rate(0.002),
                &[][..],
            ),
            ("the new layer", all()?, frozen, &["bert"][..]),
            ("all layers", all()?, rate(0.002), &[]),
            ("LoRA, rank 2", self.lora(2)?, rate(0.01), &[]),
        ];
        let mut rows = Vec::new();
        for (name, model, how, freeze) in runs {
            let count = self.trained(&model, freeze)?;
            let accuracy = self.tune(model, how)?.accuracy;
            rows.push(vec![
                name.to_owned(),
                count.to_string(),
                format!("{accuracy:.3}"),
            ]);
        }
        page.table(&["trained", "parameters", "accuracy"], &rows)?;
        page.text(
            "From scratch nothing is known of words without a label: that is guessing. LoRA's count is that of\n\
             queries and values, 2 (16 x 2 + 2 x 16), and of the new layer, 16 x 2 + 2.",
        )
    }

    fn merge(&self, page: &mut Page) -> Result<()> {
        page.section("Merging the adapters")?;
        page.text(
            "A B is a matrix of the shape of W. Added to it once, the model is as fast as before and needs no\n\
             code for adapters. Another task has another A and B for the same W: small files.",
        )?;
        let how = TrainConfig {
            learning_rate: 0.01,
            ..TrainConfig::default()
        };
        let tuned = self.tune(self.lora(2)?, how)?.model;
        let texts = self.texts(64, 0..6, "merge")?;
        let loader = Loader::for_evaluation(texts, 64)?;
        let device = tuned
            .devices()
            .into_iter()
            .next()
            .context("it has weights")?;
        let batch = loader
            .epoch(0, 0, &device)?
            .next()
            .context("there are texts")??;
        let outputs = |model: &BertPredictor| {
            let texts = batch.inputs.clone();
            model.forward(texts.ids, texts.lengths)
        };
        let before = outputs(&tuned);
        page.show("parameters with adapters", &count_parameters(&tuned))?;
        let merged = merge_lora(tuned);
        page.show("parameters merged", &count_parameters(&merged))?;
        let largest: f64 = before.clone().abs().max().into_scalar();
        let difference: f64 = (outputs(&merged) - before).abs().max().into_scalar();
        page.show("largest output", &format!("{largest:.1}"))?;
        page.show("difference is below 0.00001", &(difference < 1e-5))
    }

    fn rates(&self, page: &mut Page) -> Result<()> {
        page.section("Learning rates by layer")?;
        page.text(
            "Lower layers know what words are in general and change little; the new layer knows nothing. Each\n\
             block has a fraction of the learning rate of the block above it (Howard and Ruder 2018).",
        )?;
        let decay = 0.5f64;
        let parts = ["classifier", "bert.encoder.layer.0", "bert.embeddings"];
        let factors = parts.iter().zip([1.0, decay, decay.powi(2)]);
        let group = |part: &str, factor| {
            ParameterGroup::new(Select::Prefix(part.into())).rate_factor(factor)
        };
        let plan = TrainConfig {
            learning_rate: 0.004,
            groups: factors
                .clone()
                .map(|(part, factor)| group(part, factor))
                .collect(),
            ..TrainConfig::default()
        };
        let rate = plan.learning_rate;
        let tuned = self.tune(self.predictor(self.bert.clone())?, plan)?;
        let before = weights(&self.bert);
        let after = weights(&tuned.model.bert);
        let mut rows = Vec::new();
        for (part, factor) in factors {
            let inside = part.trim_start_matches("bert.");
            let moved = before.iter().zip(&after);
            let moved = moved.filter(|((path, _), _)| path.starts_with(inside));
            let (sum, count) = moved.fold((0.0, 0usize), |(sum, count), ((_, old), (_, new))| {
                let steps = old
                    .iter()
                    .zip(new)
                    .map(|(old, new)| f64::from((old - new).abs()));
                (sum + steps.sum::<f64>(), count + old.len())
            });
            let mean = match count {
                0 => "new".to_owned(),
                _ => format!("{:.4}", sum / count as f64),
            };
            rows.push(vec![
                (*part).to_owned(),
                format!("{:.4}", rate * factor),
                mean,
            ]);
        }
        page.table(&["part", "learning rate", "mean change"], &rows)?;
        page.show("accuracy", &format!("{:.3}", tuned.accuracy))?;
        page.text(
            "Pitfall: one large learning rate for all layers. The gradients of the first steps come through a\n\
             random new layer, and what was pretrained is lost:",
        )?;
        let fast = TrainConfig {
            learning_rate: 0.1,
            ..TrainConfig::default()
        };
        let lost = self.tune(self.predictor(self.bert.clone())?, fast)?;
        page.show(
            "accuracy with 0.1 everywhere",
            &format!("{:.3}", lost.accuracy),
        )
    }
}

/// All weights by their paths.
fn weights(bert: &Bert) -> Vec<(String, Vec<f32>)> {
    use tinderbox::burn::module::{ModuleVisitor, Param};

    #[derive(Default)]
    struct Numbers(Vec<Vec<f32>>);
    impl ModuleVisitor for Numbers {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.val().into_data().iter::<f32>().collect());
        }
    }
    let mut numbers = Numbers::default();
    bert.visit(&mut numbers);
    let paths = parameters(bert).into_iter().map(|parameter| parameter.path);
    paths.zip(numbers.0).collect()
}

//! Whole training loops of language and translation models: batches, forward, loss, clipping, step, perplexity; one
//! iteration is an epoch. And generation: one token behind so many others.
#![recursion_limit = "256"]

use std::time::Duration;

use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use tinderbox::data::text::{
    MaskedPairBatch, MaskedPairs, PaddedSentences, Sampling, SentencePairs, TextLoader, TokenRules,
    Tokenizer, Vocab, VocabConfig,
};
use tinderbox::models::{
    BertConfig, BertInputs, BertPretraining, Gpt, GptConfig, LanguageModelConfig,
    TranslationConfig, mean_of_tokens, pretraining_losses,
};
use tinderbox::nn::lessons::{
    self, Gate, GruWeights, LstmWeights, clip_gradients, gru_step, lstm_step, rnn_step,
};
use tinderbox::nn::{AttentionState, LanguageNetwork};
use tinderbox::prelude::*;
use tinderbox::train::{Clip, LanguageModeling, Perplexity, Step, StepError, Translation};

/// Of the course: windows of 35 characters, 32 side by side, 28 different ones.
const STEPS: usize = 35;
const BATCH: usize = 32;
const VOCABULARY: u64 = 28;
const BATCHES: usize = 20;
/// Tokens that are generated one after the other.
const TOKENS: usize = 64;

fn characters(criterion: &mut Criterion) {
    let device = Device::flex();
    let mut draw = Seed::new(0).rng();
    let ids: Vec<u32> = (0..BATCHES * STEPS * BATCH + BATCH)
        .map(|_| draw.below(VOCABULARY) as u32)
        .collect();
    let loader = TextLoader::new(ids, STEPS, BATCH, Sampling::Sequential);
    let loader = loader.expect("a text longer than a batch");
    let loader = loader.last_batch(LastBatch::Drop);
    let mut group = criterion.benchmark_group("sequences/characters");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_secs(1));
    // Elements are batches, so criterion prints steps per second.
    group.throughput(Throughput::Elements(BATCHES as u64));
    for name in ["rnn", "gru", "lstm", "deep"] {
        let config = LanguageModelConfig::by_name(name, VOCABULARY as usize);
        let model = config.and_then(|config| config.init(Seed::new(2), &device));
        let model = model.expect("a model of the course");
        let config = TrainConfig {
            epochs: 1,
            learning_rate: 1.0,
            clip: Some(Clip::Norm(1.0)),
            ..TrainConfig::default()
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let trainer = Trainer::new(config.clone()).expect("a valid configuration");
                trainer
                    .metric(Perplexity::default())
                    .fit(model.clone(), &LanguageModeling, &loader, None)
                    .expect("a finite loss")
            })
        });
    }
    group.finish();
}

/// The same networks from scratch: every step of a sequence, every gradient and every weight by hand.
fn scratch(criterion: &mut Criterion) {
    let device = Device::flex().autodiff();
    let mut draw = Seed::new(0).rng();
    let mut batch = || -> [Vec<i32>; 2] {
        [(); 2].map(|()| {
            let id = |_| draw.below(VOCABULARY) as i32;
            (0..STEPS * BATCH).map(id).collect()
        })
    };
    let batches: Vec<_> = (0..BATCHES).map(|_| batch()).collect();
    let mut group = criterion.benchmark_group("sequences/scratch");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(BATCHES as u64));
    for (name, gates) in [("rnn", 1), ("gru", 3), ("lstm", 4)] {
        let first = Scratch::new(gates, &device);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let (mut network, mut state) = (first.clone(), None);
                for batch in &batches {
                    let [inputs, targets] = batch.each_ref().map(|ids| {
                        let data = TensorData::new(ids.clone(), [STEPS, BATCH]);
                        Tensor::<2, Int>::from_data(data, &device)
                    });
                    state = Some(network.step(inputs, targets, state.take()));
                }
            })
        });
    }
    group.finish();
}

/// A recurrent network of 256 units and the layer that gives logits.
#[derive(Clone)]
struct Scratch {
    gates: usize,
    /// For each gate the weights of inputs and state and a bias; then weight and bias of the output.
    weights: Vec<Tensor<2>>,
}

impl Scratch {
    fn new(gates: usize, device: &Device) -> Self {
        const UNITS: usize = 256;
        let tokens = VOCABULARY as usize;
        let mut draw = Seed::new(1).rng();
        let mut normal = |rows: usize, columns: usize| {
            let numbers: Vec<f32> = (0..rows * columns)
                .map(|_| 0.01 * draw.normal() as f32)
                .collect();
            let weight = Tensor::<2>::from_data(TensorData::new(numbers, [rows, columns]), device);
            weight.require_grad()
        };
        let zeros = |count| Tensor::<2>::zeros([1, count], device).require_grad();
        let mut weights = Vec::new();
        for _ in 0..gates {
            weights.extend([normal(tokens, UNITS), normal(UNITS, UNITS), zeros(UNITS)]);
        }
        weights.extend([normal(UNITS, tokens), zeros(tokens)]);
        Self { gates, weights }
    }

    fn gate(&self, index: usize) -> Gate {
        let [input, state, bias] = [0, 1, 2].map(|part| self.weights[3 * index + part].clone());
        Gate { input, state, bias }
    }

    /// One training step on a window `[steps, batch]`; returns the state behind it.
    fn step(
        &mut self,
        inputs: Tensor<2, Int>,
        targets: Tensor<2, Int>,
        state: Option<[Tensor<2>; 2]>,
    ) -> [Tensor<2>; 2] {
        let [tokens, units] = self.weights[0].dims();
        let device = inputs.device();
        let zeros = || Tensor::zeros([BATCH, units], &device);
        let mut state = state.unwrap_or_else(|| [zeros(), zeros()]);
        let mut states = Vec::with_capacity(STEPS);
        for step in 0..STEPS {
            let ids = inputs.clone().narrow(0, step, 1).reshape([BATCH]);
            let input = ids.one_hot::<2>(tokens).float();
            let [hidden, memory] = state;
            state = match self.gates {
                1 => [rnn_step(&self.gate(0), input, hidden), memory],
                3 => {
                    let weights = GruWeights {
                        update: self.gate(0),
                        reset: self.gate(1),
                        candidate: self.gate(2),
                    };
                    [gru_step(&weights, input, hidden), memory]
                }
                _ => {
                    let weights = LstmWeights {
                        input: self.gate(0),
                        forget: self.gate(1),
                        output: self.gate(2),
                        candidate: self.gate(3),
                    };
                    lstm_step(&weights, input, [hidden, memory])
                }
            };
            states.push(state[0].clone());
        }
        let last = 3 * self.gates;
        let outputs = Tensor::cat(states, 0).matmul(self.weights[last].clone());
        let logits = outputs + self.weights[last + 1].clone();
        let loss = lessons::cross_entropy(lessons::softmax(logits), targets.flatten(0, 1)).mean();
        let gradients = loss.backward();
        let own = self.weights.iter().map(|weight| weight.grad(&gradients));
        let own = own
            .collect::<Option<Vec<_>>>()
            .expect("a gradient for every weight");
        for (weight, gradient) in self.weights.iter_mut().zip(clip_gradients(own, 1.0).0) {
            *weight = Tensor::from_inner(weight.clone().inner() - gradient).require_grad();
        }
        state.map(Tensor::detach)
    }
}

/// The small GPT: windows of 64 characters, 12 at a time.
fn gpt(criterion: &mut Criterion) {
    const STEPS: usize = 64;
    const BATCH: usize = 12;
    let device = Device::flex();
    let mut draw = Seed::new(0).rng();
    let ids: Vec<u32> = (0..BATCHES * STEPS * BATCH + STEPS + 1)
        .map(|_| draw.below(VOCABULARY) as u32)
        .collect();
    let loader = TextLoader::new(ids, STEPS, BATCH, Sampling::Random);
    let loader = loader.expect("a text longer than a batch");
    let loader = loader.last_batch(LastBatch::Drop);
    let batches = loader.num_batches() as u64;
    let model = GptConfig::small(VOCABULARY as usize).init(Seed::new(2), &device);
    let model = model.expect("valid sizes");
    let config = TrainConfig {
        epochs: 1,
        learning_rate: 1e-3,
        optimizer: OptimizerConfig::adamw().into(),
        clip: Some(Clip::Norm(1.0)),
        ..TrainConfig::default()
    };
    let mut group = criterion.benchmark_group("sequences/transformer");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.throughput(Throughput::Elements(batches));
    group.bench_function("gpt", |bencher| {
        bencher.iter(|| {
            let trainer = Trainer::new(config.clone()).expect("a valid configuration");
            trainer
                .fit(model.clone(), &LanguageModeling, &loader, None)
                .expect("a finite loss")
        })
    });
    group.finish();
}

/// The course's translation models: 10 tokens, 64 pairs at a time, vocabularies of 184 and 201.
fn translation(criterion: &mut Criterion) {
    const PAIRS: usize = 64 * 10;
    let device = Device::flex();
    let mut draw = Seed::new(0).rng();
    let mut side = |vocabulary: usize| {
        let words: Vec<String> = (0..vocabulary - 4).map(|word| format!("w{word}")).collect();
        let config = VocabConfig {
            reserved: PaddedSentences::reserved(),
            ..VocabConfig::default()
        };
        let tokenizer = Tokenizer::fit(TokenRules::WORDS, &words.join(" "), &config);
        let vocab = tokenizer.expect("words").vocab().clone();
        let sentences: Vec<Vec<u32>> = (0..PAIRS)
            .map(|_| {
                let length = 3 + draw.below(6);
                let word = |_| 4 + draw.below(vocabulary as u64 - 4) as u32;
                (0..length).map(word).collect()
            })
            .collect();
        let padded = PaddedSentences::new(sentences, 10, &vocab);
        (padded.expect("reserved tokens"), vocab)
    };
    let ((source, _), (target, vocab)) = (side(184), side(201));
    let pairs = SentencePairs::new(source, target).expect("as many of each");
    let loader = Loader::new(pairs, 64).expect("pairs").shuffle(Seed::new(1));
    let task = Translation::new(&vocab).expect("reserved tokens");
    let config = TrainConfig {
        epochs: 1,
        learning_rate: 0.005,
        optimizer: OptimizerConfig::adam().into(),
        clip: Some(Clip::Norm(1.0)),
        ..TrainConfig::default()
    };
    let mut group = criterion.benchmark_group("sequences/translation");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.throughput(Throughput::Elements((PAIRS / 64) as u64));
    for name in TranslationConfig::NAMES {
        let model = TranslationConfig::by_name(name, 184, 201);
        let model = model.and_then(|config| config.init(Seed::new(2), &device));
        let model = model.expect("a model of the course");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let trainer = Trainer::new(config.clone()).expect("a valid configuration");
                trainer
                    .fit(model.clone(), &task, &loader, None)
                    .expect("a finite loss")
            })
        });
    }
    group.finish();
}

/// One token of the small GPT with a long context, behind 16, 256 and 1,024 others.
fn generation(criterion: &mut Criterion) {
    let device = Device::flex();
    let config = GptConfig {
        context: 2048,
        ..GptConfig::small(VOCABULARY as usize)
    };
    let model = config.init(Seed::new(2), &device).expect("valid sizes");
    let behind = |position: usize| -> AttentionState {
        let tokens = Tensor::<2, Int>::zeros([1, position], &device);
        <Gpt as LanguageNetwork>::forward(&model, tokens, None).1
    };
    let next = Tensor::<2, Int>::zeros([1, 1], &device);
    let forward = |state| model.forward(next.clone(), Some(state));
    let mut group = criterion.benchmark_group("sequences/generation");
    group.throughput(Throughput::Elements(TOKENS as u64));
    for position in [16, 256, 1024] {
        let state = behind(position);
        group.bench_function(format!("behind {position}"), |bencher| {
            // A cache of its own, with room for more.
            let own = || forward(state.clone()).1;
            let tokens = |mut state| {
                for _ in 0..TOKENS {
                    let (logits, after) = forward(state);
                    logits.into_data();
                    state = after;
                }
            };
            bencher.iter_batched(own, tokens, BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// Pretraining of a small BERT: 2 layers of 128 features, 64 pairs of 64 tokens at a time, 10 of which are asked for,
/// with the words of WikiText-2.
fn bert(criterion: &mut Criterion) {
    const PAIRS: usize = 64;
    const STEPS: usize = 64;
    const WORDS: usize = 20_256;
    let device = Device::flex();
    let words: Vec<String> = (0..WORDS - 5).map(|word| format!("w{word}")).collect();
    let config = VocabConfig {
        reserved: MaskedPairs::reserved(),
        ..VocabConfig::default()
    };
    let vocab = Vocab::fit(words.iter().map(String::as_str), &config).expect("words");
    let mut draw = Seed::new(0).rng();
    let mut sentence = || -> Vec<u32> {
        let word = |_| 5 + draw.below(vocab.len() as u64 - 5) as u32;
        (0..30).map(word).collect()
    };
    // Eight pairs of each paragraph.
    let paragraph = |_| (0..9).map(|_| sentence()).collect();
    let paragraphs: Vec<Vec<Vec<u32>>> = (0..4 * PAIRS / 8).map(paragraph).collect();
    let pairs = MaskedPairs::new(&paragraphs, STEPS, &vocab, Seed::new(1)).expect("pairs");
    let loader = Loader::new(pairs, PAIRS)
        .expect("a batch")
        .last_batch(LastBatch::Drop);
    let batches = loader.num_batches() as u64;
    let shape = BertConfig {
        context: STEPS,
        size: 128,
        feed_forward: 256,
        heads: 2,
        layers: 2,
        dropout: 0.2,
        ..BertConfig::base(vocab.len())
    };
    let model = BertPretraining::new(&shape, Seed::new(2), &device).expect("valid sizes");
    let task = |model: &BertPretraining, batch: MaskedPairBatch| -> Result<_, StepError> {
        let [pairs] = batch.next.dims();
        let inputs = BertInputs {
            tokens: batch.tokens,
            types: Some(batch.types),
            lengths: batch.lengths,
        };
        let (_, tokens, next) = model.forward(inputs, batch.positions);
        let masked = (batch.labels, batch.weights);
        let [masked, next] = pretraining_losses((tokens, next), masked, batch.next);
        Ok(Step::mean(masked + next, pairs))
    };
    let config = TrainConfig {
        epochs: 1,
        learning_rate: 1e-3,
        optimizer: OptimizerConfig::adam().into(),
        ..TrainConfig::default()
    };
    let mut group = criterion.benchmark_group("sequences/transformer");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.throughput(Throughput::Elements(batches));
    group.bench_function("bert", |bencher| {
        bencher.iter(|| {
            let trainer = Trainer::new(config.clone()).expect("a valid configuration");
            let fitted = trainer.fit(model.clone(), &task, &loader, None);
            fitted.expect("a finite loss")
        })
    });
    group.finish();
}

/// The vectors of 32 sentences of 32 tokens by an encoder of the shape of all-MiniLM-L6-v2, without its tokenizer.
fn encoding(criterion: &mut Criterion) {
    const SENTENCES: usize = 32;
    const STEPS: usize = 32;
    let device = Device::flex();
    let shape = BertConfig {
        size: 384,
        feed_forward: 1536,
        layers: 6,
        pooler: false,
        ..BertConfig::base(30_522)
    };
    let model = shape.init(Seed::new(2), &device).expect("valid sizes");
    let mut draw = Seed::new(0).rng();
    let ids: Vec<i32> = (0..SENTENCES * STEPS)
        .map(|_| draw.below(30_522) as i32)
        .collect();
    let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids, [SENTENCES, STEPS]), &device);
    let lengths = Tensor::<1, Int>::full([SENTENCES], STEPS as i32, &device);
    let mut group = criterion.benchmark_group("sequences/encoding");
    group.throughput(Throughput::Elements(1));
    group.bench_function("minilm", |bencher| {
        bencher.iter(|| {
            let vectors = model.forward(BertInputs {
                tokens: tokens.clone(),
                types: None,
                lengths: lengths.clone(),
            });
            mean_of_tokens(vectors, lengths.clone()).into_data()
        })
    });
    group.finish();
}

criterion_group!(
    benches,
    characters,
    scratch,
    gpt,
    bert,
    translation,
    generation,
    encoding
);
criterion_main!(benches);

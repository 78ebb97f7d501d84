use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Bool, Device, Tensor};
use tinderbox_core::Seed;
use tinderbox_data::Loader;
use tinderbox_data::text::{PaddedSentences, SentencePairs, VocabConfig};
use tinderbox_nn::attention::{dot_product_attention, length_mask};
use tinderbox_nn::{Decoded, Init, Initializer, embedding, positional_encoding};
use tinderbox_optim::OptimizerConfig;

use super::*;
use crate::{Accuracy, Metric, Perplexity, TrainConfig, Trainer, evaluate};

/// Four reserved tokens, and so many words.
const TOKENS: usize = 4 + WORDS;
const WORDS: usize = 5;
const WIDTH: usize = 16;

/// Queries from the token before and its place, attention to the tokens of the source and their places.
#[derive(Module, Debug)]
struct Net {
    source: Embedding,
    target: Embedding,
    output: Linear,
}

impl Net {
    fn new(device: &Device) -> Self {
        let rows = |name| {
            let normal = Initializer::Normal { std: 1.0 };
            embedding(TOKENS, WIDTH, normal, Seed::new(3).child(name), device)
        };
        let init = Init::new(Seed::new(3), device, Initializer::PYTORCH);
        Self {
            source: rows("source"),
            target: rows("target"),
            output: init.linear("output", 2 * WIDTH, TOKENS),
        }
    }
}

fn with_places(rows: Tensor<3>, start: usize) -> Tensor<3> {
    let [_, steps, width] = rows.dims();
    let places = positional_encoding(start, steps, width, &rows.device());
    rows + places.unsqueeze() * 2.0
}

impl EncoderDecoder for Net {
    type State = (Tensor<3>, Tensor<3, Bool>, usize);

    fn encode(&self, source: Tensor<2, Int>, lengths: Tensor<1, Int>) -> Self::State {
        let padding = length_mask(lengths, source.dims()[1]);
        (with_places(self.source.forward(source), 0), padding, 0)
    }

    fn decode(&self, tokens: Tensor<2, Int>, state: Self::State) -> Decoded<Self::State> {
        let (memory, padding, before) = state;
        let after = before + tokens.dims()[1];
        let queries = with_places(self.target.forward(tokens), before);
        let (context, weights) = dot_product_attention(
            queries.clone(),
            memory.clone(),
            memory.clone(),
            Some(padding.clone()),
        );
        Decoded {
            logits: self.output.forward(Tensor::cat(vec![queries, context], 2)),
            state: (memory, padding, after),
            attention: vec![weights.unsqueeze_dim(1)],
        }
    }

    fn source_vocabulary(&self) -> usize {
        TOKENS
    }

    fn target_vocabulary(&self) -> usize {
        TOKENS
    }
}

fn vocab() -> Vocab {
    let config = VocabConfig {
        reserved: PaddedSentences::reserved(),
        ..VocabConfig::default()
    };
    Vocab::fit(["a", "b", "c", "d", "e"], &config).unwrap()
}

/// Sentences of 1 to 4 words and translations, in which every word is the next one, filled up to `steps`.
fn pairs(count: usize, steps: usize) -> SentencePairs {
    let word = |place: usize| 4 + (place % WORDS) as u32;
    let sentences = |shift: usize| {
        let sentence = move |i: usize| (0..1 + i % 4).map(move |at| word(i / 4 * 3 + at + shift));
        let all = (0..count).map(|i| sentence(i).collect());
        PaddedSentences::new(all.collect::<Vec<_>>(), steps, &vocab()).unwrap()
    };
    SentencePairs::new(sentences(0), sentences(1)).unwrap()
}

fn task() -> Translation {
    Translation::new(&vocab()).unwrap()
}

#[test]
fn translations_are_learnt() {
    let device = Device::flex();
    let train = Loader::new(pairs(60, 6), 16).unwrap().shuffle(Seed::new(1));
    let valid = Loader::for_evaluation(pairs(20, 6), 8).unwrap();
    let config = TrainConfig {
        epochs: 40,
        learning_rate: 0.02,
        optimizer: OptimizerConfig::adam().into(),
        ..TrainConfig::default()
    };
    let fitted = Trainer::new(config)
        .unwrap()
        .metric(Perplexity::default())
        .metric(Accuracy::default())
        .fit(Net::new(&device), &task(), &train, Some(&valid))
        .unwrap();
    let last = fitted.history.last().unwrap();
    let metric = |name: &str| last.get(name).unwrap();
    assert_eq!(metric("valid_accuracy"), 1.0, "{last:?}");
    let (loss, perplexity) = (metric("valid_loss"), metric("valid_perplexity"));
    assert!(
        (loss.exp() - perplexity).abs() < 1e-5 && perplexity < 1.1,
        "{loss} {perplexity}"
    );
}

#[test]
fn padding_counts_nowhere() {
    let device = Device::flex();
    let measured = |steps, batch_size| {
        let data = Loader::new(pairs(23, steps), batch_size).unwrap();
        let mut accuracy = Accuracy::default();
        let loss = evaluate(&Net::new(&device), &task(), &data, &mut [&mut accuracy]).unwrap();
        (loss, accuracy.values()[0].1)
    };
    let (loss, accuracy) = measured(5, 23);
    for (steps, batch_size) in [(5, 1), (9, 23), (12, 7)] {
        let (other, same) = measured(steps, batch_size);
        assert!((loss - other).abs() < 1e-5, "{loss} and {other}");
        assert!((accuracy - same).abs() < 1e-9);
    }
}

fn batch(source: [[i32; 4]; 2], target: [[i32; 4]; 2], lengths: [[i32; 2]; 2]) -> PairBatch {
    let device = Device::flex().autodiff();
    let side = |ids: [[i32; 4]; 2], lengths: [i32; 2]| {
        let tokens: Vec<i32> = (0..lengths[0]).chain(4..4 + lengths[1]).collect();
        SentenceBatch {
            ids: Tensor::from_data(ids, &device),
            lengths: Tensor::from_data(lengths, &device),
            tokens: Tensor::from_data(&tokens[..], &device),
        }
    };
    PairBatch {
        source: side(source, lengths[0]),
        target: side(target, lengths[1]),
    }
}

/// A pair with a translation of two words, and one of padding alone.
const IDS: [[i32; 4]; 2] = [[5, 6, 3, 1], [1, 1, 1, 1]];

#[test]
fn a_row_of_padding_gives_no_token_and_no_nan() {
    let model = Net::new(&Device::flex().autodiff());
    let step = |lengths| task().step(&model, batch(IDS, IDS, lengths), &mut ());
    let step = step([[3, 0], [3, 0]]).unwrap();
    assert_eq!(step.loss.count, 3);
    assert_eq!(step.output.logits.dims(), [3, TOKENS]);
    let targets: Vec<i64> = step.output.targets.to_data().iter::<i64>().collect();
    assert_eq!(targets, [5, 6, 3]);

    // The loss by hand: the decoder read `<bos>` and the words.
    let device = Device::flex();
    let plain = model.valid();
    let ids = |ids: [[i32; 3]; 1]| Tensor::<2, Int>::from_data(ids, &device);
    let state = plain.encode(ids([[5, 6, 3]]), Tensor::from_data([3], &device));
    let logits = plain.decode(ids([[2, 5, 6]]), state).logits.into_data();
    let numbers: Vec<f64> = logits.iter::<f64>().collect();
    let losses = numbers
        .chunks(TOKENS)
        .zip([5, 6, 3])
        .map(|(row, token)| row.iter().map(|x| x.exp()).sum::<f64>().ln() - row[token]);
    let expected = losses.sum::<f64>() / 3.0;
    let loss: f64 = step.loss.mean.clone().into_scalar();
    assert!((loss - expected).abs() < 1e-5, "{loss} {expected}");

    let gradients = step.loss.mean.backward();
    let weight = model.target.weight.grad(&gradients).unwrap().into_data();
    assert!(weight.iter::<f32>().all(f32::is_finite));
    let of = |id: usize| weight.iter::<f32>().skip(id * WIDTH).take(WIDTH);
    assert!(of(2).any(|x| x != 0.0), "<bos> is read");
    assert!(of(1).all(|x| x == 0.0), "padding is not learned from");
}

#[test]
fn what_makes_no_loss_is_refused() {
    let model = Net::new(&Device::flex().autodiff());
    let error = |batch| {
        let step = task().step(&model, batch, &mut ());
        step.err().unwrap().to_string()
    };
    let lengths = [[3, 1], [3, 1]];
    let empty = error(batch(IDS, IDS, [[3, 1], [0, 0]]));
    assert!(
        empty.contains("no translation of the batch has a token"),
        "{empty}"
    );
    let other = [[5, TOKENS as i32, 3, 1], [1; 4]];
    for batch in [batch(other, IDS, lengths), batch(IDS, other, lengths)] {
        let id = error(batch);
        assert!(id.contains("token id 9, but the model has 9"), "{id}");
    }
    let mut rows = batch(IDS, IDS, lengths);
    rows.target.lengths = rows.target.lengths.narrow(0, 0, 1);
    let rows = error(rows);
    assert!(
        rows.contains("2 source sentences and 2 translations"),
        "{rows}"
    );
    let plain = Vocab::fit(["a"], &VocabConfig::default()).unwrap();
    let begin = Translation::new(&plain).unwrap_err().to_string();
    assert!(begin.contains("no token \"<bos>\""), "{begin}");
}

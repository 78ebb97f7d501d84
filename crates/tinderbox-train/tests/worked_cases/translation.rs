//! An encoder and a decoder over sentences of different lengths, with masks.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};
use tinderbox_core::Seed;
use tinderbox_data::{Batch, Examples, Loader};
use tinderbox_train::*;

use super::{config, ids, layer};

const TOKENS: usize = 5;
const LENGTH: usize = 4;
const WIDTH: usize = 16;

/// Padded token ids `[batch, LENGTH]` and a mask with 1 for a token and 0 for padding.
#[derive(Clone, Debug)]
struct Sentences {
    ids: Tensor<2, Int>,
    mask: Tensor<2>,
}

type Pairs = Batch<Sentences, Sentences>;

/// One attention from target positions to source tokens, both with learned positions.
#[derive(Module, Debug)]
struct Translator {
    tokens: Linear,
    source_positions: Linear,
    target_positions: Linear,
    output: Linear,
}

impl Translator {
    fn new() -> Self {
        Self {
            tokens: layer(TOKENS, WIDTH, 1),
            source_positions: layer(LENGTH, WIDTH, 2),
            target_positions: layer(LENGTH, WIDTH, 3),
            output: layer(WIDTH, TOKENS, 4),
        }
    }

    /// Logits `[batch, LENGTH, TOKENS]`.
    fn forward(&self, source: Sentences) -> Tensor<3> {
        let [batch, length] = source.ids.dims();
        let rows = self.tokens.weight.val();
        let values = rows.select(0, source.ids.flatten(0, 1));
        let values = values.reshape([batch, length, WIDTH]);
        let keys = self.source_positions.weight.val().unsqueeze::<3>();
        let queries = self.target_positions.weight.val().unsqueeze::<3>();
        let scores = queries.matmul(keys.transpose()); // [1, LENGTH, LENGTH]
        let padding = (source.mask.neg() + 1.0).reshape([batch, 1, length]) * -1e9;
        let attention = softmax(scores + padding, 2);
        self.output.forward(attention.matmul(values))
    }
}

/// Log probabilities `[batch, LENGTH, TOKENS]` and the true sentences.
#[derive(Clone, Debug)]
struct Translated {
    logits: Tensor<3>,
    targets: Sentences,
}

struct Translate;

impl Task<Translator, Pairs> for Translate {
    type Output = Translated;
    type State = ();

    fn step(
        &self,
        model: &Translator,
        batch: Pairs,
        _: &mut (),
    ) -> Result<Step<Translated>, StepError> {
        let logits = model.forward(batch.inputs);
        let targets = batch.targets;
        let chosen = log_softmax(logits.clone(), 2)
            .gather(2, targets.ids.clone().unsqueeze_dim(2))
            .squeeze_dim::<2>(2);
        let tokens: f64 = targets.mask.clone().sum().into_scalar();
        let loss = (chosen * targets.mask.clone()).sum().neg() / tokens;
        let output = Translated { logits, targets };
        Ok(Step::mean(loss, tokens as usize).with_output(output))
    }
}

/// The share of tokens that are right; padding does not count.
#[derive(Clone, Debug, Default)]
struct TokenAccuracy(Mean);

impl Metric<Translated> for TokenAccuracy {
    fn update(&mut self, output: &Translated) -> Result<(), StepError> {
        let targets = &output.targets;
        let best = output.logits.clone().argmax(2).squeeze_dim::<2>(2);
        let right = best.equal(targets.ids.clone()).float() * targets.mask.clone();
        let tokens: f64 = targets.mask.clone().sum().into_scalar();
        let right: f64 = right.sum().into_scalar();
        self.0.add(right / tokens, tokens as usize);
        Ok(())
    }

    fn values(&self) -> Vec<(String, f64)> {
        vec![("token_accuracy".into(), self.0.value())]
    }

    fn reset(&mut self) {
        self.0 = Mean::default();
    }

    fn state(&self) -> serde_json::Value {
        serde_json::json!(self.0)
    }

    fn restore(&mut self, state: &serde_json::Value) -> bool {
        let read = serde_json::from_value(state.clone());
        read.map(|mean| self.0 = mean).is_ok()
    }
}

/// Sentences of 1 to 4 tokens; the translation shifts every token by one. `padding` fills the rest.
struct Corpus {
    sentences: Vec<Vec<i64>>,
    padding: i64,
}

impl Corpus {
    fn new(padding: i64) -> Self {
        let sentence = |i: usize| (0..1 + i % LENGTH).map(move |place| shifted(i / 4 * 3 + place));
        Self {
            sentences: (0..30).map(|i| sentence(i).collect()).collect(),
            padding,
        }
    }
}

fn shifted(token: usize) -> i64 {
    ((token + 1) % TOKENS) as i64
}

impl Examples for Corpus {
    type Host = Vec<Vec<i64>>;
    type Batch = Pairs;

    fn len(&self) -> usize {
        self.sentences.len()
    }

    fn gather(&self, indices: &[usize], _: Seed) -> tinderbox_data::Result<Self::Host> {
        let chosen = indices.iter().map(|&index| self.sentences[index].clone());
        Ok(chosen.collect())
    }

    fn upload(&self, host: Self::Host, device: &Device) -> Pairs {
        let padded = |token: fn(i64) -> i64| {
            let numbers = host.iter().flat_map(|sentence| {
                let filled = sentence.iter().map(|&id| token(id));
                filled.chain(std::iter::repeat(self.padding)).take(LENGTH)
            });
            let mask = host.iter().flat_map(|sentence| {
                (0..LENGTH).map(|place| f32::from(u8::from(place < sentence.len())))
            });
            let mask: Vec<f32> = mask.collect();
            Sentences {
                ids: ids(numbers.collect(), host.len(), device),
                mask: Tensor::from_data(TensorData::new(mask, [host.len(), LENGTH]), device),
            }
        };
        Batch {
            inputs: padded(|id| id),
            targets: padded(|id| shifted(id as usize)),
        }
    }

    fn batch_bytes(&self, batch_size: usize) -> usize {
        batch_size * LENGTH * 8
    }
}

#[test]
fn padding_counts_nowhere() {
    let train = Loader::new(Corpus::new(0), 8)
        .unwrap()
        .shuffle(Seed::new(1));
    let fitted = Trainer::new(config(60))
        .unwrap()
        .metric(TokenAccuracy::default())
        .fit(Translator::new(), &Translate, &train, None)
        .unwrap();
    let last = fitted.history.last().unwrap();
    assert_eq!(last.get("train_token_accuracy"), Some(1.0), "{last:?}");

    // The content of the padding, and how sentences are batched, changes neither loss nor metric.
    let measured = |padding, batch_size| {
        let data = Loader::new(Corpus::new(padding), batch_size).unwrap();
        let mut accuracy = TokenAccuracy::default();
        let start = Translator::new();
        let loss = evaluate(&start, &Translate, &data, &mut [&mut accuracy]).unwrap();
        (loss, accuracy.0.value())
    };
    let (loss, accuracy) = measured(0, 30);
    assert!(accuracy < 0.9, "the start is not trained: {accuracy}");
    for (padding, batch_size) in [(4, 30), (0, 1), (2, 7)] {
        let (other, same) = measured(padding, batch_size);
        assert!((loss - other).abs() < 1e-6, "{loss} and {other}");
        assert!((accuracy - same).abs() < 1e-12);
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle");
    let bundle = Bundle::save(&path, "translator", &(), &fitted.model).unwrap();
    let vocabularies = [["a", "b", "c", "d", "e"], ["A", "B", "C", "D", "E"]];
    bundle.save_part("vocabularies", &vocabularies).unwrap();
    let bundle = Bundle::open(&path).unwrap();
    let model = bundle.load_into(Translator::new()).unwrap();
    let [source, target]: [Vec<String>; 2] = bundle.part("vocabularies").unwrap();
    let words = ["b", "e", "a"];
    let known = |word: &&str| source.iter().position(|known| known == word);
    let mut numbers: Vec<i64> = words.iter().map(|w| known(w).unwrap() as i64).collect();
    numbers.resize(LENGTH, 0);
    let device = Device::flex();
    let sentence = Sentences {
        ids: ids(numbers, 1, &device),
        mask: Tensor::from_data([[1.0, 1.0, 1.0, 0.0]], &device),
    };
    let best = model.forward(sentence).argmax(2).to_data();
    let translated = best.iter::<i64>().take(words.len());
    let translated: Vec<&str> = translated.map(|id| &*target[id as usize]).collect();
    assert_eq!(translated, ["C", "A", "B"]);
}

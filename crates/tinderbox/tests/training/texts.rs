//! Classifiers of texts on generated texts, which they must learn.

use rstest::rstest;
use tinderbox::data::synthetic;
use tinderbox::data::text::{LabeledPairs, LabeledTexts, MaskedPairs, Vocab, VocabConfig};
use tinderbox::models::{
    BertConfig, BertPredictor, BertPredictorConfig, BiLstmConfig, DecomposableAttentionConfig,
    FirstLayer, Pooling, TextCnnConfig,
};
use tinderbox::nn::{TextNetwork, parameters};
use tinderbox::prelude::*;
use tinderbox::train::{Accuracy, Fitted};

fn vocab<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vocab {
    let words = texts.into_iter().flat_map(|text| text.split_whitespace());
    let config = VocabConfig {
        reserved: vec!["<pad>".into()],
        ..VocabConfig::default()
    };
    Vocab::fit(words, &config).unwrap()
}

fn ids<'a>(texts: impl IntoIterator<Item = &'a String>, vocab: &Vocab) -> Vec<Vec<u32>> {
    let words = |text: &String| text.split_whitespace().map(|word| vocab.id(word)).collect();
    texts.into_iter().map(words).collect()
}

fn trainer<M: Module>(epochs: usize, learning_rate: f64) -> Trainer<M, tinderbox::train::Logits> {
    let config = TrainConfig {
        epochs,
        learning_rate,
        optimizer: OptimizerConfig::adam().into(),
        ..TrainConfig::default()
    };
    Trainer::new(config).unwrap().metric(Accuracy::default())
}

fn accuracy<M>(fitted: &Fitted<M>) -> f64 {
    fitted
        .history
        .last()
        .unwrap()
        .get("valid_accuracy")
        .unwrap()
}

/// The accuracy on 300 reviews after training on 1,000.
fn learns<M: TextNetwork>(model: impl FnOnce(&Vocab, &Device) -> M, epochs: usize) -> f64 {
    let [train, test] = [(1_000, 1), (300, 2)]
        .map(|(count, seed)| synthetic::reviews(count, Seed::new(seed)).unwrap());
    let vocab = vocab(&train.texts);
    let labeled = |reviews: &tinderbox::data::text::Reviews| {
        let texts = LabeledTexts::new(ids(&reviews.texts, &vocab), reviews.classes.clone());
        texts.unwrap().padding(vocab.id("<pad>"))
    };
    let loader = Loader::new(labeled(&train), 32)
        .unwrap()
        .shuffle(Seed::new(3));
    let valid = Loader::for_evaluation(labeled(&test), 100).unwrap();
    let model = model(&vocab, &Device::flex().autodiff());
    let task = Classification::default();
    let fitted = trainer(epochs, 0.005)
        .fit(model, &task, &loader, Some(&valid))
        .unwrap();
    accuracy(&fitted)
}

#[test]
fn an_lstm_and_convolutions_learn_the_sentiment_of_reviews() {
    let lstm = |vocab: &Vocab, device: &Device| {
        let config = BiLstmConfig {
            embedding: 16,
            hidden: 16,
            layers: 1,
            ..BiLstmConfig::course(vocab.len())
        };
        config.init(None, Seed::new(4), device).unwrap()
    };
    let cnn = |vocab: &Vocab, device: &Device| {
        let config = TextCnnConfig {
            embedding: 16,
            filters: 32,
            dropout: 0.2,
            ..TextCnnConfig::course(vocab.len())
        };
        config.init(None, Seed::new(4), device).unwrap()
    };
    let (lstm, cnn) = (learns(lstm, 8), learns(cnn, 8));
    assert!(lstm > 0.95 && cnn > 0.95, "LSTM {lstm}, convolutions {cnn}");
}

#[test]
fn decomposable_attention_learns_what_follows_from_what() {
    let [train, test] = [(1_500, 1), (300, 2)]
        .map(|(count, seed)| synthetic::inferences(count, Seed::new(seed)).unwrap());
    let vocab = vocab(train.pairs.iter().flatten());
    let labeled = |pairs: &tinderbox::data::text::Inferences| {
        let side = |side: usize| ids(pairs.pairs.iter().map(|pair| &pair[side]), &vocab);
        let padding = (10, vocab.id("<pad>"));
        LabeledPairs::new(side(0), side(1), pairs.classes.clone(), padding).unwrap()
    };
    let loader = Loader::new(labeled(&train), 32)
        .unwrap()
        .shuffle(Seed::new(3));
    let valid = Loader::for_evaluation(labeled(&test), 100).unwrap();
    let config = DecomposableAttentionConfig {
        embedding: 24,
        hidden: 32,
        dropout: 0.0,
        ..DecomposableAttentionConfig::course(vocab.len())
    };
    let model = config
        .init(None, Seed::new(4), &Device::flex().autodiff())
        .unwrap();
    let task = Classification::default();
    let fitted = trainer(12, 0.005)
        .fit(model, &task, &loader, Some(&valid))
        .unwrap();
    let accuracy = accuracy(&fitted);
    assert!(accuracy > 0.95, "{accuracy}");
}

#[test]
fn bert_learns_what_follows_from_what() {
    let seed = Seed::new(0);
    let [train, test] = [(4_000, "train"), (500, "test")]
        .map(|(count, part)| synthetic::inferences(count, seed.child(part)).unwrap());
    let config = VocabConfig {
        reserved: MaskedPairs::reserved(),
        ..VocabConfig::default()
    };
    let words = train.pairs.iter().flatten();
    let words = words.flat_map(|text| text.split_whitespace());
    let vocab = Vocab::fit(words, &config).unwrap();
    let labeled = |pairs: &tinderbox::data::text::Inferences| {
        let side = |side: usize| ids(pairs.pairs.iter().map(|pair| &pair[side]), &vocab);
        let sides = [side(0), side(1)];
        LabeledTexts::joined(sides, pairs.classes.clone(), 32, &vocab).unwrap()
    };
    let loader = Loader::new(labeled(&train), 32)
        .unwrap()
        .shuffle(seed.child("order"));
    let valid = Loader::for_evaluation(labeled(&test), 100).unwrap();
    let config = BertPredictorConfig {
        encoder: BertConfig {
            context: 32,
            size: 32,
            feed_forward: 64,
            dropout: 0.0,
            embedding_norm: true,
            initializer_range: 0.3,
            ..BertConfig::course(vocab.len())
        },
        pooling: Pooling::Pooler,
        outputs: 3,
        dropout: 0.0,
        separator: vocab.get("<sep>"),
    };
    let device = Device::flex().autodiff();
    let bert = config.encoder.init(seed.child("bert"), &device).unwrap();
    let model = BertPredictor::new(&config, bert, seed.child("weights"), &device).unwrap();
    let task = Classification::default();
    let fitted = trainer(15, 0.002)
        .fit(model, &task, &loader, Some(&valid))
        .unwrap();
    let accuracy = accuracy(&fitted);
    assert!(accuracy > 0.95, "{accuracy}");
}

#[rstest]
#[case(false, 0)]
#[case(true, 1)]
fn word_vectors_are_the_first_layer_frozen_or_not(#[case] trained: bool, #[case] more: usize) {
    let device = Device::flex().autodiff();
    let config = BiLstmConfig {
        embedding: 2,
        hidden: 3,
        layers: 1,
        ..BiLstmConfig::course(3)
    };
    let rows = vec![0.0, 0.0, 1.0, 2.0, 3.0, 4.0];
    let first = |rows: Vec<f32>| Some(FirstLayer { rows, trained });
    let model = config
        .init(first(rows.clone()), Seed::new(1), &device)
        .unwrap();
    let weight = model.embedding.weight.val();
    assert_eq!(weight.into_data().iter::<f32>().collect::<Vec<_>>(), rows);
    let tokens = Tensor::<2, Int>::from_data([[1, 2, 0]], &device);
    let outputs = model.forward(tokens, Tensor::from_data([3], &device));
    let gradients =
        tinderbox::burn::optim::GradientsParams::from_grads(outputs.sum().backward(), &model);
    assert_eq!(gradients.len(), parameters(&model).len() - 1 + more);
    let error = config.init(first(vec![0.0; 4]), Seed::new(1), &device);
    let error = error.err().unwrap().to_string();
    assert!(
        error.contains("4 numbers of word vectors for 3 tokens of 2 numbers"),
        "{error}"
    );
}

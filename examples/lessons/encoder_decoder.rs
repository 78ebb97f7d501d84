//! Encoder and decoder: from one sequence to another of a different length, with a masked loss.
//!
//! Dive into Deep Learning, chapters "Encoder-Decoder Architecture" and "Sequence to Sequence Learning".
//! `cargo run --example encoder_decoder`

use anyhow::{Context, Result};
use clap::Parser;
use examples::lesson::Page;
use tinderbox::burn; // the derive macro names the crate
use tinderbox::burn::nn::{Embedding, Linear};
use tinderbox::data::text::{PaddedSentences, TokenRules, Tokenizer, VocabConfig};
use tinderbox::nn::lessons::{masked_cross_entropy, sequence_mask};
use tinderbox::nn::{
    Cell, Init, Layer, Recurrent, RecurrentConfig, RecurrentError, RecurrentState, embedding,
};
use tinderbox::prelude::*;
use tinderbox::train::sentence_bleu;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(
        &mut args.page("encoder_decoder"),
        &args.device()?,
        args.seed(),
    )
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Encoder and decoder")?;
    page.text(
        "A translation has another length than its original. The encoder reads the whole original and\n\
         leaves a state; the decoder starts from that state and writes one token after the other until\n\
         it writes <eos>.",
    )?;

    page.section("Sentences of one length")?;
    page.text(
        "A batch is a rectangle: every sentence gets <eos> at its end and is filled up with <pad>, or\n\
         cut.",
    )?;
    let text = "go .\ni lost .";
    let config = VocabConfig {
        reserved: PaddedSentences::reserved(),
        ..VocabConfig::default()
    };
    let tokenizer = Tokenizer::fit(TokenRules::COURSE_SENTENCES, text, &config)?;
    let sentences = text.lines().map(|line| tokenizer.encode(line));
    let padded = PaddedSentences::new(sentences, 5, tokenizer.vocab())?;
    page.show("vocabulary", &tokenizer.vocab().tokens().join(" "))?;
    for (index, line) in text.lines().enumerate() {
        let ids = format!("{:?}", padded.sentence(index));
        page.show(&format!("\"{line}\""), &ids)?;
    }

    page.section("Shapes")?;
    page.text(
        "10 tokens, embeddings of 8 numbers, two GRU layers of 16 units, a batch of 4 sentences of 7\n\
         tokens. At every step the decoder sees the token before and the encoder's last state.",
    )?;
    let encoder = Encoder::new(10, 8, 16, 2, seed.child("encoder"), device)?;
    let decoder = Decoder::new(10, 8, 16, 2, seed.child("decoder"), device)?;
    let tokens = Tensor::<2, Int>::zeros([4, 7], device);
    let (outputs, state) = encoder.forward(tokens.clone());
    page.show("outputs of the encoder (steps first)", &outputs.dims())?;
    page.show("its state", &state.hidden.dims())?;
    let (logits, state) = decoder.forward(tokens, state);
    page.show("outputs of the decoder", &logits.dims())?;
    page.show("the state after it", &state.hidden.dims())?;

    page.section("Teacher forcing")?;
    page.text(
        "In training the decoder is not fed what it wrote, but the right token of the step before:\n\
         <bos> and the sentence, shifted by one. Otherwise an early mistake would make all later\n\
         targets meaningless. In prediction there is no right token; that difference is why a model\n\
         that trains well may still wander off.",
    )?;

    page.section("A mask for the padding")?;
    let values = Tensor::<2>::from_data([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], device);
    let lengths = Tensor::<1, Int>::from_data([1, 2], device);
    page.show("lengths 1 and 2", &sequence_mask(values, lengths, 0.0))?;
    page.text(
        "The loss of a token is -ln p. Guessing among 10 tokens costs ln 10 = 2.3026 each. Three\n\
         sentences with 4, 2 and 0 tokens out of 4:",
    )?;
    let lengths = || Tensor::<1, Int>::from_data([4, 2, 0], device);
    let labels = Tensor::<2, Int>::ones([3, 4], device);
    let losses = masked_cross_entropy(Tensor::ones([3, 4, 10], device), labels, lengths());
    page.show("loss of each token", &losses)?;
    page.show(
        "mean over the 4 steps, as the course prints",
        &losses.clone().mean_dim(1).squeeze_dim::<1>(1),
    )?;

    page.section("The pitfall: what divides")?;
    page.text(
        "The model guesses among 10 tokens everywhere, so its loss should be 2.3026. Divided by all 12\n\
         places it is half of that, and half of the padding more in a batch would make it smaller\n\
         still. The mean over real tokens divides by the sum of the lengths.",
    )?;
    let sum: f64 = losses.clone().sum().into_scalar();
    let places = losses.shape().num_elements() as f64;
    let real: i64 = lengths().sum().into_scalar();
    page.show("sum / places", &(sum / places))?;
    page.show("sum / tokens", &(sum / real as f64))?;
    page.text("And without a mask the model would learn to write <pad>:")?;
    let graph = device.clone().autodiff();
    let logits = Tensor::<3>::ones([1, 3, 4], &graph).require_grad();
    let lengths = |length: i32| Tensor::<1, Int>::from_data([length], &graph);
    let gradient = |length: i32| -> Result<Tensor<1>> {
        let labels = Tensor::<2, Int>::from_data([[2, 3, 1]], &graph);
        let losses = masked_cross_entropy(logits.clone(), labels, lengths(length));
        let all = logits.grad(&losses.sum().backward());
        let all = all.context("the loss depends on the logits")?;
        Ok(all.abs().sum_dim(2).reshape([3]))
    };
    page.show("gradient of each step, 2 tokens and <pad>", &gradient(2)?)?;
    page.show("the same without a mask", &gradient(3)?)?;

    page.section("How good is a translation: BLEU")?;
    page.text(
        "The share of n-grams that the reference has too, the longer ones with more weight, and a\n\
         penalty for what is too short (Papineni et al. 2002). The course uses n up to 2:",
    )?;
    for (written, reference) in [
        ("va !", "va !"),
        ("j'ai perdu .", "j'ai perdu ."),
        ("il est malade .", "il est calme ."),
        ("je suis .", "je suis chez moi ."),
    ] {
        let [one, other] = [written, reference].map(|text| text.split(' ').collect::<Vec<_>>());
        let bleu = sentence_bleu(&one, &other, 2);
        page.show(&format!("{written} / {reference}"), &format!("{bleu:.3}"))?;
    }
    Ok(())
}

/// Tokens to embeddings to a state.
#[derive(Module, Debug)]
struct Encoder {
    embedding: Embedding,
    rnn: Recurrent,
}

impl Encoder {
    fn new(
        tokens: usize,
        size: usize,
        units: usize,
        layers: usize,
        seed: Seed,
        device: &Device,
    ) -> Result<Self, RecurrentError> {
        let config = RecurrentConfig::new(Cell::Gru, size, units).layers(layers);
        let normal = Initializer::Normal { std: 1.0 };
        Ok(Self {
            embedding: embedding(tokens, size, normal, seed.child("embedding"), device),
            rnn: config.init(seed.child("rnn"), device)?,
        })
    }

    /// `[batch, steps]` to `[steps, batch, units]` and the last state.
    fn forward(&self, tokens: Tensor<2, Int>) -> (Tensor<3>, RecurrentState) {
        let embedded = self.embedding.forward(tokens.swap_dims(0, 1));
        self.rnn.forward(embedded, None)
    }
}

/// From a state and the token before to the logits of the next token.
#[derive(Module, Debug)]
struct Decoder {
    embedding: Embedding,
    rnn: Recurrent,
    linear: Linear,
}

impl Decoder {
    fn new(
        tokens: usize,
        size: usize,
        units: usize,
        layers: usize,
        seed: Seed,
        device: &Device,
    ) -> Result<Self, RecurrentError> {
        let config = RecurrentConfig::new(Cell::Gru, size + units, units).layers(layers);
        let normal = Initializer::Normal { std: 1.0 };
        let init = Init::new(seed, device, Initializer::PYTORCH);
        Ok(Self {
            embedding: embedding(tokens, size, normal, seed.child("embedding"), device),
            rnn: config.init(seed.child("rnn"), device)?,
            linear: init.linear("linear", units, tokens),
        })
    }

    /// `[batch, steps]` to `[batch, steps, tokens]`; the last layer's state is an input of every step.
    fn forward(
        &self,
        tokens: Tensor<2, Int>,
        state: RecurrentState,
    ) -> (Tensor<3>, RecurrentState) {
        let [batch, steps] = tokens.dims();
        let embedded = self.embedding.forward(tokens.swap_dims(0, 1));
        let [layers, _, units] = state.hidden.dims();
        let context = state.hidden.clone().narrow(0, layers - 1, 1);
        let context = context.expand([steps, batch, units]);
        let inputs = Tensor::cat(vec![embedded, context], 2);
        let (outputs, state) = self.rnn.forward(inputs, Some(state));
        (self.linear.apply(outputs).swap_dims(0, 1), state)
    }
}

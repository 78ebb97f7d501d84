//! A recurrent neural network from scratch: a language model of characters with clipped gradients.
//!
//! Dive into Deep Learning, chapter "Implementation of Recurrent Neural Networks from Scratch".
//! `cargo run --example rnn_from_scratch`

use anyhow::{Context, Result};
use clap::Parser;
use examples::lesson::Page;
use tinderbox::data::fetch;
use tinderbox::data::text::{Sampling, TextLoader, TokenRules, Tokenizer, VocabConfig, read_text};
use tinderbox::nn::lessons::{Gate, clip_gradients, cross_entropy, rnn_step, softmax};
use tinderbox::plot::{self, Plot, Series};
use tinderbox::prelude::*;

/// Characters to learn from, in a window, windows in a batch, units.
const CHARACTERS: usize = 2000;
const STEPS: usize = 16;
const BATCH: usize = 30;
const UNITS: usize = 64;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    let epochs = args.epochs.unwrap_or(300);
    let mut page = args.page("rnn_from_scratch");
    lesson(&mut page, &args.device()?, args.seed(), epochs)
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed, epochs: usize) -> Result<()> {
    page.title("A recurrent network from scratch")?;
    page.text(
        "state = tanh(input W + state U + b), logits = state V + c: the same weights at every step, and\n\
         a state that carries what came before.",
    )?;

    page.section("Tokens as one-hot vectors")?;
    let ids = Tensor::<1, Int>::from_data([0, 2], device);
    let one_hot = ids.one_hot::<2>(28).float();
    page.show(
        "0 and 2 as one-hot vectors, first four",
        &one_hot.narrow(1, 0, 4),
    )?;
    let batch = Tensor::<1, Int>::arange(0..10, device).reshape([2, 5]);
    let inputs = batch.swap_dims(0, 1).one_hot::<3>(28).float();
    page.show("a batch of 2 x 5, steps first", &inputs.dims())?;

    page.section("Weights and shapes")?;
    let graph = device.clone().autodiff();
    let large = Network::new(28, 512, seed, &graph);
    let (logits, state) = large.forward(Tensor::zeros([2, 5], &graph), None);
    page.show("logits of 2 x 5 tokens, 512 units", &logits.dims())?;
    page.show("the state", &state.dims())?;
    let parameters = large.tensors();
    let count: usize = parameters
        .iter()
        .map(|one| one.shape().num_elements())
        .sum();
    page.show("parameters", &count)?;

    page.section("Clipping")?;
    page.text(
        "A gradient that went through many steps can be huge. One step along it would destroy the\n\
         weights. Clipping keeps its direction and cuts its length to 1: the length of all gradients\n\
         together, not of each tensor by itself, or the direction would change.",
    )?;
    let rows = |numbers: [f32; 2]| Tensor::<2>::from_data([numbers], device);
    let (clipped, norm) = clip_gradients(vec![rows([3.0, 0.0]), rows([0.0, 4.0])], 1.0);
    page.show("length of [3, 0] and [0, 4] together", &norm)?;
    page.show("clipped", &Tensor::cat(clipped, 0))?;

    page.section("Training")?;
    page.text(&format!(
        "{CHARACTERS} characters of The Time Machine, in windows of {STEPS}, {BATCH} at a time,\n\
         {UNITS} units, plain SGD with a learning rate of 1. The state is carried from batch to batch,\n\
         detached: the gradient ends where the batch starts.",
    ))?;
    let text = read_text(fetch("time-machine")?.join("timemachine.txt"))?;
    let rules = TokenRules::COURSE_CHARACTERS;
    let text: String = rules.normalize(&text).chars().take(CHARACTERS).collect();
    let tokenizer = Tokenizer::fit(rules, &text, &VocabConfig::default())?;
    let loader = TextLoader::new(tokenizer.encode(&text), STEPS, BATCH, Sampling::Sequential)?
        .shuffle(seed.child("order"))
        .last_batch(LastBatch::Drop);

    let mut network = Network::new(tokenizer.vocab().len(), UNITS, seed, &graph);
    let prefix = "time traveller";
    page.show("untrained", &written(&network, &tokenizer, prefix, 10)?)?;
    let (mut curve, mut longest) = (Vec::new(), 0.0f64);
    for epoch in 0..epochs {
        let (mut sum, mut batches) = (0.0, 0);
        let mut state = None;
        for batch in loader.epoch(epoch, 0, &graph)? {
            let batch = batch?;
            let before = state.take().filter(|_| batch.continues);
            let (logits, after) = network.forward(batch.inputs, before);
            state = Some(after.detach());
            // All rows of a step, then those of the next, as in the logits.
            let targets = batch.targets.swap_dims(0, 1).flatten::<1>(0, 1);
            let loss = cross_entropy(softmax(logits), targets).mean();
            let gradients = loss.backward();
            let own = network.tensors().into_iter();
            let own: Option<Vec<_>> = own.map(|one| one.grad(&gradients)).collect();
            let own = own.context("every weight takes part in the loss")?;
            let (clipped, norm) = clip_gradients(own, 1.0);
            longest = longest.max(norm);
            network.descend(clipped, 1.0);
            sum += loss.into_scalar::<f64>();
            batches += 1;
        }
        curve.push((sum / f64::from(batches)).exp());
    }
    page.show("perplexity, first epoch", &format!("{:.2}", curve[0]))?;
    let last = curve[curve.len() - 1];
    page.show("perplexity, last epoch", &format!("{last:.2}"))?;
    page.show("longest gradient before clipping", &format!("{longest:.2}"))?;
    page.show("trained", &written(&network, &tokenizer, prefix, 40)?)?;
    let plot = Plot::new("A recurrent network from scratch").labels("epoch", "perplexity");
    let curve = Series::by_epoch("training text", curve);
    page.figure("perplexity", plot::curves(&plot, &[curve])?)?;
    page.text(
        "The pitfall: this is the perplexity of the text that was learned. A model that knows it by\n\
         heart has 1. How well it knows the language is measured on text that it has not seen: the\n\
         example `language_model` prints both.",
    )
}

/// The recurrent network and the layer that gives logits.
struct Network {
    step: Gate,
    output: [Tensor<2>; 2],
}

impl Network {
    /// Weights from N(0, 0.01), biases of 0.
    fn new(tokens: usize, units: usize, seed: Seed, device: &Device) -> Self {
        let draw = |name: &str, [rows, columns]: [usize; 2]| {
            let mut rng = seed.child(name).rng();
            let numbers = (0..rows * columns).map(|_| 0.01 * rng.normal() as f32);
            let data = TensorData::new(numbers.collect::<Vec<_>>(), [rows, columns]);
            Tensor::<2>::from_data(data, device).require_grad()
        };
        let zeros = |count| Tensor::<2>::zeros([1, count], device).require_grad();
        Self {
            step: Gate {
                input: draw("W", [tokens, units]),
                state: draw("U", [units, units]),
                bias: zeros(units),
            },
            output: [draw("V", [units, tokens]), zeros(tokens)],
        }
    }

    /// Logits `[steps * batch, tokens]` and the last state `[batch, units]`.
    fn forward(&self, ids: Tensor<2, Int>, state: Option<Tensor<2>>) -> (Tensor<2>, Tensor<2>) {
        let [batch, steps] = ids.dims();
        let [tokens, units] = self.step.input.dims();
        let device = self.step.input.device();
        let mut state = state.unwrap_or_else(|| Tensor::zeros([batch, units], &device));
        let mut states = Vec::with_capacity(steps);
        for step in 0..steps {
            let ids = ids.clone().narrow(1, step, 1).reshape([batch]);
            state = rnn_step(&self.step, ids.one_hot::<2>(tokens).float(), state);
            states.push(state.clone());
        }
        let [weights, bias] = &self.output;
        let logits = Tensor::cat(states, 0).matmul(weights.clone()) + bias.clone();
        (logits, state)
    }

    fn tensors(&self) -> Vec<Tensor<2>> {
        let Gate { input, state, bias } = &self.step;
        [input, state, bias, &self.output[0], &self.output[1]]
            .map(Tensor::clone)
            .into()
    }

    /// A step against gradients in the order of [`tensors`](Self::tensors).
    fn descend(&mut self, gradients: Vec<Tensor<2>>, learning_rate: f64) {
        let Gate { input, state, bias } = &mut self.step;
        let [weights, output_bias] = &mut self.output;
        let tensors = [input, state, bias, weights, output_bias];
        for (tensor, gradient) in tensors.into_iter().zip(gradients) {
            let moved = tensor.clone().inner() - gradient * learning_rate;
            *tensor = Tensor::from_inner(moved).require_grad();
        }
    }
}

/// The prefix, and the characters that the network finds most probable after it, one by one.
fn written(network: &Network, tokenizer: &Tokenizer, prefix: &str, count: usize) -> Result<String> {
    let device = network.step.input.device();
    let mut ids = tokenizer.encode(prefix);
    let mut next = ids.clone();
    let mut state = None;
    for _ in 0..count {
        let data: Vec<i32> = next.iter().map(|&id| id as i32).collect();
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(data, [1, next.len()]), &device);
        let (logits, after) = network.forward(tokens, state);
        let last = logits.dims()[0] - 1;
        let best: Vec<i64> = logits.narrow(0, last, 1).argmax(1).try_into_vec_as()?;
        next = vec![best[0] as u32];
        ids.push(best[0] as u32);
        state = Some(after.detach());
    }
    Ok(tokenizer.decode(&ids))
}

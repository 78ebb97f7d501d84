//! GRU and LSTM from scratch: gates that keep a state over many steps.
//!
//! Dive into Deep Learning, chapters "Gated Recurrent Units" and "Long Short-Term Memory".
//! `cargo run --example gated_cells`

use anyhow::{Context, Result};
use clap::Parser;
use examples::lesson::{Page, number};
use tinderbox::nn::lessons::{Gate, GruWeights, LstmWeights, gru_step, lstm_step, rnn_step};
use tinderbox::nn::{Cell, Recurrent, RecurrentConfig, count_parameters};
use tinderbox::plot::{self, Plot, Scale, Series};
use tinderbox::prelude::*;

/// Units, and steps of a sequence.
const UNITS: usize = 8;
const STEPS: usize = 60;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(&mut args.page("gated_cells"), &args.device()?, args.seed())
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("GRU and LSTM from scratch")?;
    page.text(
        "A gate is a number between 0 and 1 for each unit, computed from the input and the state: how\n\
         much may pass. A recurrent network overwrites its state at every step; a gate can leave it\n\
         alone.",
    )?;
    // Weights of 0: a gate is its bias, a large one open and a large negative one closed.
    let (open, closed) = (20.0, -20.0);
    let zeros = |bias: f64| Gate {
        input: Tensor::zeros([1, 3], device),
        state: Tensor::zeros([3, 3], device),
        bias: Tensor::full([1, 3], bias, device),
    };
    let state = || Tensor::<2>::from_data([[0.1, -0.5, 0.9]], device);
    let input = || Tensor::<2>::ones([1, 1], device);

    page.section("GRU")?;
    page.text(
        "update = sigmoid(…), reset = sigmoid(…), candidate = tanh(input W + (reset * state) U + b),\n\
         state = update * state + (1 - update) * candidate. The weights here are 0, so that each gate\n\
         is its bias.",
    )?;
    let gru = |update: f64, reset: f64, recurrent: bool| {
        let mut candidate = zeros(0.5);
        if recurrent {
            candidate.state = Tensor::eye(3, device);
        }
        let weights = GruWeights {
            update: zeros(update),
            reset: zeros(reset),
            candidate,
        };
        round(gru_step(&weights, input(), state()))
    };
    page.show("the state", &state())?;
    page.show("update open: the state stays", &gru(open, open, true)?)?;
    page.show(
        "update closed: tanh(state + 0.5)",
        &gru(closed, open, true)?,
    )?;
    page.show("reset closed too: tanh(0.5)", &gru(closed, closed, true)?)?;
    page.text(
        "The pitfall: PyTorch's GRU, and so this framework's, multiplies the reset gate by state U and\n\
         not by the state. Weights of one kind give wrong outputs in the other.",
    )?;

    page.section("LSTM")?;
    page.text(
        "memory = forget * memory + input * candidate, state = output * tanh(memory). The memory is\n\
         private: only the output gate shows it to the rest of the network.",
    )?;
    let lstm = |input_gate: f64, forget: f64, output: f64| {
        let weights = LstmWeights {
            input: zeros(input_gate),
            forget: zeros(forget),
            output: zeros(output),
            candidate: zeros(0.5),
        };
        lstm_step(&weights, input(), [Tensor::zeros([1, 3], device), state()])
    };
    let [_, memory] = lstm(closed, open, open);
    page.show("forget open, input closed: the memory stays", &memory)?;
    let [_, memory] = lstm(open, closed, open);
    page.show("forget closed, input open: tanh(0.5)", &memory)?;
    let [hidden, _] = lstm(open, open, closed);
    page.show("output closed: nothing is shown", &round(hidden)?)?;

    page.section("How far back a gradient reaches")?;
    page.text(&format!(
        "Random weights from N(0, 0.3), {UNITS} units, {STEPS} steps of random inputs: the gradient of\n\
         the last state by the first one. With a bias of 3 for the update gate, or the forget gate,\n\
         most of a state stays at every step (Jozefowicz, Zaremba, Sutskever 2015).",
    ))?;
    let graph = device.clone().autodiff();
    let gate = |name: &str, bias: f64| random_gate(seed.child(name), bias, &graph);
    let mut rows = Vec::new();
    let mut curves = Vec::new();
    for (name, cell) in [
        ("RNN", Scratch::Rnn(gate("rnn", 0.0))),
        ("GRU", gru_weights(&gate, 0.0)),
        ("GRU, update bias 3", gru_weights(&gate, 3.0)),
        ("LSTM", lstm_weights(&gate, 0.0)),
        ("LSTM, forget bias 3", lstm_weights(&gate, 3.0)),
    ] {
        let sizes = [1, 5, 10, 20, 40, STEPS];
        let reached: Result<Vec<f64>> = sizes
            .map(|steps| cell.reach(steps, seed, &graph))
            .into_iter()
            .collect();
        let reached = reached?;
        rows.push(vec![
            name.to_owned(),
            number(reached[2]),
            number(reached[5]),
        ]);
        let points = sizes.iter().zip(&reached);
        curves.push(Series::new(
            name,
            points.map(|(&steps, &size)| (steps as f64, size)),
        ));
    }
    page.table(&["cell", "10 steps", "60 steps"], &rows)?;
    let plot = Plot {
        y_scale: Scale::Log,
        ..Plot::new("Gradient of the last state by the first").labels("steps between", "length")
    };
    page.figure("reach", plot::line(&plot, &curves)?)?;

    page.section("The layers of the framework")?;
    page.text(
        "`Recurrent` computes the same, for whole sequences. It has PyTorch's two biases for each gate\n\
         where the formulas have one. Parameters of the course's model, 28 tokens and 256 units, with\n\
         the output layer of 256 x 28 + 28:",
    )?;
    let output = 256 * 28 + 28;
    for (name, cell) in [("RNN", Cell::Rnn), ("GRU", Cell::Gru), ("LSTM", Cell::Lstm)] {
        let layer: Recurrent = RecurrentConfig::new(cell, 28, 256).init(seed, device)?;
        let one_bias = cell.gates() * (28 * 256 + 256 * 256 + 256);
        page.show(&format!("{name} from scratch"), &(one_bias + output))?;
        page.show(
            &format!("{name} layer"),
            &(count_parameters(&layer) + output),
        )?;
    }
    Ok(())
}

/// To six decimals: an almost closed gate lets a billionth pass.
fn round(tensor: Tensor<2>) -> Result<Tensor<2>> {
    Ok((tensor * 1e6).round() / 1e6)
}

fn random_gate(seed: Seed, bias: f64, device: &Device) -> Gate {
    let draw = |name: &str| {
        let mut rng = seed.child(name).rng();
        let numbers = (0..UNITS * UNITS).map(|_| 0.3 * rng.normal() as f32);
        let data = TensorData::new(numbers.collect::<Vec<_>>(), [UNITS, UNITS]);
        Tensor::<2>::from_data(data, device)
    };
    Gate {
        input: draw("input"),
        state: draw("state"),
        bias: Tensor::full([1, UNITS], bias, device),
    }
}

fn gru_weights(gate: &impl Fn(&str, f64) -> Gate, bias: f64) -> Scratch {
    Scratch::Gru(GruWeights {
        update: gate("update", bias),
        reset: gate("reset", 0.0),
        candidate: gate("candidate", 0.0),
    })
}

fn lstm_weights(gate: &impl Fn(&str, f64) -> Gate, bias: f64) -> Scratch {
    Scratch::Lstm(LstmWeights {
        input: gate("input", 0.0),
        forget: gate("forget", bias),
        output: gate("output", 0.0),
        candidate: gate("candidate", 0.0),
    })
}

/// A cell with its weights.
#[allow(clippy::large_enum_variant)] // tensors are handles, and there are five of these
enum Scratch {
    Rnn(Gate),
    Gru(GruWeights),
    Lstm(LstmWeights),
}

impl Scratch {
    /// The length of the gradient of the last state by the first one (an LSTM's: by its memory).
    fn reach(&self, steps: usize, seed: Seed, graph: &Device) -> Result<f64> {
        let draw = |name: &str| {
            let mut rng = seed.child(name).rng();
            let numbers = (0..UNITS).map(|_| rng.normal() as f32);
            Tensor::<2>::from_data(
                TensorData::new(numbers.collect::<Vec<_>>(), [1, UNITS]),
                graph,
            )
        };
        let first = (draw("first") * 0.5).require_grad();
        let mut state = first.clone();
        let mut hidden = Tensor::zeros([1, UNITS], graph);
        for step in 0..steps {
            let input = draw(&format!("input {step}"));
            match self {
                Self::Rnn(weights) => state = rnn_step(weights, input, state),
                Self::Gru(weights) => state = gru_step(weights, input, state),
                Self::Lstm(weights) => {
                    [hidden, state] = lstm_step(weights, input, [hidden, state]);
                }
            }
        }
        let seen = (state * draw("weights")).sum();
        let gradient = first.grad(&seen.backward()).context("it is used")?;
        Ok(gradient.square().sum().sqrt().into_scalar())
    }
}

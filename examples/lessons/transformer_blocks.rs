//! The Transformer: feed-forward layers, shortcuts and norms around attention; encoder and decoder.
//!
//! Dive into Deep Learning, chapter "Transformer"; Vaswani et al. 2017.
//! `cargo run --example transformer_blocks`

use anyhow::Result;
use clap::Parser;
use examples::lesson::Page;
use tinderbox::nn::attention::causal_mask;
use tinderbox::nn::{Init, Layer, TransformerConfig, count_parameters, positional_encoding, relu};
use tinderbox::plot::{self, Matrix, Plot};
use tinderbox::prelude::*;

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(
        &mut args.page("transformer_blocks"),
        &args.device()?,
        args.seed(),
    )
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("The Transformer")?;
    page.text(
        "A block of the encoder is self-attention and a small network for each step, each with a\n\
         shortcut around it and a norm. A block of the decoder has a second attention between them,\n\
         to the encoder's outputs.",
    )?;
    let init = Init::new(seed, device, Initializer::PYTORCH).biases(Initializer::PYTORCH);

    page.section("The same network for every step")?;
    page.text("Two linear layers with ReLU. Equal steps give equal outputs, wherever they stand:")?;
    let (first, second) = (init.linear("first", 4, 4), init.linear("second", 4, 8));
    let outputs = second.forward(relu(first.forward(Tensor::<3>::ones([2, 3, 4], device))));
    page.show("ones of 2 x 3 x 4 become", &outputs.dims())?;
    let rows = outputs.clone().narrow(1, 0, 1).expand([2, 3, 8]);
    let off: f64 = (outputs - rows).abs().max().into_scalar();
    page.show("all steps alike", &(off < 1e-6))?;

    page.section("Layer norm and batch norm")?;
    page.text(
        "A layer norm looks at the numbers of one step, a batch norm at one number over the batch. The\n\
         first does not care about other sentences, their lengths, or how many there are.",
    )?;
    let x = Tensor::<2>::from_data([[1.0, 2.0], [2.0, 3.0]], device);
    let norm = |x: Tensor<2>, dim: usize| {
        let centered = x.clone() - x.mean_dim(dim);
        let deviation = centered.clone().square().mean_dim(dim).sqrt();
        centered / deviation
    };
    page.show("layer norm of [[1, 2], [2, 3]]", &norm(x.clone(), 1))?;
    page.show("batch norm of it", &norm(x.clone(), 0))?;
    let layer = init.layer_norm(2, 1e-5).apply(x.clone());
    let off: f64 = (layer - norm(x, 1)).abs().max().into_scalar();
    page.show("the layer gives the same to 0.0001", &(off < 1e-4))?;

    page.section("Blocks keep the shape")?;
    page.text(
        "24 numbers, 8 heads, 48 units, 2 blocks, sentences of 100 steps: what goes in comes out in the\n\
         same shape, so that blocks can be stacked.",
    )?;
    let config = TransformerConfig {
        size: 24,
        heads: 8,
        feed_forward: 48,
        layers: 2,
        dropout: 0.0,
        norm_first: false,
    };
    let encoder = config.encoder(false, seed.child("encoder"), device)?;
    let decoder = config.decoder(false, seed.child("decoder"), device)?;
    let (memory, weights) = encoder.forward(Tensor::ones([2, 100, 24], device), None);
    page.show("outputs of the encoder", &memory.dims())?;
    page.show("weights of each of its blocks", &weights[0].dims())?;
    page.show("parameters of the encoder", &count_parameters(&encoder))?;
    page.show("parameters of the decoder", &count_parameters(&decoder))?;
    page.text("Embeddings are multiplied by sqrt(size) before positions are added: both then have a\nsimilar size.")?;
    let target = {
        let mut rng = seed.child("target").rng();
        let numbers: Vec<f32> = (0..2 * 6 * 24).map(|_| rng.normal() as f32).collect();
        let target = Tensor::<3>::from_data(TensorData::new(numbers, [2, 6, 24]), device);
        target * 24f64.sqrt() + positional_encoding(0, 6, 24, device).unsqueeze::<3>()
    };
    let mask = causal_mask(6, 6, device);
    let (whole, weights) =
        decoder.forward(target.clone(), memory.clone(), Some(mask.clone()), None);
    let [own, cross] = &weights[0];
    page.show("outputs of the decoder", &whole.dims())?;
    page.show("its weights to itself", &own.dims())?;
    page.show("its weights to the encoder", &cross.dims())?;
    let names = || (0..6).map(|step| step.to_string()).collect();
    let matrix = Matrix {
        rows: names(),
        columns: names(),
        values: own
            .clone()
            .slice([0..1, 0..1, 0..6, 0..6])
            .try_into_vec_as()?,
    };
    let plot = Plot {
        height: 360,
        ..Plot::new("The decoder looks back only").labels("keys", "queries")
    };
    page.figure("causal", plot::heat_map(&plot, &matrix)?)?;

    page.section("In training at once, in prediction step by step")?;
    page.text(
        "With the causal mask all steps are trained in one pass, which a recurrent network cannot do. In\n\
         prediction each new step needs the keys and values of the steps before; they are kept in a\n\
         cache, so that a step computes its own alone.",
    )?;
    let mut caches = decoder.caches();
    let mut steps = Vec::new();
    for step in 0..6 {
        let (input, mask) = (
            target.clone().narrow(1, step, 1),
            causal_mask(1, step + 1, device),
        );
        let (step, _) =
            decoder.forward_cached(input, memory.clone(), Some(mask), None, &mut caches);
        steps.push(step);
    }
    let off: f64 = (Tensor::cat(steps, 1) - whole.clone())
        .abs()
        .max()
        .into_scalar();
    page.show("step by step is the same as at once", &(off < 1e-4))?;

    page.section("The pitfall: a mask that is forgotten")?;
    page.text(
        "Without the causal mask a decoder sees the tokens that it is to predict. The training loss\n\
         looks wonderful, and the model is useless. A test: change the last step, and look whether the\n\
         first one changes.",
    )?;
    let ones = Tensor::ones([2, 1, 24], device);
    let changed = target.clone().slice_assign([0..2, 5..6, 0..24], ones);
    let first_moves = |mask: Option<_>| -> bool {
        let run = |x: Tensor<3>| decoder.forward(x, memory.clone(), mask.clone(), None).0;
        let off = run(target.clone()) - run(changed.clone());
        off.narrow(1, 0, 1).abs().max().into_scalar::<f64>() > 1e-6
    };
    page.show(
        "with the mask, the first step changes",
        &first_moves(Some(mask)),
    )?;
    page.show("without it", &first_moves(None))
}

//! The image models: a table of all of them, or the layers of one.
//!
//! `cargo run --example models`
//! `cargo run --example models -- --summary resnet18`

use anyhow::Result;
use clap::Parser;
use examples::say;
use tinderbox::models::{ModelEntry, find, registry, summary};
use tinderbox::prelude::*;

#[derive(Parser, Debug)]
#[command(about = "Lists the image models, or the layers of one.")]
struct Args {
    /// List the layers of this model: output shape, parameters and multiply-adds of each.
    #[arg(long, value_name = "MODEL")]
    summary: Option<String>,
    /// Height and width of the images of the summary; default: those of the course or the paper.
    #[arg(long, requires = "summary")]
    side: Option<usize>,
    /// Classes of the summary; default: those of the course or the paper.
    #[arg(long, requires = "summary")]
    classes: Option<usize>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let Some(name) = &args.summary else {
        list();
        return Ok(());
    };
    let entry = find(name)?;
    let [channels, height, width] = entry.input;
    let input = [
        channels,
        args.side.unwrap_or(height),
        args.side.unwrap_or(width),
    ];
    let config = (entry.config)(input, args.classes.unwrap_or(entry.classes));
    let model = config.init(Seed::new(0), &device(None)?)?;
    say!("{name}: {}\n", entry.paper);
    let layers = summary(&model)?;
    say!("{}", layers.to_string().trim_end());
    if args.side.is_none() && args.classes.is_none() {
        examples::expected("parameters", entry.parameters, layers.parameters);
        examples::expected("multiply-adds", entry.multiply_adds, layers.multiply_adds);
    }
    Ok(())
}

/// Prints one line for each model.
fn list() {
    say!(
        "{:<20} {:>13} {:>7} {:>12} {:>15}  source",
        "model",
        "image",
        "classes",
        "parameters",
        "multiply-adds"
    );
    for entry in registry() {
        let ModelEntry {
            name,
            paper,
            input: [channels, height, width],
            classes,
            parameters,
            multiply_adds,
            ..
        } = entry;
        let image = format!("{channels} x {height} x {width}");
        say!("{name:<20} {image:>13} {classes:>7} {parameters:>12} {multiply_adds:>15}  {paper}");
    }
}

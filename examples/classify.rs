//! The classes of images, predicted by a bundle of the example `image_classifier`.
//!
//! `cargo run --example classify -- BUNDLE IMAGE…`

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use tinderbox::image::ImageClassifier;
use tinderbox::prelude::*;

#[derive(Parser, Debug)]
#[command(about = "Prints the most probable classes of images.")]
pub struct Args {
    /// The folder `bundle` of a finished run.
    bundle: PathBuf,
    /// Image files of any size; grayscale and color are converted to the input of the model.
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Number of classes to print for each image.
    #[arg(long, default_value_t = 3)]
    top: usize,
    /// flex, ndarray, wgpu, vulkan, metal, webgpu, cuda:1, ….
    #[arg(long)]
    device: Option<String>,
}

/// Predicts with the settings of a command line; returns the table that is printed.
pub fn classify(args: &Args) -> Result<String> {
    let device = device(args.device.as_deref())?;
    let classifier = ImageClassifier::open(&args.bundle, &device)?;
    let classes = &classifier.config().classes;
    let files: Vec<String> = args
        .images
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let (file_width, class_width) = (widest(&files), widest(classes));

    let mut table = String::new();
    for (file, probabilities) in files.iter().zip(classifier.predict(&args.images)?) {
        let mut ranked: Vec<_> = classes.iter().zip(probabilities).collect();
        ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let mut file = file.as_str();
        for (class, probability) in ranked.iter().take(args.top) {
            writeln!(
                table,
                "{file:<file_width$}  {class:<class_width$}  {probability:.4}"
            )?;
            file = "";
        }
    }
    Ok(table)
}

fn widest(names: &[String]) -> usize {
    let widths = names.iter().map(|name| name.chars().count());
    widths.max().unwrap_or(0)
}

fn main() -> Result<()> {
    examples::say!("{}", classify(&Args::parse())?.trim_end());
    Ok(())
}

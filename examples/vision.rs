//! The command line and the output of the examples on Fashion-MNIST.

use anyhow::Result;
use tinderbox::image::{Parts, Trained};

use crate::{Common, expected, output, say};

/// The command line of an example on Fashion-MNIST.
#[derive(clap::Parser, Clone, Debug)]
#[command(about = "An example of Tinderbox on Fashion-MNIST; its first lines describe it.")]
pub struct Args {
    /// Use only this many of the training images and of the test images: a quick try.
    #[arg(long, value_name = "IMAGES", value_parser = output::positive::<usize>)]
    pub limit: Option<usize>,
    /// The options that every example takes.
    #[command(flatten)]
    pub common: Common,
}

/// The 60,000 training and 10,000 test images of Fashion-MNIST, 1 x 28 x 28, or fewer of each.
pub fn fashion_mnist(limit: Option<usize>) -> Result<Parts> {
    // Ranks divide the cores before anything computes.
    crate::ranks::ranks()?;
    limited(Parts::data_set("fashion-mnist")?, limit)
}

/// At most this many of the training and of the test images, and a line that reports it.
pub fn limited(parts: Parts, limit: Option<usize>) -> Result<Parts> {
    let Some(limit) = limit else { return Ok(parts) };
    let (train, test) = (parts.train.len(), parts.test.len());
    say!("a part of the data: {limit} of {train} training, {limit} of {test} test images");
    Ok(parts.limited(limit)?)
}

/// Prints the scores of every class, and where the run folder and the bundle are.
pub fn print_trained(trained: &Trained) {
    say!("\n{}", trained.scores().trim_end());
    say!("test loss {:.4}\n", trained.test_loss);
    say!(
        "{:.0} training examples per second, validation included",
        trained.images_per_second()
    );
    if let Some(run) = &trained.run {
        say!("run folder  {}", run.folder().display());
        say!("bundle      {}", run.bundle().display());
    }
}

/// Prints the metrics of the last epoch and the range of the course's published runs: 5 to 95 percent of
/// them.
pub fn expect(
    trained: &Trained,
    train_loss: [f64; 2],
    train_accuracy: [f64; 2],
    test_accuracy: [f64; 2],
) -> Result<()> {
    let line = |what: &str, [low, high]: [f64; 2], got: f64| {
        expected(what, format!("{low} to {high}"), format!("{got:.4}"));
    };
    line("training loss", train_loss, trained.last("train_loss")?);
    let accuracy = trained.last("train_accuracy")?;
    line("training accuracy", train_accuracy, accuracy);
    line("test accuracy", test_accuracy, trained.test_accuracy());
    Ok(())
}

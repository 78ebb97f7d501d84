//! `cargo xtask scale`: how well data-parallel training scales over a network, on paper; with `--measure`, on the
//! cores of this machine.

mod measure;

use std::path::PathBuf;

use anyhow::Result;
use examples::say;
use tinderbox::plot::{self, Plot, Scale, Series};

/// `cargo xtask scale [--seconds S]... [--latency-us T] [--measure] [--out FOLDER]`
#[derive(clap::Args)]
pub struct Args {
    /// Seconds of a step on one machine (forward, backward, optimizer), without communication; several for
    /// several tables. Measure them: `images_per_second` of a training run, and the batch size of a machine.
    #[arg(long, value_name = "S", default_values_t = [1.0, 0.1])]
    seconds: Vec<f64>,
    /// Microseconds that a message needs, however small.
    #[arg(long, value_name = "T", default_value_t = 50.0)]
    latency_us: f64,
    /// Measure instead two ranks of one thread against one process of two threads; needs mpirun, and the examples
    /// built with the feature mpi: cargo build --workspace --features examples/mpi --examples --bins
    #[arg(long)]
    measure: bool,
    /// The folder for the figure, and of the runs that are measured.
    #[arg(long, default_value = "runs/scale")]
    out: PathBuf,
}

/// Trainable parameters: of ResNet-18 with 1,000 classes, and of BERT small (4 layers of 512; Turc et al. 2019).
const MODELS: [(&str, f64); 2] = [("ResNet-18", 11_689_512.0), ("BERT small", 28_763_648.0)];
const MACHINES: [usize; 3] = [4, 16, 64];
const GIGABITS: [f64; 3] = [1.0, 10.0, 100.0];

/// The seconds of a ring all-reduce of `bytes` over `machines` machines: `2 (n - 1)` messages one after the
/// other, each of a `n`-th of the bytes (Patarasuk and Yuan 2009).
fn ring(machines: usize, bytes: f64, bytes_per_second: f64, latency: f64) -> f64 {
    let n = machines as f64;
    2.0 * (n - 1.0) * (latency + bytes / n / bytes_per_second)
}

/// The speed of `machines` machines as a share of as many times that of one: communication follows
/// computation, without overlap.
fn efficiency(step: f64, communication: f64) -> f64 {
    step / (step + communication)
}

pub fn run(args: Args) -> Result<()> {
    if args.measure {
        return measure::run(&args.out);
    }
    let latency = args.latency_us * 1e-6;
    say!(
        "ring all-reduce: 2 (n - 1) (t + S / (n B)) seconds for n machines, S bytes of gradients (4 per"
    );
    say!(
        "parameter), B bytes a second of a link and t = {} us for a message.",
        args.latency_us
    );
    say!("efficiency: step / (step + all-reduce); the batch of a machine stays the same.");
    for (model, parameters) in MODELS {
        let bytes = 4.0 * parameters;
        say!("\n{model}: {:.1} MB of gradients", bytes / 1e6);
        let steps: Vec<String> = args
            .seconds
            .iter()
            .map(|s| format!("step of {s} s"))
            .collect();
        say!(
            "  link, Gbit/s  machines  all-reduce, ms  {}",
            steps.join("  ")
        );
        for gigabits in GIGABITS {
            for machines in MACHINES {
                let seconds = ring(machines, bytes, gigabits * 1e9 / 8.0, latency);
                let shares = args.seconds.iter().zip(&steps).map(|(&step, name)| {
                    let share = format!("{:.0} %", 100.0 * efficiency(step, seconds));
                    format!("{share:>width$}", width = name.len())
                });
                let shares: Vec<String> = shares.collect();
                let milliseconds = 1e3 * seconds;
                say!(
                    "  {gigabits:>12}  {machines:>8}  {milliseconds:>14.1}  {}",
                    shares.join("  ")
                );
            }
        }
    }
    let step = args.seconds.last().copied().unwrap_or(0.1);
    let lines = MODELS.iter().flat_map(|&(model, parameters)| {
        GIGABITS.map(|gigabits| {
            let point = |power: u32| {
                let machines = 2usize.pow(power);
                let seconds = ring(machines, 4.0 * parameters, gigabits * 1e9 / 8.0, latency);
                (machines as f64, efficiency(step, seconds))
            };
            Series::new(format!("{model}, {gigabits} Gbit/s"), (0..=6).map(point))
        })
    });
    let plot = Plot {
        x_scale: Scale::Log,
        y_range: Some((0.0, 1.0)),
        ..Plot::new(format!(
            "Efficiency of data-parallel training, step of {step} s"
        ))
        .labels("machines", "efficiency")
    };
    let figure = args.out.join("efficiency.svg");
    std::fs::create_dir_all(&args.out)?;
    let svg = plot::line(&plot, &lines.collect::<Vec<_>>())?;
    tinderbox::write_atomic(&figure, svg)?;
    say!("\n{}", figure.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_sends_nearly_twice_the_gradients_whatever_the_number_of_machines() {
        assert_eq!(ring(1, 1e6, 1e6, 0.1), 0.0);
        assert_eq!(ring(2, 1e6, 1e6, 0.0), 1.0);
        assert!((ring(64, 1e6, 1e6, 0.0) - 2.0 * 63.0 / 64.0).abs() < 1e-12);
        assert!((ring(4, 0.0, 1e6, 1e-3) - 6e-3).abs() < 1e-12);
        assert_eq!(efficiency(1.0, 1.0), 0.5);
    }
}

//! Project tasks: `cargo xtask reproduce`, `lessons`, `fetch`, `bench`, `ci`. One file a command.
#![recursion_limit = "256"]

mod bench;
mod ci;
mod fetch;
mod hostile;
mod lessons;
mod reproduce;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project tasks")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the course's experiments and holds them against the published bands.
    Reproduce(reproduce::Args),
    /// Runs every lesson and writes one page of all of them.
    Lessons(lessons::Args),
    /// Fetches data sets, or lists them.
    Fetch(fetch::Args),
    /// Measures speed, as ratios against PyTorch on the same machine if asked.
    Bench(bench::Args),
    /// What the gate runs beside the tests.
    Ci(ci::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Reproduce(args) => reproduce::run(args),
        Command::Lessons(args) => lessons::run(args),
        Command::Fetch(args) => fetch::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Ci(args) => ci::run(args),
    }
}

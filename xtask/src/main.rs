//! Project tasks: `cargo xtask reproduce`, `lessons`, `fetch`, `bench`, `tables`, `scale`, `ci`. One file per command.
#![recursion_limit = "256"]

mod bench;
mod ci;
mod fetch;
mod hostile;
mod lessons;
#[cfg(test)]
mod one_build;
mod reproduce;
mod scale;
mod tables;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project tasks")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the course's experiments and compare them with the published bands.
    Reproduce(reproduce::Args),
    /// Run every lesson and write them all to one page.
    Lessons(lessons::Args),
    /// Download data sets, or list them.
    Fetch(fetch::Args),
    /// Measure speed (compared with PyTorch on the same machine on request), or build times.
    Bench(bench::Args),
    /// Compute how data-parallel training scales over a network.
    Scale(scale::Args),
    /// Compare models of tables with boosted trees on public tables.
    Tables(tables::Args),
    /// Run the checks of the gate that are not tests.
    Ci(ci::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Reproduce(args) => reproduce::run(args),
        Command::Lessons(args) => lessons::run(args),
        Command::Fetch(args) => fetch::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Scale(args) => scale::run(args),
        Command::Tables(args) => tables::run(args),
        Command::Ci(args) => ci::run(args),
    }
}

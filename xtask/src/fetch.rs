//! Downloads data sets of the catalog, or lists them.

use anyhow::Result;
use examples::say;
use tinderbox::data::{Catalog, Fetcher};

/// `cargo xtask fetch [NAME…] [--list]`
#[derive(clap::Args)]
pub struct Args {
    /// The data sets to download; without a name, list them.
    names: Vec<String>,
    /// List name, size, license, and whether the data set is present.
    #[arg(long)]
    list: bool,
}

pub fn run(args: Args) -> Result<()> {
    let catalog = Catalog::builtin();
    let fetcher = Fetcher::from_env()?;
    if args.list || args.names.is_empty() {
        say!("{:<20} {:>10}  {:<8} license", "name", "size", "present");
        for dataset in catalog.datasets() {
            let size: u64 = dataset.files.iter().map(|file| file.bytes).sum();
            let present = match fetcher.present(dataset) {
                Some(_) => "yes",
                None => "no",
            };
            say!(
                "{:<20} {:>7.1} MB  {present:<8} {}",
                dataset.name,
                size as f64 / 1e6,
                dataset.license
            );
        }
        return Ok(());
    }
    for name in &args.names {
        let folder = fetcher.fetch(catalog.get(name)?)?;
        say!("{name}: {}", folder.display());
    }
    Ok(())
}

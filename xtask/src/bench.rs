//! `cargo xtask bench`: speed, compared with PyTorch on request, and build times.

mod build;
mod kernels;
mod pytorch;
mod speed;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use examples::say;
use xshell::{Shell, cmd};

/// `cargo xtask bench [--against-pytorch] [--filter TEXT] [--kernels] [--build [PART…]] [--save]`
#[derive(clap::Args)]
pub struct Args {
    /// Run the PyTorch versions too, with the Python of the variable TINDERBOX_PYTHON, else in a virtual environment
    /// of their own.
    #[arg(long)]
    against_pytorch: bool,
    /// Write the tables to benchmarks/results.
    #[arg(long)]
    save: bool,
    /// Run the benches whose name contains this.
    #[arg(long, default_value = "")]
    filter: String,
    /// Measure convolutions and image models with the CPU kernels, with Burn's own operations, and in PyTorch if the
    /// Python of the variable TINDERBOX_PYTHON (else python3) has it.
    #[arg(long, conflicts_with_all = ["against_pytorch", "build"])]
    kernels: bool,
    /// Measure build times instead of speed: all of them, or only these. All of them together take half an hour.
    #[arg(long, value_enum, value_name = "PART", num_args = 0.., conflicts_with_all = ["against_pytorch", "filter"])]
    build: Option<Vec<build::Part>>,
}

pub fn run(args: Args) -> Result<()> {
    let shell = Shell::new()?;
    // This may be started from any folder of the repository.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = root.context("xtask lies in the repository")?;
    shell.change_dir(root);
    let target = target_folder(&shell)?;
    let (tables, name, software, command) = match &args.build {
        Some(parts) => {
            let tables = build::measure(&shell, root, &target, parts)?;
            let names = parts.iter().map(|part| format!(" {}", part.name()));
            let command = format!("bench --build{}", names.collect::<String>());
            let rust = cmd!(shell, "rustc --version").read()?;
            (tables, "build".to_string(), rust, command)
        }
        None if args.kernels => {
            let python = pytorch::installed(&shell);
            let tables = kernels::measure(&shell, &target, python.as_deref(), &args.filter)?;
            let software = match &python {
                Some(python) => pytorch::pytorch_version(&shell, python)?,
                None => String::new(),
            };
            let mut command = String::from("bench --kernels");
            if !args.filter.is_empty() {
                command += &format!(" --filter {}", args.filter);
            }
            let name = format!("kernels {}", args.filter);
            (tables, name.trim_end().to_string(), software, command)
        }
        None => {
            let python = match args.against_pytorch {
                true => Some(pytorch::python(&shell, &target)?),
                false => None,
            };
            let measured = speed::measure(&shell, &target, python.as_deref(), &args.filter)?;
            let software = match &python {
                Some(python) => pytorch::pytorch_version(&shell, python)?,
                None => String::new(),
            };
            let mut command = String::from("bench");
            if args.against_pytorch {
                command += " --against-pytorch";
            }
            if !args.filter.is_empty() {
                command += &format!(" --filter {}", args.filter);
            }
            (measured.tables(), args.filter.clone(), software, command)
        }
    };
    let command = match args.save {
        true => format!("cargo xtask {command} --save"),
        false => format!("cargo xtask {command}"),
    };
    let (machine, cores) = (machine(), std::thread::available_parallelism()?);
    let software = match software.is_empty() {
        true => software,
        false => format!(", {software}"),
    };
    let about = format!("{machine}, {cores} cores{software}. One run of `{command}`.");
    say!("\n{about}\n\n{tables}");
    if args.save {
        let date = cmd!(shell, "date +%F").read()?;
        let folder = root.join("benchmarks/results");
        let path = folder.join(file_name(&date, &name));
        tinderbox::write_atomic(&path, format!("# {date}\n\n{about}\n\n{tables}"))?;
        say!("written: {}", path.display());
    }
    Ok(())
}

/// `DATE.md` for a run of all benches; a run of some has a name of its own and does not replace that file.
fn file_name(date: &str, part: &str) -> String {
    let part = part.replace(|c: char| !c.is_alphanumeric(), "-");
    match part.is_empty() {
        true => format!("{date}.md"),
        false => format!("{date}-{part}.md"),
    }
}

fn target_folder(shell: &Shell) -> Result<PathBuf> {
    let text = cmd!(shell, "cargo metadata --format-version 1 --no-deps")
        .quiet()
        .read()?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let folder = metadata["target_directory"].as_str();
    Ok(folder
        .context("cargo metadata names no target folder")?
        .into())
}

/// The processor's name.
pub fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split(": ").nth(1));
    name.unwrap_or("unknown processor").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_some_benches_has_a_file_of_its_own() {
        assert_eq!(file_name("2026-11-28", ""), "2026-11-28.md");
        assert_eq!(
            file_name("2026-11-28", "images/lenet"),
            "2026-11-28-images-lenet.md"
        );
    }
}

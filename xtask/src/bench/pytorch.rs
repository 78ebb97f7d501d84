//! The benches written in PyTorch, and a Python to run them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::speed::Results;

/// A Python with `benchmarks/pytorch/requirements.txt` installed, to use instead of a virtual environment.
const PYTHON_VARIABLE: &str = "TINDERBOX_PYTHON";

/// A Python with PyTorch: the one in [`PYTHON_VARIABLE`], else a virtual environment in the target folder.
pub fn python(shell: &Shell, target: &Path) -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(PYTHON_VARIABLE).filter(|name| !name.is_empty()) {
        let python = PathBuf::from(named);
        let found = cmd!(shell, "{python} -c 'import torch'").quiet().run();
        found.with_context(|| {
            let named = python.display();
            format!("{PYTHON_VARIABLE} names {named}, which has no PyTorch; install benchmarks/pytorch/requirements.txt there, or unset it")
        })?;
        return Ok(python);
    }
    let environment = target.join("pytorch");
    let python = environment.join("bin/python");
    if !python.is_file() {
        cmd!(shell, "python3 -m venv {environment}").run()?;
    }
    let requirements = "benchmarks/pytorch/requirements.txt";
    cmd!(shell, "{python} -m pip install --quiet -r {requirements}").run()?;
    Ok(python)
}

/// A Python that can import torch, the one in [`PYTHON_VARIABLE`] or `python3`; nothing is installed.
pub fn installed(shell: &Shell) -> Option<PathBuf> {
    let named = std::env::var_os(PYTHON_VARIABLE).filter(|name| !name.is_empty());
    let python = PathBuf::from(named.unwrap_or_else(|| "python3".into()));
    let found = cmd!(shell, "{python} -c 'import torch'").quiet();
    found.ignore_stderr().run().is_ok().then_some(python)
}

/// `PyTorch 2.9.0, 2 threads`
pub fn pytorch_version(shell: &Shell, python: &Path) -> Result<String> {
    let print =
        "import torch; print(f'PyTorch {torch.__version__}, {torch.get_num_threads()} threads')";
    Ok(cmd!(shell, "{python} -c {print}").quiet().read()?)
}

/// Runs every program in `benchmarks/pytorch`.
pub fn run(shell: &Shell, python: &Path, filter: &str) -> Result<Results> {
    let mut results = Results::default();
    for entry in shell.read_dir("benchmarks/pytorch")? {
        if entry.extension().is_none_or(|extension| extension != "py") {
            continue;
        }
        let text = cmd!(shell, "{python} {entry} {filter}").read()?;
        results.add(&entry.display().to_string(), &text)?;
    }
    Ok(results)
}

//! The checks of the gate that are not tests: programs, started as a user starts them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

/// `xtask ci [--device D]`
#[derive(clap::Args)]
pub struct Args {
    /// The device to run on.
    #[arg(long, default_value = "flex")]
    device: String,
}

pub fn run(args: Args) -> Result<()> {
    let shell = Shell::new()?;
    let device = &args.device;
    let scratch = shell.create_temp_dir()?;
    let programs = std::env::current_exe()?;
    let programs = programs.parent().context("this program lies in a folder")?;
    let example = |name: &str| -> PathBuf { programs.join("examples").join(name) };

    let run = scratch.path().join("linear_regression");
    let program = example("linear_regression");
    cmd!(shell, "{program} --device {device} --out {run}").run()?;
    cmd!(shell, "{program} --device {device} --out {run} --resume").run()?;
    let program = example("custom_model");
    let out = scratch.path().join("custom_model");
    cmd!(shell, "{program} --device {device} --out {out} --epochs 20").run()?;

    let program = example("optimizers");
    let out = scratch.path().join("optimizers");
    cmd!(
        shell,
        "{program} --device {device} --out {out} --epochs 1 --batch-size 100"
    )
    .run()?;
    let program = example("tune");
    let out = scratch.path().join("tune");
    cmd!(
        shell,
        "{program} --device {device} --out {out} --trials 9 --epochs 3"
    )
    .run()?;
    let program = example("search");
    let out = scratch.path().join("search");
    cmd!(
        shell,
        "{program} linear_regression --device {device} --out {out} --trials 3 --epochs 3 --metric valid_rmse"
    )
    .run()?;
    let program = example("schedules");
    let out = scratch.path().join("schedules");
    cmd!(shell, "{program} --out {out}").run()?;

    let (program, classify) = (example("image_classifier"), example("classify"));
    let out = scratch.path().join("image_classifier");
    cmd!(
        shell,
        "{program} --model softmax_regression --limit 2000 --epochs 2 --device {device} --out {out}"
    )
    .run()?;
    let (bundle, picture) = (out.join("bundle"), scratch.path().join("shirt.png"));
    image::GrayImage::from_fn(56, 56, |x, _| {
        [if x.abs_diff(28) < 12 { 200 } else { 0 }].into()
    })
    .save(&picture)?;
    cmd!(shell, "{classify} {bundle} {picture} --device {device}").run()?;

    crate::hostile::run(&shell, &example, device)?;

    let out = scratch.path().join("reproduce");
    let this = std::env::current_exe()?;
    cmd!(
        shell,
        "{this} reproduce --quick --device {device} --out {out}"
    )
    .run()?;

    if device == "flex" {
        cmd!(shell, "{this} fetch --list").run()?;
        closed_pipe_is_no_error(Command::new(&this).args(["fetch", "--list"]))?;
        python_reads(&shell, &run)?;
        unknown_devices_are_refused(&shell, &example("linear_regression"))?;
    }
    Ok(())
}

/// Python libraries can read the files of a run: safetensors, event files, CSV.
fn python_reads(shell: &Shell, run: &Path) -> Result<()> {
    let home = std::env::current_exe()?;
    let environment = home.with_file_name("python-checks");
    let python = environment.join("bin/python");
    if !python.is_file() {
        cmd!(shell, "python3 -m venv {environment}").run()?;
    }
    let requirements = "xtask/python/requirements.txt";
    cmd!(shell, "{python} -m pip install --quiet -r {requirements}").run()?;
    cmd!(shell, "{python} xtask/python/check_run.py {run}").run()?;
    Ok(())
}

/// `xtask fetch --list | head -1` ends without an error, although `head` closes the pipe early.
fn closed_pipe_is_no_error(command: &mut Command) -> Result<()> {
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let output = command.stdout(writer).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && text.is_empty(),
        "{command:?} without a reader: {text}"
    );
    Ok(())
}

fn unknown_devices_are_refused(shell: &Shell, program: &Path) -> Result<()> {
    for (name, message) in [
        ("abacus", "no device is called 'abacus'"),
        ("cuda:1", "--features cuda"),
    ] {
        let output = cmd!(shell, "{program} --device {name}")
            .ignore_status()
            .output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(
            !output.status.success() && text.contains(message),
            "--device {name}: {text}"
        );
    }
    Ok(())
}

//! Build times: the first build, and from an edit to the running program.
//!
//! The builds happen in a copy of the workspace with its own target folders, below `bench-build` in the target folder.
//! So no source file is edited, and other builds stay as they are.

mod copy;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use examples::say;
use xshell::{Shell, cmd};

use copy::copy_workspace;

/// How often an edit is measured; the median counts.
const EDITS: usize = 3;

/// The crate outside the workspace has the README's program and profile.
const README: &str = include_str!("../../../README.md");

/// The measurements.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
pub enum Part {
    /// The first build of `linear_regression`, from an empty target folder.
    First,
    /// The first build of `lenet` without polars.
    FirstWithoutTables,
    /// From an edit of `custom_model` to the running program.
    Edit,
    /// The same for a crate outside the workspace that depends on `tinderbox`.
    EditOutside,
}

/// The time of a build.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    /// Seconds on the clock.
    wall: f64,
    /// Seconds summed over all processors, on Linux.
    processor: Option<f64>,
}

/// The folders of the builds.
struct Place<'a> {
    shell: &'a Shell,
    /// `bench-build` in the target folder.
    folder: PathBuf,
    /// The copy of the workspace.
    workspace: PathBuf,
}

impl Part {
    const ALL: [Self; 4] = [
        Self::First,
        Self::FirstWithoutTables,
        Self::Edit,
        Self::EditOutside,
    ];

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::FirstWithoutTables => "first-without-tables",
            Self::Edit => "edit",
            Self::EditOutside => "edit-outside",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::First => "first build, `cargo build --example linear_regression`",
            Self::FirstWithoutTables => {
                "first build without polars, `cargo build --example lenet --no-default-features --features flex`"
            }
            Self::Edit => "from an edit to the running program, `examples/custom_model.rs`",
            Self::EditOutside => {
                "the same in a crate outside the workspace, with the README's profile"
            }
        }
    }
}

/// Measures these parts, or all if the list is empty, and returns a Markdown table.
pub fn measure(shell: &Shell, root: &Path, target: &Path, parts: &[Part]) -> Result<String> {
    let folder = target.join("bench-build");
    let place = Place {
        shell,
        workspace: folder.join("workspace"),
        folder,
    };
    copy_workspace(root, target, &place.workspace)?;
    let mut text = String::from(
        "| what | seconds on the clock | processor seconds |\n| --- | ---: | ---: |\n",
    );
    let asked = if parts.is_empty() { &Part::ALL } else { parts };
    for part in Part::ALL.into_iter().filter(|part| asked.contains(part)) {
        say!("{}", part.title());
        let cost = match part {
            Part::First => place.first("target", &["linear_regression"])?,
            Part::FirstWithoutTables => {
                let options = ["lenet", "--no-default-features", "--features", "flex"];
                place.first("target-without-tables", &options)?
            }
            Part::Edit => place.edit_example()?,
            Part::EditOutside => place.edit_outside()?,
        };
        let processor = cost.processor.map(|seconds| format!("{seconds:.1}"));
        let processor = processor.unwrap_or_default();
        text += &format!("| {} | {:.1} | {processor} |\n", part.title(), cost.wall);
    }
    Ok(text)
}

impl Place<'_> {
    /// Builds an example in an empty target folder.
    fn first(&self, target: &str, example: &[&str]) -> Result<Cost> {
        let target = self.folder.join(target);
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
        self.timed(|| {
            self.build(
                &self.workspace,
                &target,
                &[&["--example"], example].concat(),
            )
        })
    }

    /// Adds a comment to the example, builds it and starts it.
    fn edit_example(&self) -> Result<Cost> {
        let target = self.folder.join("target");
        let build = || self.build(&self.workspace, &target, &["--example", "custom_model"]);
        let source = self.workspace.join("examples/custom_model.rs");
        let program = target.join("debug/examples/custom_model");
        self.edits(&source, build, || {
            let program = &program;
            cmd!(self.shell, "{program} --help")
                .quiet()
                .ignore_stdout()
                .run()?;
            Ok(())
        })
    }

    /// Adds a comment to the README's program, builds it outside the workspace and starts it.
    fn edit_outside(&self) -> Result<Cost> {
        let own = self.folder.join("own");
        let source = own.join("src/main.rs");
        tinderbox::write_atomic(&source, block(README, "```rust", "fn main()")?)?;
        let (tinderbox, profile) = (
            self.workspace.join("crates/tinderbox"),
            block(README, "```toml", "[profile.dev]")?,
        );
        let manifest = format!(
            "[package]\nname = \"own\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies]\ntinderbox = {{ path = {tinderbox:?} }}\n\n{profile}"
        );
        tinderbox::write_atomic(own.join("Cargo.toml"), manifest)?;
        // The same versions, and no network.
        fs::copy(self.workspace.join("Cargo.lock"), own.join("Cargo.lock"))?;
        let target = self.folder.join("target-own");
        let program = target.join("debug/own");
        self.edits(
            &source,
            || self.build(&own, &target, &[]),
            || {
                let output = cmd!(self.shell, "{program}")
                    .quiet()
                    .ignore_status()
                    .output()?;
                // The table does not exist; the error shows that the program runs.
                let text = String::from_utf8_lossy(&output.stderr);
                ensure!(text.contains("houses.csv"), "{text}");
                Ok(())
            },
        )
    }

    /// The median time from an edit of `source` until the program has started.
    fn edits(
        &self,
        source: &Path,
        build: impl Fn() -> Result<()>,
        start: impl Fn() -> Result<()>,
    ) -> Result<Cost> {
        build().context("the build before the first edit")?;
        start()?;
        let text = fs::read_to_string(source)?;
        let mut costs = Vec::new();
        for number in 1..=EDITS {
            tinderbox::write_atomic(source, format!("{text}// edit {number}\n"))?;
            costs.push(self.timed(|| {
                build()?;
                start()
            })?);
        }
        tinderbox::write_atomic(source, text)?;
        costs.sort_by(|a, b| a.wall.total_cmp(&b.wall));
        Ok(costs[EDITS / 2])
    }

    fn build(&self, folder: &Path, target: &Path, options: &[&str]) -> Result<()> {
        let _here = self.shell.push_dir(folder);
        let _target = self.shell.push_env("CARGO_TARGET_DIR", target);
        cmd!(self.shell, "cargo build {options...}").run()?;
        Ok(())
    }

    fn timed(&self, work: impl FnOnce() -> Result<()>) -> Result<Cost> {
        let (before, started) = (processor_seconds(), Instant::now());
        work()?;
        let wall = started.elapsed().as_secs_f64();
        let used = processor_seconds().zip(before);
        Ok(Cost {
            wall,
            processor: used.map(|(after, before)| after - before),
        })
    }
}

/// The first code block of this language that contains `part`.
fn block<'a>(text: &'a str, fence: &str, part: &str) -> Result<&'a str> {
    let blocks = text.split(fence).skip(1).filter_map(|rest| {
        let rest = rest.split_once('\n')?.1;
        Some(rest.split_once("```")?.0)
    });
    let found = blocks.into_iter().find(|block| block.contains(part));
    found.with_context(|| format!("README.md has no block {fence} with {part}"))
}

/// Processor time of all finished child processes and their children, from Linux's `/proc`.
fn processor_seconds() -> Option<f64> {
    child_seconds(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// The fields `cutime` and `cstime` of proc_pid_stat(5), in ticks of 1/100 s.
fn child_seconds(stat: &str) -> Option<f64> {
    // The name of the program, in parentheses, may contain spaces; the field after it is the third.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    Some((ticks(16)? + ticks(17)?) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_a_program_and_a_profile() {
        assert!(
            block(README, "```rust", "fn main()")
                .unwrap()
                .contains("tinderbox")
        );
        let profile = block(README, "```toml", "[profile.dev]").unwrap();
        assert!(profile.contains("burn-flex") && !profile.contains("[dependencies]"));
        assert!(block(README, "```toml", "[nothing]").is_err());
    }

    #[test]
    fn processor_time_is_that_of_children() {
        let stat = "42 (a (strange) name) S 1 2 3 4 5 6 7 8 9 10 111 222 1234 66 20 0 1 0 77";
        assert_eq!(child_seconds(stat), Some(13.0));
        assert_eq!(child_seconds("42 (short) S 1"), None);
    }
}

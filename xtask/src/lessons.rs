//! `cargo xtask lessons`: runs every lesson and writes them all to one page.

mod html;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use examples::say;
use xshell::{Shell, cmd};

/// The lessons in the order of the course, and their source below `examples`.
const LESSONS: [(&str, &str); 29] = [
    ("tensors", "lessons/tensors.rs"),
    ("preprocessing", "lessons/preprocessing.rs"),
    ("linear_algebra", "lessons/linear_algebra.rs"),
    ("calculus", "lessons/calculus.rs"),
    ("autograd", "lessons/autograd.rs"),
    (
        "linear_regression_exact",
        "lessons/linear_regression_exact.rs",
    ),
    ("overfitting", "lessons/overfitting.rs"),
    ("weight_decay", "lessons/weight_decay.rs"),
    ("dropout_demo", "lessons/dropout_demo.rs"),
    ("gradient_descent", "lessons/gradient_descent.rs"),
    ("batch_size", "lessons/batch_size.rs"),
    ("text_preprocessing", "lessons/text_preprocessing.rs"),
    ("text_batches", "lessons/text_batches.rs"),
    ("rnn_from_scratch", "lessons/rnn_from_scratch.rs"),
    (
        "backpropagation_through_time",
        "lessons/backpropagation_through_time.rs",
    ),
    ("gated_cells", "lessons/gated_cells.rs"),
    ("encoder_decoder", "lessons/encoder_decoder.rs"),
    ("attention_pooling", "lessons/attention_pooling.rs"),
    ("attention_scores", "lessons/attention_scores.rs"),
    ("multihead_attention", "lessons/multihead_attention.rs"),
    ("self_attention", "lessons/self_attention.rs"),
    ("transformer_blocks", "lessons/transformer_blocks.rs"),
    ("approximate_training", "lessons/approximate_training.rs"),
    ("byte_pair_encoding", "lessons/byte_pair_encoding.rs"),
    ("word_embeddings", "lessons/word_embeddings.rs"),
    ("bert_inputs", "lessons/bert_inputs.rs"),
    ("fine_tuning", "lessons/fine_tuning.rs"),
    ("multiple_devices", "lessons/multiple_devices.rs"),
    ("questions", "questions"),
];

/// `cargo xtask lessons [--out FOLDER] [--device D]`
#[derive(clap::Args)]
pub struct Args {
    /// The folder for the page and its figures.
    #[arg(long, default_value = "runs/lessons")]
    out: PathBuf,
    /// The device to run on; default: TINDERBOX_DEVICE, else the best compiled in.
    #[arg(long)]
    device: Option<String>,
    /// Build nothing: run the programs in the folder of this one.
    #[arg(long)]
    built: bool,
}

pub fn run(args: Args) -> Result<()> {
    let shell = Shell::new()?;
    if !args.built {
        // With the profile of this program, so that both are in the same folder.
        let profile = if cfg!(debug_assertions) {
            "dev"
        } else {
            "release"
        };
        let examples = LESSONS.iter().flat_map(|(name, _)| ["--example", name]);
        cmd!(
            shell,
            "cargo build --profile {profile} --package examples {examples...}"
        )
        .run()?;
    }
    let programs = std::env::current_exe()?;
    let programs = programs
        .parent()
        .context("this program lies in a folder")?
        .join("examples");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("examples");

    let mut lessons = Vec::new();
    for (name, source) in LESSONS {
        let program = programs.join(name);
        ensure!(
            program.is_file(),
            "{} is not built; run the command without --built",
            program.display()
        );
        let folder = args.out.join(name);
        let device = args.device.iter().flat_map(|device| ["--device", device]);
        say!("{name}");
        let text = cmd!(shell, "{program} --out {folder} {device...}")
            .quiet()
            .read()?;
        let programs = read_programs(&shell, &sources, source)?;
        lessons.push(html::Lesson::read(name, &text, programs)?);
    }
    let page = args.out.join("index.html");
    tinderbox::write_atomic(&page, html::page(&lessons))?;
    say!("{}", page.display());
    Ok(())
}

/// The source of a program, one file or a folder with `main.rs` first: paths and texts.
fn read_programs(shell: &Shell, home: &Path, source: &str) -> Result<Vec<(String, String)>> {
    let path = home.join(source);
    let mut files = match path.is_dir() {
        true => shell.read_dir(&path)?,
        false => vec![path],
    };
    files.sort_by_key(|file| (!file.ends_with("main.rs"), file.clone()));
    let named = files.into_iter().map(|file| {
        let name = Path::new("examples").join(file.strip_prefix(home)?);
        Ok((name.display().to_string(), shell.read_file(&file)?))
    });
    named.collect()
}

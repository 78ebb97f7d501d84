//! `sequence`, `language_model` and `generate` as a user starts them.

use super::*;

/// The number behind the last space of the line with this part.
fn number(printed: &str, part: &str) -> f64 {
    let line = printed.lines().find(|line| line.contains(part));
    let line = line.unwrap_or_else(|| panic!("no line with {part:?} in {printed}"));
    let (_, rest) = line.rsplit_once(part).unwrap();
    let word = rest.split_whitespace().last().unwrap();
    word.parse()
        .unwrap_or_else(|_| panic!("no number in {line:?}"))
}

#[test]
fn a_noisy_sine_is_learnt_one_step_ahead_and_drawn() {
    let folder = Folder::new();
    let run = folder.join("run");
    let printed = works(
        example("sequence")
            .args(["--device", "flex", "--out"])
            .arg(&run),
    );
    let learned = number(
        &printed,
        "expected 0.047 to 0.060 (the noise alone: 0.040), got",
    );
    assert!((0.04..0.065).contains(&learned), "{printed}");
    let ahead = |steps: usize| number(&printed, &format!("error {steps} ahead, "));
    assert!((0.04..0.08).contains(&ahead(1)), "{printed}");
    assert!(ahead(64) > ahead(1), "{printed}");
    assert!(run.join("sequence.svg").is_file());
}

/// Trains a small model of characters on this text, in batches of this size and windows of so many steps.
fn language_model(text: &Path, out: &Path, [batch_size, steps]: [&str; 2]) -> Command {
    let mut command = example("language_model");
    command.args(["--device", "flex", "--epochs", "2", "--hidden", "8"]);
    command.args(["--batch-size", batch_size, "--steps", steps]);
    command.args(["--prefix", "the", "--data"]).arg(text);
    command.arg("--out").arg(out);
    command
}

#[test]
fn a_text_is_continued_and_what_cannot_be_is_told() {
    let folder = Folder::new();
    let text = folder.write("text.txt", &"the time traveller came back\n".repeat(40));
    let run = folder.join("run");
    let printed = works(&mut language_model(&text, &run, ["4", "10"]));
    assert!(printed.contains("held out"), "{printed}");
    let generate = |options: &[&str]| {
        let mut command = example("generate");
        command
            .arg(run.join("bundle"))
            .args(["--device", "flex"])
            .args(options);
        command
    };
    let printed = works(&mut generate(&["--prefix", "time?", "--length", "20"]));
    assert!(
        printed.contains("not in the vocabulary, read as <unk>: ?"),
        "{printed}"
    );
    for (options, part) in [
        (["--length", "0"], "length = 0: give at least 1 token"),
        (
            ["--temperature", "0"],
            "temperature = 0: it must be above 0",
        ),
        (
            ["--temperature", "-1"],
            "temperature = -1: it must be above 0",
        ),
        (["--top-k", "0"], "top-k = 0: choose among at least 1 token"),
        (
            ["--top-p", "0"],
            "top-p = 0: it must be above 0 and at most 1",
        ),
        (
            ["--top-p", "1.5"],
            "top-p = 1.5: it must be above 0 and at most 1",
        ),
    ] {
        let options = [&["--prefix", "the"], &options[..]].concat();
        fails(&mut generate(&options), &[part]);
    }
    fails(
        &mut generate(&["--prefix", ""]),
        &["the prefix \"\" has no token"],
    );
}

#[test]
fn a_text_that_makes_no_batches_is_told() {
    let folder = Folder::new();
    let run = folder.join("run");
    let fails_with = |text: &[u8], sizes: [&str; 2], parts: &[&str]| {
        let file = folder.join("text.txt");
        std::fs::write(&file, text).unwrap();
        fails(&mut language_model(&file, &run, sizes), parts);
        assert!(!run.join("bundle").exists());
    };
    fails_with(b"", ["4", "10"], &["text.txt: the file holds no text"]);
    fails_with(
        b"caf\xe9 noir",
        ["4", "10"],
        &["text.txt: byte 3 (0xe9) is not valid UTF-8", "iconv"],
    );
    fails_with(
        b"too short",
        ["4", "10"],
        &["too few for a window of 10", "use a longer text"],
    );
    let text = "the time traveller came back\n".repeat(10);
    fails_with(text.as_bytes(), ["4", "0"], &["windows of 0 tokens"]);
    fails_with(
        text.as_bytes(),
        ["500", "10"],
        &["batch size 500", "from 1 to 26"],
    );
    fails_with(
        text.as_bytes(),
        ["0", "10"],
        &["batch size 0", "from 1 to 26"],
    );
}

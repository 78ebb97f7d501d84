//! `translation` and `translate` as a user starts them, and what they say when something is wrong.

use super::*;

/// 60 pairs: a subject, a verb, and their translations.
fn pairs(folder: &Folder) -> PathBuf {
    let subjects = [("I", "je"), ("You", "tu"), ("He", "il"), ("She", "elle")];
    let verbs = [
        ("go", "va"),
        ("lie", "ment"),
        ("win", "gagne"),
        ("run", "court"),
        ("sing", "chante"),
    ];
    let ends = [(".", "."), ("!", "!"), ("now.", "maintenant.")];
    let mut text = String::new();
    for (en, fr) in subjects {
        for (verb, verbe) in verbs {
            for (end, fin) in ends {
                text += &format!("{en} {verb} {end}\t{fr} {verbe} {fin}\tCC-BY\n");
            }
        }
    }
    folder.write("pairs.txt", &text)
}

fn translation(data: &Path, model: &str, out: &Path) -> Command {
    let mut command = example("translation");
    command
        .arg("--data")
        .arg(data)
        .args(["--model", model, "--device", "flex"]);
    command
        .args(["--batch-size", "16", "--steps", "6", "--out"])
        .arg(out);
    command
}

fn translate(bundle: &Path, text: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = example("translate");
    command.arg(bundle).arg(text);
    command
}

#[test]
fn a_model_is_trained_resumed_and_translates() {
    let folder = Folder::new();
    let data = pairs(&folder);
    for (model, maps) in [("gru", 0), ("bahdanau", 1), ("transformer", 8)] {
        let run = folder.join(model);
        let printed =
            works(translation(&data, model, &run).args(["--epochs", "2", "--pairs", "50"]));
        assert!(
            printed.contains("50 of 60 pairs to learn from, 10 held out"),
            "{printed}"
        );
        assert_eq!(
            printed
                .lines()
                .filter(|line| line.contains(", BLEU "))
                .count(),
            4,
            "{printed}"
        );
        assert!(
            printed.contains("mean BLEU with k = 2: expected"),
            "{printed}"
        );
        let figures = std::fs::read_dir(&run).unwrap().filter(|file| {
            let name = file.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with("attention-")
        });
        assert_eq!(figures.count(), maps, "{model}");
        // Two more epochs of the same run are those of a run of four.
        let mut more = translation(&data, model, &run);
        works(more.args(["--epochs", "4", "--pairs", "50", "--resume"]));
        let whole = folder.join(&format!("{model} whole"));
        works(translation(&data, model, &whole).args(["--epochs", "4", "--pairs", "50"]));
        let losses = |run: &Path| -> Vec<String> {
            let history = std::fs::read_to_string(run.join("history.csv")).unwrap();
            let lines = history
                .lines()
                .map(|line| line.rsplit_once(',').unwrap().0.to_owned());
            lines.collect()
        };
        assert_eq!(losses(&run), losses(&whole), "{model}");
    }
}

#[test]
fn what_was_learnt_is_translated_and_what_is_unknown_is_told() {
    let folder = Folder::new();
    let (data, run) = (pairs(&folder), folder.join("run"));
    works(translation(&data, "bahdanau", &run).args(["--epochs", "40", "--lr", "0.01"]));
    let bundle = run.join("bundle");
    let printed = works(translate(&bundle, "You win!").args(["--beam", "1"]));
    assert_eq!(printed, "tu gagne !\n");
    let file = folder.write("text.txt", "He sings.\n\nI lie now.\n");
    let output = translate(&bundle, &file).output().unwrap();
    assert!(output.status.success());
    let lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!((lines.len(), lines[1].as_str()), (3, ""), "{lines:?}");
    assert_eq!(lines[2], "je ment maintenant .");
    let said = text(&output.stderr);
    assert!(
        said.contains("text.txt, line 1: not in the vocabulary, read as <unk>: sings"),
        "{said}"
    );
    let long = translate(&bundle, "I I I I I I I I").output().unwrap();
    assert!(text(&long.stderr).contains("line 1: longer than the model's sentences, 2 tokens"));

    fails(
        translate(&bundle, "Go.").args(["--beam", "0"]),
        &["beam = 0", "at least 1"],
    );
    fails(
        translate(&bundle, "Go.").args(["--length", "0"]),
        &["length = 0", "at least 1"],
    );
    let penalty = ["--length-penalty", "-1"];
    fails(
        translate(&bundle, "Go.").args(penalty),
        &["length penalty = -1"],
    );
    fails(&mut translate(&bundle, " "), &["no text to translate"]);
    // The vocabulary of another model.
    let name = "target_vocab.json";
    let vocab = std::fs::read_to_string(bundle.join(name)).unwrap();
    std::fs::write(bundle.join(name), vocab.replace("\"gagne\"", "\"gagner\"")).unwrap();
    let parts = [name, "does not belong to the weights"];
    fails(&mut translate(&bundle, "Go."), &parts);
}

#[test]
fn what_is_wrong_with_pairs_is_told() {
    let folder = Folder::new();
    let out = folder.join("run");
    let refused = |data: &Path, options: &[&str], parts: &[&str]| {
        fails(translation(data, "gru", &out).args(options), parts);
        assert!(!out.exists());
    };
    let spoiled = folder.write("spoiled.txt", "Go.\tVa !\nHi. Salut !\n");
    refused(&spoiled, &[], &["spoiled.txt, line 2", "no tab"]);
    refused(
        &folder.join("none.txt"),
        &[],
        &["no file", "none.txt", "fra-eng"],
    );
    let data = pairs(&folder);
    refused(&data, &["--pairs", "60"], &["held out", "fewer --pairs"]);
    fails(
        &mut translation(&data, "transfromer", &out),
        &["\"transformer\""],
    );
}

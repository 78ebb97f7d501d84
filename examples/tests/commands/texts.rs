//! Tables with a column of free text, as a user starts `tabular`, `predict` and `explain`.

use super::*;

/// Reviews: one of four words decides.
fn reviews(rows: usize) -> String {
    let others = ["plot", "actor", "music", "end", "scene", "cut", "cast"];
    let line = |row: usize| {
        let good = row.is_multiple_of(2);
        let deciding = ["great", "awful", "lovely", "boring"][row % 4];
        let other = |place: usize| others[(row * 3 + place * 5 + row / 7) % 7];
        let stars = (row * 7) % 5;
        format!(
            "\"The {} was {deciding}, and the {} of the {}. No {row}\",{stars},{}\n",
            other(0),
            other(1),
            other(2),
            ["bad", "good"][usize::from(good)]
        )
    };
    let head = "review,stars,opinion\n".to_owned();
    (0..rows).map(line).fold(head, |all, line| all + &line)
}

#[test]
fn a_table_with_a_text_is_trained_predicted_and_explained_without_options() {
    let folder = Folder::new();
    let (file, run) = (
        folder.write("reviews.csv", &reviews(300)),
        folder.join("run"),
    );
    let printed = works(&mut linear(&file, "opinion", &run));
    assert!(
        printed.contains("text, as the weights of its words"),
        "{printed}"
    );
    assert!(figure(&printed, "test", "accuracy") > 0.95, "{printed}");
    let report = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("weights of its words"));
    let (_, importance) = report.split_once("Permutation importance").unwrap();
    assert!(importance.contains("review"));

    let new = "review,stars\nThe cast was great and so on,1\nA boring scene,\n,3\n1234,2\n";
    let new = folder.write("new.csv", new);
    let out = folder.join("p.csv");
    let bundle = run.join("bundle");
    works(&mut predict(&bundle, &new, &out));
    let predictions = std::fs::read_to_string(&out).unwrap();
    let opinions: Vec<&str> = (predictions.lines().skip(1))
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(opinions.len(), 4);
    assert_eq!(opinions[..2], ["good", "bad"]);
    let mut explained = example("explain");
    let printed = works(explained.arg(&bundle).arg(&new).args(["--row", "1"]));
    assert!(
        printed.lines().nth(1).unwrap().starts_with("review"),
        "{printed}"
    );

    // Left out, in the file of --spec, as two kinds, with an encoder.
    let mut command = linear(&file, "opinion", &folder.join("none"));
    let printed = works(command.args(["--ignore", "review"]));
    assert!(printed.contains("left out: as stated"), "{printed}");
    let toml = folder.join("spec.toml");
    let mut command = linear(&file, "opinion", &folder.join("spec"));
    works(command.arg("--write-spec").arg(&toml));
    assert!(
        std::fs::read_to_string(&toml)
            .unwrap()
            .contains("kind = \"text\"")
    );
    let mut command = linear(&file, "opinion", &folder.join("two"));
    fails(
        command.args(["--text", "review", "--category", "review"]),
        &["stated as two kinds"],
    );
    let mut command = linear(&file, "opinion", &folder.join("encoded"));
    let advice = match cfg!(feature = "tokenizers") {
        true => "no such folder",
        false => "--features tokenizers",
    };
    fails(
        command.arg("--encoder").arg(folder.join("nowhere")),
        &[advice],
    );
}

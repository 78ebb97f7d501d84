//! One set of features: programs, tasks and tests share every compiled crate of crates.io.
//!
//! Cargo compiles a crate again for each set of its features. A feature that only the tests ask for, of a small crate
//! below Burn, would compile Burn twice: once for `cargo run --example NAME`, once for `cargo test --workspace`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The features of each crate of crates.io, by name and version; a crate may be built with several sets.
type Features = BTreeMap<String, BTreeSet<String>>;

fn cargo_tree(options: &[&str]) -> Child {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--prefix",
            "none",
            "--format",
            "{p}|{f}",
        ])
        .args(options)
        .current_dir(workspace.expect("xtask lies in the workspace"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cargo runs")
}

fn features(tree: Child) -> Features {
    let output = tree.wait_with_output().expect("cargo ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    parse(&String::from_utf8_lossy(&output.stdout))
}

fn parse(tree: &str) -> Features {
    let mut found = Features::new();
    for line in tree.lines() {
        let line = line.trim_end_matches(" (*)");
        // A package of the workspace has its folder after its version.
        if let Some((package, features)) = line.split_once('|')
            && !package.contains("(/")
        {
            let sets = found.entry(package.to_string()).or_default();
            sets.insert(features.to_string());
        }
    }
    found
}

/// The sets of features in `some` that `all` does not have.
fn missing(some: &Features, all: &Features) -> Vec<String> {
    let mut missing = Vec::new();
    for (package, sets) in some {
        let known = all.get(package).cloned().unwrap_or_default();
        for set in sets.difference(&known) {
            missing.push(format!(
                "{package} with {set:?}; the workspace has {known:?}"
            ));
        }
    }
    missing
}

#[test]
fn programs_and_tests_share_every_build_of_a_dependency() {
    let everything = "normal,build,dev";
    let workspace = cargo_tree(&["--workspace", "--edges", everything]);
    let selections: [&[&str]; 3] = [
        &["--package", "examples", "--edges", everything],
        &["--package", "xtask", "--edges", everything],
        // `cargo xtask`: without the features that its tests ask for.
        &["--package", "xtask", "--edges", "normal,build"],
    ];
    let selections = selections.map(|options| (options, cargo_tree(options)));
    let workspace = features(workspace);
    assert!(
        workspace
            .keys()
            .any(|package| package.starts_with("burn-flex "))
    );
    for (options, tree) in selections {
        let some = features(tree);
        assert!(some.len() > 100, "{options:?}: {} packages", some.len());
        let missing = missing(&some, &workspace);
        let lines = missing.join("\n");
        assert!(
            missing.is_empty(),
            "{options:?} asks for other features than --workspace, so that these and all that depend on them are \
             built twice; ask for the same features in examples/Cargo.toml or xtask/Cargo.toml:\n{lines}"
        );
    }
}

#[test]
fn another_feature_and_another_version_are_found() {
    let all = parse(
        "a v1.0.0|std\nb v1.0.0 (proc-macro)|\nmine v0.1.0 (/work/mine)|x\na v1.0.0|std (*)\n",
    );
    assert_eq!(all.len(), 2);
    assert_eq!(missing(&all, &all), Vec::<String>::new());
    for other in ["a v1.0.0|", "a v1.0.0|alloc,std", "a v1.1.0|std"] {
        let found = missing(&parse(other), &all);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("a v1."), "{found:?}");
    }
}

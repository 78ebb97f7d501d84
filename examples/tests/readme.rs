//! Both READMEs have the same structure, and name every lesson.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// The parts that must be equal in every language: heading levels, code without comments, names in the first columns
/// of tables, and the targets of links.
fn skeleton(text: &str) -> Vec<String> {
    let mut skeleton = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        in_code ^= line.starts_with("```");
        if in_code {
            let code = line.trim_start();
            let kept = !code.starts_with("//") && !code.starts_with("# ");
            skeleton.extend(kept.then(|| code.to_owned()));
        } else if line.starts_with('#') {
            let level = line.chars().take_while(|letter| *letter == '#');
            skeleton.push(level.collect());
        } else if line.starts_with("| ") {
            let first = line.split('|').nth(1).unwrap_or_default();
            skeleton.push(format!("| {}", quoted(first)));
        } else {
            let links = line.split("](").skip(1);
            let targets = links.filter_map(|rest| rest.split(')').next());
            // Headings are translated, and so are links to them and to the other README.
            let same = targets.filter(|to| !to.starts_with('#') && !to.starts_with("README"));
            skeleton.extend(same.map(|to| format!("link {to}")));
        }
    }
    skeleton
}

/// The text between backticks.
fn quoted(text: &str) -> String {
    text.split('`')
        .skip(1)
        .step_by(2)
        .collect::<Vec<_>>()
        .join(" ")
}

fn readme(name: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(name);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

#[test]
fn both_languages_have_the_same_structure() -> Result<()> {
    let (english, chinese) = (
        skeleton(&readme("README.md")?),
        skeleton(&readme("README.zh-CN.md")?),
    );
    for (place, (en, zh)) in english.iter().zip(&chinese).enumerate() {
        ensure!(
            en == zh,
            "part {place}: README.md has '{en}', README.zh-CN.md '{zh}'"
        );
    }
    assert_eq!(english.len(), chinese.len());
    Ok(())
}

#[test]
fn every_lesson_is_in_the_table() -> Result<()> {
    let text = readme("README.md")?;
    let lessons = Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons");
    let mut found = 0;
    for lesson in std::fs::read_dir(lessons)? {
        let path = lesson?.path();
        let name = path
            .file_stem()
            .context("a lesson has a name")?
            .to_string_lossy();
        ensure!(
            text.contains(&format!("\n| `{name}` |")),
            "lesson {name} is not in README.md"
        );
        found += 1;
    }
    assert!(found >= 10);
    Ok(())
}

#[test]
fn a_difference_is_found() {
    let one = "# A\n\n| `x` | y |\n\n```rust\n// why\nlet a = 1;\n```\n[b](c.md)\n";
    let same = "# 甲\n\n| `x` | 乙 |\n\n```rust\n// 丙\nlet a = 1;\n```\n[丁](c.md)\n";
    assert_eq!(
        skeleton(one),
        ["#", "| x", "```rust", "let a = 1;", "link c.md"]
    );
    assert_eq!(skeleton(one), skeleton(same));
    for changed in [
        one.replace("`x`", "`z`"),
        one.replace('1', "2"),
        one.replace("c.md", "d.md"),
    ] {
        assert_ne!(skeleton(one), skeleton(&changed));
    }
}

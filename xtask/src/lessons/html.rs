//! The text of the lessons as one self-contained HTML page.

use std::fmt::Write;

use anyhow::{Context, Result};

/// The output of a lesson, and the source of its program.
pub struct Lesson {
    name: String,
    title: String,
    parts: Vec<Part>,
    programs: Vec<(String, String)>,
}

/// A piece of a lesson.
#[derive(Debug, PartialEq)]
enum Part {
    Section(String),
    Text(String),
    Results(String),
    Figure { name: String, svg: String },
}

impl Lesson {
    /// Reads the lines that a lesson prints (see `examples/lesson.rs`) and the figures they name.
    pub fn read(name: &str, text: &str, programs: Vec<(String, String)>) -> Result<Self> {
        let (title, parts) = parts(text, |path| {
            std::fs::read_to_string(path).with_context(|| format!("figure {path} of lesson {name}"))
        })?;
        let name = name.to_owned();
        Ok(Self {
            name,
            title,
            parts,
            programs,
        })
    }

    fn write(&self, page: &mut String) -> std::fmt::Result {
        let name = &self.name;
        writeln!(
            page,
            "<section class=\"lesson\" id=\"{name}\">\n<h2>{}</h2>",
            escape(&self.title)
        )?;
        writeln!(
            page,
            "<p class=\"command\"><code>cargo run --example {name}</code></p>"
        )?;
        for part in &self.parts {
            match part {
                Part::Section(title) => writeln!(page, "<h3>{}</h3>", escape(title))?,
                Part::Text(text) => writeln!(page, "<p>{}</p>", escape(text))?,
                Part::Results(lines) => {
                    writeln!(page, "<pre tabindex=\"0\">{}</pre>", escape(lines))?
                }
                Part::Figure { name: figure, svg } => {
                    writeln!(
                        page,
                        "<figure id=\"{name}-{figure}\">\n{}\n</figure>",
                        svg.trim_end()
                    )?;
                }
            }
        }
        for (file, text) in &self.programs {
            let (file, text) = (escape(file), escape(text));
            writeln!(
                page,
                "<details><summary>{file}</summary><pre tabindex=\"0\">{text}</pre></details>"
            )?;
        }
        writeln!(page, "</section>")
    }
}

/// The page of all lessons.
pub fn page(lessons: &[Lesson]) -> String {
    let mut page = String::from(HEAD);
    // Writing to a String cannot fail.
    for lesson in lessons {
        let title = escape(&lesson.title);
        let _ = writeln!(page, "<li><a href=\"#{}\">{title}</a></li>", lesson.name);
    }
    page.push_str("</ol></nav>\n<main>\n");
    for lesson in lessons {
        let _ = lesson.write(&mut page);
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// The title of a lesson and its parts; `figure` reads the figure of a path.
fn parts(text: &str, figure: impl Fn(&str) -> Result<String>) -> Result<(String, Vec<Part>)> {
    let mut title = None;
    let mut parts: Vec<Part> = Vec::new();
    // Whether the next line may continue the part before it: not after an empty line.
    let mut joined = false;
    for line in text.lines() {
        if line.is_empty() {
            joined = false;
            continue;
        }
        let last = parts.last_mut().filter(|_| joined);
        joined = true;
        if let Some(name) = line.strip_prefix("# ") {
            title = Some(name.to_owned());
        } else if let Some(section) = line.strip_prefix("## ") {
            parts.push(Part::Section(section.to_owned()));
        } else if let Some(path) = line.strip_prefix("figure: ") {
            let name = std::path::Path::new(path).file_stem();
            let name = name
                .context("a figure has a name")?
                .to_string_lossy()
                .into_owned();
            parts.push(Part::Figure {
                name,
                svg: figure(path)?,
            });
        } else if let Some(result) = line.strip_prefix("  ") {
            match last {
                Some(Part::Results(lines)) => *lines = format!("{lines}\n{result}"),
                _ => parts.push(Part::Results(result.to_owned())),
            }
        } else {
            match last {
                Some(Part::Text(text)) => *text = format!("{text} {line}"),
                _ => parts.push(Part::Text(line.to_owned())),
            }
        }
    }
    Ok((title.context("the lesson printed no title")?, parts))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

const HEAD: &str = r##"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tinderbox: the lessons</title>
<style>
:root { color-scheme: light dark; --back: #ffffff; --ink: #1c1c1e; --soft: #f3f3f1; --line: #d9d9d4; --link: #005ea8; }
@media (prefers-color-scheme: dark) {
  :root { --back: #17181a; --ink: #e6e6e3; --soft: #232527; --line: #3b3e42; --link: #7cbcf5; }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 46rem; padding: 1rem; background: var(--back); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word; }
h1, h2, h3 { line-height: 1.25; }
h2 { margin-top: 0; padding-top: 2.5rem; }
a { color: var(--link); }
nav { background: var(--soft); border: 1px solid var(--line); border-radius: .5rem; padding: .25rem 1rem; }
nav li { padding: .15rem 0; }
section.lesson { border-top: 1px solid var(--line); margin-top: 2.5rem; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem;
  overflow-x: auto; font: .82rem/1.5 ui-monospace, monospace; }
code { font: .85em ui-monospace, monospace; }
.command { color: var(--ink); opacity: .75; }
figure { margin: 1rem 0; }
figure svg { display: block; margin: 0 auto; border-radius: .5rem; }
summary { cursor: pointer; font: .85rem ui-monospace, monospace; overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>Tinderbox: the lessons</h1>
<p>The first chapters of the course as programs. Every number and figure on this page was printed by
its program, run by <code>cargo xtask lessons</code>.</p>
<nav aria-label="Lessons"><ol>
"##;

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "# A title\n\nTwo lines\nof text.\n\n  a = 1\n  b = 2\nfigure: runs/x/a_b.svg\n\n## Next\n  c < 3\n";

    #[test]
    fn lines_become_parts() -> Result<()> {
        let (title, parts) = parts(PRINTED, |path| Ok(format!("<svg>{path}</svg>")))?;
        assert_eq!(title, "A title");
        let expected = [
            Part::Text("Two lines of text.".into()),
            Part::Results("a = 1\nb = 2".into()),
            Part::Figure {
                name: "a_b".into(),
                svg: "<svg>runs/x/a_b.svg</svg>".into(),
            },
            Part::Section("Next".into()),
            Part::Results("c < 3".into()),
        ];
        assert_eq!(parts, expected);
        Ok(())
    }

    #[test]
    fn the_page_has_every_part_and_no_links() -> Result<()> {
        let (title, parts) = parts(PRINTED, |_| Ok("<svg>π</svg>\n".into()))?;
        let programs = vec![("x.rs".into(), "if a < b && c {}".into())];
        let page = page(&[Lesson {
            name: "x".into(),
            title,
            parts,
            programs,
        }]);
        for piece in [
            "<a href=\"#x\">A title</a>",
            "id=\"x\"",
            "c &lt; 3",
            "<summary>x.rs</summary>",
            "a &lt; b &amp;&amp; c",
            "<figure id=\"x-a_b\">\n<svg>π</svg>\n</figure>",
        ] {
            assert!(page.contains(piece), "{piece} in {page}");
        }
        assert!(!page.contains("http"), "the page refers to no other file");
        Ok(())
    }

    #[test]
    fn a_lesson_without_title_is_an_error() {
        assert!(parts("  a = 1\n", |_| Ok(String::new())).is_err());
    }
}

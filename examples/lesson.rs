//! The page of a lesson: headings, sentences, results and figures in the order they are written.
//!
//! On a terminal the page is plain text, and figures are written to the run folder as SVG. `cargo xtask
//! lessons` turns the same text into HTML: a line `# …` or `## …` is a heading, an indented line a
//! result, `figure: …` a figure, and every other line is text.

mod shown;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use shown::{Shown, number};

/// Number of characters on a line of a phone.
const NARROW: usize = 42;

/// The output of a lesson.
pub struct Page {
    output: Output,
    text: String,
    results: Vec<(String, String)>,
    figures: Vec<(String, String)>,
}

/// The output of a page.
enum Output {
    /// Nowhere: a test reads the page.
    Memory,
    /// To the terminal; figures go to this folder, or to a new one below `runs/NAME`.
    Terminal { name: String, out: Option<PathBuf> },
}

impl Page {
    /// A page on the terminal whose figures go to `out`, or else to a new folder below `runs/NAME`.
    pub fn on_terminal(name: &str, out: Option<PathBuf>) -> Self {
        let name = name.to_owned();
        Self::new(Output::Terminal { name, out })
    }

    /// A page for tests, which prints nothing.
    pub fn in_memory() -> Self {
        Self::new(Output::Memory)
    }

    fn new(output: Output) -> Self {
        Self {
            output,
            text: String::new(),
            results: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// Writes the title of the lesson.
    pub fn title(&mut self, title: &str) -> Result<()> {
        self.line(&format!("# {title}"))
    }

    /// Writes the title of a section.
    pub fn section(&mut self, title: &str) -> Result<()> {
        self.space()?;
        self.line(&format!("## {title}"))
    }

    /// Writes a paragraph.
    pub fn text(&mut self, text: &str) -> Result<()> {
        self.space()?;
        self.line(text)?;
        self.space()
    }

    /// Writes a result with its name: `  x + y: [3.0, 4.0]`. A tensor that does not fit on a line gets a
    /// line for each row.
    pub fn show(&mut self, what: &str, value: &(impl Shown + ?Sized)) -> Result<()> {
        let value = value.shown()?;
        let narrow = what.chars().count() + value.chars().count() <= NARROW;
        if narrow || !value.starts_with('[') {
            self.line(&format!("  {what}: {value}"))?;
        } else {
            let rows = value.replace("], [", "],\n     [");
            self.line(&format!("  {what}:\n    {rows}"))?;
        }
        self.results.push((what.to_owned(), value));
        Ok(())
    }

    /// Writes a table. Each cell is a result named `ROW / COLUMN`, where `ROW` is the first cell of its
    /// row.
    pub fn table(&mut self, columns: &[&str], rows: &[Vec<String>]) -> Result<()> {
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([columns[column].chars().count()]).max()
        };
        let widths: Vec<usize> = (0..columns.len()).filter_map(width).collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let aligned = cells.zip(&widths).enumerate();
            let aligned = aligned.map(|(column, (cell, &width))| match column {
                0 => format!("  {cell:<width$}"),
                _ => format!("  {cell:>width$}"),
            });
            aligned.collect::<String>()
        };
        self.line(&line(&mut columns.iter().copied()))?;
        for row in rows {
            self.line(&line(&mut row.iter().map(String::as_str)))?;
            for (column, cell) in columns.iter().zip(row).skip(1) {
                self.results
                    .push((format!("{} / {column}", row[0]), cell.clone()));
            }
        }
        Ok(())
    }

    /// Writes a figure, an SVG image.
    pub fn figure(&mut self, name: &str, svg: String) -> Result<()> {
        let file = format!("{name}.svg");
        let path = match &mut self.output {
            Output::Memory => PathBuf::from(file),
            Output::Terminal { name, out } => {
                let folder = match out {
                    Some(folder) => folder.clone(),
                    None => next_folder(&Path::new("runs").join(name))?,
                };
                *out = Some(folder.clone());
                let path = folder.join(file);
                tinderbox::write_atomic(&path, &svg)?;
                path
            }
        };
        self.figures.push((name.to_owned(), svg));
        self.line(&format!("figure: {}", path.display()))
    }

    /// The text of the page.
    pub fn all_text(&self) -> &str {
        &self.text
    }

    /// The names of the figures and their SVG text.
    pub fn figures(&self) -> &[(String, String)] {
        &self.figures
    }

    /// The first result with this name, as printed.
    ///
    /// # Errors
    /// No result has this name.
    pub fn result(&self, what: &str) -> Result<&str> {
        let found = self.results.iter().find(|(name, _)| name == what);
        let (_, value) = found.with_context(|| {
            let names: Vec<&str> = self.results.iter().map(|(name, _)| name.as_str()).collect();
            format!(
                "no result is called '{what}'; there are: {}",
                names.join("; ")
            )
        })?;
        Ok(value)
    }

    /// The first result with this name as a number.
    ///
    /// # Errors
    /// No result has this name, or it is not one number.
    pub fn number(&self, what: &str) -> Result<f64> {
        let value = self.result(what)?;
        value
            .parse()
            .with_context(|| format!("'{what}' is '{value}', not a number"))
    }

    /// Writes an empty line, unless there is one already.
    fn space(&mut self) -> Result<()> {
        if self.text.is_empty() || self.text.ends_with("\n\n") {
            return Ok(());
        }
        self.line("")
    }

    fn line(&mut self, line: &str) -> Result<()> {
        self.text.push_str(line);
        self.text.push('\n');
        if let Output::Terminal { .. } = self.output {
            crate::say!("{line}");
        }
        Ok(())
    }
}

/// Creates the first folder of `parent/001`, `parent/002`, … that does not exist.
fn next_folder(parent: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    for number in 1.. {
        let folder = parent.join(format!("{number:03}"));
        match std::fs::create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|()| folder).context("the folder of the figures"),
        }
    }
    unreachable!("there is always another number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_text_and_results() -> Result<()> {
        let mut page = Page::in_memory();
        page.title("A lesson")?;
        page.show("half", &0.5)?;
        page.table(&["rate", "loss"], &[vec!["0.1".into(), "3".into()]])?;
        assert_eq!(
            page.all_text(),
            "# A lesson\n  half: 0.5\n  rate  loss\n  0.1      3\n"
        );
        assert_eq!(
            (page.number("half")?, page.result("0.1 / loss")?),
            (0.5, "3")
        );
        let error = page.result("third").unwrap_err().to_string();
        assert!(error.contains("there are: half; 0.1 / loss"), "{error}");
        Ok(())
    }
}

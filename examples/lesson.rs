//! The page of a lesson: headings, sentences, results and figures in the order they are written.
//!
//! On a terminal the page is plain text, and figures go to the run folder as SVG. `cargo xtask
//! lessons` turns the same text into HTML: a line `# …` or `## …` is a heading, an indented line a
//! result, `figure: …` a figure, and all else a sentence.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tinderbox::burn::tensor::Bool;
use tinderbox::prelude::*;

/// Characters that fit on a line of a phone.
const NARROW: usize = 42;

/// The page that a lesson writes.
pub struct Page {
    to: To,
    text: String,
    results: Vec<(String, String)>,
    figures: Vec<(String, String)>,
}

/// Where a page goes.
enum To {
    /// Nowhere: it is kept, and looked at by a test.
    Memory,
    /// To the terminal; its figures to this folder, or to a new one below `runs/NAME`.
    Terminal { name: String, out: Option<PathBuf> },
}

impl Page {
    /// A page on the terminal whose figures go to `out`, or else to a new folder below `runs/NAME`.
    pub fn on_terminal(name: &str, out: Option<PathBuf>) -> Self {
        let name = name.to_owned();
        Self::new(To::Terminal { name, out })
    }

    /// A page that is only kept, for tests.
    pub fn in_memory() -> Self {
        Self::new(To::Memory)
    }

    fn new(to: To) -> Self {
        Self {
            to,
            text: String::new(),
            results: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// The name of the lesson.
    pub fn title(&mut self, title: &str) -> Result<()> {
        self.line(&format!("# {title}"))
    }

    /// The name of a part of the lesson.
    pub fn section(&mut self, title: &str) -> Result<()> {
        self.space()?;
        self.line(&format!("## {title}"))
    }

    /// A sentence or two.
    pub fn text(&mut self, text: &str) -> Result<()> {
        self.space()?;
        self.line(text)?;
        self.space()
    }

    /// A result and what it is of: `  x + y: [3.0, 4.0]`. What does not fit on a line gets a line
    /// for each row.
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

    /// A table with a name for every column. Each cell is a result called `ROW / COLUMN`, where the
    /// first cell of a row names it.
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

    /// A figure, as SVG.
    pub fn figure(&mut self, name: &str, svg: String) -> Result<()> {
        let file = format!("{name}.svg");
        let path = match &mut self.to {
            To::Memory => PathBuf::from(file),
            To::Terminal { name, out } => {
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

    /// All that was written.
    pub fn all_text(&self) -> &str {
        &self.text
    }

    /// The figures with their names.
    pub fn figures(&self) -> &[(String, String)] {
        &self.figures
    }

    /// The first result of this name, as printed.
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

    /// The first result of this name as a number.
    ///
    /// # Errors
    /// No result has this name, or it is not one number.
    pub fn number(&self, what: &str) -> Result<f64> {
        let value = self.result(what)?;
        value
            .parse()
            .with_context(|| format!("'{what}' is '{value}', not a number"))
    }

    /// An empty line, unless there is one already.
    fn space(&mut self) -> Result<()> {
        if self.text.is_empty() || self.text.ends_with("\n\n") {
            return Ok(());
        }
        self.line("")
    }

    fn line(&mut self, line: &str) -> Result<()> {
        self.text.push_str(line);
        self.text.push('\n');
        if let To::Terminal { .. } = self.to {
            crate::say!("{line}");
        }
        Ok(())
    }
}

/// Makes the first of `parent/001`, `parent/002`, … that is not there.
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

/// What a page can show as a result.
pub trait Shown {
    /// The value as text; tensors with a bracket for every dimension.
    fn shown(&self) -> Result<String>;
}

impl Shown for str {
    fn shown(&self) -> Result<String> {
        Ok(self.to_owned())
    }
}

impl Shown for String {
    fn shown(&self) -> Result<String> {
        Ok(self.clone())
    }
}

impl Shown for bool {
    fn shown(&self) -> Result<String> {
        Ok(self.to_string())
    }
}

impl Shown for usize {
    fn shown(&self) -> Result<String> {
        Ok(self.to_string())
    }
}

impl Shown for f64 {
    fn shown(&self) -> Result<String> {
        Ok(number(*self))
    }
}

impl<const N: usize> Shown for [usize; N] {
    fn shown(&self) -> Result<String> {
        Ok(format!("{self:?}"))
    }
}

impl Shown for [f64] {
    fn shown(&self) -> Result<String> {
        Ok(brackets(
            &[self.len()],
            self.iter().map(|value| number(*value)),
        ))
    }
}

impl Shown for Vec<f64> {
    fn shown(&self) -> Result<String> {
        self.as_slice().shown()
    }
}

impl<const D: usize> Shown for Tensor<D> {
    fn shown(&self) -> Result<String> {
        let values = self.try_to_vec_as::<f64>()?.into_iter();
        Ok(brackets(&self.dims(), values.map(number)))
    }
}

impl<const D: usize> Shown for Tensor<D, Int> {
    fn shown(&self) -> Result<String> {
        let values = self.try_to_vec_as::<i64>()?.into_iter();
        Ok(brackets(
            &self.dims(),
            values.map(|value| value.to_string()),
        ))
    }
}

impl<const D: usize> Shown for Tensor<D, Bool> {
    fn shown(&self) -> Result<String> {
        let values = self.try_to_vec_as::<bool>()?.into_iter();
        Ok(brackets(
            &self.dims(),
            values.map(|value| value.to_string()),
        ))
    }
}

/// Five digits and at least one decimal: 2.7183, 54.598, 2981.0, 127500.0.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return value.to_string();
    }
    if value == value.trunc() && size < 1e9 {
        return format!("{:.1}", value + 0.0); // without the sign of -0
    }
    if !(1e-3..1e9).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = (4 - size.log10().floor() as i32).clamp(1, 7) as usize;
    let text = format!("{value:.decimals$}");
    let short = text.trim_end_matches('0');
    if short.ends_with('.') {
        format!("{short}0")
    } else {
        short.to_owned()
    }
}

/// Values in nested brackets, as a literal of this shape would be written.
fn brackets(dims: &[usize], values: impl Iterator<Item = String>) -> String {
    let mut cells: Vec<String> = values.collect();
    for &length in dims.iter().rev() {
        let rows = cells.chunks(length.max(1));
        cells = rows.map(|row| format!("[{}]", row.join(", "))).collect();
    }
    cells.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_five_digits() {
        let shown: Vec<String> = [
            std::f64::consts::E,
            2_980.957_9,
            1.0 / 6.0,
            127_500.0,
            0.5,
            -0.0,
            1.5e-7,
        ]
        .map(number)
        .into();
        assert_eq!(
            shown,
            [
                "2.7183", "2981.0", "0.16667", "127500.0", "0.5", "0.0", "1.500e-7"
            ]
        );
    }

    #[test]
    fn brackets_follow_the_shape() {
        let values = (0..4).map(|value| value.to_string());
        assert_eq!(brackets(&[2, 1, 2], values), "[[[0, 1]], [[2, 3]]]");
    }

    #[test]
    fn a_page_remembers_what_it_showed() -> Result<()> {
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

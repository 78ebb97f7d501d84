//! A report on a run: headings, tables and figures in one self-contained HTML file.

use crate::{History, Result, curves};

/// A report on a run: one self-contained HTML file, light or dark as the browser is set.
///
/// ```
/// use tinderbox_train::{Cell, Report};
///
/// let page = Report::new("Airfoil")
///     .heading("Result")
///     .table(&["figure", "value"], [vec![Cell::text("RMSE"), Cell::number("4.82")]])
///     .to_html();
/// assert!(page.starts_with("<!doctype html>"));
/// ```
#[derive(Clone, Debug)]
pub struct Report {
    title: String,
    body: String,
}

/// One cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Text, on the left.
    Text(String),
    /// A number as text, on the right.
    Number(String),
    /// An SVG document, such as a sparkline.
    Figure(String),
}

impl Cell {
    /// Text, on the left.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A number as text, on the right.
    pub fn number(number: impl ToString) -> Self {
        Self::Number(number.to_string())
    }

    /// An SVG document from `tinderbox-plot`.
    pub fn figure(svg: impl Into<String>) -> Self {
        Self::Figure(svg.into())
    }
}

/// Colours by role, once for light and once for dark pages; figures have their own white background. On
/// a phone, tables and figures keep a readable size and scroll sideways.
const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1c1c1e;--soft:#62626a;--line:#dcdce2;--page:#fff}\
@media(prefers-color-scheme:dark){:root{--text:#ececf0;--soft:#a0a0aa;--line:#3a3a42;--page:#17171a}}\
body{margin:0 auto;max-width:60rem;padding:1.5rem;font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--page)}\
h1{font-size:1.6rem;margin:0 0 1rem}h2{font-size:1.15rem;margin:2rem 0 .6rem}p{color:var(--soft);margin:.4rem 0}\
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}\
th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:middle}\
th{font-weight:600;color:var(--soft)}.n{text-align:right;font-variant-numeric:tabular-nums}\
figure{margin:.8rem 0;overflow-x:auto}svg{max-width:100%;height:auto;border-radius:4px}td svg{display:block}\
@media(max-width:40rem){body{padding:1rem}th,td{padding:.3rem .5rem;white-space:nowrap}figure svg{min-width:34rem}}";

impl Report {
    /// An empty page with this title.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            body: String::new(),
        }
    }

    /// Starts a section.
    #[must_use]
    pub fn heading(mut self, text: &str) -> Self {
        self.body += &format!("<h2>{}</h2>\n", escape(text));
        self
    }

    /// A paragraph.
    #[must_use]
    pub fn paragraph(mut self, text: &str) -> Self {
        self.body += &format!("<p>{}</p>\n", escape(text));
        self
    }

    /// A table; a column is aligned as its cells are.
    #[must_use]
    pub fn table(mut self, head: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) -> Self {
        let rows: Vec<Vec<Cell>> = rows.into_iter().collect();
        self.body += "<div class=\"wide\"><table>\n<thead><tr>";
        for (place, name) in head.iter().enumerate() {
            let number = rows.first().and_then(|row| row.get(place));
            let class = match number {
                Some(Cell::Number(_)) => " class=\"n\"",
                _ => "",
            };
            self.body += &format!("<th{class}>{}</th>", escape(name));
        }
        self.body += "</tr></thead>\n<tbody>\n";
        for row in rows {
            self.body += "<tr>";
            for cell in row {
                self.body += &match cell {
                    Cell::Text(text) => format!("<td>{}</td>", escape(&text)),
                    Cell::Number(text) => format!("<td class=\"n\">{}</td>", escape(&text)),
                    Cell::Figure(svg) => format!("<td>{}</td>", inline(&svg)),
                };
            }
            self.body += "</tr>\n";
        }
        self.body += "</tbody></table></div>\n";
        self
    }

    /// A figure: an SVG document from `tinderbox-plot`.
    #[must_use]
    pub fn figure(mut self, svg: &str) -> Self {
        self.body += &format!("<figure>{}</figure>\n", inline(svg));
        self
    }

    /// Training and validation loss over the epochs; nothing before the first epoch.
    ///
    /// # Errors
    /// Losses that cannot be drawn.
    pub fn curves(self, history: &History) -> Result<Self> {
        Ok(match curves::loss_curves(history)? {
            Some(svg) => self.figure(&svg),
            None => self,
        })
    }

    /// The page.
    pub fn to_html(&self) -> String {
        let title = escape(&self.title);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{}\
             </body>\n</html>\n",
            self.body
        )
    }
}

/// An SVG document inside a page has no XML declaration.
fn inline(svg: &str) -> &str {
    svg.find("<svg").map_or("", |start| svg[start..].trim_end())
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_wrote_cannot_become_markup() {
        let page = Report::new("<script>")
            .heading("a & b")
            .table(&["<b>"], [vec![Cell::text("\"<i>\"")]])
            .to_html();
        assert!(!page.contains("<script>") && !page.contains("<b>") && !page.contains("<i>"));
        assert!(page.contains("&lt;script&gt;") && page.contains("a &amp; b"));
    }

    #[test]
    fn the_page_is_self_contained() {
        let svg = tinderbox_plot::spark_bars(&[1, 2, 3]).unwrap();
        let page = Report::new("x")
            .table(
                &["n", "f"],
                [vec![Cell::number(3), Cell::figure(svg.as_str())]],
            )
            .figure(&format!("<?xml version=\"1.0\"?>{svg}"))
            .curves(&History::default())
            .unwrap()
            .to_html();
        assert_eq!(page.matches("<svg").count(), 2);
        assert!(!page.contains("<?xml") && !page.contains("src=") && !page.contains("href="));
        assert!(page.contains("<th class=\"n\">n</th>") && page.contains("<td class=\"n\">3</td>"));
    }
}

use plotters::style::text_anchor::{HPos, VPos};

use crate::canvas::{Canvas, Label, render};
use crate::frame::{NAME, SMALL, heading};
use crate::{Plot, PlotError, palette, text};

/// The overlap of a cell with its neighbors in px.
const SEAM: f64 = 0.6;

/// A matrix of values with a name for every row and column.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Row names from top to bottom.
    pub rows: Vec<String>,
    /// Column names from left to right.
    pub columns: Vec<String>,
    /// Values, row after row; the cell of a value that is not finite is gray.
    pub values: Vec<f64>,
}

/// A matrix as colors, from light (low) to dark (high), with the values as text where they fit.
///
/// # Errors
/// [`PlotError::LengthMismatch`] if there are not rows x columns values,
/// [`PlotError::NothingToDraw`] without a finite value, [`PlotError::Size`] or
/// [`PlotError::Setting`] for a plot that cannot be drawn.
pub fn heat_map(plot: &Plot, matrix: &Matrix) -> Result<String, PlotError> {
    let labels = matrix
        .values
        .iter()
        .map(|value| text::number(*value))
        .collect();
    cells(plot, matrix, labels, true)
}

/// A confusion matrix: how often examples of each class (rows) were predicted as each class (columns).
///
/// `counts[actual][predicted]`; the color is the fraction of the row, so that rare classes are as
/// visible as common ones.
///
/// # Errors
/// As [`heat_map`]: there must be as many rows and columns as classes.
pub fn confusion_matrix(
    plot: &Plot,
    classes: &[impl AsRef<str>],
    counts: &[Vec<u64>],
) -> Result<String, PlotError> {
    let mismatch = |what: String, got: usize| {
        Err(PlotError::LengthMismatch {
            what,
            expected: classes.len(),
            got,
        })
    };
    if counts.len() != classes.len() {
        return mismatch("rows of the confusion matrix".to_owned(), counts.len());
    }
    if let Some((row, counts)) = counts
        .iter()
        .enumerate()
        .find(|(_, row)| row.len() != classes.len())
    {
        return mismatch(format!("row {row} of the confusion matrix"), counts.len());
    }
    let share = |row: &Vec<u64>| {
        let total = row.iter().map(|count| *count as f64).sum::<f64>().max(1.0);
        row.iter()
            .map(move |count| *count as f64 / total)
            .collect::<Vec<_>>()
    };
    let names: Vec<String> = classes
        .iter()
        .map(|class| class.as_ref().to_owned())
        .collect();
    let matrix = Matrix {
        rows: names.clone(),
        columns: names,
        values: counts.iter().flat_map(share).collect(),
    };
    let labels = counts.iter().flatten().map(u64::to_string).collect();
    let named =
        |label: &str, default: &str| if label.is_empty() { default } else { label }.to_owned();
    let plot = Plot {
        x_label: named(&plot.x_label, "predicted"),
        y_label: named(&plot.y_label, "actual"),
        ..plot.clone()
    };
    cells(&plot, &matrix, labels, false)
}

fn cells(
    plot: &Plot,
    matrix: &Matrix,
    labels: Vec<String>,
    bar: bool,
) -> Result<String, PlotError> {
    let (rows, columns) = (matrix.rows.len(), matrix.columns.len());
    if matrix.values.len() != rows * columns {
        return Err(PlotError::LengthMismatch {
            what: format!("values of a matrix of {rows} x {columns}"),
            expected: rows * columns,
            got: matrix.values.len(),
        });
    }
    let finite = matrix
        .values
        .iter()
        .copied()
        .filter(|value| value.is_finite());
    let low = finite.clone().fold(f64::INFINITY, f64::min);
    let high = finite.fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return Err(PlotError::NothingToDraw { chart: "heat map" });
    }
    // The color scale of fractions starts at zero.
    let (low, high) = if bar { (low, high) } else { (0.0, 1.0) };
    let bar = bar && low < high;
    let shade = |value: f64| {
        let part = if high > low {
            (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
        } else {
            0.5
        };
        if value.is_finite() {
            palette::ramp(part)
        } else {
            palette::MISSING
        }
    };
    render(plot.width, plot.height, &plot.title, |canvas| {
        let top = heading(canvas, &plot.title)?;
        let grid = Grid::new(
            canvas,
            plot,
            matrix,
            top,
            bar,
            [low, high].map(text::number),
        )?;
        grid.names(canvas, plot, matrix)?;
        let widest = labels
            .iter()
            .map(|label| text::width(label, SMALL))
            .fold(0.0, f64::max);
        let written = widest + 4.0 <= grid.cell.0 && SMALL + 3.0 <= grid.cell.1;
        for (index, (value, label)) in matrix.values.iter().zip(&labels).enumerate() {
            let (from, to) = grid.corners(index % columns, index / columns);
            let color = shade(*value);
            canvas.rectangle(from, grid.overlap(to), color)?;
            if written {
                let style = Label::new(SMALL, HPos::Center, VPos::Center);
                let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
                canvas.text(
                    label,
                    middle,
                    Label {
                        color: palette::on(color),
                        ..style
                    },
                )?;
            }
        }
        if bar {
            grid.bar(canvas, [low, high].map(text::number))
        } else {
            Ok(())
        }
    })
}

/// The positions of the cells in px.
struct Grid {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    cell: (f64, f64),
    upward: bool,
}

impl Grid {
    fn new(
        canvas: &Canvas<'_>,
        plot: &Plot,
        matrix: &Matrix,
        top: f64,
        bar: bool,
        ends: [String; 2],
    ) -> Result<Self, PlotError> {
        let widest = |names: &[String]| {
            names
                .iter()
                .map(|name| text::width(name, SMALL))
                .fold(0.0, f64::max)
        };
        let name_room = |label: &str| if label.is_empty() { 0.0 } else { NAME + 8.0 };
        let row_room = widest(&matrix.rows).min(0.3 * canvas.width);
        let bar_room = if bar { widest(&ends) + 36.0 } else { 6.0 };
        let left = 12.0 + name_room(&plot.y_label) + row_room + 8.0;
        let right = canvas.width - 12.0 - bar_room;
        let width = (right - left) / matrix.columns.len() as f64;
        // Names that do not fit side by side are rotated.
        let upward = widest(&matrix.columns) + 6.0 > width;
        let column_room = if upward {
            widest(&matrix.columns).min(0.3 * canvas.height)
        } else {
            SMALL
        };
        let bottom = canvas.height - 12.0 - name_room(&plot.x_label) - column_room - 8.0;
        if right - left < 20.0 || bottom - top < 20.0 {
            let message = format!(
                "no room for the cells in {} x {} px; make it larger",
                plot.width, plot.height
            );
            return Err(PlotError::Setting {
                what: "width and height",
                message,
            });
        }
        let cell = (width, (bottom - top) / matrix.rows.len() as f64);
        Ok(Self {
            left,
            top,
            right,
            bottom,
            cell,
            upward,
        })
    }

    /// The lower right corner, moved below the next cells, so that there is no visible gap between them.
    fn overlap(&self, (x, y): (f64, f64)) -> (f64, f64) {
        ((x + SEAM).min(self.right), (y + SEAM).min(self.bottom))
    }

    fn corners(&self, column: usize, row: usize) -> ((f64, f64), (f64, f64)) {
        let at = |column: usize, row: usize| {
            (
                self.left + column as f64 * self.cell.0,
                self.top + row as f64 * self.cell.1,
            )
        };
        (at(column, row), at(column + 1, row + 1))
    }

    fn names(&self, canvas: &Canvas<'_>, plot: &Plot, matrix: &Matrix) -> Result<(), PlotError> {
        let edge = 12.0;
        let row_names = if plot.y_label.is_empty() {
            edge
        } else {
            edge + NAME + 8.0
        };
        let column_names = if plot.x_label.is_empty() {
            edge
        } else {
            edge + NAME + 8.0
        };
        let right = Label::new(SMALL, HPos::Right, VPos::Center);
        let every = ((SMALL + 2.0) / self.cell.1).ceil().max(1.0) as usize;
        for (row, name) in matrix.rows.iter().enumerate().step_by(every) {
            let y = self.top + (row as f64 + 0.5) * self.cell.1;
            let name = text::fit(name, SMALL, self.left - 8.0 - row_names);
            canvas.text(&name, (self.left - 6.0, y), right)?;
        }
        let upright = Label {
            upward: true,
            ..right
        };
        let flat = Label::new(SMALL, HPos::Center, VPos::Center);
        let least = if self.upward { SMALL + 2.0 } else { 0.0 };
        let every = (least / self.cell.0).ceil().max(1.0) as usize;
        for (column, name) in matrix.columns.iter().enumerate().step_by(every) {
            let x = self.left + (column as f64 + 0.5) * self.cell.0;
            if self.upward {
                let room = canvas.height - self.bottom - 8.0 - column_names;
                canvas.text(
                    &text::fit(name, SMALL, room),
                    (x, self.bottom + 6.0),
                    upright,
                )?;
            } else {
                canvas.text(name, (x, self.bottom + 6.0 + SMALL / 2.0), flat)?;
            }
        }
        let style = Label::new(NAME, HPos::Center, VPos::Center);
        let middle = (
            (self.left + self.right) / 2.0,
            (self.top + self.bottom) / 2.0,
        );
        let x_label = text::fit(&plot.x_label, NAME, self.right - self.left);
        canvas.text(&x_label, (middle.0, canvas.height - edge - 3.0), style)?;
        let y_label = text::fit(&plot.y_label, NAME, self.bottom - self.top);
        canvas.text(
            &y_label,
            (edge + 5.0, middle.1),
            Label {
                upward: true,
                ..style
            },
        )
    }

    /// The color bar from low to high with the values of both ends.
    fn bar(&self, canvas: &Canvas<'_>, [low, high]: [String; 2]) -> Result<(), PlotError> {
        const STEPS: usize = 48;
        let left = self.right + 12.0;
        let at = |step: usize| self.bottom - (self.bottom - self.top) * step as f64 / STEPS as f64;
        for step in 0..STEPS {
            let color = palette::ramp(step as f64 / (STEPS - 1) as f64);
            let top = (at(step + 1) - SEAM).max(self.top);
            canvas.rectangle((left, top), (left + 14.0, at(step)), color)?;
        }
        let style = Label::new(SMALL, HPos::Left, VPos::Center);
        canvas.text(&high, (left + 20.0, self.top + 6.0), style)?;
        canvas.text(&low, (left + 20.0, self.bottom - 6.0), style)
    }
}

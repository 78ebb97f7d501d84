//! The cells of a comparison as tables.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};

use super::{About, Cell, cell};

/// The finished cells.
pub struct Summary {
    methods: Vec<String>,
    tables: Vec<Table>,
}

struct Table {
    name: String,
    about: About,
    /// For each method, its cells of all seeds.
    cells: Vec<Vec<Cell>>,
}

impl Table {
    /// Mean scores of the methods; `None` unless all splits that another method has are finished.
    fn means(&self) -> Vec<Option<f64>> {
        let most = self.cells.iter().map(Vec::len).max().unwrap_or(0);
        let mean = |cells: &Vec<Cell>| {
            let complete = most > 0 && cells.len() == most;
            complete.then(|| mean(cells.iter().map(|cell| cell.score)))
        };
        self.cells.iter().map(mean).collect()
    }

    /// The ranks of the methods that are finished, from 1; equal scores share the mean of theirs.
    fn ranks(&self) -> Vec<Option<f64>> {
        let means = self.means();
        let rank = |own: &Option<f64>| {
            let own = (*own)?;
            let others = means.iter().flatten();
            let better = others.clone().filter(|&&other| other < own).count();
            let equal = others.filter(|&&other| other == own).count();
            Some(better as f64 + (equal as f64 + 1.0) / 2.0)
        };
        means.iter().map(rank).collect()
    }
}

impl Summary {
    pub fn read(
        out: &Path,
        tables: &[(String, About)],
        methods: &[String],
        seeds: usize,
    ) -> Result<Self> {
        let mut read = Vec::new();
        for (name, about) in tables {
            let mut cells = Vec::new();
            for method in methods {
                let mut own: Vec<Cell> = Vec::new();
                for seed in 0..seeds {
                    let path = cell(out, name, seed, method);
                    if let Ok(text) = std::fs::read_to_string(&path) {
                        let cell = serde_json::from_str(&text);
                        own.push(cell.with_context(|| path.display().to_string())?);
                    }
                }
                cells.push(own);
            }
            let (name, about) = (name.clone(), about.clone());
            read.push(Table { name, about, cells });
        }
        Ok(Self {
            methods: methods.to_vec(),
            tables: read,
        })
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let all: Vec<f64> = values.collect();
    all.iter().sum::<f64>() / all.len() as f64
}

/// Mean and standard deviation with `n - 1`.
fn shown(cells: &[Cell]) -> String {
    if cells.is_empty() {
        return "-".into();
    }
    let center = mean(cells.iter().map(|cell| cell.score));
    let digits = match center {
        large if large >= 1000.0 => 0,
        large if large >= 10.0 => 2,
        _ => 4,
    };
    if cells.len() == 1 {
        return format!("{center:.digits$}");
    }
    let squares: f64 = cells.iter().map(|cell| (cell.score - center).powi(2)).sum();
    let deviation = (squares / (cells.len() - 1) as f64).sqrt();
    format!("{center:.digits$} ± {deviation:.digits$}")
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(
            f,
            "RMSE or, for classes, 1 - AUC of the test rows: less is better. `*`: our defaults may be chosen by this table.\n"
        )?;
        let names = self.tables.iter().map(|table| {
            let star = if table.about.development { " *" } else { "" };
            format!("{}{star}", table.name)
        });
        writeln!(f, "| | {} |", names.collect::<Vec<_>>().join(" | "))?;
        writeln!(f, "| --- |{}", " ---: |".repeat(self.tables.len()))?;
        let sizes = self.tables.iter().map(|table| {
            let kind = if table.about.classes {
                "classes"
            } else {
                "number"
            };
            format!("{} x {}, {kind}", table.about.rows, table.about.columns)
        });
        writeln!(f, "| | {} |", sizes.collect::<Vec<_>>().join(" | "))?;
        for (place, method) in self.methods.iter().enumerate() {
            let cells = self.tables.iter().map(|table| shown(&table.cells[place]));
            writeln!(
                f,
                "| {method} | {} |",
                cells.collect::<Vec<_>>().join(" | ")
            )?;
        }
        writeln!(
            f,
            "\n| | tables | mean rank | wins | seconds to fit (median) |\n| --- | ---: | ---: | ---: | ---: |"
        )?;
        let ranks: Vec<_> = self.tables.iter().map(Table::ranks).collect();
        for (place, method) in self.methods.iter().enumerate() {
            let own: Vec<f64> = ranks.iter().filter_map(|ranks| ranks[place]).collect();
            if own.is_empty() {
                continue;
            }
            let wins = own.iter().filter(|&&rank| rank == 1.0).count();
            let cells = self.tables.iter().flat_map(|table| &table.cells[place]);
            let mut seconds: Vec<f64> = cells.map(|cell| cell.seconds).collect();
            seconds.sort_by(f64::total_cmp);
            writeln!(
                f,
                "| {method} | {} | {:.2} | {wins} | {:.1} |",
                own.len(),
                mean(own.iter().copied()),
                seconds[seconds.len() / 2]
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_share_a_rank_and_missing_ones_have_none() {
        let cells = |score: f64| {
            vec![Cell {
                score,
                seconds: 1.0,
            }]
        };
        let table = Table {
            name: "a".into(),
            about: About {
                target: "y".into(),
                classes: false,
                development: false,
                rows: 1,
                columns: 1,
            },
            cells: vec![cells(2.0), cells(1.0), Vec::new(), cells(2.0)],
        };
        assert_eq!(table.ranks(), [Some(2.5), Some(1.0), None, Some(2.5)]);
    }
}

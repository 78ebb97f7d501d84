//! The table *published band / ours*.

use super::Band;

/// One figure of an experiment.
pub struct Row {
    band: &'static Band,
    values: Vec<f64>,
    median: f64,
}

/// All figures of an experiment.
pub struct Table {
    pub experiment: &'static str,
    pub seeds: u64,
    pub rows: Vec<Row>,
}

impl Row {
    /// The figure of every seed, held against its band.
    pub fn new(band: &'static Band, values: Vec<f64>) -> Self {
        let median = median(&values);
        Self {
            band,
            values,
            median,
        }
    }

    fn inside(&self) -> bool {
        // NaN is in no band.
        let low_enough = self.median <= self.band.high;
        low_enough && (!self.band.two_sided || self.median >= self.band.low)
    }
}

impl Table {
    /// Figures whose median is outside their band, for the last line.
    pub fn outside(&self) -> Vec<String> {
        let outside = self.rows.iter().filter(|row| !row.inside());
        let text = outside.map(|row| {
            format!(
                "{}: {} {}",
                self.experiment,
                row.band.figure,
                number(row.median)
            )
        });
        text.collect()
    }

    pub fn to_markdown(&self) -> String {
        let mut text = format!("{} ({} seeds)\n\n", self.experiment, self.seeds);
        text += "| figure | published p5 | median | p95 | ours: median | lowest | highest | |\n";
        text += "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n";
        for row in &self.rows {
            let lowest = row.values.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = row.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let verdict = if row.inside() { "inside" } else { "OUTSIDE" };
            text += &format!(
                "| {} | {} | {} | {} | {} | {} | {} | {verdict} |\n",
                row.band.figure,
                number(row.band.low),
                number(row.band.median),
                number(row.band.high),
                number(row.median),
                number(lowest),
                number(highest),
            );
        }
        text
    }

    pub fn to_json(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            serde_json::json!({
                "figure": row.band.figure,
                "band": [row.band.low, row.band.median, row.band.high],
                "median": row.median,
                "values": row.values,
                "inside": row.inside(),
            })
        });
        let rows: Vec<_> = rows.collect();
        format!(
            "{:#}\n",
            serde_json::json!({"experiment": self.experiment, "figures": rows})
        )
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if (1e-3..1e5).contains(&size) => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{at_most, band};
    use super::*;

    static LOSS: Band = band("loss", 0.4, 0.5, 0.6);
    static ERROR: Band = at_most("error", 0.4, 0.5, 0.6);

    #[test]
    fn the_median_decides() {
        assert!(Row::new(&LOSS, vec![0.1, 0.45, 9.0]).inside());
        assert!(!Row::new(&LOSS, vec![0.1, 0.2, 0.5]).inside());
        assert!(Row::new(&ERROR, vec![0.1, 0.2, 0.5]).inside());
        assert!(!Row::new(&ERROR, vec![0.7]).inside());
        assert!(!Row::new(&LOSS, vec![f64::NAN]).inside());
        assert!(!Row::new(&LOSS, Vec::new()).inside());
    }

    #[test]
    fn what_is_outside_is_named() {
        let table = Table {
            experiment: "lenet",
            seeds: 1,
            rows: vec![Row::new(&LOSS, vec![2.303])],
        };
        assert_eq!(table.outside(), ["lenet: loss 2.3030"]);
        assert!(table.to_markdown().contains("OUTSIDE"));
    }
}

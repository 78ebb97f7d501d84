//! The table *published band / ours*.

use super::{Band, Held};

/// One figure of an experiment.
pub struct Row {
    band: &'static Band,
    values: Vec<f64>,
    median: f64,
}

/// All figures of an experiment.
pub struct Table {
    pub experiment: &'static str,
    /// The time of every seed.
    pub seconds: Vec<f64>,
    /// What was done, where it was less than what the bands are of: then nothing is held against them.
    pub smaller: Option<String>,
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
        low_enough && (self.band.held == Held::AtMost || self.median >= self.band.low)
    }
}

impl Table {
    /// Figures whose median is outside their band, for the last line.
    pub fn outside(&self) -> Vec<String> {
        let decides = |row: &&Row| !row.inside() && row.band.held != Held::Reported;
        let outside = self.rows.iter().filter(decides);
        let text = outside.map(|row| {
            format!(
                "{}: {} {} is outside {} to {}",
                self.experiment,
                row.band.figure,
                number(row.median),
                number(row.band.low),
                number(row.band.high),
            )
        });
        match self.smaller {
            Some(_) => Vec::new(),
            None => text.collect(),
        }
    }

    fn verdict(&self, row: &Row) -> &'static str {
        match (&self.smaller, row.inside(), row.band.held) {
            (Some(_), ..) => "quick: not held against the band",
            (None, true, _) => "inside",
            (None, false, Held::Reported) => "outside, reported only",
            (None, false, _) => "OUTSIDE",
        }
    }

    pub fn to_markdown(&self) -> String {
        let (seeds, seconds) = (self.seconds.len(), self.seconds.iter().sum::<f64>());
        let mut text = format!("{} ({seeds} seeds, {seconds:.0} s)\n\n", self.experiment);
        if let Some(smaller) = &self.smaller {
            text += &format!("quick: {smaller}\n\n");
        }
        text += "| figure | published p5 | median | p95 | ours: median | lowest | highest | |\n";
        text += "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n";
        for row in &self.rows {
            let lowest = row.values.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = row.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            text += &format!(
                "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
                row.band.figure,
                number(row.band.low),
                number(row.band.median),
                number(row.band.high),
                number(row.median),
                number(lowest),
                number(highest),
                self.verdict(row),
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
                "verdict": self.verdict(row),
            })
        });
        let table = serde_json::json!({
            "experiment": self.experiment,
            "seconds": self.seconds,
            "quick": self.smaller,
            "figures": rows.collect::<Vec<_>>(),
        });
        format!("{table:#}\n")
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
    use super::super::{at_most, band, reported};
    use super::*;

    static LOSS: Band = band("loss", 0.4, 0.5, 0.6);
    static ERROR: Band = at_most("error", 0.4, 0.5, 0.6);
    static ACCURACY: Band = reported("test accuracy", 0.7, 0.8, 0.9);

    #[test]
    fn the_median_decides() {
        assert!(Row::new(&LOSS, vec![0.1, 0.45, 9.0]).inside());
        assert!(!Row::new(&LOSS, vec![0.1, 0.2, 0.5]).inside());
        assert!(Row::new(&ERROR, vec![0.1, 0.2, 0.5]).inside());
        assert!(!Row::new(&ERROR, vec![0.7]).inside());
        assert!(!Row::new(&ACCURACY, vec![0.95]).inside());
        assert!(!Row::new(&LOSS, vec![f64::NAN]).inside());
        assert!(!Row::new(&LOSS, Vec::new()).inside());
    }

    fn table(smaller: Option<String>) -> Table {
        Table {
            experiment: "lenet",
            seconds: vec![1.0],
            smaller,
            rows: vec![Row::new(&LOSS, vec![2.303]), Row::new(&ACCURACY, vec![0.1])],
        }
    }

    #[test]
    fn what_is_outside_is_named_but_for_what_is_only_reported() {
        let table = table(None);
        assert_eq!(
            table.outside(),
            ["lenet: loss 2.3030 is outside 0.4000 to 0.6000"]
        );
        let text = table.to_markdown();
        assert!(text.contains("| OUTSIDE |") && text.contains("| outside, reported only |"));
    }

    #[test]
    fn a_smaller_training_is_held_against_nothing_and_says_so() {
        let table = table(Some("the first 10 images".into()));
        assert!(table.outside().is_empty());
        let text = table.to_markdown();
        assert!(text.contains("quick: the first 10 images"), "{text}");
        assert_eq!(text.matches("not held against the band").count(), 2);
    }
}

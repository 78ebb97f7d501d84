//! The table of an experiment: the published bands and our medians.

use super::Band;
use super::band::Check;

/// One metric of an experiment.
pub struct Row {
    band: &'static Band,
    values: Vec<f64>,
    median: f64,
}

/// All metrics of an experiment.
pub struct Table {
    pub experiment: &'static str,
    /// The time of every seed.
    pub seconds: Vec<f64>,
    /// The settings of a smaller training run: the bands do not apply to it.
    pub quick: Option<String>,
    pub rows: Vec<Row>,
}

impl Row {
    /// The metric of every seed.
    pub fn new(band: &'static Band, values: Vec<f64>) -> Self {
        let median = median(&values);
        Self {
            band,
            values,
            median,
        }
    }
}

impl Table {
    /// The metrics whose median is outside the band, one sentence each.
    pub fn failures(&self) -> Vec<String> {
        if self.quick.is_some() {
            return Vec::new();
        }
        let fails = |row: &&Row| !row.band.holds(row.median) && row.band.check != Check::ReportOnly;
        let failures = self.rows.iter().filter(fails).map(|row| {
            format!(
                "{}: {} {} is outside {} to {}",
                self.experiment,
                row.band.metric,
                number(row.median),
                number(row.band.low),
                number(row.band.high),
            )
        });
        failures.collect()
    }

    fn verdict(&self, row: &Row) -> &'static str {
        match (&self.quick, row.band.holds(row.median), row.band.check) {
            (Some(_), ..) => "quick: no band applies",
            _ if !row.band.is_published() => "not published",
            _ if row.band.is_one_run() => "one run published",
            (None, true, _) => "inside",
            (None, false, Check::ReportOnly) => "outside, reported only",
            (None, false, _) => "OUTSIDE",
        }
    }

    pub fn to_markdown(&self) -> String {
        let (seeds, seconds) = (self.seconds.len(), self.seconds.iter().sum::<f64>());
        let mut text = format!("{} ({seeds} seeds, {seconds:.0} s)\n\n", self.experiment);
        if let Some(settings) = &self.quick {
            text += &format!("quick: {settings}\n\n");
        }
        text += "| metric | published p5 | median | p95 | ours: median | lowest | highest | |\n";
        text += "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n";
        for row in &self.rows {
            let lowest = row.values.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = row.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            text += &format!(
                "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
                row.band.metric,
                published(row.band.low),
                published(row.band.median),
                published(row.band.high),
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
                "metric": row.band.metric,
                "band": [row.band.low, row.band.median, row.band.high],
                "median": row.median,
                "values": row.values,
                "verdict": self.verdict(row),
            })
        });
        let table = serde_json::json!({
            "experiment": self.experiment,
            "seconds": self.seconds,
            "quick": self.quick,
            "metrics": rows.collect::<Vec<_>>(),
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

/// A number of a band; none is NaN.
fn published(value: f64) -> String {
    match value.is_nan() {
        true => "-".into(),
        false => number(value),
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
    use super::super::{band, one_run, reported, unpublished};
    use super::*;

    static LOSS: Band = band("loss", 0.4, 0.5, 0.6);
    static ACCURACY: Band = reported("test accuracy", 0.7, 0.8, 0.9);

    #[test]
    fn the_median_counts() {
        let failures = |values: Vec<f64>| {
            let rows = vec![Row::new(&LOSS, values)];
            let table = Table {
                rows,
                ..table(None)
            };
            table.failures().len()
        };
        assert_eq!(failures(vec![0.1, 0.45, 9.0]), 0);
        assert_eq!(failures(vec![0.1, 0.2, 0.5]), 1);
        assert_eq!(failures(vec![f64::NAN]), 1);
        assert_eq!(failures(Vec::new()), 1);
    }

    fn table(quick: Option<String>) -> Table {
        Table {
            experiment: "lenet",
            seconds: vec![1.0],
            quick,
            rows: vec![Row::new(&LOSS, vec![2.303]), Row::new(&ACCURACY, vec![0.1])],
        }
    }

    #[test]
    fn a_checked_metric_outside_its_band_is_a_failure_a_reported_one_is_not() {
        let table = table(None);
        assert_eq!(
            table.failures(),
            ["lenet: loss 2.3030 is outside 0.4000 to 0.6000"]
        );
        let text = table.to_markdown();
        assert!(text.contains("| OUTSIDE |") && text.contains("| outside, reported only |"));
    }

    #[test]
    fn a_metric_that_was_not_published_is_only_printed() {
        static HELD_OUT: Band = unpublished("held-out loss");
        let rows = vec![Row::new(&HELD_OUT, vec![0.5])];
        let table = Table {
            rows,
            ..table(None)
        };
        assert!(table.failures().is_empty());
        let line = "| held-out loss | - | - | - | 0.5000 | 0.5000 | 0.5000 | not published |";
        assert!(
            table.to_markdown().contains(line),
            "{}",
            table.to_markdown()
        );
    }

    #[test]
    fn one_published_run_is_no_band() {
        static ONE: Band = one_run("test accuracy", 0.84);
        let rows = vec![Row::new(&ONE, vec![0.5])];
        let table = Table {
            rows,
            ..table(None)
        };
        assert!(table.failures().is_empty());
        let line =
            "| test accuracy | - | 0.8400 | - | 0.5000 | 0.5000 | 0.5000 | one run published |";
        assert!(
            table.to_markdown().contains(line),
            "{}",
            table.to_markdown()
        );
    }

    #[test]
    fn no_band_applies_to_a_quick_run() {
        let table = table(Some("the first 10 images".into()));
        assert!(table.failures().is_empty());
        let text = table.to_markdown();
        assert!(text.contains("quick: the first 10 images"), "{text}");
        assert_eq!(text.matches("no band applies").count(), 2);
    }
}

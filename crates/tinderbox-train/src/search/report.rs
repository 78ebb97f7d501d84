use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use tinderbox_plot::{Plot, Scale, Series, bars, scatter};

use super::space::wrong;
use super::{Range, SettingValue, Settings, Space};
use crate::{MonitorMode, Result};

/// The result of one trial with one budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// Which settings, counted from 0.
    pub number: usize,
    /// The settings.
    pub settings: Settings,
    /// Its budget.
    pub budget: usize,
    /// The median of the runs; none if one of them failed.
    pub score: Option<f64>,
    /// The score of every run that succeeded.
    pub scores: Vec<f64>,
    /// The error of the first run that failed.
    pub error: Option<String>,
    /// Seconds of all runs together.
    pub seconds: f64,
}

impl TrialRecord {
    /// The better one first, those that failed last; equals by number.
    pub(super) fn compare(&self, other: &Self, mode: MonitorMode) -> Ordering {
        let order = match (self.score, other.score) {
            (Some(a), Some(b)) if mode == MonitorMode::Minimize => a.total_cmp(&b),
            (Some(a), Some(b)) => b.total_cmp(&a),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        order.then(self.number.cmp(&other.number))
    }
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchReport {
    /// The search space.
    pub space: Space,
    /// Whether a smaller or a larger score is better.
    pub mode: MonitorMode,
    /// Round after round, the best of each round first.
    pub records: Vec<TrialRecord>,
}

impl SearchReport {
    /// The best of those with the largest budget.
    pub fn best(&self) -> &TrialRecord {
        self.ranking()
            .into_iter()
            .next()
            .expect("a search without a trial is an error")
    }

    /// Every setting once, with the largest budget it got: the survivors first, then by score.
    pub fn ranking(&self) -> Vec<&TrialRecord> {
        let mut last: Vec<&TrialRecord> = Vec::new();
        for record in self.records.iter().rev() {
            if !last.iter().any(|known| known.number == record.number) {
                last.push(record);
            }
        }
        last.sort_by(|a, b| {
            let failed = a.score.is_none().cmp(&b.score.is_none());
            failed
                .then(b.budget.cmp(&a.budget))
                .then_with(|| a.compare(b, self.mode))
        });
        last
    }

    /// The ranking as a table.
    pub fn to_markdown(&self) -> String {
        let names: Vec<&str> = self
            .space
            .ranges()
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let mut text = format!(
            "| trial | {} | budget | score | seconds |\n",
            names.join(" | ")
        );
        text += &format!(
            "| ---: |{} ---: | ---: | ---: |\n",
            " ---: |".repeat(names.len())
        );
        for record in self.ranking() {
            let score = match (&record.score, &record.error) {
                (Some(score), _) => format!("{score:.5}"),
                // A message may span lines and hold the character that ends a cell.
                (None, error) => error
                    .as_deref()
                    .unwrap_or("failed")
                    .replace(['\n', '|'], " "),
            };
            text += &format!(
                "| {} | {} | {} | {score} | {:.2} |\n",
                record.number,
                self.values(record, &names).join(" | "),
                record.budget,
                record.seconds
            );
        }
        text
    }

    /// Every record as CSV, for other tools.
    pub fn to_csv(&self) -> String {
        let names: Vec<&str> = self
            .space
            .ranges()
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let quoted = |text: &str| match text.contains([',', '"', '\n']) {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text.to_owned(),
        };
        let header: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        let mut text = format!("trial,{},budget,score,seconds,error\n", header.join(","));
        for record in &self.records {
            // All digits here: a table is for reading, a file for computing.
            let exact = |name: &&str| match record.settings.get(name) {
                Ok(SettingValue::Number(value)) => value.to_string(),
                Ok(SettingValue::Text(text)) => quoted(text),
                Err(_) => String::new(),
            };
            let values: Vec<String> = names.iter().map(exact).collect();
            text += &format!(
                "{},{},{},{},{},{}\n",
                record.number,
                values.join(","),
                record.budget,
                record
                    .score
                    .map_or(String::new(), |score| score.to_string()),
                record.seconds,
                quoted(record.error.as_deref().unwrap_or_default())
            );
        }
        text
    }

    fn values(&self, record: &TrialRecord, names: &[&str]) -> Vec<String> {
        let value = |name: &&str| {
            record
                .settings
                .get(name)
                .map_or(String::new(), |v| v.to_string())
        };
        names.iter().map(value).collect()
    }

    /// Scores over one setting, as SVG: a series of points for every budget, or for a choice the best score of
    /// each value.
    ///
    /// # Errors
    /// A setting that the space does not have, a search without any score.
    pub fn plot(&self, name: &str) -> Result<String> {
        let range = self.space.ranges().iter().find(|(known, _)| known == name);
        let Some((_, range)) = range else {
            let known: Vec<&str> = self.space.ranges().iter().map(|r| r.0.as_str()).collect();
            let problem = format!("the space has: {}", known.join(", "));
            return Err(wrong(&format!("plot of '{name}'"), &problem));
        };
        let plot = Plot::new(format!("Scores over {name}")).labels(name, "score");
        if let Range::Choice(values) = range {
            let ranking = self.ranking();
            let best = |value: &SettingValue| {
                let mut having = ranking
                    .iter()
                    .filter(|r| r.settings.get(name).ok() == Some(value));
                having
                    .next()
                    .and_then(|record| record.score)
                    .unwrap_or(f64::NAN)
            };
            let values: Vec<_> = values.iter().map(|v| (v.to_string(), best(v))).collect();
            return Ok(bars(&plot.labels("best score", ""), &values)?);
        }
        let mut budgets: Vec<usize> = self.records.iter().map(|record| record.budget).collect();
        budgets.dedup();
        let cloud = |budget: &usize| {
            let records = self
                .records
                .iter()
                .filter(|record| record.budget == *budget);
            let points = records.filter_map(|r| Some((r.settings.number(name).ok()?, r.score?)));
            Series::new(format!("budget {budget}"), points)
        };
        let clouds: Vec<Series> = budgets.iter().map(cloud).collect();
        let plot = Plot {
            x_scale: match range {
                Range::LogUniform { .. } => Scale::Log,
                _ => Scale::Linear,
            },
            ..plot
        };
        Ok(scatter(&plot, &clouds, &[])?)
    }
}

/// The median; NaN of nothing.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

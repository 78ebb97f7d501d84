use burn::module::Module;
use tinderbox_core::Seed;
use tinderbox_data::{
    ColumnSpec, ColumnSummary, Distribution, Encode, FeatureSpec, Targets, TensorTable,
};
use tinderbox_plot::{
    Plot, bars, confusion_matrix, predicted_against_actual, spark_bars, spark_histogram,
};
use tinderbox_train::{Cell, History, Report};

use super::predict::most_probable;
use super::{Predicted, Predictor, Scores, TabularError, permutation_importance};

/// Words whose counts a sparkline shows.
const BARS: usize = 24;
/// Columns that the importance figure shows.
const IMPORTANT: usize = 30;

/// What a report about a model of a table is made of.
#[derive(Clone, Debug)]
pub struct TableReport<'a> {
    /// The heading.
    pub title: &'a str,
    /// What was inferred, or written by a user.
    pub spec: &'a FeatureSpec,
    /// What the columns look like; see [`tinderbox_data::summarise`].
    pub columns: &'a [ColumnSummary],
    /// The epochs.
    pub history: &'a History,
    /// The trained model.
    pub predictor: &'a Predictor,
    /// Rows that it was not trained on, through its features.
    pub valid: &'a TensorTable,
    /// Scores with what they are of: ("training", …), ("validation, exact linear", …).
    pub scores: &'a [(&'a str, Scores)],
    /// Seed of the permutation importance.
    pub seed: Seed,
}

impl TableReport<'_> {
    /// The page: scores, curves, predictions against truth, importance, columns.
    ///
    /// # Errors
    /// Rows of another width than the model takes, figures that cannot be drawn.
    pub fn build(&self) -> Result<Report, TabularError> {
        let features = self.predictor.features();
        let mut page = Report::new(self.title).paragraph(&format!(
            "{} columns become {} features; {} parameters; {} validation rows.",
            features.inputs().len(),
            features.width(),
            self.predictor.network().num_params(),
            self.valid.features.rows(),
        ));
        page = self.scores(page);
        page = page.heading("Training").curves(self.history)?;
        page = self.predictions(page)?;
        page = self.importance(page)?;
        self.columns(page)
    }

    fn scores(&self, page: Report) -> Report {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in self.scores.iter().flat_map(|(_, scores)| &scores.0) {
            if !names.contains(name) {
                names.push(name);
            }
        }
        let rows = self.scores.iter().map(|(of, scores)| {
            let value = |name: &&str| {
                let value = scores.get(name);
                Cell::number(value.map_or_else(String::new, score))
            };
            std::iter::once(Cell::text(*of))
                .chain(names.iter().map(value))
                .collect()
        });
        let head: Vec<&str> = std::iter::once("").chain(names.iter().copied()).collect();
        page.heading("Scores").table(&head, rows)
    }

    fn predictions(&self, page: Report) -> Result<Report, TabularError> {
        let predicted = self.predictor.of(&self.valid.features)?;
        let page = page.heading("Predictions on validation rows");
        Ok(match (&predicted, &self.valid.targets) {
            (Predicted::Numbers(values), Targets::Values(truth)) => {
                let truth = self.predictor.features().invert_targets(truth)?;
                let names = &self.valid.target_names;
                names
                    .iter()
                    .enumerate()
                    .try_fold(page, |page, (place, name)| {
                        let column = |values: &[f32]| -> Vec<f64> {
                            values
                                .iter()
                                .skip(place)
                                .step_by(names.len())
                                .map(|&x| x.into())
                                .collect()
                        };
                        let plot = Plot::new(name.as_str()).labels("actual", "predicted");
                        let (actual, predicted) =
                            (column(truth.as_slice()), column(values.as_slice()));
                        let svg = predicted_against_actual(&plot, &actual, &predicted)?;
                        Ok::<_, TabularError>(page.figure(&svg))
                    })?
            }
            (Predicted::Probabilities(values), Targets::Classes(truth)) => {
                let names = truth.names();
                let mut counts = vec![vec![0u64; names.len()]; names.len()];
                for (row, &label) in truth.labels().iter().enumerate() {
                    counts[label as usize][most_probable(values.row(row))] += 1;
                }
                let plot = Plot::new("Confusion matrix").labels("predicted", "actual");
                page.figure(&confusion_matrix(&plot, names, &counts)?)
            }
            _ => page,
        })
    }

    fn importance(&self, page: Report) -> Result<Report, TabularError> {
        let targets = match &self.valid.targets {
            Targets::Values(values) => {
                Targets::Values(self.predictor.features().invert_targets(values)?)
            }
            other => other.clone(),
        };
        let all =
            permutation_importance(self.predictor, &self.valid.features, &targets, self.seed)?;
        let shown: Vec<(&str, f64)> = all
            .iter()
            .take(IMPORTANT)
            .map(|i| (i.column.as_str(), i.error_rise))
            .collect();
        if !shown.iter().any(|(_, rise)| rise.is_finite()) {
            return Ok(page);
        }
        let what = match targets {
            Targets::Classes(_) => "rise of the share of wrong classes",
            _ => "rise of the root mean squared error",
        };
        let plot = Plot::new("Permutation importance").labels(what, "");
        Ok(page
            .heading("What the model leans on")
            .paragraph(
                "By how much the error on validation rows grows when a column is shuffled among them. \
                 Columns that tell the same share their importance.",
            )
            .figure(&bars(&plot, &shown)?))
    }

    fn columns(&self, page: Report) -> Result<Report, TabularError> {
        let mut rows = Vec::with_capacity(self.columns.len());
        for column in self.columns {
            let figure = match &column.values {
                Distribution::Numbers(values) => spark_histogram(values).ok(),
                Distribution::Words(words) => {
                    let counts: Vec<u64> = words.iter().take(BARS).map(|word| word.1).collect();
                    spark_bars(&counts).ok()
                }
                Distribution::Other => None,
            };
            let share = 100.0 * column.missing as f64 / column.rows.max(1) as f64;
            let missing = match column.missing {
                0 => String::new(),
                missing => format!("{missing} ({share:.1} %)"),
            };
            rows.push(vec![
                Cell::text(column.name.as_str()),
                Cell::text(column.dtype.as_str()),
                Cell::text(role(self.spec, &column.name)),
                Cell::text(values(&column.values)),
                Cell::number(missing),
                figure.map_or_else(|| Cell::text(""), Cell::figure),
            ]);
        }
        let head = [
            "column",
            "type",
            "used as",
            "values",
            "missing",
            "distribution",
        ];
        Ok(page.heading("Columns").table(&head, rows))
    }
}

/// What becomes of a column: `target`, `number`, `one-hot`, …, or why nothing does.
pub fn role(spec: &FeatureSpec, name: &str) -> String {
    let target = spec.target.as_ref();
    if target.is_some_and(|target| target.columns.iter().any(|column| column == name)) {
        return "target".into();
    }
    if let Some(ignored) = spec.ignored.iter().find(|ignored| ignored.name == name) {
        return format!("left out: {}", ignored.reason);
    }
    let used = spec
        .columns
        .iter()
        .filter(|column| column.names().contains(&name));
    let roles: Vec<&str> = used
        .map(|column| match column {
            ColumnSpec::Numeric(_) => "number",
            ColumnSpec::Date(_) => "date parts",
            ColumnSpec::Cross(_) => "crossed",
            ColumnSpec::Category(category) => match category.encode {
                Encode::Ordinal => "index for an embedding",
                _ => "one-hot",
            },
            _ => "feature",
        })
        .collect();
    match roles.as_slice() {
        [] => "not used".into(),
        roles => roles.join(", "),
    }
}

/// The range of numbers, the number of different words.
fn values(values: &Distribution) -> String {
    match values {
        Distribution::Numbers(numbers) => {
            let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
            let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            match low <= high {
                true => format!("{} to {}", short(low), short(high)),
                false => String::new(),
            }
        }
        Distribution::Words(words) => format!("{} different", words.len()),
        Distribution::Other => String::new(),
    }
}

/// Four digits behind the point, but not behind hundreds.
fn score(value: f64) -> String {
    match value.abs() {
        size if size < 100.0 => format!("{value:.4}"),
        _ => format!("{value:.1}"),
    }
}

fn short(number: f64) -> String {
    let rounded = format!("{number:.3}");
    rounded
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

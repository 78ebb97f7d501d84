use polars::prelude::DataFrame;
use tinderbox_core::Seed;
use tinderbox_plot::{Plot, bars, predicted_vs_actual, spark_bars, spark_histogram};
use tinderbox_tables::{
    ColumnSpec, Distribution, Encode, FeatureSpec, Step, Targets, TensorTable, summarize, take,
};
use tinderbox_train::{Cell, ConfusionMatrix, History, Report};

use super::predict::most_probable;
use super::{
    Candidate, Importance, Predicted, Predictor, Scores, TabularError, permutation_importance,
};

/// Number of categories whose counts a sparkline shows.
const BARS: usize = 24;
/// Number of columns that the importance figure shows.
const IMPORTANT: usize = 30;
/// The largest number of rows on which the importance is measured; each column is shuffled several times.
const IMPORTANCE_ROWS: usize = 10_000;

/// The contents of a report about a model of a table.
#[derive(Clone, Debug)]
pub struct TableReport<'a> {
    /// How the columns are used: inferred, or written by the user.
    pub spec: &'a FeatureSpec,
    /// Rows that the model was trained on, for the statistics of the columns.
    pub training: &'a DataFrame,
    /// The metrics of the epochs, of one model.
    pub history: Option<&'a History>,
    /// The models that were trained to choose from.
    pub candidates: &'a [Candidate],
    /// The trained model.
    pub predictor: &'a Predictor,
    /// What the rows below are: `test` or `validation`.
    pub part: &'static str,
    /// Rows that it was not trained on, with the target.
    pub rows: &'a DataFrame,
    /// Scores, each with a label: ("training", …), ("validation, exact linear", …).
    pub scores: &'a [(&'a str, Scores)],
    /// Seed of the permutation importance.
    pub seed: Seed,
}

impl TableReport<'_> {
    /// The page: scores, curves, predictions against truth, importance, columns.
    ///
    /// # Errors
    /// Rows that the features refuse, or without the target; figures that cannot be drawn.
    pub fn build(&self) -> Result<Report, TabularError> {
        let features = self.predictor.features();
        let title = format!("Predicting {}", features.target_names().join(", "));
        let mut page = Report::new(&title).paragraph(&format!(
            "{} columns become {} features; {} parameters; {} {} rows.",
            features.inputs().len(),
            features.width(),
            self.predictor.num_params(),
            self.rows.height(),
            self.part,
        ));
        if let Some(cut) = features.cut_texts() {
            page = page.paragraph(&cut.to_string());
        }
        page = self.scores(page);
        page = self.leaderboard(page);
        if let Some(history) = self.history {
            page = page.heading("Training").curves(history)?;
        }
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

    fn leaderboard(&self, page: Report) -> Report {
        let Some(first) = self.candidates.first() else {
            return page;
        };
        let (name, _) = first.valid;
        let rows = self.candidates.iter().map(|candidate| {
            vec![
                Cell::text(candidate.name.as_str()),
                Cell::number(score(candidate.valid.1)),
                Cell::number(candidate.test.map_or_else(String::new, score)),
                Cell::number(format!("{:.1}", candidate.seconds)),
                Cell::number(candidate.models.to_string()),
                Cell::number(format!("{:.2}", candidate.weight)),
            ]
        });
        let (valid, test) = (format!("{name}, validation"), format!("{name}, test"));
        page.heading("Models")
            .table(&["", &valid, &test, "seconds", "models", "weight"], rows)
    }

    fn predictions(&self, page: Report) -> Result<Report, TabularError> {
        let truth: TensorTable = self.predictor.features().transform(self.rows)?;
        let predicted = self.predictor.predict(self.rows)?;
        let page = page.heading(&format!("Predictions on {} rows", self.part));
        Ok(match (&predicted, &truth.targets) {
            (Predicted::Numbers(values), Targets::Values(targets)) => {
                let names = &truth.target_names;
                let truth = self.predictor.features().invert_targets(targets)?;
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
                        let svg = predicted_vs_actual(&plot, &actual, &predicted)?;
                        Ok::<_, TabularError>(page.figure(&svg))
                    })?
            }
            (Predicted::Probabilities(values), Targets::Classes(truth)) => {
                let names = truth.names();
                let labels: Vec<i64> = truth.labels().iter().map(|&label| label.into()).collect();
                let taken_for = (0..values.rows()).map(|row| most_probable(values.row(row)) as i64);
                let mut matrix = ConfusionMatrix::default();
                matrix.add(names.len(), &taken_for.collect::<Vec<_>>(), &labels);
                let page = match names.len().saturating_sub(ConfusionMatrix::DRAWN) {
                    0 => page,
                    others => page.paragraph(&format!(
                        "The {} classes that are most often confused are drawn; {others} others are \
                         left out.",
                        ConfusionMatrix::DRAWN
                    )),
                };
                page.figure(&matrix.to_svg("Confusion matrix", names)?)
            }
            _ => page,
        })
    }

    fn importance(&self, page: Report) -> Result<Report, TabularError> {
        let mut rows = self
            .seed
            .child("rows")
            .rng()
            .permutation(self.rows.height());
        rows.truncate(IMPORTANCE_ROWS);
        let frame = take(self.rows, &rows)?;
        let repeats = Importance::REPEATS;
        let all = permutation_importance(self.predictor, &frame, repeats, self.seed)?;
        let shown = &all[..all.len().min(IMPORTANT)];
        if !shown
            .iter()
            .any(|importance| importance.error_rise.is_finite())
        {
            return Ok(page);
        }
        let what = match self.predictor.features().classes() {
            Some(_) => "rise of the share of wrong classes",
            None => "rise of the root mean squared error",
        };
        let drawn: Vec<(&str, f64)> = (shown.iter())
            .map(|importance| (importance.column.as_str(), importance.error_rise))
            .collect();
        let plot = Plot::new("Permutation importance").labels(what, "");
        let table = shown.iter().map(|importance| {
            vec![
                Cell::text(importance.column.as_str()),
                Cell::number(score(importance.error_rise)),
                Cell::number(score(importance.deviation)),
            ]
        });
        Ok(page
            .heading("Importance of the columns")
            .paragraph(&format!(
                "By how much the error on {} {} rows grows when the values of a column are \
                 shuffled: mean and standard deviation of {repeats} shuffles. Columns with the same \
                 information share their importance.",
                frame.height(),
                self.part
            ))
            .figure(&bars(&plot, &drawn)?)
            .table(&["column", what, "standard deviation"], table))
    }

    /// How a column is used, or why it is not: the training rows may not have had a value in it.
    fn role(&self, column: &str) -> String {
        let left_out = self.predictor.features().left_out().iter();
        match left_out.clone().find(|left_out| left_out.name == column) {
            Some(left_out) => format!("left out: {}", left_out.reason),
            None => role(self.spec, column),
        }
    }

    fn columns(&self, page: Report) -> Result<Report, TabularError> {
        let names = self.training.get_column_names();
        let names: Vec<&str> = names.into_iter().map(|name| name.as_str()).collect();
        let columns = summarize(self.training, &names)?;
        let mut rows = Vec::with_capacity(columns.len());
        for column in &columns {
            let figure = match &column.values {
                Distribution::Numbers(values) => spark_histogram(values).ok(),
                Distribution::Categories(categories) => {
                    let counts: Vec<u64> = categories
                        .iter()
                        .take(BARS)
                        .map(|category| category.1)
                        .collect();
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
                Cell::text(self.role(&column.name)),
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

/// How a column is used: `target`, `number`, `one-hot`, …, or why it is not.
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
            ColumnSpec::Numeric(number) if number.steps.contains(&Step::Robust) => {
                "number, scaled by its quartiles as some values are extreme"
            }
            ColumnSpec::Numeric(_) => "number",
            ColumnSpec::Date(date) if date.steps.contains(&Step::Robust) => {
                "date parts, scaled by their quartiles as some values are extreme"
            }
            ColumnSpec::Date(_) => "date parts",
            ColumnSpec::Cross(_) => "crossed",
            ColumnSpec::Category(category) => {
                match (category.encode, category.keep_most_frequent) {
                    (Encode::Ordinal, _) => "index for an embedding",
                    (_, Some(_)) => "one-hot, rare ones share a feature",
                    _ => "one-hot",
                }
            }
            ColumnSpec::Text(text) => match &text.encoder {
                Some(_) => "text, as a vector of its meaning",
                None => "text, as the weights of its words",
            },
            _ => "feature",
        })
        .collect();
    match roles.as_slice() {
        [] => "not used".into(),
        roles => roles.join(", "),
    }
}

/// The range of numbers, or the number of categories.
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
        Distribution::Categories(categories) => format!("{} different", categories.len()),
        Distribution::Other => String::new(),
    }
}

/// Four decimals below 100, one above.
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

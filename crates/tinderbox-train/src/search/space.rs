use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use tinderbox_core::Seed;

use crate::{Result, TrainError};

/// The value of one setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// A learning rate, a batch size, ….
    Number(f64),
    /// The name of an optimizer, ….
    Text(String),
}

impl From<f64> for SettingValue {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for SettingValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(value) if *value != 0.0 && !(1e-2..1e6).contains(&value.abs()) => {
                write!(f, "{value:.2e}")
            }
            Self::Number(value) if value.fract() == 0.0 => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value:.4}"),
        }
    }
}

/// The values that one setting may have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Range {
    /// Uniform from `low` to `high`.
    Uniform {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// Log-uniform: for learning rates and penalties, which differ by powers of ten.
    LogUniform {
        /// The lower end, above 0.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// One of these.
    Choice(Vec<SettingValue>),
}

impl Range {
    fn draw(&self, seed: Seed) -> SettingValue {
        let mut rng = seed.rng();
        match self {
            Self::Uniform { low, high } => rng.uniform_in(*low, *high).into(),
            Self::LogUniform { low, high } => {
                let value = rng.uniform_in(low.ln(), high.ln()).exp();
                value.clamp(*low, *high).into() // exp(ln(x)) rounds
            }
            Self::Choice(values) => values[rng.below(values.len() as u64) as usize].clone(),
        }
    }

    fn problem(&self) -> Option<&'static str> {
        let ascending = |low: &f64, high: &f64| low.is_finite() && high.is_finite() && low < high;
        match self {
            Self::Uniform { low, high } if !ascending(low, high) => {
                Some("give two finite ends, the lower first")
            }
            Self::LogUniform { low, high } if !(ascending(low, high) && *low > 0.0) => {
                Some("give two positive ends, the lower first")
            }
            Self::Choice(values) if values.is_empty() => Some("give at least one value"),
            _ => None,
        }
    }

    fn contains(&self, value: &SettingValue) -> bool {
        match (self, value) {
            (
                Self::Uniform { low, high } | Self::LogUniform { low, high },
                SettingValue::Number(value),
            ) => (low..=high).contains(&value),
            (Self::Choice(values), value) => values.contains(value),
            _ => false,
        }
    }
}

/// A search space: settings by name, each with its range.
///
/// ```
/// use tinderbox_train::Space;
///
/// let space = Space::new()
///     .log_uniform("learning_rate", 1e-4, 1.0)
///     .choice("batch_size", [16.0, 64.0])
///     .choice("optimizer", ["sgd", "adam"]);
/// assert!(space.check().is_ok());
/// assert!(space.log_uniform("weight_decay", 0.0, 1.0).check().is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Space {
    ranges: Vec<(String, Range)>,
}

impl Space {
    /// Nothing to choose yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a setting; a name that is there already gets another range.
    pub fn with(mut self, name: &str, range: Range) -> Self {
        match self.ranges.iter_mut().find(|(known, _)| known == name) {
            Some(entry) => entry.1 = range,
            None => self.ranges.push((name.to_owned(), range)),
        }
        self
    }

    /// Adds a number that is uniformly distributed from `low` to `high`.
    pub fn uniform(self, name: &str, low: f64, high: f64) -> Self {
        self.with(name, Range::Uniform { low, high })
    }

    /// Adds a number whose logarithm is uniformly distributed from that of `low` to that of `high`.
    pub fn log_uniform(self, name: &str, low: f64, high: f64) -> Self {
        self.with(name, Range::LogUniform { low, high })
    }

    /// Adds a choice among numbers or among names.
    pub fn choice<V: Into<SettingValue>>(
        self,
        name: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.with(
            name,
            Range::Choice(values.into_iter().map(Into::into).collect()),
        )
    }

    /// The settings and their ranges, in the order in which they were added.
    pub fn ranges(&self) -> &[(String, Range)] {
        &self.ranges
    }

    /// Checks every range.
    ///
    /// # Errors
    /// No setting at all, ends that are not finite and ascending, a logarithm of what is not positive,
    /// no value to choose.
    pub fn check(&self) -> Result<()> {
        if self.ranges.is_empty() {
            return Err(wrong("space", "add at least one setting"));
        }
        for (name, range) in &self.ranges {
            if let Some(problem) = range.problem() {
                return Err(wrong(&format!("range of '{name}', {range:?}"), problem));
            }
        }
        Ok(())
    }

    /// The settings of trial `number`: a pure function of the space, the seed and the number.
    pub(super) fn draw(&self, seed: Seed, number: u64) -> Settings {
        let seed = seed.child("settings").at(number);
        let ranges = self.ranges.iter();
        let values = ranges.map(|(name, range)| (name.clone(), range.draw(seed.child(name))));
        Settings {
            values: values.collect(),
        }
    }

    /// Whether these settings could have been drawn.
    pub(super) fn check_settings(&self, settings: &Settings) -> Result<()> {
        for (name, range) in &self.ranges {
            let value = settings.get(name)?;
            if !range.contains(value) {
                let what = format!("starting point, '{name}' = {value}");
                return Err(wrong(&what, &format!("it lies outside {range:?}")));
            }
        }
        match settings
            .values
            .keys()
            .find(|name| !self.ranges.iter().any(|r| r.0 == **name))
        {
            Some(name) => Err(wrong(
                &format!("starting point, '{name}'"),
                "the space has no such setting",
            )),
            None => Ok(()),
        }
    }
}

pub(super) fn wrong(what: &str, problem: &str) -> TrainError {
    TrainError::Search {
        what: what.to_owned(),
        problem: problem.to_owned(),
    }
}

/// One value for every setting of a [`Space`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings {
    values: BTreeMap<String, SettingValue>,
}

impl Settings {
    /// The same settings with this one as well.
    pub fn with(mut self, name: &str, value: impl Into<SettingValue>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// The value of a setting.
    ///
    /// # Errors
    /// There is no setting of this name.
    pub fn get(&self, name: &str) -> Result<&SettingValue> {
        self.values.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.values.keys().map(String::as_str).collect();
            wrong(
                &format!("setting '{name}'"),
                &format!("it is not chosen; there are: {}", known.join(", ")),
            )
        })
    }

    /// A setting that is a number.
    ///
    /// # Errors
    /// There is no setting of this name, or it is a string.
    pub fn number(&self, name: &str) -> Result<f64> {
        match self.get(name)? {
            SettingValue::Number(value) => Ok(*value),
            SettingValue::Text(text) => Err(wrong(
                &format!("setting '{name}'"),
                &format!("'{text}' is not a number"),
            )),
        }
    }

    /// A setting that is a count: a batch size, the units of a layer.
    ///
    /// # Errors
    /// As [`Settings::number`], and a number that is not whole or is negative.
    pub fn count(&self, name: &str) -> Result<usize> {
        let value = self.number(name)?;
        if value < 0.0 || value.fract() != 0.0 || value > u32::MAX.into() {
            let problem = format!("{value} is not a whole number of at least 0");
            return Err(wrong(&format!("setting '{name}'"), &problem));
        }
        Ok(value as usize)
    }

    /// A setting that is a string.
    ///
    /// # Errors
    /// There is no setting of this name, or it is a number.
    pub fn text(&self, name: &str) -> Result<&str> {
        match self.get(name)? {
            SettingValue::Text(text) => Ok(text),
            SettingValue::Number(value) => Err(wrong(
                &format!("setting '{name}'"),
                &format!("{value} is not a string"),
            )),
        }
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.values.iter();
        let values: Vec<String> = values
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        f.write_str(&values.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn draws_lie_in_their_ranges(seed: u64, number in 0u64..1000, low in 1e-6f64..1.0, ratio in 1.01f64..1e6) {
            let space = Space::new()
                .uniform("u", -low, low * ratio)
                .log_uniform("l", low, low * ratio)
                .choice("c", ["a", "b"]);
            space.check().unwrap();
            let settings = space.draw(Seed::new(seed), number);
            prop_assert!(space.check_settings(&settings).is_ok(), "{settings}");
            prop_assert_eq!(settings, space.draw(Seed::new(seed), number));
        }
    }

    #[test]
    fn equal_ratios_are_equally_likely() {
        let space = Space::new().log_uniform("rate", 1e-4, 1.0);
        let rates = (0..2000).map(|n| space.draw(Seed::new(5), n).number("rate").unwrap());
        let below = rates.filter(|rate| *rate < 1e-2).count();
        // Half of the decades: 1000, with a standard deviation of 22.
        assert!((900..1100).contains(&below), "{below}");
    }

    #[test]
    fn ranges_without_values_are_refused() {
        let bad = [
            Space::new(),
            Space::new().uniform("u", 1.0, 1.0),
            Space::new().uniform("u", 0.0, f64::NAN),
            Space::new().log_uniform("l", 0.0, 1.0),
            Space::new().choice("c", Vec::<&str>::new()),
        ];
        for space in bad {
            let error = space.check().unwrap_err().to_string();
            assert!(error.starts_with("search, "), "{error}");
        }
    }

    #[test]
    fn settings_have_types_and_say_so() {
        let settings = Settings::default()
            .with("rate", 0.5)
            .with("optimizer", "adam");
        assert_eq!(settings.number("rate").unwrap(), 0.5);
        assert_eq!(settings.text("optimizer").unwrap(), "adam");
        let message = |error: TrainError| error.to_string();
        let error = message(settings.count("rate").unwrap_err());
        assert!(error.contains("0.5 is not a whole number"), "{error}");
        let error = message(settings.number("optimizer").unwrap_err());
        assert!(error.contains("'adam' is not a number"), "{error}");
        let error = message(settings.get("ratte").unwrap_err());
        assert!(error.contains("there are: optimizer, rate"), "{error}");
    }
}

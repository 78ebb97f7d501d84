use serde::{Deserialize, Serialize};

/// The metrics of one epoch, or of a number of steps ([`TrainConfig::validate`](crate::TrainConfig::validate)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The epoch, counted from 1, that was just finished or is in progress.
    pub epoch: usize,
    /// Optimizer steps since the start of training.
    pub step: usize,
    /// The learning rate of the last step.
    pub learning_rate: f64,
    /// Metrics by name, means over examples: `train_loss`, `valid_loss`, `train_rmse`, ….
    #[serde(with = "finite")]
    pub metrics: Vec<(String, f64)>,
    /// Wall time since the last record.
    pub seconds: f64,
}

impl EpochRecord {
    /// The metric of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        let found = self.metrics.iter().find(|(metric, _)| metric == name);
        found.map(|&(_, value)| value)
    }
}

/// The metrics of a run so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The records in order: one for each epoch, or one for each interval of steps.
    pub epochs: Vec<EpochRecord>,
}

impl History {
    /// The last record.
    pub fn last(&self) -> Option<&EpochRecord> {
        self.epochs.last()
    }

    /// The metric of this name in all records that have it, as points (epoch, value); as points (step,
    /// value) where records were made in the middle of epochs.
    pub fn series(&self, name: &str) -> Vec<(f64, f64)> {
        let by_step = self.axis() == "step";
        let point = |record: &EpochRecord| {
            let place = if by_step { record.step } else { record.epoch };
            Some((place as f64, record.get(name)?))
        };
        self.epochs.iter().filter_map(point).collect()
    }

    /// What [`series`](Self::series) counts: `epoch`, or `step` if an epoch has several records.
    pub fn axis(&self) -> &'static str {
        let twice = |pair: &[EpochRecord]| pair[0].epoch == pair[1].epoch;
        match self.epochs.windows(2).any(twice) {
            true => "step",
            false => "epoch",
        }
    }

    /// The names of the metrics, in order of appearance.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in self.epochs.iter().flat_map(|record| &record.metrics) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// A table with a header line; numbers in the shortest form that reads back to the same bits.
    pub fn to_csv(&self) -> String {
        let names = self.names();
        let mut csv = String::from("epoch,step,learning_rate,");
        for name in &names {
            csv.push_str(name);
            csv.push(',');
        }
        csv.push_str("seconds\n");
        for record in &self.epochs {
            csv += &format!("{},{},{},", record.epoch, record.step, record.learning_rate);
            for name in &names {
                if let Some(value) = record.get(name) {
                    csv += &value.to_string();
                }
                csv.push(',');
            }
            csv += &format!("{:.6}\n", record.seconds);
        }
        csv
    }

    /// One JSON object per line; a number that is not finite is `null`.
    pub fn to_json_lines(&self) -> String {
        let mut lines = String::new();
        for record in &self.epochs {
            let mut line = serde_json::Map::new();
            line.insert("epoch".into(), record.epoch.into());
            line.insert("step".into(), record.step.into());
            line.insert("learning_rate".into(), record.learning_rate.into());
            for (name, value) in &record.metrics {
                line.insert(name.clone(), (*value).into());
            }
            line.insert("seconds".into(), record.seconds.into());
            lines += &serde_json::Value::Object(line).to_string();
            lines.push('\n');
        }
        lines
    }
}

/// JSON has no NaN and no infinity, so metrics that are not finite are stored as text.
mod finite {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Saved {
        Number(f64),
        Text(String),
    }

    pub fn serialize<S: Serializer>(
        metrics: &[(String, f64)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let kept = metrics.iter().map(|(name, value)| {
            let metric = if value.is_finite() {
                Saved::Number(*value)
            } else {
                Saved::Text(value.to_string())
            };
            (name, metric)
        });
        kept.collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, f64)>, D::Error> {
        let kept = Vec::<(String, Saved)>::deserialize(deserializer)?;
        let read = kept.into_iter().map(|(name, metric)| {
            let value = match metric {
                Saved::Number(value) => value,
                Saved::Text(text) => text.parse().map_err(serde::de::Error::custom)?,
            };
            Ok((name, value))
        });
        read.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        let record = |epoch, loss| EpochRecord {
            epoch,
            step: epoch * 10,
            learning_rate: 0.03,
            metrics: vec![("train_loss".into(), loss), ("train_r2".into(), f64::NAN)],
            seconds: 0.25,
        };
        History {
            epochs: vec![record(1, 0.1 + 0.2), record(2, 1e-300)],
        }
    }

    #[test]
    fn csv_and_json_lines_hold_every_bit() {
        let csv = history().to_csv();
        assert_eq!(
            csv,
            "epoch,step,learning_rate,train_loss,train_r2,seconds\n\
             1,10,0.03,0.30000000000000004,NaN,0.250000\n\
             2,20,0.03,0.000000000000000000000000000000000000000000000000000000000000000000000000\
             0000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
             0000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
             0000000000000000000000000000000000000000000000000000000001,NaN,0.250000\n"
        );
        let lines = history().to_json_lines();
        let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(first["train_loss"], 0.1 + 0.2);
        assert!(first["train_r2"].is_null());
    }

    #[test]
    fn round_trip_keeps_nan() {
        let text = serde_json::to_string(&history()).unwrap();
        let read: History = serde_json::from_str(&text).unwrap();
        assert_eq!(read.series("train_loss"), history().series("train_loss"));
        assert!(read.epochs[0].get("train_r2").unwrap().is_nan());
    }
}

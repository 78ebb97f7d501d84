//! The models of a predictor, and their files.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tinderbox_core::write_atomic;
use tinderbox_data::Values;
use tinderbox_nn::Network;
use tinderbox_tables::Features;
use tinderbox_train::Bundle;

use super::conformal::Residuals;
use super::model::outputs;
use super::trees::Trees;
use super::{TableConfig, TableNetwork, TabularError};

/// The largest number of rows in a batch.
const ROWS: usize = 4096;
/// The largest number of features of those rows.
const NUMBERS: usize = 1 << 22;

/// One model with its features.
#[derive(Debug)]
pub(super) struct Member {
    pub features: Features,
    pub model: MemberModel,
    /// The factor of its predictions; those of all members sum to 1.
    pub weight: f64,
    /// Divides the logits of classes.
    pub temperature: f64,
}

/// What a member predicts with.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // few exist at a time
pub(super) enum MemberModel {
    Network(TableConfig, TableNetwork),
    Trees(Trees),
}

impl MemberModel {
    fn name(&self) -> &'static str {
        match self {
            Self::Network(config, _) => config.name(),
            Self::Trees(_) => TREES,
        }
    }

    fn inputs(&self) -> usize {
        match self {
            Self::Network(_, network) => network.input_shape()[0],
            Self::Trees(trees) => trees.inputs(),
        }
    }

    pub fn outputs(&self) -> usize {
        match self {
            Self::Network(_, network) => network.outputs(),
            Self::Trees(trees) => trees.outputs(),
        }
    }

    pub fn num_params(&self) -> usize {
        match self {
            Self::Network(_, network) => network.num_params(),
            Self::Trees(trees) => trees.num_params(),
        }
    }
}

/// The part of a bundle that calibrates probabilities.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Calibration {
    temperature: f64,
}

const CALIBRATION: &str = "calibration";
const TREES: &str = "trees";
const FEATURES: &str = "features.json";

impl Member {
    pub fn new(features: Features, model: MemberModel) -> Self {
        Self {
            features,
            model,
            weight: 1.0,
            temperature: 1.0,
        }
    }

    /// Checks that the features are those of the model.
    pub fn check(&self, path: &Path) -> Result<(), TabularError> {
        let shape = (self.features.width(), outputs(&self.features)?);
        let model = (self.model.inputs(), self.model.outputs());
        if shape == model {
            return Ok(());
        }
        Err(TabularError::Bundle {
            path: path.to_owned(),
            problem: format!(
                "features.json gives {} features and {} outputs, but the model has {} and {}; take all \
                 files of one training run",
                shape.0, shape.1, model.0, model.1
            ),
        })
    }

    /// What the model computes for these rows: transformed targets, or a logit for each class.
    pub fn raw(&self, features: &Values, device: &Device) -> Result<Values, TabularError> {
        let network = match &self.model {
            MemberModel::Network(_, network) => network,
            MemberModel::Trees(trees) => return trees.predict(features),
        };
        // Many one-hot categories make wide rows: fewer of them are in a batch.
        let together = (NUMBERS / features.width()).clamp(1, ROWS);
        let mut all = Vec::with_capacity(features.rows() * network.outputs());
        for start in (0..features.rows()).step_by(together) {
            let rows = features.slice(start..features.rows().min(start + together));
            let raw = network.predict(rows.into_tensor(device))?;
            all.extend(raw.into_data().iter::<f32>());
        }
        Ok(Values::new(all, network.outputs())?)
    }

    /// Numbers in the units of the table, or calibrated logits.
    pub fn outputs(&self, features: &Values, device: &Device) -> Result<Values, TabularError> {
        let raw = self.raw(features, device)?;
        match self.features.classes() {
            None => Ok(self.features.invert_targets(&raw)?),
            Some(_) if self.temperature == 1.0 => Ok(raw),
            Some(_) => {
                let scale = (1.0 / self.temperature) as f32;
                let logits = raw.as_slice().iter().map(|logit| logit * scale);
                Ok(Values::new(logits.collect(), raw.width())?)
            }
        }
    }

    fn open(folder: &Path, device: &Device) -> Result<Self, TabularError> {
        let mut member = match read_json::<Trees>(folder, &file(TREES))? {
            Some(trees) => Self::of_trees(folder, trees)?,
            None => {
                let bundle = Bundle::open(folder)?;
                let (config, network) = TableConfig::load(&bundle, device)?;
                let model = MemberModel::Network(config, network);
                Self::new(bundle.part("features")?, model)
            }
        };
        if let Some(Calibration { temperature }) = read_json(folder, &file(CALIBRATION))? {
            if !(temperature.is_finite() && temperature > 0.0) {
                return Err(TabularError::Bundle {
                    path: folder.to_owned(),
                    problem: format!(
                        "calibration.json has the temperature {temperature}; it must be positive: take \
                         all files of one training run"
                    ),
                });
            }
            member.temperature = temperature;
        }
        member.check(folder)?;
        Ok(member)
    }

    fn of_trees(folder: &Path, trees: Trees) -> Result<Self, TabularError> {
        let fault = |name: String, problem: String| TabularError::Bundle {
            path: folder.join(name),
            problem,
        };
        if let Some(problem) = trees.fault() {
            return Err(fault(file(TREES), problem));
        }
        let features = read_json(folder, FEATURES)?.ok_or_else(|| {
            let problem = "no such file; the model was saved without its features";
            fault(FEATURES.into(), problem.into())
        })?;
        Ok(Self::new(features, MemberModel::Trees(trees)))
    }

    fn save(&self, folder: &Path) -> Result<(), TabularError> {
        match &self.model {
            MemberModel::Network(config, network) => {
                config.save(folder, network, &self.features)?;
            }
            MemberModel::Trees(trees) => {
                // A node for each line would be many lines.
                let text = serde_json::to_string(trees).map_err(|error| TabularError::Bundle {
                    path: folder.join(file(TREES)),
                    problem: error.to_string(),
                })?;
                write_json(folder, FEATURES, &self.features)?;
                write_atomic(folder.join(file(TREES)), text + "\n")?;
            }
        }
        if self.temperature != 1.0 {
            let temperature = self.temperature;
            write_json(folder, &file(CALIBRATION), &Calibration { temperature })?;
        }
        Ok(())
    }
}

/// The description of an ensemble, `ensemble.json`; its members are bundles in folders next to it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ensemble {
    /// Version of this format.
    format: u32,
    members: Vec<EnsembleMember>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnsembleMember {
    folder: String,
    weight: f64,
}

const FORMAT: u32 = 1;
const ENSEMBLE: &str = "ensemble.json";
const RESIDUALS: &str = "residuals.json";

/// Writes one model as a bundle, several as an ensemble of bundles.
pub(super) fn save(
    members: &[Member],
    residuals: Option<&Residuals>,
    folder: &Path,
) -> Result<(), TabularError> {
    if let Some(residuals) = residuals {
        write_json(folder, RESIDUALS, residuals)?;
    }
    if let [only] = members {
        return only.save(folder);
    }
    let mut described = Vec::with_capacity(members.len());
    for (place, member) in members.iter().enumerate() {
        let name = format!("{:02}-{}", place + 1, member.model.name());
        member.save(&folder.join(&name))?;
        described.push(EnsembleMember {
            folder: name,
            weight: member.weight,
        });
    }
    let ensemble = Ensemble {
        format: FORMAT,
        members: described,
    };
    write_json(folder, ENSEMBLE, &ensemble)
}

fn file(part: &str) -> String {
    format!("{part}.json")
}

pub(super) fn write_json(
    folder: &Path,
    name: &str,
    part: &impl Serialize,
) -> Result<(), TabularError> {
    let path = folder.join(name);
    let text = serde_json::to_string_pretty(part).map_err(|error| TabularError::Bundle {
        path: path.clone(),
        problem: error.to_string(),
    })?;
    Ok(write_atomic(path, text + "\n")?)
}

/// A part of a bundle folder; `None` if it is not there.
pub(super) fn read_json<T: DeserializeOwned>(
    folder: &Path,
    name: &str,
) -> Result<Option<T>, TabularError> {
    let path = folder.join(name);
    if !path.is_file() {
        return Ok(None);
    }
    let fault = |problem: String| TabularError::Bundle {
        path: path.clone(),
        problem,
    };
    let text = std::fs::read_to_string(&path).map_err(|error| fault(error.to_string()))?;
    let read = serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
    Ok(Some(read))
}

/// The errors on validation rows in a bundle of this model.
pub(super) fn open_residuals(
    folder: &Path,
    member: &Member,
) -> Result<Option<Residuals>, TabularError> {
    let residuals: Option<Residuals> = read_json(folder, RESIDUALS)?;
    match residuals {
        Some(residuals) if !residuals.is_of(member.model.outputs()) => Err(TabularError::Bundle {
            path: folder.join(RESIDUALS),
            problem: "it is not of this model; take all files of one training run".into(),
        }),
        residuals => Ok(residuals),
    }
}

/// The models of a bundle folder.
pub(super) fn open(folder: &Path, device: &Device) -> Result<Vec<Member>, TabularError> {
    let Some(ensemble) = read_json::<Ensemble>(folder, ENSEMBLE)? else {
        return Ok(vec![Member::open(folder, device)?]);
    };
    let fault = |problem: String| TabularError::Bundle {
        path: folder.join(ENSEMBLE),
        problem,
    };
    if ensemble.format != FORMAT {
        return Err(fault(format!(
            "format {}, but this version reads format {FORMAT}",
            ensemble.format
        )));
    }
    let weights: f64 = ensemble.members.iter().map(|member| member.weight).sum();
    let plain = |name: &str| !name.is_empty() && !name.contains(['/', '\\']) && name != "..";
    let fine = |member: &EnsembleMember| member.weight >= 0.0 && plain(&member.folder);
    if !ensemble.members.iter().all(fine) || (weights - 1.0).abs() > 1e-6 {
        return Err(fault(
            "each member needs the name of a folder beside it and a weight that is not negative, and \
             the weights must sum to 1; take all files of one training run"
                .into(),
        ));
    }
    let mut members = Vec::with_capacity(ensemble.members.len());
    for described in &ensemble.members {
        let mut member = Member::open(&folder.join(&described.folder), device)?;
        member.weight = described.weight;
        members.push(member);
    }
    Ok(members)
}

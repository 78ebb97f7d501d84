//! Losses that take turns, and the parameters that each trains.

use burn::module::{Module, ParamId};
use tinderbox_nn::parameters;
use tinderbox_optim::OptimError;

use crate::{Result, Turn};

/// The turns of a task; one turn without a name trains all parameters.
pub(super) struct Turns(Vec<(Turn, Option<Vec<ParamId>>)>);

impl Turns {
    /// Finds the parameters of every turn.
    ///
    /// # Errors
    /// A part that the model does not have.
    pub fn new<M: Module>(turns: Vec<Turn>, model: &M) -> Result<Self> {
        if turns.is_empty() {
            let whole = Turn::new("", &[]);
            return Ok(Self(vec![(whole, None)]));
        }
        let all = parameters(model);
        let found = turns.into_iter().map(|turn| {
            let mut ids = Vec::new();
            for part in &turn.parts {
                let below = |path: &str| {
                    let rest = path.strip_prefix(part.as_str());
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                };
                let before = ids.len();
                let found = all.iter().filter(|parameter| below(&parameter.path));
                ids.extend(found.map(|parameter| parameter.id));
                if ids.len() == before {
                    let known: Vec<&str> = all.iter().map(|p| p.path.as_str()).collect();
                    return Err(OptimError::EmptyGroup {
                        selection: format!("{part:?} of the turn {:?}", turn.name),
                        known: known.join(", "),
                    });
                }
            }
            Ok((turn, Some(ids)))
        });
        Ok(Self(found.collect::<Result<_, OptimError>>()?))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The parameters that this turn trains; `None` for all.
    pub fn parameters(&self, turn: usize) -> Option<&[ParamId]> {
        self.0[turn].1.as_deref()
    }

    pub fn name(&self, turn: usize) -> &'static str {
        self.0[turn].0.name
    }

    /// The name of the mean loss of this turn among the metrics.
    pub fn metric(&self, turn: usize) -> String {
        match turn {
            0 => "train_loss".into(),
            _ => format!("train_{}_loss", self.name(turn)),
        }
    }

    /// What must be the same in a run that is resumed; `None` for a single turn.
    pub fn identity(&self) -> Option<Vec<(&'static str, &[String])>> {
        let turns = self.0.iter().map(|(turn, _)| (turn.name, &turn.parts[..]));
        (self.len() > 1).then(|| turns.collect())
    }
}

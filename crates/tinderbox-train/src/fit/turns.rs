//! Losses that take turns, and the parameters that each trains.

use burn::module::{Module, ParamId};
use tinderbox_optim::select_parts;

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
        let found = turns.into_iter().map(|turn| {
            let parameters = select_parts(model, &turn.parts)?;
            Ok((turn, Some(parameters.iter().map(|p| p.id).collect())))
        });
        Ok(Self(found.collect::<Result<_>>()?))
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

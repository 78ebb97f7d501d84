//! The losses of the steps, read from the device as seldom as possible.

use burn::tensor::Tensor;

use crate::callback::LazyLoss;
use crate::outputs::UNREAD;
use crate::{Mean, TrainError};

/// The mean training losses since the last record, one for each of the losses that take turns.
pub(super) struct Losses {
    pub means: Vec<Mean>,
    unread: Vec<Unread>,
    /// On a CPU reading a number costs nothing: a loss that is not finite is found at once.
    at_once: bool,
}

/// A loss that is still on the device.
struct Unread {
    tensor: Tensor<1>,
    turn: usize,
    count: usize,
    at: At,
}

/// Where a loss was computed.
#[derive(Clone, Copy)]
pub(super) struct At {
    /// Counted from 1.
    pub epoch: usize,
    /// Counted from 1.
    pub step: usize,
    pub learning_rate: f64,
}

impl Losses {
    pub fn new(turns: usize, at_once: bool) -> Self {
        Self {
            means: vec![Mean::default(); turns],
            unread: Vec::new(),
            at_once,
        }
    }

    /// Adds the mean loss of `count` examples.
    ///
    /// # Errors
    /// A loss that is NaN or infinite, this one or an earlier one.
    pub fn add(
        &mut self,
        turn: usize,
        loss: &LazyLoss,
        count: usize,
        at: At,
    ) -> Result<(), TrainError> {
        match loss.get() {
            // Means are summed in the order of the steps.
            Some(number) if self.unread.is_empty() => self.add_number(turn, number, count, at),
            Some(number) => {
                self.read()?;
                self.add_number(turn, number, count, at)
            }
            None => {
                self.unread.push(Unread {
                    tensor: loss.tensor().detach(),
                    turn,
                    count,
                    at,
                });
                match self.unread.len() {
                    UNREAD.. => self.read(),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Whether a loss should be read where it is computed.
    pub fn at_once(&self) -> bool {
        self.at_once
    }

    /// Reads all losses that wait on the device, together.
    ///
    /// # Errors
    /// A loss that is NaN or infinite.
    pub fn read(&mut self) -> Result<(), TrainError> {
        let unread = std::mem::take(&mut self.unread);
        if unread.is_empty() {
            return Ok(());
        }
        let tensors = unread.iter().map(|loss| loss.tensor.clone()).collect();
        let numbers = Tensor::cat(tensors, 0).into_data();
        for (loss, number) in unread.iter().zip(numbers.iter::<f64>()) {
            self.add_number(loss.turn, number, loss.count, loss.at)?;
        }
        Ok(())
    }

    fn add_number(
        &mut self,
        turn: usize,
        loss: f64,
        count: usize,
        at: At,
    ) -> Result<(), TrainError> {
        if !loss.is_finite() {
            return Err(TrainError::NotFinite {
                loss,
                epoch: at.epoch,
                step: at.step,
                learning_rate: at.learning_rate,
                checkpoint: None,
            });
        }
        self.means[turn].add(loss, count);
        Ok(())
    }

    /// Whether nothing was added since the last record.
    pub fn is_empty(&self) -> bool {
        self.unread.is_empty() && self.means.iter().all(|mean| *mean == Mean::default())
    }

    /// Starts the means of the next record.
    pub fn reset(&mut self) {
        self.means.fill(Mean::default());
    }
}

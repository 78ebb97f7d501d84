//! Synchronised batch norm: what ranks exchange in the middle of a forward or backward pass.
//!
//! A batch norm's sum is a meeting like any other, so an error on one rank ends all of them here too. A rank
//! without examples of a batch computes nothing, but comes to the meetings of the others.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use burn::module::Module;
use tinderbox_nn::{batch_norms_over_ranks, running_statistics, with_running_statistics};

use super::Fit;
use super::team::{Purpose, lost, meet};
use crate::{Communicator, CommunicatorError, Result, Task, TrainError};

/// The sums of batch norms over all ranks.
pub(super) struct Norms {
    ranks: Arc<dyn Communicator>,
    /// What went wrong in a pass, which cannot return it.
    error: RefCell<Option<TrainError>>,
    /// The number of ranks that had examples of the batch.
    active: Cell<usize>,
    sums: Cell<usize>,
    /// Whether it is known that sums are asked for.
    checked: Cell<bool>,
}

impl Norms {
    /// `None` if batch norms are not synchronised, or there is nothing to synchronise with.
    ///
    /// # Errors
    /// Several devices in this process; a build without Flex.
    pub fn new(
        wanted: bool,
        ranks: Option<Arc<dyn Communicator>>,
        devices: usize,
    ) -> Result<Option<Rc<Self>>> {
        let wrong = |rule| {
            let (field, value) = ("sync_batch_norm", "true".into());
            Err(TrainError::Config { field, value, rule })
        };
        if wanted && devices > 1 {
            return wrong(
                "it works between processes, not between the devices of one: start a process for each \
                 device with MPI, or leave it out",
            );
        }
        let Some(ranks) = ranks.filter(|_| wanted) else {
            return Ok(None);
        };
        if !tinderbox_nn::BATCH_NORMS_OVER_RANKS {
            return wrong("it needs the feature flex; build with --features flex");
        }
        Ok(Some(Rc::new(Self {
            active: Cell::new(ranks.size()),
            ranks,
            error: RefCell::new(None),
            sums: Cell::new(0),
            checked: Cell::new(false),
        })))
    }

    /// A meeting for a sum of so many numbers at this place of the pass, of a rank that has examples or not;
    /// how many numbers those bring that have. None of them: the pass is over.
    fn meet(&self, active: bool, numbers: usize, place: usize) -> Result<usize> {
        let place = place as f64;
        let own = match active {
            true => [numbers as f64, 1.0, place, place * place],
            false => [0.0; 4],
        };
        let ([numbers, active, places, squares], _) =
            meet(&*self.ranks, Purpose::Norm, own, false)?;
        // All places are equal if, and only if, their variance is 0.
        if squares * active != places * places {
            return Err(lost(CommunicatorError(
                "the ranks are at different batch norms of the model, which must be the same on all"
                    .into(),
            )));
        }
        self.active.set(active as usize);
        Ok((numbers / active) as usize)
    }

    /// Sums in the middle of a pass; after an error each rank continues alone to the end of the pass.
    fn sum(&self, numbers: &mut Vec<f32>, place: usize) {
        if self.error.borrow().is_some() {
            return;
        }
        self.sums.set(self.sums.get() + 1);
        let met = self.meet(true, numbers.len(), place);
        let summed = met.and_then(|_| self.ranks.sum_f32(numbers).map_err(lost));
        if let Err(error) = summed {
            self.error.replace(Some(error));
        }
    }

    /// Comes to all sums of the others in a pass.
    fn follow(&self) -> Result<()> {
        loop {
            match self.meet(false, 0, 0)? {
                0 => return Ok(()),
                numbers => self.ranks.sum_f32(&mut vec![0.0; numbers]).map_err(lost)?,
            }
        }
    }
}

impl<M, O, B, T> Fit<'_, M, O, B, T>
where
    M: Module,
    T: Task<M, B, Output = O>,
{
    /// Computes forward and backward pass, with batch norms over all ranks if they are synchronised; `active`
    /// if this rank has examples.
    pub(super) fn over_ranks<R>(
        &mut self,
        active: bool,
        compute: impl FnOnce(&mut Self) -> Result<R>,
    ) -> Result<R> {
        let Some(norms) = self.norms.clone() else {
            return compute(self);
        };
        if !active {
            norms.follow()?;
            return compute(self);
        }
        let check = !norms.checked.replace(true);
        let before = check.then(|| running_statistics(self.model()));
        let computed = {
            let own = Rc::clone(&norms);
            let _scope = batch_norms_over_ranks(Rc::new(move |numbers, place| {
                own.sum(numbers, place);
            }));
            compute(self)
        };
        if let Some(error) = norms.error.take() {
            return Err(error);
        }
        let computed = computed?;
        if let Some(before) = before
            && norms.sums.get() == 0
            && running_statistics(self.model()) != before
        {
            return Err(TrainError::Config {
                field: "sync_batch_norm",
                value: "true".into(),
                rule: "no batch norm of the model takes part, because they are computed by \
                       `BatchNorm::forward`: use `Layer::apply`",
            });
        }
        norms.meet(true, 0, 0)?;
        Ok(computed)
    }

    /// Gives ranks that had no examples of a batch the running statistics of the others, which are the same on
    /// all of them.
    pub(super) fn update_idle_ranks(&mut self, active: bool) -> Result<()> {
        let Some(norms) = &self.norms else {
            return Ok(());
        };
        let with_examples = norms.active.get();
        if with_examples == norms.ranks.size() {
            return Ok(());
        }
        let mut numbers = running_statistics(self.model());
        if numbers.is_empty() {
            return Ok(());
        }
        if !active {
            numbers.fill(0.0);
        }
        meet(&*norms.ranks, Purpose::Statistics, [0.0; 4], false)?;
        norms.ranks.sum_f32(&mut numbers).map_err(lost)?;
        let divisor = with_examples as f32;
        numbers.iter_mut().for_each(|number| *number /= divisor);
        self.model = Some(with_running_statistics(self.model(), &numbers));
        Ok(())
    }
}

//! The devices of this process: a replica of the model on each, which computes its part of every batch.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use burn::module::Module;
use burn::tensor::Device;
use tinderbox_data::{Batches, DataError, Share, SharedBatch};
use tinderbox_nn::{deep_copy, host_memory, is_remote};
use tinderbox_optim::GradientMean;

use super::Fit;
use super::together::Own;
use crate::callback::LazyLoss;
use crate::evaluate::whole;
use crate::{LossReduction, Result, StopReason, Task, TrainError};

/// One device's part of all batches, for each device; none if nothing is divided.
pub(super) type Parts<'a, B> = Vec<Rc<dyn Batches<Batch = SharedBatch<B>> + 'a>>;

/// Batches of an epoch, each in as many parts as there are devices.
pub(crate) type PartsIterator<'a, B> = Box<dyn Iterator<Item = Result<Vec<SharedBatch<B>>>> + 'a>;

/// Divides batches among the devices of all ranks, of which this process has `devices`.
///
/// # Errors
/// Batches that cannot be divided.
pub(super) fn divide<'a, B>(
    batches: &'a dyn Batches<Batch = B>,
    which: &'static str,
    (rank, ranks): (usize, usize),
    devices: usize,
) -> Result<Parts<'a, B>> {
    if ranks * devices == 1 {
        return Ok(Vec::new());
    }
    let shares = (0..devices).map(|place| Share::new(rank * devices + place, ranks * devices));
    let parts = shares.map(|share| {
        let part = batches.share(share).ok_or(DataError::Indivisible { which });
        Ok(Rc::from(part?))
    });
    parts.collect()
}

/// The batches of an epoch, from batch number `skip` on.
pub(super) fn epoch<'b, B: 'b>(
    batches: &'b dyn Batches<Batch = B>,
    parts: &'b Parts<'_, B>,
    (epoch, skip): (usize, usize),
    devices: &[Device],
) -> Result<PartsIterator<'b, B>> {
    if parts.is_empty() {
        let all = batches.epoch(epoch, skip, &devices[0])?;
        return Ok(Box::new(all.map(|batch| Ok(vec![whole(batch?)]))));
    }
    let each = parts.iter().zip(devices);
    let each = each.map(|(part, device)| part.epoch(epoch, skip, device));
    let mut each = each.collect::<Result<Vec<_>, _>>()?;
    Ok(Box::new(std::iter::from_fn(move || {
        let next: Option<Vec<_>> = each.iter_mut().map(Iterator::next).collect();
        let next = next?.into_iter();
        Some(next.collect::<Result<_, _>>().map_err(TrainError::from))
    })))
}

impl<M, O, B, T> Fit<'_, M, O, B, T>
where
    M: Module,
    T: Task<M, B, Output = O>,
{
    /// The model on one of the devices.
    pub(super) fn replica(&self, place: usize) -> &M {
        match place {
            0 => self.model(),
            _ => &self.replicas[place - 1],
        }
    }

    /// Gives the other devices the weights of the first, and its running statistics.
    pub(super) fn send_weights(&mut self) {
        self.replicas = replicas(self.model(), &self.devices);
    }

    /// What the devices computed, together on the first one: added in their order, weighted by examples.
    pub(super) fn gather(&mut self, turn: usize, mut all: Vec<Own>) -> Result<Own> {
        let own = match all.len() {
            1 => all.swap_remove(0),
            _ => {
                self.reach_devices()?;
                self.add_up(all)
            }
        };
        if let Some(loss) = &own.loss {
            match &mut self.team {
                Some(team) => team.add_loss(turn, loss.read(), own.count),
                None => {
                    if self.losses.at_once() {
                        loss.read();
                    }
                    self.add_loss(turn, loss, own.count)?;
                }
            }
        }
        Ok(own)
    }

    fn add_up(&self, all: Vec<Own>) -> Own {
        let first = self.device.clone().inner();
        let mut gradients = GradientMean::new();
        let (mut sum, mut count, mut weight) = (0.0, 0, 0);
        for (place, own) in all.into_iter().enumerate() {
            let Some(loss) = own.loss else {
                continue;
            };
            let model = self.replica(place);
            let mut own_gradients = own.gradients;
            if let Some(host) = between(&self.devices[place], &first) {
                own_gradients = own_gradients.to_device(&host, model);
            }
            let own_gradients = own_gradients.to_device(&first, model);
            gradients.add(self.model(), own_gradients, own.weight);
            sum += loss.read() * own.count as f64;
            count += own.count;
            weight += own.weight;
        }
        if count == 0 {
            return Own::none();
        }
        let (divisor, weight) = match self.setup.config.loss_reduction {
            LossReduction::Mean => (weight, weight),
            // Sums over examples.
            LossReduction::DivideBy(_) | LossReduction::Sum => (1, 1),
        };
        Own {
            gradients: gradients.take_divided(self.model(), divisor as f64),
            weight,
            loss: Some(LazyLoss::known(sum / count as f64, &first)),
            count,
        }
    }
}

impl<M, O, B, T> Fit<'_, M, O, B, T>
where
    M: Module,
    T: Task<M, B, Output = O>,
{
    /// Waits for the remote devices.
    ///
    /// # Errors
    /// A device that cannot be reached any more.
    pub(super) fn reach_devices(&self) -> Result<()> {
        let lost = self.devices.iter().find_map(|device| {
            let device = device.clone().inner();
            let reason = lost(&device)?;
            Some((name(&device), reason))
        });
        match lost {
            None => Ok(()),
            Some((device, reason)) => Err(TrainError::DeviceLost {
                device,
                reason,
                checkpoint: None,
            }),
        }
    }

    /// Trains to the end; a remote device that is lost on the way is an error.
    pub(super) fn train_on_devices(&mut self) -> Result<StopReason> {
        let remote = |device: &Device| is_remote(&device.clone().inner());
        if !self.devices.iter().any(remote) {
            return self.train_all();
        }
        // Burn panics where a number cannot be read from its device: in the short time after `reach_devices`.
        match catch_unwind(AssertUnwindSafe(|| self.train_all())) {
            Ok(trained) => trained,
            Err(panic) => {
                self.reach_devices()?;
                resume_unwind(panic)
            }
        }
    }
}

/// Why a remote device cannot be used any more.
fn lost(device: &Device) -> Option<String> {
    if !is_remote(device) {
        return None;
    }
    match catch_unwind(AssertUnwindSafe(|| device.sync())) {
        Ok(Ok(())) => None,
        // In one line.
        Ok(Err(error)) => {
            let said = error.to_string();
            Some(said.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        Err(_) => Some("it does not answer".into()),
    }
}

/// The address of a remote device, else what Burn prints: it has no function for it.
fn name(device: &Device) -> String {
    let shown = format!("{device:?}");
    let between = |before: &str, after: char| {
        let (_, rest) = shown.split_once(before)?;
        rest.split(after).next()
    };
    let address = || {
        let (scheme, host) = (between("scheme: \"", '"')?, between("host: \"", '"')?);
        Some(format!(
            "{scheme}://{host}:{}",
            between("port: Some(", ')')?
        ))
    };
    match address() {
        Some(address) => address,
        None => shown,
    }
}

/// Where tensors go on the way from one remote device to another. Their servers would exchange them directly, for which each
/// must be reachable from the other at the address that this process knows, as it is not through a tunnel.
fn between(from: &Device, to: &Device) -> Option<Device> {
    let (from, to) = (from.clone().inner(), to.clone().inner());
    let both = is_remote(&from) && is_remote(&to) && from != to;
    host_memory().filter(|_| both)
}

/// The model on all devices but the first.
pub(super) fn replicas<M: Module>(model: &M, devices: &[Device]) -> Vec<M> {
    let copy = |device: &Device| {
        let copy = deep_copy(model);
        match between(&devices[0], device) {
            Some(host) => copy.fork(&host.autodiff()).fork(device),
            None => copy.fork(device),
        }
    };
    devices[1..].iter().map(copy).collect()
}

//! Several devices: split the batch, sum the gradients, take the same step everywhere.
//!
//! Dive into Deep Learning, chapters "Training on Multiple GPUs" and "Parameter Servers".
//! `cargo run --example multiple_devices`

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use examples::lesson::Page;
use tinderbox::data::{Share, synthetic};
use tinderbox::nn::{Initializer, LinearInit, linear};
use tinderbox::plot::{self, Plot, Scale, Series};
use tinderbox::prelude::*;
use tinderbox::train::{Communicator, ThreadCommunicator};

fn main() -> Result<()> {
    let args = examples::Args::parse().common;
    lesson(
        &mut args.page("multiple_devices"),
        &args.device()?,
        args.seed(),
    )
}

pub fn lesson(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.title("Several devices")?;
    page.text(
        "Data parallelism: every device has all weights and a part of each batch. Each computes the\n\
         gradient of its part; the gradients are summed; every device takes the same step.",
    )?;
    all_reduce(page, device)?;
    split(page, device)?;
    together(page, device, seed)?;
    slower(page)?;
    ring(page)?;
    servers(page)
}

/// The course's all-reduce: everything to the first device, summed there, and sent out again.
fn all_reduce(page: &mut Page, device: &Device) -> Result<()> {
    page.section("All-reduce by hand")?;
    let mut parts = [
        Tensor::<2>::ones([1, 2], device),
        Tensor::<2>::ones([1, 2], device) * 2.0,
    ];
    page.show("before, device 0", &parts[0])?;
    page.show("before, device 1", &parts[1])?;
    let sum = parts[0].clone() + parts[1].clone().to_device(device);
    for part in &mut parts {
        *part = sum.clone().to_device(&part.device());
    }
    page.show("after, device 0", &parts[0])?;
    page.show("after, device 1", &parts[1])?;
    page.text("Pitfall: the sum is not the mean. Divide once by the examples of all devices, not by devices.")
}

fn split(page: &mut Page, device: &Device) -> Result<()> {
    page.section("Splitting a batch")?;
    let numbers: Vec<f32> = (0..20).map(|number| number as f32).collect();
    let batch = Tensor::<2>::from_data(TensorData::new(numbers, [5, 4]), device);
    for rank in 0..2 {
        let rows = Share::new(rank, 2).rows(5);
        page.show(
            &format!("rows of device {rank}"),
            &batch.clone().slice([rows, 0..4]),
        )?;
    }
    page.text(
        "Five rows on two devices: 2 and 3. A mean of the two mean gradients would give a row of device\n\
         0 more weight than one of device 1; so each gradient is weighted by its examples.",
    )
}

/// The same training run by one process and by ranks on threads.
fn together(page: &mut Page, device: &Device, seed: Seed) -> Result<()> {
    page.section("The same losses on any number of devices")?;
    let train = |ranks: Option<Arc<dyn Communicator>>| -> Result<Vec<f64>> {
        let rows = synthetic::linear(&[2.0, -3.4], 4.2, 0.01, 250, seed.child("data"))?;
        let loader = Loader::new(rows, 32)?.shuffle(seed.child("order"));
        let init = LinearInit {
            bias: true,
            weight: Initializer::Normal { std: 0.01 },
        };
        let model = linear(2, 1, init, seed.child("weights"), device);
        let squared = |model: &tinderbox::burn::nn::Linear,
                       batch: Batch|
         -> Result<Step, tinderbox::train::StepError> {
            let examples = batch.targets.dims()[0];
            let error = model.forward(batch.inputs) - batch.targets;
            Ok(Step::mean(error.square().mean(), examples))
        };
        let config = TrainConfig {
            epochs: 3,
            learning_rate: 0.03,
            ..TrainConfig::default()
        };
        let mut trainer = Trainer::new(config)?;
        if let Some(ranks) = ranks {
            trainer = trainer.communicator(ranks);
        }
        let fitted = trainer.fit(model, &squared, &loader, None)?;
        let losses = fitted.history.series("train_loss");
        Ok(losses.into_iter().map(|(_, loss)| loss).collect())
    };
    let mut rows = Vec::new();
    for count in 1..=3 {
        let losses = std::thread::scope(|scope| -> Result<Vec<f64>> {
            let train = &train;
            let ranks = ThreadCommunicator::ranks(count).into_iter();
            let threads: Vec<_> = ranks
                .map(|rank| scope.spawn(move || train(Some(Arc::new(rank)))))
                .collect();
            let mut first = None;
            for thread in threads {
                let losses = thread.join().ok().context("a rank ended early")??;
                first = first.or(Some(losses));
            }
            first.context("there is at least one rank")
        })?;
        let mut row = vec![format!("{count} ranks")];
        row.extend(losses.iter().map(|loss| format!("{loss:.6}")));
        rows.push(row);
    }
    page.table(&["training loss", "epoch 1", "epoch 2", "epoch 3"], &rows)?;
    page.text(
        "Order and batches are those of one process, and so are the losses, up to rounding. What does\n\
         differ: a batch norm has the statistics of the rows of its own device.",
    )
}

fn slower(page: &mut Page) -> Result<()> {
    page.section("Why two devices can be slower than one")?;
    page.text(
        "A step on two devices takes half the time of computing plus the time of the all-reduce, which is\n\
         the same for a small batch as for a large one. The course's LeNet took 2.7 s an epoch on one GPU\n\
         and 3.6 s on two: its steps were too short. With a larger batch a step is longer, but then there\n\
         are fewer of them: its ResNet-18 was faster on two GPUs with the batch and the learning rate\n\
         doubled (7.4 s against 12.2 s), and worse after as many epochs (test accuracy 0.67 against 0.93).\n\
         `cargo xtask reproduce multiple-gpus` and `multiple-gpus-concise` train both networks here.",
    )?;
    let (compute, exchange) = (0.010, 0.004);
    let time =
        |devices: f64, batch: f64| compute * batch / devices + exchange * (devices - 1.0).min(1.0);
    let rows: Vec<Vec<String>> = [0.25, 1.0, 4.0]
        .into_iter()
        .map(|batch| {
            let (one, two) = (time(1.0, batch), time(2.0, batch));
            vec![
                format!("{} examples", 256.0 * batch),
                format!("{:.2} ms", 1e3 * one),
                format!("{:.2} ms", 1e3 * two),
                format!("{:.2}", one / two),
            ]
        })
        .collect();
    page.text("With 10 ms of computing for 256 examples and 4 ms for an all-reduce:")?;
    page.table(&["batch", "one device", "two devices", "speed-up"], &rows)
}

/// Ring all-reduce of four devices, step by step.
fn ring(page: &mut Page) -> Result<()> {
    page.section("Ring all-reduce, step by step")?;
    page.text(
        "Four devices in a ring, four parts of the gradient on each: part p of device d is 10^p (d + 1). In each\n\
         step every device sends one part to the next one. Three steps add up, three more send the sums around.",
    )?;
    const N: usize = 4;
    let mut devices: Vec<[usize; N]> = (0..N)
        .map(|device| std::array::from_fn(|part| 10_usize.pow(part as u32) * (device + 1)))
        .collect();
    let row = |name: String, devices: &[[usize; N]]| {
        let cells = devices.iter().map(|parts| format!("{parts:?}"));
        std::iter::once(name).chain(cells).collect::<Vec<_>>()
    };
    let mut rows = vec![row("start".into(), &devices)];
    for step in 0..2 * (N - 1) {
        let before = devices.clone();
        for (device, parts) in before.iter().enumerate() {
            let next = (device + 1) % N;
            // All parts move one place further in each step.
            let part = (device + 2 * N - step) % N;
            match step < N - 1 {
                true => devices[next][part] += parts[part],
                false => devices[next][part] = parts[part],
            }
        }
        rows.push(row(format!("step {}", step + 1), &devices));
    }
    page.table(&["", "device 0", "device 1", "device 2", "device 3"], &rows)?;
    page.text(
        "Each device sends 2 (n - 1) / n times the gradient, whatever the number n of devices: nearly twice\n\
         its size. Only the number of messages grows, 2 (n - 1). `cargo xtask scale` computes what that means.",
    )
}

/// One server against many, and against a ring.
fn servers(page: &mut Page) -> Result<()> {
    page.section("Parameter servers")?;
    page.text(
        "A parameter server has the weights: devices push gradients to it and pull weights from it. One\n\
         server receives and sends n gradients, so its link limits all devices; s servers that have an\n\
         s-th of the weights each take an s-th of the time, and n servers on the n devices themselves send\n\
         as much as a ring does.",
    )?;
    let devices = || (1..=6).map(|power| f64::from(1 << power));
    let lines = [
        Series::new("one server", devices().map(|n| (n, 2.0 * n))),
        Series::new("4 servers", devices().map(|n| (n, 2.0 * n / 4.0))),
        Series::new("ring", devices().map(|n| (n, 2.0 * (n - 1.0) / n))),
    ];
    let plot = Plot {
        x_scale: Scale::Log,
        y_scale: Scale::Log,
        ..Plot::new("Gradients over the busiest link")
            .labels("devices", "times the size of the gradient")
    };
    page.figure("servers", plot::line(&plot, &lines)?)?;
    page.text(
        "Tinderbox sums with the all-reduce of MPI (feature `mpi`); there is no parameter server, because\n\
         all devices take the same step at the same time.",
    )
}

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{Callback, EpochRecord, Flow, Interval, StartInfo, StepError, StepInfo};

/// Shows the progress of training: a bar on a terminal, plain lines elsewhere.
///
/// The lines contain the metrics, so that a log file or the output of CI is complete. Of many
/// epochs about 20 lines are written, the first and the last epoch among them; records after every so
/// many steps are all written. Where an epoch or its validation takes long, a line each minute shows
/// the progress. An output that can no longer be written (a closed pipe, a full disk) is dropped:
/// training continues without it.
pub struct Progress {
    /// `None` once it could not be written.
    out: Option<Box<dyn Write + Send>>,
    bar: Option<ProgressBar>,
    /// `usize::MAX` if unknown.
    epochs: usize,
    batches: Option<usize>,
    /// Whether records are made after so many steps.
    by_step: bool,
    /// When the bar was drawn or a line was written.
    shown: Instant,
    now: Box<dyn Fn() -> Instant + Send>,
    /// The current epoch, counted from 1.
    epoch: usize,
    last: Option<EpochRecord>,
    /// The step of the last record that was written.
    written: usize,
}

/// Between two drawings of the bar.
const DRAW: Duration = Duration::from_millis(100);

/// Between two lines.
const LINE: Duration = Duration::from_secs(60);

impl Progress {
    /// On standard output: a bar if it is a terminal, lines if not.
    pub fn new() -> Self {
        let stdout = std::io::stdout();
        let mut progress = Self::lines(stdout);
        if std::io::stdout().is_terminal() {
            let bar = ProgressBar::new(0);
            let template = "epoch {prefix} [{bar:30}] {pos}/{len} {msg} eta {eta}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            progress.bar = Some(bar);
        }
        progress
    }

    /// Plain lines to this writer.
    pub fn lines(out: impl Write + Send + 'static) -> Self {
        Self {
            out: Some(Box::new(out)),
            bar: None,
            epochs: 0,
            batches: None,
            by_step: false,
            shown: Instant::now(),
            now: Box::new(Instant::now),
            epoch: 0,
            last: None,
            written: 0,
        }
    }

    /// Whether it is time to draw the bar again, or to write a line.
    fn is_due(&self) -> bool {
        // A step may take microseconds: drawing ten times a second is enough.
        let every = if self.bar.is_some() { DRAW } else { LINE };
        (self.now)().duration_since(self.shown) >= every
    }

    fn write(&mut self, record: &EpochRecord) {
        self.written = record.step;
        let line = match self.by_step {
            true => step_record_line(record, self.epochs),
            false => line(record, self.epochs),
        };
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        self.shown = (self.now)();
        let Some(out) = &mut self.out else { return };
        let mut write = || writeln!(out, "{line}").and_then(|()| out.flush());
        let written = match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
        if written.is_err() {
            self.out = None;
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// `epoch  3/10`, in columns; `epoch 3` if the number of epochs is unknown.
fn place(epoch: usize, epochs: usize) -> String {
    if epochs == usize::MAX {
        return format!("epoch {epoch}");
    }
    let width = epochs.to_string().len();
    format!("epoch {epoch:>width$}/{epochs}")
}

/// `batch 7/12`.
fn batch_of(batch: usize, batches: Option<usize>) -> String {
    let of = batches.map_or(String::new(), |batches| format!("/{batches}"));
    format!("batch {batch}{of}")
}

/// The progress of an epoch, in one line.
fn step_line<M>(step: &StepInfo<M>, epochs: usize, batches: Option<usize>) -> String {
    format!(
        "{}  {}  loss {}  lr {}",
        place(step.epoch, epochs),
        batch_of(step.batch, batches),
        number(step.loss()),
        number(step.learning_rate)
    )
}

/// One epoch in one line.
pub(crate) fn line(record: &EpochRecord, epochs: usize) -> String {
    place(record.epoch, epochs) + &metrics(record)
}

/// One record of several in an epoch.
fn step_record_line(record: &EpochRecord, epochs: usize) -> String {
    format!(
        "{}  step {}{}",
        place(record.epoch, epochs),
        record.step,
        metrics(record)
    )
}

fn metrics(record: &EpochRecord) -> String {
    let mut line = String::new();
    for (name, value) in &record.metrics {
        line += &format!("  {name} {}", number(*value));
    }
    line + &format!(
        "  lr {}  {:.2} s",
        number(record.learning_rate),
        record.seconds
    )
}

/// Six decimals, as the course prints losses; scientific where that would hide the number.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if value != 0.0 && !(1e-4..1e6).contains(&size) {
        format!("{value:.3e}")
    } else {
        format!("{value:.6}")
    }
}

impl<M> Callback<M> for Progress {
    fn on_train_start(&mut self, info: &StartInfo) -> Result<(), StepError> {
        self.epochs = info.epochs;
        self.batches = info.batches;
        self.by_step = matches!(info.validate, Interval::Steps(_));
        self.shown = (self.now)();
        if let (Some(bar), Some(batches)) = (&self.bar, info.batches) {
            bar.set_length(batches as u64);
        }
        Ok(())
    }

    fn on_epoch_start(&mut self, epoch: usize) -> Result<(), StepError> {
        self.epoch = epoch;
        if let Some(bar) = &self.bar {
            let of = match self.epochs {
                usize::MAX => String::new(),
                epochs => format!("/{epochs}"),
            };
            bar.set_prefix(format!("{epoch}{of}"));
            bar.set_position(0);
        }
        Ok(())
    }

    fn on_step_end(&mut self, step: &StepInfo<M>) -> Result<(), StepError> {
        if !self.is_due() {
            return Ok(());
        }
        match &self.bar {
            Some(bar) => {
                self.shown = (self.now)();
                bar.set_position(step.batch as u64);
                bar.set_message(format!("loss {}", number(step.loss())));
            }
            None => {
                let line = step_line(step, self.epochs, self.batches);
                self.line(&line);
            }
        }
        Ok(())
    }

    fn on_validation_batch(
        &mut self,
        batch: usize,
        batches: Option<usize>,
    ) -> Result<(), StepError> {
        if !self.is_due() {
            return Ok(());
        }
        let message = format!("validation, {}", batch_of(batch, batches));
        match &self.bar {
            Some(bar) => {
                self.shown = (self.now)();
                bar.set_message(message);
            }
            None => {
                let line = format!("{}  {message}", place(self.epoch, self.epochs));
                self.line(&line);
            }
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, record: &EpochRecord, _model: &M) -> Result<Flow, StepError> {
        let every = match self.epochs {
            usize::MAX => 1,
            epochs => epochs.div_ceil(20).max(1),
        };
        let ends = record.epoch == 1 || record.epoch == self.epochs;
        if self.by_step || ends || record.epoch.is_multiple_of(every) {
            self.write(record);
        }
        self.last = Some(record.clone());
        Ok(Flow::Continue)
    }

    fn on_train_end(&mut self, why: &str) -> Result<(), StepError> {
        if let Some(last) = self.last.take().filter(|last| last.step > self.written) {
            self.write(&last);
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if !why.is_empty() {
            self.line(why);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::LazyLoss;
    use burn::tensor::{Device, Tensor};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn start(epochs: usize, batches: Option<usize>) -> StartInfo<'static> {
        StartInfo {
            epochs,
            batches,
            epochs_done: 0,
            validate: Interval::Epochs(1),
            metrics: &[],
            folder: None,
        }
    }

    fn record(epoch: usize) -> EpochRecord {
        EpochRecord {
            epoch,
            step: epoch,
            learning_rate: 0.03,
            metrics: vec![("train_loss".into(), 0.5 / epoch as f64)],
            seconds: 0.1,
        }
    }

    /// Steps take 7 s each on a simulated clock, and an epoch has 12 of them.
    #[test]
    fn a_long_epoch_has_a_line_a_minute() {
        let out = Shared::default();
        let mut progress = Progress::lines(out.clone());
        let clock = Arc::new(Mutex::new(Instant::now()));
        let time = Arc::clone(&clock);
        progress.now = Box::new(move || *time.lock().unwrap());
        let callback: &mut dyn Callback<()> = &mut progress;
        callback.on_train_start(&start(10, Some(12))).unwrap();
        let loss = LazyLoss::new(Tensor::from_data([0.25], &Device::flex()));
        for epoch in 1..=2 {
            for batch in 1..=12 {
                *clock.lock().unwrap() += Duration::from_secs(7);
                let info = StepInfo::new([epoch, batch, batch], 0.03, &(), &loss);
                callback.on_step_end(&info).unwrap();
            }
            callback.on_epoch_end(&record(epoch), &()).unwrap();
        }
        // 9 steps make the first full minute; the minute starts anew with every line.
        let step = |epoch| format!("epoch  {epoch}/10  batch 9/12  loss 0.250000  lr 0.030000");
        let text = out.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!((lines[0], lines[2]), (&*step(1), &*step(2)));
        assert!(
            lines[1].starts_with("epoch  1/10  train_loss 0.5"),
            "{text}"
        );
        assert!(
            lines[3].starts_with("epoch  2/10  train_loss 0.25"),
            "{text}"
        );
    }

    #[test]
    fn a_long_validation_has_a_line_a_minute() {
        let out = Shared::default();
        let mut progress = Progress::lines(out.clone());
        let clock = Arc::new(Mutex::new(Instant::now()));
        let time = Arc::clone(&clock);
        progress.now = Box::new(move || *time.lock().unwrap());
        let callback: &mut dyn Callback<()> = &mut progress;
        callback.on_train_start(&start(10, None)).unwrap();
        callback.on_epoch_start(3).unwrap();
        for batch in 1..=5 {
            *clock.lock().unwrap() += Duration::from_secs(25);
            callback.on_validation_batch(batch, Some(90)).unwrap();
        }
        assert_eq!(out.text(), "epoch  3/10  validation, batch 3/90\n");
    }

    #[test]
    fn records_in_the_middle_of_epochs_are_all_written() {
        let out = Shared::default();
        let mut progress = Progress::lines(out.clone());
        let callback: &mut dyn Callback<()> = &mut progress;
        let info = StartInfo {
            validate: Interval::Steps(5),
            ..start(usize::MAX, None)
        };
        callback.on_train_start(&info).unwrap();
        for step in [5, 10] {
            let record = EpochRecord { step, ..record(1) };
            callback.on_epoch_end(&record, &()).unwrap();
        }
        callback.on_train_end("").unwrap();
        let lines = ["5", "10"].map(|step| {
            format!("epoch 1  step {step}  train_loss 0.500000  lr 0.030000  0.10 s\n")
        });
        assert_eq!(out.text(), lines.concat());
    }

    #[test]
    fn an_output_that_cannot_be_written_is_dropped() {
        /// A pipe whose reader takes so many bytes and goes.
        struct Closed(usize);
        impl Write for Closed {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                let error = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
                self.0 = self.0.checked_sub(bytes.len()).ok_or(error)?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut progress = Progress::lines(Closed(60));
        let callback: &mut dyn Callback<()> = &mut progress;
        callback.on_train_start(&start(5, None)).unwrap();
        for epoch in 1..=5 {
            let flow = callback.on_epoch_end(&record(epoch), &()).unwrap();
            assert_eq!(flow, Flow::Continue);
        }
        callback.on_train_end("stopped early").unwrap();
        assert!(progress.out.is_none());
    }

    #[test]
    fn a_long_training_writes_about_twenty_lines_with_the_metrics() {
        let out = Shared::default();
        let mut progress = Progress::lines(out.clone());
        let callback: &mut dyn Callback<()> = &mut progress;
        callback.on_train_start(&start(1000, None)).unwrap();
        for epoch in 1..=777 {
            callback.on_epoch_end(&record(epoch), &()).unwrap();
        }
        callback.on_train_end("stopped early").unwrap();
        let text = out.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 18, "{text}");
        assert_eq!(
            lines[0],
            "epoch    1/1000  train_loss 0.500000  lr 0.030000  0.10 s"
        );
        assert!(
            lines[16].starts_with("epoch  777/1000"),
            "the last epoch is shown: {text}"
        );
        assert_eq!(lines[17], "stopped early");
    }

    #[test]
    fn numbers_are_readable_at_any_size() {
        assert_eq!(number(0.042790), "0.042790");
        assert_eq!(number(5.1e-5), "5.100e-5");
        assert_eq!(number(0.0), "0.000000");
        assert_eq!(number(1.5e9), "1.500e9");
    }
}

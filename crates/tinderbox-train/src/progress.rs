use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{Callback, EpochRecord, Flow, StartInfo, StepError, StepInfo};

/// Shows how training goes: a bar on a terminal, plain lines elsewhere.
///
/// The lines hold the real metrics, so that a log of a pipe or of CI says what happened. Of many
/// epochs about 20 lines are written, the first and the last epoch among them; where an epoch takes
/// long, a line a minute says how far it is. An output that can no longer be written (a pipe whose
/// reader has gone, a full disk) is dropped: training continues without it.
pub struct Progress {
    /// `None` once it could not be written.
    out: Option<Box<dyn Write + Send>>,
    bar: Option<ProgressBar>,
    epochs: usize,
    batches: Option<usize>,
    /// When the bar was drawn or a line was written.
    shown: Instant,
    now: Box<dyn Fn() -> Instant + Send>,
    last: Option<EpochRecord>,
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
            shown: Instant::now(),
            now: Box::new(Instant::now),
            last: None,
            written: 0,
        }
    }

    fn write(&mut self, record: &EpochRecord) {
        self.written = record.epoch;
        self.line(&line(record, self.epochs));
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

/// `epoch  3/10`, in columns.
fn place(epoch: usize, epochs: usize) -> String {
    let width = epochs.to_string().len();
    format!("epoch {epoch:>width$}/{epochs}")
}

/// How far an epoch is, in one line.
fn step_line(info: &StepInfo, epochs: usize, batches: Option<usize>) -> String {
    let of = batches.map_or(String::new(), |batches| format!("/{batches}"));
    format!(
        "{}  batch {}{of}  loss {}  lr {}",
        place(info.epoch, epochs),
        info.batch,
        number(info.loss),
        number(info.learning_rate)
    )
}

/// One epoch in one line.
pub(crate) fn line(record: &EpochRecord, epochs: usize) -> String {
    let mut line = place(record.epoch, epochs);
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
        self.shown = (self.now)();
        if let (Some(bar), Some(batches)) = (&self.bar, info.batches) {
            bar.set_length(batches as u64);
        }
        Ok(())
    }

    fn on_epoch_start(&mut self, epoch: usize) -> Result<(), StepError> {
        if let Some(bar) = &self.bar {
            bar.set_prefix(format!("{epoch}/{}", self.epochs));
            bar.set_position(0);
        }
        Ok(())
    }

    fn on_step_end(&mut self, info: &StepInfo) -> Result<(), StepError> {
        // A step may take microseconds: ten times a second is enough for the eye.
        let every = if self.bar.is_some() { DRAW } else { LINE };
        let now = (self.now)();
        if now.duration_since(self.shown) < every {
            return Ok(());
        }
        match &self.bar {
            Some(bar) => {
                self.shown = now;
                bar.set_position(info.batch as u64);
                bar.set_message(format!("loss {}", number(info.loss)));
            }
            None => {
                let line = step_line(info, self.epochs, self.batches);
                self.line(&line);
            }
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, record: &EpochRecord, _model: &M) -> Result<Flow, StepError> {
        let every = self.epochs.div_ceil(20).max(1);
        if record.epoch == 1 || record.epoch.is_multiple_of(every) || record.epoch == self.epochs {
            self.write(record);
        }
        self.last = Some(record.clone());
        Ok(Flow::Continue)
    }

    fn on_train_end(&mut self, why: &str) -> Result<(), StepError> {
        if let Some(last) = self.last.take().filter(|last| last.epoch > self.written) {
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

    /// A training of steps that take 7 s each on a clock of its own; after 12 of them an epoch ends.
    #[test]
    fn a_long_epoch_has_a_line_a_minute() {
        let out = Shared::default();
        let mut progress = Progress::lines(out.clone());
        let clock = Arc::new(Mutex::new(Instant::now()));
        let time = Arc::clone(&clock);
        progress.now = Box::new(move || *time.lock().unwrap());
        let callback: &mut dyn Callback<()> = &mut progress;
        callback.on_train_start(&start(10, Some(12))).unwrap();
        for epoch in 1..=2 {
            for batch in 1..=12 {
                *clock.lock().unwrap() += Duration::from_secs(7);
                let info = StepInfo {
                    epoch,
                    batch,
                    step: batch,
                    loss: 0.25,
                    learning_rate: 0.03,
                };
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

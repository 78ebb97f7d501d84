use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{Callback, EpochRecord, Flow, StartInfo, StepError, StepInfo};

/// Shows how training goes: a bar on a terminal, a plain line an epoch elsewhere.
///
/// The lines hold the real figures, so that a log of a pipe or of CI says what happened. Of a long
/// training about 20 lines are written, the first and the last epoch among them.
pub struct Progress {
    out: Box<dyn Write + Send>,
    bar: Option<ProgressBar>,
    epochs: usize,
    drawn: Instant,
    last: Option<EpochRecord>,
    written: usize,
}

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
            out: Box::new(out),
            bar: None,
            epochs: 0,
            drawn: Instant::now(),
            last: None,
            written: 0,
        }
    }

    fn write(&mut self, record: &EpochRecord) -> std::io::Result<()> {
        self.written = record.epoch;
        let line = line(record, self.epochs);
        match &self.bar {
            Some(bar) => bar.suspend(|| writeln!(self.out, "{line}")),
            None => writeln!(self.out, "{line}"),
        }?;
        self.out.flush()
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// One epoch in one line.
pub(crate) fn line(record: &EpochRecord, epochs: usize) -> String {
    let mut line = format!(
        "epoch {:>w$}/{epochs}",
        record.epoch,
        w = epochs.to_string().len()
    );
    for (name, value) in &record.figures {
        line += &format!("  {name} {}", figure(*value));
    }
    line + &format!(
        "  lr {}  {:.2} s",
        figure(record.learning_rate),
        record.seconds
    )
}

/// Six decimals, as the course prints losses; scientific where that would hide the number.
pub(crate) fn figure(value: f64) -> String {
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
        // A step may take microseconds: draw ten times a second, whatever the speed.
        if let Some(bar) = &self.bar
            && self.drawn.elapsed() > Duration::from_millis(100)
        {
            self.drawn = Instant::now();
            bar.set_position(info.batch as u64);
            bar.set_message(format!("loss {}", figure(info.loss)));
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, record: &EpochRecord, _model: &M) -> Result<Flow, StepError> {
        let every = self.epochs.div_ceil(20).max(1);
        if record.epoch == 1 || record.epoch.is_multiple_of(every) || record.epoch == self.epochs {
            self.write(record)?;
        }
        self.last = Some(record.clone());
        Ok(Flow::Continue)
    }

    fn on_train_end(&mut self, why: &str) -> Result<(), StepError> {
        if let Some(last) = self.last.take().filter(|last| last.epoch > self.written) {
            self.write(&last)?;
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if !why.is_empty() {
            writeln!(self.out, "{why}")?;
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

    #[test]
    fn a_long_training_writes_about_twenty_lines_with_the_figures() {
        let out = Shared::default();
        let mut progress = Progress::lines(out.clone());
        let callback: &mut dyn Callback<()> = &mut progress;
        let info = StartInfo {
            epochs: 1000,
            batches: None,
            epochs_done: 0,
            figures: &[],
            folder: None,
        };
        callback.on_train_start(&info).unwrap();
        for epoch in 1..=777 {
            let record = EpochRecord {
                epoch,
                step: epoch,
                learning_rate: 0.03,
                figures: vec![("train_loss".into(), 0.5 / epoch as f64)],
                seconds: 0.1,
            };
            callback.on_epoch_end(&record, &()).unwrap();
        }
        callback.on_train_end("stopped early").unwrap();
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
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
    fn figures_are_readable_at_any_size() {
        assert_eq!(figure(0.042790), "0.042790");
        assert_eq!(figure(5.1e-5), "5.100e-5");
        assert_eq!(figure(0.0), "0.000000");
        assert_eq!(figure(1.5e9), "1.500e9");
    }
}

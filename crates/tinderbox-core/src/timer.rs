use std::time::{Duration, Instant};

/// A timer that keeps the laps it measured: the course's `Timer`.
///
/// Source: Dive into Deep Learning, section "Vectorization for Speed".
///
/// ```
/// use tinderbox_core::Timer;
///
/// let mut timer = Timer::new();
/// for _ in 0..3 {
///     let sum: u64 = timer.time(|| (0..1000).sum());
///     assert_eq!(sum, 499_500);
/// }
/// assert_eq!(timer.laps().len(), 3);
/// assert!(timer.average() <= timer.total());
/// ```
#[derive(Clone, Debug)]
pub struct Timer {
    started: Instant,
    laps: Vec<Duration>,
}

impl Default for Timer {
    fn default() -> Self {
        Self::new()
    }
}

impl Timer {
    /// A timer whose first lap starts now.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            laps: Vec::new(),
        }
    }

    /// Starts a lap.
    pub fn start(&mut self) {
        self.started = Instant::now();
    }

    /// Ends a lap and returns its length; the next one starts here too, unless [`Timer::start`] is called.
    pub fn stop(&mut self) -> Duration {
        let lap = self.started.elapsed();
        self.started += lap;
        self.laps.push(lap);
        lap
    }

    /// Measures a call as one lap.
    pub fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.start();
        let result = work();
        self.stop();
        result
    }

    /// All laps in order.
    pub fn laps(&self) -> &[Duration] {
        &self.laps
    }

    /// The last lap in seconds; 0 before the first one ended.
    pub fn last(&self) -> f64 {
        self.laps.last().map_or(0.0, Duration::as_secs_f64)
    }

    /// The sum of all laps in seconds.
    pub fn total(&self) -> f64 {
        self.laps.iter().sum::<Duration>().as_secs_f64()
    }

    /// The mean lap in seconds; 0 before the first one ended.
    pub fn average(&self) -> f64 {
        self.total() / self.laps.len().max(1) as f64
    }

    /// The sum of the laps up to each lap, in seconds.
    pub fn cumulative(&self) -> Vec<f64> {
        let ends = self.laps.iter().scan(Duration::ZERO, |sum, &lap| {
            *sum += lap;
            Some(*sum)
        });
        ends.map(|end| end.as_secs_f64()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_averages_of_laps() {
        let mut timer = Timer::new();
        assert_eq!(
            (timer.last(), timer.total(), timer.average()),
            (0.0, 0.0, 0.0)
        );
        timer.laps = [500, 250, 750].map(Duration::from_millis).to_vec();
        assert_eq!(
            (timer.last(), timer.total(), timer.average()),
            (0.75, 1.5, 0.5)
        );
        assert_eq!(timer.cumulative(), [0.5, 0.75, 1.5]);
    }

    #[test]
    fn a_lap_is_as_long_as_its_work() {
        let mut timer = Timer::new();
        let around = Instant::now();
        timer.time(|| std::thread::sleep(Duration::from_millis(20)));
        let around = around.elapsed();
        assert!(timer.laps()[0] >= Duration::from_millis(20));
        assert!(timer.laps()[0] <= around);
        // Stopped twice: the second lap begins where the first one ended.
        timer.start();
        let (first, second) = (timer.stop(), timer.stop());
        assert_eq!(timer.laps()[1..], [first, second]);
    }
}

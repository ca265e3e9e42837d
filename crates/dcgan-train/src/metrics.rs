//! The numbers of a run: a file with a line a step, and averages for people.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dcgan_core::atomic::WriteError;
use serde::Serialize;

use crate::gan::StepStats;

/// Time between two reports.
const INTERVAL: Duration = Duration::from_secs(15);
/// The least time between two, where the end of an epoch is the reason for one.
const LEAST_INTERVAL: Duration = Duration::from_secs(3);

/// The numbers of one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// The epoch, from 1.
    pub epoch: u64,
    /// The step, from 1.
    pub step: u64,
    /// Real images seen so far.
    pub images_seen: u64,
    /// Losses and probabilities.
    #[serde(flatten)]
    pub stats: StepStats,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    metrics: &'a Metrics,
    images_per_second: f64,
}

/// A file of JSON lines, one a step.
pub struct MetricsFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl MetricsFile {
    /// Starts the file anew.
    ///
    /// # Errors
    /// [`WriteError`] names it.
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        let file = File::create(path).map_err(|source| WriteError { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    /// Adds a step.
    ///
    /// # Errors
    /// [`WriteError`] names the file.
    pub fn write(&mut self, metrics: &Metrics, images_per_second: f64) -> Result<(), WriteError> {
        // Rounded to what a person wants to read: timings have no more digits than that.
        let images_per_second = (images_per_second * 10.0).round() / 10.0;
        let line = serde_json::to_string(&Line { metrics, images_per_second });
        let result = line.map_err(std::io::Error::from).and_then(|line| writeln!(self.file, "{line}"));
        result.map_err(|source| WriteError { path: self.path.clone(), source })
    }

    /// Makes what was added visible to others.
    ///
    /// # Errors
    /// [`WriteError`] names the file.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.file.flush().map_err(|source| WriteError { path: self.path.clone(), source })
    }
}

/// Means over the steps since the last report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Average {
    /// Losses and probabilities.
    pub stats: StepStats,
    /// Images trained on in a second.
    pub images_per_second: f64,
}

/// Collects the steps between two reports.
pub struct Averages {
    since: Instant,
    last_step: Instant,
    sum: [f64; 4],
    steps: usize,
    images: usize,
}

impl Averages {
    /// Nothing so far.
    pub fn new() -> Self {
        let now = Instant::now();
        Self { since: now, last_step: now, sum: [0.0; 4], steps: 0, images: 0 }
    }

    /// Adds a step of `images`, whose images a second are returned.
    pub fn add(&mut self, metrics: &Metrics, images: usize) -> f64 {
        let StepStats { loss_d, loss_g, d_x, d_g_z } = metrics.stats;
        let values = [loss_d, loss_g, d_x, d_g_z];
        self.sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
        self.steps += 1;
        self.images += images;
        let seconds = self.last_step.elapsed().as_secs_f64();
        self.last_step = Instant::now();
        images as f64 / seconds
    }

    /// Whether it is time for a report.
    pub fn due(&self) -> bool {
        self.since.elapsed() >= INTERVAL
    }

    /// Whether the end of an epoch is worth a report: short epochs are over many times a second.
    pub fn worth_a_report(&self) -> bool {
        self.since.elapsed() >= LEAST_INTERVAL
    }

    /// The means, where there was a step; and starts anew.
    pub fn take(&mut self) -> Option<Average> {
        let Self { since, sum, steps, images, .. } = std::mem::take(self);
        let [loss_d, loss_g, d_x, d_g_z] = sum.map(|sum| (sum / steps as f64) as f32);
        let images_per_second = images as f64 / since.elapsed().as_secs_f64();
        (steps > 0).then_some(Average { stats: StepStats { loss_d, loss_g, d_x, d_g_z }, images_per_second })
    }
}

impl Default for Averages {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn step(step: u64, loss_d: f32) -> Metrics {
        let stats = StepStats { loss_d, loss_g: 2.0 * loss_d, d_x: 0.75, d_g_z: 0.25 };
        Metrics { epoch: 1, step, images_seen: 8 * step, stats }
    }

    #[test]
    fn averages_are_of_the_steps_since_the_last_ones() {
        let mut averages = Averages::new();
        assert_eq!(averages.take(), None);
        for (number, loss) in [(1, 1.0), (2, 3.0)] {
            assert!(averages.add(&step(number, loss), 8) > 0.0);
        }
        let first = averages.take().unwrap();
        assert_eq!(first.stats, StepStats { loss_d: 2.0, loss_g: 4.0, d_x: 0.75, d_g_z: 0.25 });
        assert!(first.images_per_second > 0.0);
        averages.add(&step(3, 5.0), 8);
        assert_eq!(averages.take().unwrap().stats.loss_d, 5.0);
        assert_eq!(averages.take(), None);
    }

    #[test]
    fn progress_is_one_line() {
        let averages = Average { stats: step(7, 1.25).stats, images_per_second: 81.26 };
        let event = Event::Progress { epoch: 2, epochs: 10, step: 7, averages };
        let expected =
            "epoch 2/10  step 7  loss D 1.250  loss G 2.500  D(x) 0.750  D(G(z)) 0.250  81.3 images/s";
        assert_eq!(event.to_string(), expected);
    }
}

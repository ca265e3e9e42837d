//! The numbers of a run: a file with a line a step and a line a measurement, and averages for people.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dcgan_core::atomic::WriteError;
use serde::{Deserialize, Serialize};

use crate::gan::StepStats;
use crate::gan::measurement::Measurement;

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
    /// The program's memory that is not swapped out, where the system tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_mib: Option<f64>,
}

/// What an epoch's images were measured to be.
#[derive(Serialize)]
struct MeasuredLine<'a> {
    epoch: u64,
    step: u64,
    #[serde(flatten)]
    measurement: &'a Measurement,
}

/// The program's resident memory in MiB, where the system tells.
pub fn memory_mib() -> Option<f64> {
    memory_stats::memory_stats().map(|stats| stats.physical_mem as f64 / f64::from(1 << 20))
}

/// A file of JSON lines, one a step and one a measurement.
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
        let file = File::create(path).map_err(|source| WriteError::new(path, source))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    /// Goes on after step `step`, when the file had so many bytes: what comes after them is removed. Whether they are
    /// there; if not, such as in another folder, the file begins anew.
    ///
    /// # Errors
    /// [`WriteError`] names it.
    pub fn resume(path: &Path, bytes: u64, step: u64) -> Result<(Self, bool), WriteError> {
        if !ends_with_step(path, bytes, step) {
            return Ok((Self::create(path)?, false));
        }
        let open = || {
            let mut file = File::options().write(true).open(path)?;
            file.set_len(bytes)?;
            file.seek(SeekFrom::End(0))?;
            Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
        };
        let file = open().map_err(|source| WriteError::new(path, source))?;
        Ok((file, true))
    }

    /// Makes what was added outlast a power failure; the bytes of the file.
    ///
    /// # Errors
    /// [`WriteError`] names the file.
    pub fn sync(&mut self) -> Result<u64, WriteError> {
        self.flush()?;
        let sync = |file: &File| {
            file.sync_all()?;
            Ok(file.metadata()?.len())
        };
        sync(self.file.get_ref()).map_err(|source| WriteError::new(&self.path, source))
    }

    /// Adds a step.
    ///
    /// # Errors
    /// [`WriteError`] names the file.
    pub fn write(
        &mut self,
        metrics: &Metrics,
        images_per_second: f64,
        memory_mib: Option<f64>,
    ) -> Result<(), WriteError> {
        // Rounded to what a person wants to read: timings have no more digits than that.
        let images_per_second = tenths(images_per_second);
        let memory_mib = memory_mib.map(tenths);
        self.line(&Line { metrics, images_per_second, memory_mib })
    }

    /// Adds what the images after a step were measured to be.
    ///
    /// # Errors
    /// [`WriteError`] names the file.
    pub fn write_measurement(
        &mut self,
        epoch: u64,
        step: u64,
        measurement: &Measurement,
    ) -> Result<(), WriteError> {
        self.line(&MeasuredLine { epoch, step, measurement })
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), WriteError> {
        let line = serde_json::to_string(line);
        let result = line.map_err(std::io::Error::from).and_then(|line| writeln!(self.file, "{line}"));
        result.map_err(|source| WriteError::new(&self.path, source))
    }

    /// Makes what was added visible to others.
    ///
    /// # Errors
    /// [`WriteError`] names the file.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.file.flush().map_err(|source| WriteError::new(&self.path, source))
    }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// Whether the last line within the first `bytes` of a file is that of step `step`; before the first one, whether the
/// file is there.
fn ends_with_step(path: &Path, bytes: u64, step: u64) -> bool {
    #[derive(Deserialize)]
    struct Line {
        step: u64,
    }
    /// More than any line has.
    const LINE: u64 = 4096;
    let last_line = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(bytes.saturating_sub(LINE)))?;
        let mut text = Vec::new();
        file.take(bytes.min(LINE)).read_to_end(&mut text)?;
        io::Result::Ok(text)
    };
    let Ok(text) = last_line() else { return false };
    if text.len() as u64 != bytes.min(LINE) {
        return false;
    }
    let Some(lines) = text.strip_suffix(b"\n") else { return bytes == 0 && step == 0 };
    let line = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<Line>(line).is_ok_and(|line| line.step == step)
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
    last_lap: Instant,
    sum: [f64; 6],
    steps: usize,
    images: usize,
}

impl Averages {
    /// Nothing so far.
    pub fn new() -> Self {
        let now = Instant::now();
        Self { since: now, last_lap: now, sum: [0.0; 6], steps: 0, images: 0 }
    }

    /// Images a second, of as many as were trained on since the last call.
    pub fn lap(&mut self, images: usize) -> f64 {
        let seconds = self.last_lap.elapsed().as_secs_f64();
        self.last_lap = Instant::now();
        images as f64 / seconds
    }

    /// Adds a step of `images`.
    pub fn add(&mut self, metrics: &Metrics, images: usize) {
        let StepStats { loss_d, loss_g, d_x, d_g_z, grad_norm_d, grad_norm_g } = metrics.stats;
        let values = [loss_d, loss_g, d_x, d_g_z, grad_norm_d, grad_norm_g];
        self.sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
        self.steps += 1;
        self.images += images;
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
        let means = sum.map(|sum| (sum / steps as f64) as f32);
        let [loss_d, loss_g, d_x, d_g_z, grad_norm_d, grad_norm_g] = means;
        let stats = StepStats { loss_d, loss_g, d_x, d_g_z, grad_norm_d, grad_norm_g };
        let images_per_second = images as f64 / since.elapsed().as_secs_f64();
        (steps > 0).then_some(Average { stats, images_per_second })
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
    use crate::report::event::Event;

    fn step(step: u64, loss_d: f32) -> Metrics {
        let stats = StepStats {
            loss_d,
            loss_g: 2.0 * loss_d,
            d_x: 0.75,
            d_g_z: 0.25,
            grad_norm_d: 4.0 * loss_d,
            grad_norm_g: 8.0 * loss_d,
        };
        Metrics { epoch: 1, step, images_seen: 8 * step, stats }
    }

    #[test]
    fn a_file_goes_on_after_the_step_it_had_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut file = MetricsFile::create(&path).unwrap();
        let mut bytes = Vec::new();
        for number in 1..=30 {
            file.write(&step(number, 1.0), 8.0, None).unwrap();
            bytes.push(file.sync().unwrap());
        }
        drop(file);
        let whole = std::fs::read_to_string(&path).unwrap();
        let (mut file, found) = MetricsFile::resume(&path, bytes[27], 28).unwrap();
        assert!(found);
        for number in 29..=30 {
            file.write(&step(number, 1.0), 8.0, None).unwrap();
        }
        drop(file);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
        for (bytes, step) in [(bytes[27], 27), (bytes[27] - 1, 28), (bytes[29] + 1, 30), (0, 3)] {
            std::fs::write(&path, &whole).unwrap();
            assert!(!MetricsFile::resume(&path, bytes, step).unwrap().1, "{bytes} bytes, step {step}");
            assert_eq!(std::fs::read(&path).unwrap(), b"");
        }
        assert!(!MetricsFile::resume(&folder.path().join("other"), bytes[0], 1).unwrap().1);
    }

    #[test]
    fn averages_are_of_the_steps_since_the_last_ones() {
        let mut averages = Averages::new();
        assert_eq!(averages.take(), None);
        for (number, loss) in [(1, 1.0), (2, 3.0)] {
            averages.add(&step(number, loss), 8);
            assert!(averages.lap(8) > 0.0);
        }
        let first = averages.take().unwrap();
        assert_eq!(first.stats, step(2, 2.0).stats);
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

//! How fast a generator draws.

use std::fmt::{self, Display, Formatter};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use dcgan_core::latent::latents;
use dcgan_core::terminal::escaped;
use serde::{Serialize, Serializer};

use crate::engine::Engine;
use crate::generator::{Device, Generator, GeneratorConfig, GeneratorError};
use crate::model_file::ModelFile;

/// What is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchConfig {
    /// Numbers of latents that go through the model at once, each measured by itself.
    pub batches: Vec<NonZeroUsize>,
    /// How long each is measured; one run at least.
    pub time: Duration,
    /// How long each runs before: the first runs allocate memory, and a processor takes a while to reach its speed.
    pub warm_up: Duration,
}

impl Default for BenchConfig {
    /// Batches of 1 to 256 in steps of four, 2 seconds each after half a second.
    fn default() -> Self {
        let batches = [1, 4, 16, 64, 256].into_iter().filter_map(NonZeroUsize::new).collect();
        Self { batches, time: Duration::from_secs(2), warm_up: Duration::from_millis(500) }
    }
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Of this structure: 1. Fields may be added under the same number.
    pub format: u32,
    /// The model's file.
    pub model: String,
    /// Engine and version.
    pub engine: String,
    /// What it computed on.
    #[serde(serialize_with = "as_text")]
    pub device: Device,
    /// Threads that were asked for; none where the engine chose.
    pub threads: Option<usize>,
    /// Shape of an image: channels, height, width.
    pub image: [usize; 3],
    /// A row for each batch.
    pub rows: Vec<Row>,
}

/// The speed of one size of batch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Latents at once.
    pub batch: usize,
    /// Sessions that shared them.
    pub sessions: usize,
    /// Measured runs.
    pub runs: usize,
    /// Images a second, over all runs.
    pub images_per_second: f64,
    /// How long a run took, in milliseconds.
    pub latency_ms: Latency,
}

/// Times of runs, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// The shortest.
    pub min: f64,
    /// Half of the runs took no longer.
    pub p50: f64,
    /// Nine of ten took no longer.
    pub p90: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// Measures a generator: latents in, images in [-1, 1] out, nothing encoded. A model of a fixed batch is measured at that
/// one. A single image is drawn in one session, more in as many as a program that draws many has
/// ([`Engine::sessions`]).
///
/// # Errors
/// As [`Generator::new`]; [`GeneratorError::Run`] if the engine fails.
pub fn bench(
    engine: &Engine,
    file: &ModelFile,
    about: &GeneratorConfig,
    config: &BenchConfig,
) -> Result<Report, GeneratorError> {
    let many = engine.sessions(usize::MAX);
    let open = |sessions| Generator::in_sessions(engine, file.clone(), about, sessions);
    let mut generator = open(NonZeroUsize::MIN)?;
    let batches = match generator.fixed_batch() {
        Some(batch) => vec![batch],
        None => config.batches.clone(),
    };
    let mut rows = Vec::with_capacity(batches.len());
    for batch in batches {
        let is_alone = batch == NonZeroUsize::MIN || generator.fixed_batch().is_some();
        let sessions = if is_alone { NonZeroUsize::MIN } else { many };
        if generator.sessions() != sessions.get() {
            generator = open(sessions)?;
        }
        generator = generator.with_batch(batch);
        run_for(&mut generator, batch, config.warm_up)?;
        let times = run_for(&mut generator, batch, config.time)?;
        rows.push(Row::of(batch.get(), generator.sessions(), times));
    }
    Ok(Report {
        format: 1,
        model: generator.path().display().to_string(),
        engine: generator.engine().to_owned(),
        device: generator.device().clone(),
        threads: engine.threads.map(NonZeroUsize::get),
        image: generator.image_shape(),
        rows,
    })
}

/// The times of runs, one at least, until so much time has passed.
fn run_for(
    generator: &mut Generator,
    batch: NonZeroUsize,
    time: Duration,
) -> Result<Vec<Duration>, GeneratorError> {
    let z = latents(0, batch.get(), generator.latent_size());
    let mut times = Vec::new();
    let start = Instant::now();
    loop {
        let began = Instant::now();
        std::hint::black_box(generator.sample(z.view())?);
        times.push(began.elapsed());
        if start.elapsed() >= time {
            return Ok(times);
        }
    }
}

fn as_text<S: Serializer>(device: &Device, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(device)
}

impl Row {
    fn of(batch: usize, sessions: usize, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let (runs, total) = (times.len(), times.iter().sum::<Duration>());
        // The nearest rank: a time that was measured, not one between two.
        let at =
            |part: f64| times[((part * runs as f64).ceil() as usize).clamp(1, runs) - 1].as_secs_f64() * 1e3;
        Self {
            batch,
            sessions,
            runs,
            images_per_second: (batch * runs) as f64 / total.as_secs_f64(),
            latency_ms: Latency { min: at(0.0), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) },
        }
    }
}

impl Display for Report {
    /// A table.
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let [_, height, width] = self.image;
        writeln!(f, "model    {}, images of {width}x{height}", escaped(&self.model))?;
        write!(f, "engine   {} on {}", self.engine, self.device)?;
        match self.threads {
            Some(threads) => writeln!(f, ", {threads} threads\n")?,
            None => writeln!(f, "\n")?,
        }
        writeln!(
            f,
            "{:>5} {:>8} {:>9} {:>6}   {:>9} {:>9} {:>9}",
            "batch", "sessions", "images/s", "runs", "p50 ms", "p90 ms", "p99 ms"
        )?;
        for Row { batch, sessions, runs, images_per_second, latency_ms } in &self.rows {
            let Latency { p50, p90, p99, .. } = latency_ms;
            write!(f, "{batch:>5} {sessions:>8} {images_per_second:>9.1} {runs:>6}   ")?;
            writeln!(f, "{p50:>9.3} {p90:>9.3} {p99:>9.3}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 runs of 1 to 100 milliseconds, in any order, of 8 images each: 800 images in 5.05 seconds.
    #[test]
    fn percentiles_are_measured_times_and_the_speed_is_that_of_all_runs() {
        let times = (1..=100u64).map(|k| Duration::from_millis((k * 37) % 101)).collect();
        let row = Row::of(8, 2, times);
        assert_eq!((row.batch, row.sessions, row.runs), (8, 2, 100));
        assert!((row.images_per_second - 800.0 / 5.05).abs() < 1e-9, "{row:?}");
        let expected = Latency { min: 1.0, p50: 50.0, p90: 90.0, p99: 99.0, max: 100.0 };
        assert_eq!(row.latency_ms, expected);
        let only = Row::of(1, 1, vec![Duration::from_millis(7)]);
        assert_eq!(only.latency_ms, Latency { min: 7.0, p50: 7.0, p90: 7.0, p99: 7.0, max: 7.0 });
    }
}

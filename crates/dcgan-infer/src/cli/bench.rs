//! `dcgan-infer bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use dcgan_infer::ModelFile;
use dcgan_infer::bench::{BenchConfig, bench};

use super::engine::EngineArgs;
use super::guard::guarded;
use super::model::ModelArgs;
use super::sample::{note_device, warn_if_changed};
use super::say;

/// Measure how fast a generator draws
///
/// From latents to images in memory, nothing is encoded or written. The object that --json prints has the fields `format`
/// (1), `model`, `engine`, `device`, `threads` (null where the engine chose), `image` and `rows`, a list of `batch`,
/// `sessions` (those that share a batch), `runs`, `images_per_second` and `latency_ms` (`min`, `p50`, `p90`, `p99`, `max`). Fields may be added under the same
/// `format`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Generator to measure, a .onnx file of dcgan-export or of another program
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Latents that go through the model at once, each measured by itself; a model of a fixed batch has its own
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1,4,16,64,256", value_parser = batch)]
    batches: Vec<NonZeroUsize>,
    /// How long each is measured
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, allow_negative_numbers = true, value_parser = seconds)]
    seconds: f64,
    /// How long each runs before it is measured
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5, allow_negative_numbers = true, value_parser = seconds)]
    warm_up: f64,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    about: ModelArgs,
}

fn batch(text: &str) -> Result<NonZeroUsize, String> {
    let batch = text.trim().parse().ok().filter(|batch: &NonZeroUsize| batch.get() <= 4096);
    batch.ok_or_else(|| format!("expected whole numbers from 1 to 4096, found {text:?}"))
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "expected a number from 0 to 3600".to_owned())
}

impl BenchArgs {
    pub fn run(self) -> anyhow::Result<()> {
        let config = BenchConfig {
            batches: self.batches,
            time: Duration::from_secs_f64(self.seconds),
            warm_up: Duration::from_secs_f64(self.warm_up),
        };
        let read = || {
            let file = ModelFile::read(&self.model)?;
            warn_if_changed(&file);
            Ok(file)
        };
        let (engine, file) = self.engine.start_beside(read)?;
        let run = || bench(&engine, &file, &self.about.into(), &config);
        let report = guarded(engine.name(), &self.model, run)?;
        note_device(&report.device);
        say::report(&report, self.json)
    }
}

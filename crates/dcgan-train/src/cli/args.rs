//! The flags and subcommands.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use dcgan_train::backend::device::{self, DeviceKind, OnDevice};
use dcgan_train::backend::precision::Precision;
use dcgan_train::networks::arch::Arch;
use dcgan_train::run::config::{TrainConfig, whole};

/// Trains a DCGAN on images, or samples from one that was trained
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    /// Settings of a run as TOML, such as the config.toml that each run leaves in its output folder; flags win
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) train: TrainConfig,
    #[command(flatten)]
    pub(super) compute: Compute,
    /// Print nothing but warnings and errors
    ///
    /// Otherwise a terminal shows a progress bar, in colour unless NO_COLOR is set; a file or a pipe gets a line
    /// every few seconds.
    #[arg(short, long)]
    pub(super) quiet: bool,
}

/// Images of one picture: they are in memory at once.
const MAX_IMAGES: u64 = 10_000;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Draws a grid of images from a generator's checkpoint
    Sample(SampleArgs),
    /// Computes BatchNorm's statistics anew for a generator's weights, and saves it
    ///
    /// Those of training belong to weights that have changed since, which shows in the images: with new ones, a
    /// generator draws as it does in training, but each image depends on its own latent alone. The new checkpoint has no
    /// KID and no Frechet distance: those of the old one were measured with the old statistics.
    Recalibrate(RecalibrateArgs),
    /// Prints the layers of an architecture's networks, or of a saved one: shapes, parameters, multiply-adds
    Describe(DescribeArgs),
}

#[derive(clap::Args)]
pub(super) struct DescribeArgs {
    /// The architecture
    #[arg(long, default_value = "dcgan64", conflicts_with = "checkpoint")]
    pub(super) arch: Arch,
    /// A network that dcgan-train saved, or a run's folder of checkpoints
    #[arg(long, value_name = "FILE")]
    pub(super) checkpoint: Option<PathBuf>,
    /// Print JSON: an array of networks, each with its layers
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(clap::Args)]
pub(super) struct RecalibrateArgs {
    /// A generator that dcgan-train saved, or a run's folder of checkpoints
    #[arg(long, value_name = "FILE")]
    pub(super) checkpoint: PathBuf,
    /// The checkpoint to write
    #[arg(long, value_name = "FILE", default_value = "generator_recalibrated.safetensors")]
    pub(super) output: PathBuf,
    /// Batches of 128 latents to compute them of, up to 10,000; always the same ones
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "32", value_parser = whole::<u64>(1..=10_000))]
    pub(super) batches: u64,
    #[command(flatten)]
    pub(super) compute: Compute,
}

#[derive(clap::Args)]
pub(super) struct SampleArgs {
    /// A generator that dcgan-train saved, or a run's folder of checkpoints
    ///
    /// Of a folder, the best generator is taken (generator_best.safetensors), else the one of mean weights
    /// (generator_ema_final.safetensors), else generator_final.safetensors; which one is said.
    #[arg(long, value_name = "FILE")]
    pub(super) checkpoint: PathBuf,
    /// How many images, up to 10,000
    #[arg(long, alias = "num_images", value_name = "N", allow_negative_numbers = true, default_value = "16", value_parser = whole::<usize>(1..=MAX_IMAGES))]
    pub(super) num_images: usize,
    /// Image k is that of seed N + k
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "0", value_parser = whole::<u64>(..))]
    pub(super) seed: u64,
    /// Images a row [default: as square as possible]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<usize>(1..))]
    pub(super) columns: Option<usize>,
    /// The picture to write, a PNG
    #[arg(long, value_name = "FILE", default_value = "generated.png")]
    pub(super) output: PathBuf,
    #[command(flatten)]
    pub(super) compute: Compute,
}

/// The device and its settings.
#[derive(clap::Args)]
pub(super) struct Compute {
    /// Where to compute
    #[arg(long, default_value = "auto")]
    pub(super) device: DeviceKind,
    /// What matrix products compute in
    #[arg(long, default_value = "f32")]
    pub(super) precision: Precision,
    /// Threads of the CPU [default: one for each processor]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<usize>(1..=1024))]
    pub(super) threads: Option<usize>,
}

impl Compute {
    /// Runs `work` on the device, with the threads that were asked for.
    pub(super) fn run<W: OnDevice<Output = anyhow::Result<ExitCode>>>(
        &self,
        work: W,
    ) -> anyhow::Result<ExitCode> {
        let threads = self.threads.unwrap_or(0);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        pool.context("cannot start the threads of --threads")?;
        device::run(self.device, self.precision, work)?
    }
}

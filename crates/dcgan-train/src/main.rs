//! `dcgan-train`: trains a DCGAN, and draws samples of a checkpoint.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use dcgan_core::choice::{self, Choice};
use dcgan_core::{atomic, grid, latent};
use dcgan_train::config::{DeviceKind, TrainConfig, whole};
use dcgan_train::device::{self, OnDevice};
use dcgan_train::engine::Engine;
use dcgan_train::kernels::recycler::Recycler;
use dcgan_train::progress::Progress;
use dcgan_train::recalibrate::{self, recalibrate_checkpoint};
use dcgan_train::sampler::sample_checkpoint;
use dcgan_train::trainer::train;

/// A step's maps come and go in large blocks.
#[global_allocator]
static ALLOCATOR: Recycler = Recycler::new();

/// Trains a DCGAN on images, or samples from one that was trained
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    train: TrainConfig,
    #[command(flatten)]
    machine: Machine,
    /// Print nothing but warnings and errors
    ///
    /// Otherwise a terminal shows a progress bar, in colour unless NO_COLOR is set; a file or a pipe gets a line
    /// every few seconds.
    #[arg(short, long)]
    quiet: bool,
}

/// Images of one picture: they are in memory at once.
const MAX_IMAGES: u64 = 10_000;

#[derive(clap::Subcommand)]
enum Command {
    /// Draws a grid of images from a generator's checkpoint
    Sample(SampleArgs),
    /// Computes BatchNorm's statistics anew for a generator's weights, and saves it
    ///
    /// Those of training belong to weights that have changed since, which shows in the images: with new ones, a
    /// generator draws as it does in training, but each image depends on its own latent alone.
    Recalibrate(RecalibrateArgs),
}

#[derive(clap::Args)]
struct RecalibrateArgs {
    /// A generator that dcgan-train saved, or a run's folder of checkpoints
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// The checkpoint to write
    #[arg(long, value_name = "FILE", default_value = "generator_recalibrated.safetensors")]
    output: PathBuf,
    /// Batches of 128 latents to compute them of, up to 10,000; always the same ones
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "32", value_parser = whole::<u64>(1..=10_000))]
    batches: u64,
    #[command(flatten)]
    machine: Machine,
}

#[derive(clap::Args)]
struct SampleArgs {
    /// A generator that dcgan-train saved, or a run's folder of checkpoints
    ///
    /// Of a folder, the best generator is taken (generator_best.safetensors), else the one of mean weights
    /// (generator_ema_final.safetensors), else generator_final.safetensors; which one is said.
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// How many images, up to 10,000
    #[arg(long, alias = "num_images", value_name = "N", allow_negative_numbers = true, default_value = "16", value_parser = whole::<usize>(1..=MAX_IMAGES))]
    num_images: usize,
    /// Image k is that of seed N + k
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "0", value_parser = whole::<u64>(..))]
    seed: u64,
    /// Images a row [default: as square as possible]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<usize>(1..))]
    columns: Option<usize>,
    /// The picture to write, a PNG
    #[arg(long, value_name = "FILE", default_value = "generated.png")]
    output: PathBuf,
    #[command(flatten)]
    machine: Machine,
}

/// What the work runs on.
#[derive(clap::Args)]
struct Machine {
    /// Where to compute
    #[arg(long, default_value = "auto")]
    device: DeviceKind,
    /// Threads of the CPU [default: one for each processor]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<usize>(1..=1024))]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "dcgan-train: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Some(Command::Sample(args)) => args.machine.run(Sample(&args)),
        Some(Command::Recalibrate(args)) => args.machine.run(Recalibrate(&args)),
        None => cli.machine.run(Train { config: &cli.train, quiet: cli.quiet }),
    }
}

impl Machine {
    fn run<W: OnDevice<Output = anyhow::Result<()>>>(&self, work: W) -> anyhow::Result<()> {
        let threads = self.threads.unwrap_or(0);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        pool.context("cannot start the threads of --threads")?;
        device::run(self.device, work)?
    }
}

struct Train<'a> {
    config: &'a TrainConfig,
    quiet: bool,
}

impl OnDevice for Train<'_> {
    type Output = anyhow::Result<()>;

    fn run<E: Engine>(self, device: E::Device, name: &str) -> Self::Output {
        let mut progress = Progress::on_stderr(self.quiet);
        progress.say(&format_args!("device: {name}"));
        train::<E>(self.config, &device, &mut |event| progress.tell(&event))?;
        progress.finish();
        Ok(())
    }
}

/// The checkpoint that `--checkpoint` stands for; which of a folder, is said.
fn chosen(path: &Path) -> anyhow::Result<Cow<'_, Path>> {
    let Choice { path, reason } = choice::choose(path)?;
    if let Some(reason) = reason {
        writeln!(io::stdout(), "taking {}: {reason}", path.display())
            .context("cannot print what was chosen")?;
    }
    Ok(path)
}

struct Recalibrate<'a>(&'a RecalibrateArgs);

impl OnDevice for Recalibrate<'_> {
    type Output = anyhow::Result<()>;

    fn run<E: Engine>(self, device: E::Device, _: &str) -> Self::Output {
        let RecalibrateArgs { checkpoint, output, batches, .. } = self.0;
        let checkpoint = chosen(checkpoint)?;
        atomic::keep_input(&checkpoint, output)?;
        recalibrate_checkpoint::<E>(&device, &checkpoint, *batches)?.save(output)?;
        let latents = batches * recalibrate::BATCH_SIZE as u64;
        let line = format!("wrote {}: BatchNorm's statistics of {latents} latents", output.display());
        writeln!(io::stdout(), "{line}").context("cannot print the summary")
    }
}

struct Sample<'a>(&'a SampleArgs);

impl OnDevice for Sample<'_> {
    type Output = anyhow::Result<()>;

    fn run<E: Engine>(self, device: E::Device, _: &str) -> Self::Output {
        let args = self.0;
        let checkpoint = chosen(&args.checkpoint)?;
        atomic::keep_input(&checkpoint, &args.output)?;
        grid::check_png_name(&args.output)?;
        let latents =
            |spec: &dcgan_core::GeneratorSpec| latent::latents(args.seed, args.num_images, spec.latent);
        let images = sample_checkpoint::<E>(&device, &checkpoint, latents)?;
        let columns = args.columns.unwrap_or_else(|| grid::square_columns(args.num_images));
        grid::save_png(&grid::grid(images.view(), columns), &args.output)?;
        let (_, _, height, width) = images.dim();
        let (output, count, last) =
            (args.output.display(), args.num_images, args.seed.wrapping_add(args.num_images as u64 - 1));
        writeln!(
            io::stdout(),
            "wrote {output}: {count} images of {width}x{height}, seeds {} to {last}",
            args.seed
        )
        .context("cannot print the summary")
    }
}

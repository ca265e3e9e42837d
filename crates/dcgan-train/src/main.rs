//! `dcgan-train`: trains a DCGAN, and draws samples of a checkpoint.

use std::borrow::Cow;
use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser};
use dcgan_core::choice::{self, Choice};
use dcgan_core::terminal::{arguments_are_plain, escaped, escaped_lines};
use dcgan_core::{Checkpoint, atomic, grid, latent};
use dcgan_kernels::recycler::Recycler;
use dcgan_train::arch::Arch;
use dcgan_train::config::{DeviceKind, Precision, TrainConfig, whole};
use dcgan_train::config_file;
use dcgan_train::device::{self, OnDevice};
use dcgan_train::engine::Engine;
use dcgan_train::error::TrainError;
use dcgan_train::event::Event;
use dcgan_train::interrupt::Interrupt;
use dcgan_train::progress::Progress;
use dcgan_train::recalibrate::{self, recalibrate_checkpoint};
use dcgan_train::sampler::sample_checkpoint;
use dcgan_train::summary::Summary;
use dcgan_train::trainer::{Ending, Outcome, train_until};

/// A step's maps come and go in large blocks.
#[global_allocator]
static ALLOCATOR: Recycler = Recycler::new();

/// Trains a DCGAN on images, or samples from one that was trained
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Settings of a run as TOML, such as the config.toml that each run leaves in its output folder; flags win
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
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
    /// generator draws as it does in training, but each image depends on its own latent alone. The new checkpoint has no
    /// KID and no Frechet distance: those of the old one were measured with the old statistics.
    Recalibrate(RecalibrateArgs),
    /// Prints the layers of an architecture's networks, or of a saved one: shapes, parameters, multiply-adds
    Describe(DescribeArgs),
}

#[derive(clap::Args)]
struct DescribeArgs {
    /// The architecture
    #[arg(long, default_value = "dcgan64", conflicts_with = "checkpoint")]
    arch: Arch,
    /// A network that dcgan-train saved, or a run's folder of checkpoints
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Print JSON: an array of networks, each with its layers
    #[arg(long)]
    json: bool,
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
    /// What matrix products compute in
    #[arg(long, default_value = "f32")]
    precision: Precision,
    /// Threads of the CPU [default: one for each processor]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole::<usize>(1..=1024))]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    match parse().and_then(|(cli, settings)| run(cli, &settings)) {
        Ok(code) => code,
        Err(error) => {
            tell(&format!("dcgan-train: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints a line on stderr, in which names of files do not steer the terminal. A closed stderr is no failure.
fn tell(line: &str) {
    drop(writeln!(io::stderr(), "{}", escaped(line)));
}

/// Ends the program with what clap says, its help or what is wrong with the arguments. It quotes these as they are.
fn refuse(error: &clap::Error) -> ! {
    if !error.use_stderr() || arguments_are_plain() {
        error.exit();
    }
    drop(write!(io::stderr(), "{}", escaped_lines(&error.render().to_string())));
    process::exit(error.exit_code());
}

/// What was asked for: by the command line, and by the file of settings that it names; and all settings as such a file.
fn parse() -> anyhow::Result<(Cli, String)> {
    let command = config_file::with_switches(Cli::command());
    let mut matches = command.clone().try_get_matches().unwrap_or_else(|error| refuse(&error));
    if let Some(path) = matches.get_one::<PathBuf>("config") {
        let mut words: Vec<OsString> = env::args_os().collect();
        let settings = config_file::arguments(&command, &matches, path)?;
        words.splice(words.len().min(1).., settings.into_iter().chain(env::args_os().skip(1)));
        matches = command.clone().try_get_matches_from(words).map_err(|error| {
            let error = error.to_string();
            let reason = error.lines().next().unwrap_or_default().trim_start_matches("error: ");
            anyhow::anyhow!("{}: {reason}", path.display())
        })?;
    }
    let settings = config_file::render(&command, &matches);
    Ok((Cli::from_arg_matches(&matches)?, settings))
}

fn run(cli: Cli, settings: &str) -> anyhow::Result<ExitCode> {
    match cli.command {
        Some(Command::Sample(args)) => args.machine.run(Sample(&args)),
        Some(Command::Recalibrate(args)) => args.machine.run(Recalibrate(&args)),
        Some(Command::Describe(args)) => describe(&args),
        None => cli.machine.run(Train { config: &cli.train, quiet: cli.quiet, settings }),
    }
}

impl Machine {
    fn run<W: OnDevice<Output = anyhow::Result<ExitCode>>>(&self, work: W) -> anyhow::Result<ExitCode> {
        let threads = self.threads.unwrap_or(0);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        pool.context("cannot start the threads of --threads")?;
        device::run(self.device, self.precision, work)?
    }
}

/// Prints the networks of `dcgan-train describe`.
fn describe(args: &DescribeArgs) -> anyhow::Result<ExitCode> {
    let specs = match &args.checkpoint {
        Some(path) => vec![Checkpoint::load(&choice::choose(path)?.path)?.spec],
        None => args.arch.specs().into(),
    };
    let networks: Vec<_> = specs.into_iter().map(Summary::new).collect();
    let text = if args.json {
        serde_json::to_string_pretty(&networks).context("cannot write the networks as JSON")?
    } else {
        networks.iter().map(Summary::to_string).collect::<Vec<_>>().join("\n")
    };
    writeln!(io::stdout(), "{}", text.trim_end()).context("cannot print the networks")?;
    Ok(ExitCode::SUCCESS)
}

struct Train<'a> {
    config: &'a TrainConfig,
    quiet: bool,
    /// All settings, to repeat the run with.
    settings: &'a str,
}

impl OnDevice for Train<'_> {
    type Output = anyhow::Result<ExitCode>;

    fn run<E: Engine>(self, device: E::Device, name: &str) -> Self::Output {
        let mut progress = Progress::on_stderr(self.quiet);
        progress.say(&format_args!("device: {name}"));
        let (progress, interrupt) = (Mutex::new(progress), Interrupt::default());
        let mut has_state = false;
        let mut report = |event| {
            let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
            // Before, there is nothing to save: a signal ends the program as it always does.
            if matches!(event, Event::Started { .. })
                && let Err(error) = interrupt.on_signals()
            {
                progress
                    .tell(&Event::Warning(format!("a signal will end the run without saving it: {error}")));
            }
            if matches!(event, Event::Started { .. })
                && let Err(error) =
                    config_file::save(self.settings, &self.config.output_dir.join("config.toml"))
            {
                progress.tell(&Event::Warning(format!("{:#}", anyhow::Error::from(error))));
            }
            has_state |= is_state(&event);
            progress.tell(&event);
        };
        let result = thread::scope(|scope| {
            let (_running, ended) = mpsc::channel();
            scope.spawn(|| tell_signal(&interrupt, &progress, ended));
            train_until::<E>(self.config, &device, &interrupt, &mut report)
        });
        let progress = progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(error) if has_state => {
                drop(progress);
                let hint = kept_hint(&error);
                tell(&format!("dcgan-train: {:#}", anyhow::Error::from(error)));
                tell(&hint);
                return Ok(ExitCode::FAILURE);
            }
            Err(error) => return Err(error.into()),
        };
        progress.finish();
        if !self.quiet {
            outcome.to_string().lines().for_each(tell);
            tell(&next_command(&outcome));
        }
        Ok(match outcome.ending {
            Ending::Complete => ExitCode::SUCCESS,
            Ending::Interrupted(signal) => ExitCode::from(signal.exit_code()),
        })
    }
}

/// Says what a first signal does and what a second one would do: a step may take minutes.
fn tell_signal(interrupt: &Interrupt, progress: &Mutex<Progress>, ended: Receiver<()>) {
    if let Some(signal) = interrupt.wait(&ended) {
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.say(&format_args!(
            "{}: the run ends after this step, with its state saved; a second signal ends it at once, unsaved",
            signal.name()
        ));
    }
}

/// Whether an event tells that there is a state to go on from.
fn is_state(event: &Event) -> bool {
    match event {
        Event::Resumed { .. } => true,
        Event::Saved(path) => {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("state_"))
        }
        _ => false,
    }
}

/// What to type after a run.
fn next_command(outcome: &Outcome) -> String {
    match outcome.ending {
        Ending::Complete => {
            let generator = outcome.generator.to_string_lossy();
            let words = ["dcgan-export", "--checkpoint", &generator, "--output", "generator.onnx"];
            format!("next: {}", shell(words))
        }
        Ending::Interrupted(_) => format!("to go on: {}", resume_command(None)),
    }
}

/// What can be done with the states that a failed run left.
fn kept_hint(error: &TrainError) -> String {
    match error {
        // As it was, it would come to the same end again.
        TrainError::Collapsed { rollbacks: 0, .. } => {
            let command = resume_command(Some("rollback"));
            format!("the run's states are kept; to go on from a good one: {command}")
        }
        _ => format!("the run's last state is kept; to go on from it: {}", resume_command(None)),
    }
}

/// The command that goes on with this run, with another value of `--on-collapse` if there is one.
fn resume_command(on_collapse: Option<&str>) -> String {
    let words = env::args_os().map(|word| word.to_string_lossy().into_owned());
    resumed(words.collect(), on_collapse)
}

fn resumed(mut words: Vec<String>, on_collapse: Option<&str>) -> String {
    words.retain(|word| !["--resume", "--allow-changed-data", "--overwrite"].contains(&word.as_str()));
    let mut more = vec!["--resume"];
    if let Some(choice) = on_collapse {
        const SPELLINGS: [&str; 2] = ["--on-collapse", "--on_collapse"];
        words.retain(|word| !SPELLINGS.iter().any(|flag| word.starts_with(&format!("{flag}="))));
        while let Some(at) = words.iter().position(|word| SPELLINGS.contains(&word.as_str())) {
            // With its value, which clap has seen there.
            words.drain(at..words.len().min(at + 2));
        }
        more.extend(["--on-collapse", choice]);
    }
    shell(words.iter().map(String::as_str).chain(more))
}

/// Words as a shell takes them.
fn shell<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    // No argument of a process has the byte 0 in it, which is all that cannot be quoted.
    shlex::try_join(words).unwrap_or_default()
}

/// The checkpoint that `--checkpoint` stands for; which of a folder, is said.
fn chosen(path: &Path) -> anyhow::Result<Cow<'_, Path>> {
    let Choice { path, reason } = choice::choose(path)?;
    if let Some(reason) = reason {
        let line = format!("taking {}: {reason}", path.display());
        writeln!(io::stdout(), "{}", escaped(&line)).context("cannot print what was chosen")?;
    }
    Ok(path)
}

struct Recalibrate<'a>(&'a RecalibrateArgs);

impl OnDevice for Recalibrate<'_> {
    type Output = anyhow::Result<ExitCode>;

    fn run<E: Engine>(self, device: E::Device, _: &str) -> Self::Output {
        let RecalibrateArgs { checkpoint, output, batches, .. } = self.0;
        let checkpoint = chosen(checkpoint)?;
        atomic::keep_input(&checkpoint, output)?;
        recalibrate_checkpoint::<E>(&device, &checkpoint, *batches)?.save(output)?;
        let latents = batches * recalibrate::BATCH_SIZE as u64;
        let line = format!("wrote {}: BatchNorm's statistics of {latents} latents", output.display());
        writeln!(io::stdout(), "{}", escaped(&line)).context("cannot print the summary")?;
        Ok(ExitCode::SUCCESS)
    }
}

struct Sample<'a>(&'a SampleArgs);

impl OnDevice for Sample<'_> {
    type Output = anyhow::Result<ExitCode>;

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
        let line =
            format!("wrote {output}: {count} images of {width}x{height}, seeds {} to {last}", args.seed);
        writeln!(io::stdout(), "{}", escaped(&line)).context("cannot print the summary")?;
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_goes_on_names_each_flag_once() {
        let resumed =
            |words: &str, on_collapse| resumed(words.split(' ').map(str::to_owned).collect(), on_collapse);
        let rollback = Some("rollback");
        for words in [
            "dcgan-train --seed 1",
            "dcgan-train --on-collapse stop --seed 1",
            "dcgan-train --seed 1 --on-collapse=continue --overwrite",
            "dcgan-train --on_collapse rollback --seed 1 --resume",
        ] {
            let expected = "dcgan-train --seed 1 --resume --on-collapse rollback";
            assert_eq!(resumed(words, rollback), expected, "{words}");
        }
        let kept = resumed("dcgan-train --on-collapse rollback --overwrite", None);
        assert_eq!(kept, "dcgan-train --on-collapse rollback --resume");
    }
}

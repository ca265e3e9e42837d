//! `dcgan-infer doctor`, and the processes that it starts of this program.

use std::env;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use dcgan_infer::ModelFile;
use dcgan_infer::doctor::{self, DoctorConfig, Probe, TrialProbe};
use dcgan_infer::library::OnnxRuntime;
use dcgan_infer::search::{Candidate, Place};

use super::engine::DeviceName;
use super::model::ModelArgs;
use super::say;

/// Try every engine of this machine, and say what to do where one does not work
///
/// Each place where a run looks for ONNX Runtime is looked at, each execution provider of what is there runs a small
/// model, and so does the embedded tract, in processes of their own that may crash. With --model, each that works also
/// draws the images that a file of dcgan-export has test vectors of, and is compared. The exit code is 0 if any engine
/// works and, with --model, one draws those images and none draws others, 1 otherwise.
///
/// The object that --json prints has the fields `format` (1), `version`, `api_level_needed`, `works`, `run` (`engine`:
/// onnxruntime, tract or null; `place`), `onnxruntime` (a list of `place`: flag, variable, cache or system; `path`;
/// `status`: none, no_library, foreign, too_old, crashes, fails or works; `version`; `api_level`; `reason`; `providers`,
/// a list of `name`, `status`: works, falls_back, fails, crashes or absent; `reason`), `tract` (`status`, `version`,
/// `reason`), `model` (null without --model; `path`, `name`, `license`, `is_changed`, `seeds`, `passes`: true, false or
/// null; `engines`, a list of `engine`, `place`, `status`: passes, differs, fails or crashes; `difference`, `reason`;
/// `reason`) and `problems` (a list of `subject`, `problem`, `remedy`). What is not known is null. Fields may be added
/// under the same `format`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// ONNX Runtime's shared library, as a run would be given it
    #[arg(long, value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
    /// Generator to draw with in every engine that works, a .onnx file; its images have to be those of its test vectors
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// How long a library or a provider may take to start
    #[arg(long, value_name = "SECONDS", default_value_t = 60, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=3600))]
    timeout: u16,
}

impl DoctorArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let report = doctor::examine(&DoctorConfig {
            program: env::current_exe().context("cannot find this program, to try engines with it")?,
            library: self.onnxruntime,
            model: self.model.as_deref().map(ModelFile::read).transpose()?,
            timeout: Duration::from_secs(self.timeout.into()),
        });
        say::report(&report, self.json)?;
        Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Answer a question of `dcgan-infer doctor` or `serve`; ends when stdin does
#[derive(Debug, Args)]
#[command(hide = true)]
pub struct ProbeArgs {
    /// ONNX Runtime's shared library
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
    /// The library on the system's path
    #[arg(long, conflicts_with = "library")]
    system: bool,
    /// The embedded engine
    #[arg(long, conflicts_with_all = ["library", "system"], required_unless_present_any = ["library", "system"])]
    tract: bool,
    /// Provider of the library to run a model on
    #[arg(long, value_name = "NAME", conflicts_with = "tract")]
    provider: Option<String>,
    /// Model whose test vectors to draw
    #[arg(long, value_name = "FILE", conflicts_with = "provider")]
    model: Option<PathBuf>,
    /// Only load the model, as the server would
    #[arg(long, requires = "model")]
    trial: bool,
    /// What to compute a trial on
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceName,
    /// Threads of a trial
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    about: ModelArgs,
}

impl ProbeArgs {
    pub fn run(self) -> anyhow::Result<()> {
        end_with_stdin();
        let candidate = match self.library {
            Some(path) => Some(Candidate { place: Place::Flag, path }),
            None if self.system => Some(Candidate { place: Place::System, path: OnnxRuntime::system_name() }),
            None => None,
        };
        let probe = match (candidate, self.provider, self.model) {
            (library, _, Some(model)) if self.trial => {
                let (device, threads, about) = (self.device.into(), self.threads, self.about.into());
                Probe::Trial(TrialProbe { library, device, threads, model, about })
            }
            (candidate, _, Some(model)) => Probe::Replay(candidate, model),
            (Some(candidate), Some(name), None) => Probe::Provider(candidate, name),
            (Some(candidate), None, None) => Probe::Library(candidate),
            (None, _, None) => Probe::Tract,
        };
        writeln!(io::stdout(), "\n{}", probe.answer()).context("cannot answer")
    }
}

/// Aborts this process when its stdin closes: whoever asked is gone, and an engine may never return.
fn end_with_stdin() {
    thread::spawn(|| {
        drop(io::copy(&mut io::stdin(), &mut io::sink()));
        process::abort();
    });
}

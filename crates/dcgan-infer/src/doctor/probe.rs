//! A question that a process of its own answers.

use std::ffi::OsString;
use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::provider::{self, Provider};
use super::replay;
use super::report::{EngineStatus, PlaceStatus};
use crate::engine::{DeviceChoice, Engine, with_causes};
use crate::generator::{Generator, GeneratorConfig};
use crate::library::{LibraryError, OnnxRuntime};
use crate::model_file::ModelFile;
use crate::search::{Candidate, Place};

/// What precedes the answer: a library may print what it likes before.
pub(super) const MARK: &str = "dcgan-infer probe: ";

/// A question to a process that may die of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// What the library is.
    Library(Candidate),
    /// Whether the library's provider of this name runs a model.
    Provider(Candidate, String),
    /// Whether tract runs a model.
    Tract,
    /// Whether the library, or tract, draws the images of the test vectors in a model's file.
    Replay(Option<Candidate>, PathBuf),
    /// Whether a model finishes its draws at load without taking the process down; what they show is not told.
    Trial(TrialProbe),
}

/// A model to load as a running engine loads it.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialProbe {
    /// The library that runs, or tract.
    pub library: Option<Candidate>,
    /// What the engine computes on.
    pub device: DeviceChoice,
    /// Threads of the engine, if they are limited.
    pub threads: Option<NonZeroUsize>,
    /// The `.onnx` file.
    pub model: PathBuf,
    /// What the file does not say.
    pub about: GeneratorConfig,
}

/// What a library is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum LibraryAnswer {
    Loaded { version: String, api_level: u32, file: Option<String>, providers: Vec<String> },
    Refused { status: PlaceStatus, reason: String, version: Option<String>, api_level: Option<u32> },
}

/// Whether a model runs.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RunAnswer {
    pub status: EngineStatus,
    pub reason: Option<String>,
    /// The version of an embedded engine.
    pub build: Option<String>,
}

impl Probe {
    /// The command line of the program that is asked: a subcommand's name, and the flags `--library FILE`, `--system`
    /// or `--tract`, and `--provider NAME` or `--model FILE`, for a trial with `--trial` and the flags of a run.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let (candidate, task): (_, Vec<OsString>) = match self {
            Self::Library(candidate) => (Some(candidate), Vec::new()),
            Self::Provider(candidate, name) => (Some(candidate), vec!["--provider".into(), name.into()]),
            Self::Tract => (None, Vec::new()),
            Self::Replay(candidate, model) => (candidate.as_ref(), vec!["--model".into(), model.into()]),
            Self::Trial(trial) => (trial.library.as_ref(), trial.arguments()),
        };
        let mut arguments: Vec<OsString> = vec!["probe".into()];
        match candidate {
            Some(Candidate { place: Place::System, .. }) => arguments.push("--system".into()),
            Some(Candidate { path, .. }) => arguments.extend(["--library".into(), path.into()]),
            None => arguments.push("--tract".into()),
        }
        arguments.extend(task);
        arguments
    }

    /// Answers, in one line for stdout. The engine runs in this process from then on.
    pub fn answer(&self) -> String {
        let answer = match self {
            Self::Library(candidate) => serde_json::to_string(&library(candidate)),
            Self::Provider(candidate, name) => serde_json::to_string(&provider(candidate, name)),
            Self::Tract => serde_json::to_string(&tract()),
            Self::Replay(candidate, model) => {
                serde_json::to_string(&replay::replay(start(candidate.as_ref()), model))
            }
            Self::Trial(trial) => serde_json::to_string(&trial.answer()),
        };
        // Text and numbers alone: JSON can say all of it.
        format!("{MARK}{}", answer.unwrap_or_default())
    }
}

impl TrialProbe {
    fn arguments(&self) -> Vec<OsString> {
        let device = match self.device {
            DeviceChoice::Auto => "auto",
            DeviceChoice::Cpu => "cpu",
            DeviceChoice::Cuda => "cuda",
        };
        let GeneratorConfig { latent_size, output, layout, value_range } = &self.about;
        let mut arguments: Vec<OsString> =
            vec!["--trial".into(), "--model".into(), self.model.clone().into()];
        let mut add = |flag: &str, value: Option<String>| {
            arguments.extend(value.map(|value| format!("{flag}={value}").into()));
        };
        add("--device", Some(device.to_owned()));
        add("--threads", self.threads.map(|threads| threads.to_string()));
        add("--latent-size", latent_size.map(|size| size.to_string()));
        add("--model-output", output.clone());
        add("--layout", layout.map(|layout| layout.to_string()));
        add("--value-range", value_range.map(|range| range.to_string()));
        arguments
    }

    /// Loads the model. Whoever asked loads it too, and gets the same error if it cannot be used.
    fn answer(&self) -> Option<String> {
        let mut engine = match start(self.library.as_ref()) {
            Ok(engine) => engine,
            Err(reason) => return Some(reason),
        };
        (engine.device, engine.threads) = (self.device, self.threads);
        let file = ModelFile::read(&self.model);
        file.and_then(|file| Generator::new(&engine, file, &self.about))
            .err()
            .map(|error| with_causes(&error))
    }
}

fn library(candidate: &Candidate) -> LibraryAnswer {
    let runtime = match candidate.open() {
        Ok(runtime) => runtime,
        Err(error) => return refused(&error),
    };
    let (version, api_level) = (runtime.version().to_owned(), runtime.api_level());
    let file = (candidate.place == Place::System).then(mapped_file).flatten();
    let providers = Engine::with_library(candidate, runtime)
        .map_err(|error| with_causes(&error))
        .and_then(|_engine| Provider::listed().map_err(|error| with_causes(&error)));
    match providers {
        Ok(providers) => LibraryAnswer::Loaded { version, api_level, file, providers },
        Err(reason) => LibraryAnswer::Refused {
            status: PlaceStatus::Fails,
            reason,
            version: Some(version),
            api_level: Some(api_level),
        },
    }
}

fn refused(error: &LibraryError) -> LibraryAnswer {
    let (status, version, api_level) = match error {
        LibraryError::Missing { .. } | LibraryError::Unfound { .. } => (PlaceStatus::None, None, None),
        LibraryError::Load { .. } => (PlaceStatus::NoLibrary, None, None),
        LibraryError::Foreign { .. } => (PlaceStatus::Foreign, None, None),
        LibraryError::Old { found, level, .. } => (PlaceStatus::TooOld, Some(found.clone()), Some(*level)),
    };
    LibraryAnswer::Refused { status, reason: with_causes(error), version, api_level }
}

fn provider(candidate: &Candidate, name: &str) -> RunAnswer {
    let (status, reason) = match (start(Some(candidate)), Provider::of(name)) {
        (Ok(engine), Some(provider)) => provider.try_out(&engine),
        (Ok(_), None) => (EngineStatus::Absent, Some("this program cannot ask for it".to_owned())),
        (Err(reason), _) => (EngineStatus::Fails, Some(reason)),
    };
    RunAnswer { status, reason, build: None }
}

/// Starts a library, or tract.
fn start(candidate: Option<&Candidate>) -> Result<Engine, String> {
    let Some(candidate) = candidate else {
        return Engine::embedded().map_err(|error| with_causes(&error));
    };
    let runtime = candidate.open().map_err(|error| with_causes(&error))?;
    Engine::with_library(candidate, runtime).map_err(|error| with_causes(&error))
}

fn tract() -> RunAnswer {
    match start(None) {
        Ok(engine) => {
            let (status, reason) = provider::try_engine(&engine);
            let build = ort::info().split_once("version=").map(|(_, version)| version.to_owned());
            RunAnswer { status, reason, build }
        }
        Err(reason) => RunAnswer { status: EngineStatus::Fails, reason: Some(reason), build: None },
    }
}

/// The file that the loader took for a library that was asked for by its name, where the system tells (Linux).
fn mapped_file() -> Option<String> {
    let name = OnnxRuntime::system_name();
    let name = name.to_str()?;
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let paths = maps.lines().filter_map(|line| line.split_once('/').map(|(_, path)| format!("/{path}")));
    let mut files = paths.map(PathBuf::from).filter(|path| {
        path.file_name().and_then(|file| file.to_str()).is_some_and(|file| file.starts_with(name))
    });
    files.next().map(|path| path.display().to_string())
}

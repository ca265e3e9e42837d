//! Which engine runs the model: ONNX Runtime where the machine has one, else the embedded tract.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use ort::environment::Environment;
use ort::ep::{CUDA, ExecutionProvider};
use ort::logging::LogLevel;
use ort::sys::OrtApi;

use crate::library::{LibraryError, OnnxRuntime};
use crate::search::{self, Candidate, LIBRARY_VARIABLE, Place};

/// The most sessions of a generator: each holds the weights.
pub const MOST_SESSIONS: NonZeroUsize = NonZeroUsize::new(8).unwrap();
/// From so many images on, drawing them takes longer than starting more sessions.
const MANY_IMAGES: usize = 128;
/// The [name](Engine::name) of the embedded engine.
pub(crate) const TRACT: &str = "tract";

/// Which engine may be started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// ONNX Runtime if it is found, tract otherwise.
    #[default]
    Auto,
    /// ONNX Runtime, or an error.
    OnnxRuntime,
    /// The embedded tract, wherever ONNX Runtime may lie.
    Tract,
}

/// What ONNX Runtime computes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// An NVIDIA GPU where this ONNX Runtime can use one, the CPU otherwise.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU, or an error: never the CPU instead.
    Cuda,
}

/// How to start an [`Engine`].
#[derive(Clone, Debug, Default)]
pub struct EngineConfig {
    /// Which engine.
    pub choice: EngineChoice,
    /// ONNX Runtime's library, looked for nowhere else if given.
    pub library: Option<PathBuf>,
    /// What to compute on.
    pub device: DeviceChoice,
    /// Threads of a generator, as many as cores by default. A session of tract has one whatever is asked for.
    pub threads: Option<NonZeroUsize>,
}

/// A running engine. `ort` has one a process: the first that starts.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) environment: Environment,
    pub(crate) device: DeviceChoice,
    pub(crate) threads: Option<NonZeroUsize>,
    name: String,
    description: String,
    /// The library that it is, none for tract.
    library: Option<Candidate>,
    warnings: Vec<String>,
}

/// No engine could be started.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The library that was named cannot be used.
    #[error(
        "{named_by} names no ONNX Runtime that can be used; name another, or leave it out and run \
         `dcgan-infer install`"
    )]
    Library {
        /// Who named it.
        named_by: Place,
        /// What is wrong with it.
        source: LibraryError,
    },
    /// There is no ONNX Runtime, and tract was not wanted or is not there.
    #[error(
        "found no ONNX Runtime{}: run `dcgan-infer install`, or name its library with --onnxruntime or \
         {LIBRARY_VARIABLE}",
        passed_over.iter().map(|reason| format!(" ({reason})")).collect::<String>()
    )]
    NoOnnxRuntime {
        /// Why a library that was found was passed over.
        passed_over: Vec<String>,
    },
    /// tract was asked for in a build without it.
    #[error(
        "this build has no tract: build it with `--features tract`, or run `dcgan-infer install` and leave \
         --engine tract out"
    )]
    NoTract,
    /// CUDA was asked for, and this engine has none.
    #[error(
        "{description} has no CUDA: name the library of a build that has it, such as that of the PyPI package \
         onnxruntime-gpu, with --onnxruntime, or compute with --device cpu"
    )]
    NoCuda {
        /// Which engine.
        description: String,
    },
    /// An engine was started before.
    #[error("an engine runs in this process already, and there can be only one: share it")]
    AlreadyStarted,
    /// The engine itself failed.
    #[error("{description} does not start")]
    Start {
        /// Which engine.
        description: String,
        /// What it said.
        source: ort::Error,
    },
}

impl Engine {
    /// Starts an engine. ONNX Runtime is, in this order, [`EngineConfig::library`], the one that
    /// [`LIBRARY_VARIABLE`] names, the one in the [cache](crate::cache), the one on the system's library path.
    ///
    /// Its telemetry is off from then on. Microsoft's builds since 1.29 report that they start even so, unless the
    /// environment has `ORT_DISABLE_TELEMETRY=1`, which the program `dcgan-infer` sets itself.
    ///
    /// # Errors
    /// [`EngineError`] if the library that the configuration or the variable names cannot be used, if none is found
    /// and tract is out of the question, or if an engine was started in this process before. A library found in the
    /// cache or the system that cannot be used is passed over, with one of the [`warnings`](Engine::warnings).
    pub fn start(config: &EngineConfig) -> Result<Self, EngineError> {
        let mut warnings = Vec::new();
        let found = match config.choice {
            EngineChoice::Tract => None,
            EngineChoice::Auto | EngineChoice::OnnxRuntime => find(config, &mut warnings)?,
        };
        let engine = match (found, config.choice) {
            (Some((candidate, runtime)), _) => Self::with_library(&candidate, runtime)?,
            (None, EngineChoice::Auto) if cfg!(feature = "tract") => Self::embedded()?,
            (None, EngineChoice::Tract) => Self::embedded()?,
            (None, _) => return Err(EngineError::NoOnnxRuntime { passed_over: warnings }),
        };
        let device = engine.device_for(config.device)?;
        Ok(Self { device, threads: config.threads, warnings, ..engine })
    }

    /// What is computed on, of what the engine has at all.
    fn device_for(&self, choice: DeviceChoice) -> Result<DeviceChoice, EngineError> {
        let has_cuda = || self.name != TRACT && CUDA::is_available().unwrap_or(false);
        match choice {
            DeviceChoice::Cpu => Ok(DeviceChoice::Cpu),
            _ if has_cuda() => Ok(choice),
            DeviceChoice::Auto => Ok(DeviceChoice::Cpu),
            DeviceChoice::Cuda => Err(EngineError::NoCuda { description: self.description.clone() }),
        }
    }

    /// Starts an ONNX Runtime that was found.
    pub(crate) fn with_library(candidate: &Candidate, runtime: OnnxRuntime) -> Result<Self, EngineError> {
        let name = format!("ONNX Runtime {}", runtime.version());
        let description = match candidate.place {
            Place::System => format!("{name} (from the system's library path)"),
            _ => format!("{name} ({})", candidate.path.display()),
        };
        let engine = Self::with_api(runtime.into_api(), name, description)?;
        Ok(Self { library: Some(candidate.clone()), ..engine })
    }

    /// Starts tract.
    #[cfg(feature = "tract")]
    pub(crate) fn embedded() -> Result<Self, EngineError> {
        Self::with_api(ort_tract::api(), TRACT.to_owned(), format!("{TRACT} (embedded)"))
    }

    /// This build has no tract.
    #[cfg(not(feature = "tract"))]
    pub(crate) fn embedded() -> Result<Self, EngineError> {
        Err(EngineError::NoTract)
    }

    fn with_api(api: OrtApi, name: String, description: String) -> Result<Self, EngineError> {
        if !ort::set_api(api) {
            return Err(EngineError::AlreadyStarted);
        }
        let environment =
            ort::init().with_name("dcgan-infer").with_telemetry(false).with_logger(Arc::new(log));
        match environment.build() {
            Ok(environment) => {
                environment.set_log_level(LogLevel::Warning);
                let (device, warnings) = (DeviceChoice::Cpu, Vec::new());
                Ok(Self { environment, device, threads: None, name, description, library: None, warnings })
            }
            Err(source) => Err(EngineError::Start { description, source }),
        }
    }

    /// How many sessions draw so many images soonest: one where there are few, because each takes time to start, or else
    /// as many as there are threads, up to [`MOST_SESSIONS`].
    pub fn sessions(&self, images: usize) -> NonZeroUsize {
        let most = self.available_threads().min(MOST_SESSIONS);
        if images < MANY_IMAGES { NonZeroUsize::MIN } else { most }
    }

    /// Threads of all sessions together.
    pub(crate) fn available_threads(&self) -> NonZeroUsize {
        let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.threads.unwrap_or_else(cores)
    }

    /// Which engine this is, such as `ONNX Runtime 1.32.0` or `tract`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which engine this is and where it comes from, such as `ONNX Runtime 1.32.0 (path)` or `tract (embedded)`.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The library of ONNX Runtime that runs; `None` for tract.
    pub fn library(&self) -> Option<&Candidate> {
        self.library.as_ref()
    }

    /// Why a better engine that seemed to be there was passed over, a line each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Takes what ONNX Runtime logs: errors come back from its functions too, and are told by those that call them.
#[cfg_attr(not(feature = "serve"), expect(unused_variables, reason = "there is no log without the server"))]
fn log(level: LogLevel, _category: &str, _id: &str, place: &str, message: &str) {
    #[cfg(feature = "serve")]
    tracing::debug!(?level, place, "ONNX Runtime: {message}");
}

/// The first ONNX Runtime of the search order.
fn find(
    config: &EngineConfig,
    warnings: &mut Vec<String>,
) -> Result<Option<(Candidate, OnnxRuntime)>, EngineError> {
    for candidate in search::candidates(config.library.as_deref()) {
        match candidate.open() {
            Ok(runtime) => return Ok(Some((candidate, runtime))),
            Err(source) if candidate.place.is_named() => {
                return Err(EngineError::Library { named_by: candidate.place, source });
            }
            Err(error) if error.is_absence() => {}
            Err(error) if candidate.place == Place::Cache => {
                warnings.push(format!("{}; `dcgan-infer install --force` replaces it", with_causes(&error)));
            }
            Err(error) => warnings.push(with_causes(&error)),
        }
    }
    Ok(None)
}

/// An error with what caused it. What an engine says, which breaks lines where it likes, is on one line.
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let said = |error: &(dyn std::error::Error + 'static)| match error.is::<ort::Error>() {
        true => error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
        false => error.to_string(),
    };
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(said(error), |text, cause| format!("{text}: {}", said(cause)))
}

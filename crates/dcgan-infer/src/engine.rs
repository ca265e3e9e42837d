//! Which engine runs the model: ONNX Runtime where the machine has one, else the embedded tract.

use std::env;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use ort::environment::Environment;
use ort::sys::OrtApi;

use crate::cache;
use crate::library::{LibraryError, OnnxRuntime};

/// The environment variable that names ONNX Runtime's library, the one that `ort` reads too.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

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

/// How to start an [`Engine`].
#[derive(Clone, Debug, Default)]
pub struct EngineConfig {
    /// Which engine.
    pub choice: EngineChoice,
    /// ONNX Runtime's library, looked for nowhere else if given.
    pub library: Option<PathBuf>,
    /// Threads of a generator, as many as cores by default. tract has one whatever is asked for.
    pub threads: Option<NonZeroUsize>,
}

/// A running engine. `ort` has one a process: the first that starts.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) environment: Environment,
    pub(crate) threads: Option<NonZeroUsize>,
    description: String,
    warnings: Vec<String>,
}

/// Who named a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// [`EngineConfig::library`], the flag `--onnxruntime`.
    Flag,
    /// [`LIBRARY_VARIABLE`].
    Variable,
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
        named_by: NamedBy,
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
    /// [`LIBRARY_VARIABLE`] names, the one in the [cache], the one on the system's library path.
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
        let (api, description) = match found {
            Some(Found { runtime, place }) => {
                let description = format!("ONNX Runtime {} ({place})", runtime.version());
                (runtime.into_api(), description)
            }
            None if config.choice == EngineChoice::OnnxRuntime => {
                return Err(EngineError::NoOnnxRuntime { passed_over: warnings });
            }
            None => (tract_api(config.choice, &warnings)?, "tract (embedded)".to_owned()),
        };
        if !ort::set_api(api) {
            return Err(EngineError::AlreadyStarted);
        }
        match ort::init().with_name("dcgan-infer").with_telemetry(false).build() {
            Ok(environment) => Ok(Self { environment, threads: config.threads, description, warnings }),
            Err(source) => Err(EngineError::Start { description, source }),
        }
    }

    /// Which engine this is and where it comes from, such as `ONNX Runtime 1.32.0 (path)` or `tract (embedded)`.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Why a better engine that seemed to be there was passed over, a line each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

struct Found {
    runtime: OnnxRuntime,
    place: String,
}

/// The first ONNX Runtime of the search order. A library that the user named has to do; one that happens to lie in
/// the cache or the system need not.
fn find(config: &EngineConfig, warnings: &mut Vec<String>) -> Result<Option<Found>, EngineError> {
    let variable = env::var_os(LIBRARY_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let named = config.library.clone().map(|path| (NamedBy::Flag, path));
    if let Some((named_by, path)) = named.or(variable.map(|path| (NamedBy::Variable, path))) {
        let runtime = OnnxRuntime::open(&path).map_err(|source| EngineError::Library { named_by, source })?;
        return Ok(Some(Found { runtime, place: path.display().to_string() }));
    }
    Ok(find_cached(warnings).or_else(|| find_system(warnings)))
}

fn find_cached(warnings: &mut Vec<String>) -> Option<Found> {
    let path = cache::library_path(&cache::onnxruntime_folder()?);
    match OnnxRuntime::open(&path) {
        Ok(runtime) => Some(Found { runtime, place: path.display().to_string() }),
        Err(LibraryError::Missing { .. }) => None,
        Err(error) => {
            warnings.push(format!("{}; `dcgan-infer install --force` replaces it", with_causes(&error)));
            None
        }
    }
}

fn find_system(warnings: &mut Vec<String>) -> Option<Found> {
    match OnnxRuntime::open_system() {
        Ok(runtime) => Some(Found { runtime, place: "from the system's library path".to_owned() }),
        // The loader says the same of a library that is not there and of one that it cannot load.
        Err(LibraryError::Load { .. }) => None,
        Err(error) => {
            warnings.push(with_causes(&error));
            None
        }
    }
}

fn with_causes(error: &LibraryError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(feature = "tract")]
fn tract_api(_choice: EngineChoice, _warnings: &[String]) -> Result<OrtApi, EngineError> {
    Ok(ort_tract::api())
}

#[cfg(not(feature = "tract"))]
fn tract_api(choice: EngineChoice, warnings: &[String]) -> Result<OrtApi, EngineError> {
    match choice {
        EngineChoice::Tract => Err(EngineError::NoTract),
        _ => Err(EngineError::NoOnnxRuntime { passed_over: warnings.to_vec() }),
    }
}

impl fmt::Display for NamedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "--onnxruntime",
            Self::Variable => LIBRARY_VARIABLE,
        })
    }
}

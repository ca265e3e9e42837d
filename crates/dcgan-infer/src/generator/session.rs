//! A model in an engine.

use std::fmt::{self, Display, Formatter};
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::thread;

use dcgan_core::memory;
use ort::ep::CUDA;
use ort::session::Session;

use super::{GeneratorError, refusal};
use crate::engine::{DeviceChoice, Engine, TRACT, with_causes};
use crate::model_file::ModelFile;

/// What a generator is computed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// The CPU.
    Cpu {
        /// Why it is not the GPU that this engine knows, if it was to be that by preference.
        instead_of_cuda: Option<String>,
    },
    /// An NVIDIA GPU.
    Cuda,
}

impl Display for Device {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu { .. } => "CPU",
            Self::Cuda => "CUDA",
        })
    }
}

/// What tract needs to load a model, in sizes of its file: its message, its tensors, and those that it lays out anew.
const TRACT_COPIES: usize = 5;
/// Where ONNX Runtime looks for the weights of a model that is loaded from memory.
const WEIGHTS_FOLDER: &str = "session.model_external_initializers_file_folder_path";

/// Loads a model in several sessions, each with its part of the engine's threads; on a GPU in one. There is one at least.
pub(super) fn start_sessions(
    engine: &Engine,
    file: &ModelFile,
    sessions: NonZeroUsize,
) -> Result<(Vec<Session>, Device), GeneratorError> {
    let threads = match sessions.get() {
        1 => engine.threads,
        sessions => {
            NonZeroUsize::new(engine.available_threads().get() / sessions).or(Some(NonZeroUsize::MIN))
        }
    };
    let (first, device) = start_session(engine, file, threads)?;
    if device == Device::Cuda {
        return Ok((vec![first], device));
    }
    let others = thread::scope(|scope| {
        let start = || on_cpu(engine, file, threads);
        // Where no more threads or memory are to be had, fewer sessions do.
        let other = |_| thread::Builder::new().spawn_scoped(scope, start).ok();
        let others: Vec<_> = (1..sessions.get()).filter_map(other).collect();
        let joined =
            others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        // The first one shows that the model loads: what others lack is memory.
        joined.filter_map(Result::ok).collect::<Vec<_>>()
    });
    Ok(([first].into_iter().chain(others).collect(), device))
}

/// Loads a model on the device that was chosen.
///
/// A session that was to be on the GPU and is not fails: ONNX Runtime by itself would fall back on the CPU without a
/// word.
pub(crate) fn start_session(
    engine: &Engine,
    file: &ModelFile,
    threads: Option<NonZeroUsize>,
) -> Result<(Session, Device), GeneratorError> {
    let cpu = |instead_of_cuda| Ok((on_cpu(engine, file, threads)?, Device::Cpu { instead_of_cuda }));
    match engine.device {
        DeviceChoice::Cpu => cpu(None),
        DeviceChoice::Auto => match load(engine, file, threads, true) {
            Ok(session) => Ok((session, Device::Cuda)),
            Err(error) => cpu(Some(with_causes(&error))),
        },
        DeviceChoice::Cuda => match load(engine, file, threads, true) {
            Ok(session) => Ok((session, Device::Cuda)),
            Err(source) => Err(GeneratorError::Cuda { path: file.path().to_owned(), source }),
        },
    }
}

fn on_cpu(
    engine: &Engine,
    file: &ModelFile,
    threads: Option<NonZeroUsize>,
) -> Result<Session, GeneratorError> {
    load(engine, file, threads, false).map_err(|source| GeneratorError::Model {
        path: file.path().to_owned(),
        engine: engine.name().to_owned(),
        advice: refusal::of_load(engine.name(), file, &source),
        source,
    })
}

fn load(
    engine: &Engine,
    file: &ModelFile,
    threads: Option<NonZeroUsize>,
    on_cuda: bool,
) -> ort::Result<Session> {
    if engine.name() == TRACT && file.weights_are_inputs() {
        // ort-tract would take the weights for inputs that are asked for, and panic.
        return Err(ort::Error::new("its weights are inputs too"));
    }
    if engine.name() == TRACT {
        // Where its own allocations fail, it ends the process.
        let bytes = file.bytes().len().checked_mul(TRACT_COPIES);
        let checked = memory::check(format_args!("the weights in {TRACT}"), bytes);
        checked.map_err(|error| ort::Error::new(error.to_string()))?;
    }
    let mut builder = Session::builder(&engine.environment)?;
    if let Some(threads) = threads {
        builder = builder.with_intra_threads(threads.get())?;
    }
    if on_cuda {
        builder = builder.with_execution_providers([CUDA::default().build().error_on_failure()])?;
    }
    // Weights in other files are looked for beside the model's.
    if !file.weights().is_empty() && !file.is_extended() {
        return builder.commit_from_file(file.path());
    }
    if !file.weights().is_empty() {
        let path = std::path::absolute(file.path()).map_err(ort::Error::wrap)?;
        let folder = path.parent().unwrap_or(&path);
        builder = builder.with_config_entry(WEIGHTS_FOLDER, folder.to_string_lossy())?;
    }
    builder.commit_from_memory(file.bytes())
}

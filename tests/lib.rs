//! Tests of the whole pipeline: what was trained with dfdx, exported and sampled by another engine is the same.
//!
//! The checks are here, the test programs beside this file run them: one for each engine.

mod difference;
mod forms;
mod parity;
mod road;
mod wide;

use std::path::{Path, PathBuf};

use dcgan_infer::install::{self, InstallConfig};
use dcgan_infer::{Engine, EngineChoice, EngineConfig};

pub use difference::largest_difference;
pub use forms::every_form_is_drawn_alike;
pub use parity::every_architecture_is_dfdxs;
pub use road::from_training_to_samples;
pub use wide::checkpoint as wide_checkpoint;

/// ONNX Runtime, fetched once for all tests of the workspace into cargo's folder for their files.
///
/// # Panics
/// If it cannot be installed: the tests need pip and its index once.
pub fn onnxruntime(target_tmpdir: &str) -> Engine {
    let folder = Path::new(target_tmpdir).join("onnxruntime");
    let config = InstallConfig { folder, version: install::DEFAULT_VERSION.to_owned(), force: false };
    let library = install::install(&config).map_err(anyhow::Error::new);
    let library = library.unwrap_or_else(|error| panic!("cannot install ONNX Runtime: {error:#}"));
    start(EngineChoice::OnnxRuntime, Some(library))
}

/// The embedded tract.
///
/// # Panics
/// If another engine runs in this process.
pub fn tract() -> Engine {
    start(EngineChoice::Tract, None)
}

fn start(choice: EngineChoice, library: Option<PathBuf>) -> Engine {
    let engine = Engine::start(&EngineConfig { choice, library, threads: None, ..EngineConfig::default() })
        .map_err(anyhow::Error::new);
    engine.unwrap_or_else(|error| panic!("{error:#}"))
}

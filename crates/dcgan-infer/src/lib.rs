//! Images from an exported generator, an ONNX file of `dcgan-export` or of any other program.
//!
//! - [`engine`]: finds ONNX Runtime on the machine, or falls back on the embedded tract
//! - [`generator`]: turns latents into images; [`model_file`]: what a `.onnx` file says of itself
//! - [`seeds`]: lists of them; [`latents_file`]: latents of NumPy's files; [`output`]: images as files
//! - [`mod@bench`]: how fast a generator draws
//! - `evaluate`, with the feature of that name: how far its images are from those of a dataset
//! - `serve`, with the feature of that name: images over HTTP
//! - [`mod@install`]: fetches ONNX Runtime from its PyPI package into the per-user cache
//! - [`search`], [`cache`] and [`library`]: where ONNX Runtime is looked for, where that cache is, and the check that
//!   a shared library is an ONNX Runtime
//! - [`doctor`]: tries all of it, and says what to do about each problem
//!
//! ```no_run
//! use dcgan_core::latent::latents;
//! use dcgan_infer::{Engine, EngineConfig, Generator};
//!
//! let engine = Engine::start(&EngineConfig::default())?;
//! let mut generator = Generator::open(&engine, "g.onnx".as_ref())?;
//! let images = generator.sample(latents(0, 16, generator.latent_size()).view())?;
//! assert_eq!(images.dim().0, 16);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod bench;
pub mod cache;
pub mod doctor;
pub mod engine;
#[cfg(feature = "evaluate")]
pub mod evaluate;
pub mod generator;
pub mod install;
pub mod latents_file;
pub mod library;
pub mod model_file;
mod outline;
pub mod output;
mod pip;
pub mod search;
pub mod seeds;
#[cfg(feature = "serve")]
pub mod serve;
mod wheel;

pub use engine::{DeviceChoice, Engine, EngineChoice, EngineConfig, EngineError};
pub use generator::{Generator, GeneratorConfig, GeneratorError};
pub use install::{InstallConfig, InstallError, install};
pub use model_file::ModelFile;

//! The flags that choose the engine, for every subcommand that runs a model.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, ValueEnum};
use dcgan_infer::{DeviceChoice, Engine, EngineChoice, EngineConfig};

use super::{Cli, say};

#[derive(Debug, Args)]
pub struct EngineArgs {
    /// ONNX Runtime's shared library; by default the one that ORT_DYLIB_PATH names, the one of `dcgan-infer install`
    /// or the system's, in this order
    #[arg(long, value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
    /// Engine to run the model with; auto is ONNX Runtime if it is found, tract otherwise
    #[arg(long, value_name = "ENGINE", default_value = "auto")]
    engine: EngineName,
    /// What to compute on: cuda is an error where ONNX Runtime cannot use an NVIDIA GPU, auto takes one if it can
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceName,
    /// Threads that draw, as many as cores by default; a single image takes one of tract's
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EngineName {
    Auto,
    #[value(name = "onnxruntime")]
    OnnxRuntime,
    Tract,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DeviceName {
    Auto,
    Cpu,
    Cuda,
}

impl From<DeviceName> for DeviceChoice {
    fn from(name: DeviceName) -> Self {
        match name {
            DeviceName::Auto => Self::Auto,
            DeviceName::Cpu => Self::Cpu,
            DeviceName::Cuda => Self::Cuda,
        }
    }
}

impl EngineArgs {
    /// Starts the engine and says on stderr which it is.
    #[cfg(feature = "serve")]
    pub fn start(self) -> anyhow::Result<Engine> {
        Ok(Engine::start(&self.config()).inspect(introduce)?)
    }

    /// Starts the engine while the model's file is read, each of which takes a while, and says on stderr which it is.
    pub fn start_beside<T>(self, read: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(Engine, T)> {
        let config = self.config();
        let (engine, file) = thread::scope(|scope| {
            let start = || Engine::start(&config);
            match thread::Builder::new().spawn_scoped(scope, start) {
                Ok(engine) => {
                    let file = read();
                    (engine.join().unwrap_or_else(|panic| resume_unwind(panic)), file)
                }
                // No thread is to be had, such as where memory is short.
                Err(_) => (start(), read()),
            }
        });
        // A file that cannot be used is the first thing to know, whatever the engine.
        let file = file?;
        Ok((engine.inspect(introduce)?, file))
    }

    fn config(self) -> EngineConfig {
        let choice = match self.engine {
            EngineName::Auto => EngineChoice::Auto,
            EngineName::OnnxRuntime => EngineChoice::OnnxRuntime,
            EngineName::Tract => EngineChoice::Tract,
        };
        if choice == EngineChoice::Tract && self.onnxruntime.is_some() {
            let message = "the argument '--engine tract' cannot be used with '--onnxruntime <FILE>'";
            Cli::command().error(ErrorKind::ArgumentConflict, message).exit();
        }
        EngineConfig {
            choice,
            library: self.onnxruntime,
            device: self.device.into(),
            threads: self.threads.and_then(|threads| NonZeroUsize::new(threads.into())),
        }
    }
}

fn introduce(engine: &Engine) {
    for warning in engine.warnings() {
        say::note(format_args!("warning: passed over: {warning}"));
    }
    say::line(format_args!("engine: {}", engine.description()));
}

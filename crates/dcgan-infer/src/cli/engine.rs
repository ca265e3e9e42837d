//! The flags that choose the engine, for every subcommand that runs a model.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, ValueEnum};
use dcgan_infer::{DeviceChoice, Engine, EngineChoice, EngineConfig, EngineError};

use super::Cli;

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
    /// Threads of ONNX Runtime, as many as cores by default; tract has one
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
enum DeviceName {
    Auto,
    Cpu,
    Cuda,
}

impl EngineArgs {
    /// Threads that were asked for.
    pub fn threads(&self) -> Option<usize> {
        self.threads.map(usize::from)
    }

    /// Starts the engine and says on stderr which it is.
    pub fn start(self) -> Result<Engine, EngineError> {
        let choice = match self.engine {
            EngineName::Auto => EngineChoice::Auto,
            EngineName::OnnxRuntime => EngineChoice::OnnxRuntime,
            EngineName::Tract => EngineChoice::Tract,
        };
        if choice == EngineChoice::Tract && self.onnxruntime.is_some() {
            let message = "the argument '--engine tract' cannot be used with '--onnxruntime <FILE>'";
            Cli::command().error(ErrorKind::ArgumentConflict, message).exit();
        }
        let config = EngineConfig {
            choice,
            library: self.onnxruntime,
            device: match self.device {
                DeviceName::Auto => DeviceChoice::Auto,
                DeviceName::Cpu => DeviceChoice::Cpu,
                DeviceName::Cuda => DeviceChoice::Cuda,
            },
            threads: self.threads.and_then(|threads| NonZeroUsize::new(threads.into())),
        };
        let engine = Engine::start(&config)?;
        for warning in engine.warnings() {
            drop(writeln!(io::stderr(), "dcgan-infer: warning: passed over: {warning}"));
        }
        drop(writeln!(io::stderr(), "engine: {}", engine.description()));
        Ok(engine)
    }
}

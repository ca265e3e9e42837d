//! The command line: a module for each subcommand, with its flags and what it does.

#[cfg(feature = "evaluate")]
mod advice;
mod bench;
mod doctor;
mod engine;
#[cfg(feature = "evaluate")]
mod evaluate;
mod guard;
mod install;
mod interpolate;
mod latents;
mod model;
mod note;
mod output;
mod sample;
pub mod say;
#[cfg(feature = "serve")]
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::bench::BenchArgs;
use self::doctor::{DoctorArgs, ProbeArgs};
use self::engine::EngineArgs;
#[cfg(feature = "evaluate")]
use self::evaluate::EvaluateArgs;
use self::install::InstallArgs;
use self::interpolate::InterpolateArgs;
use self::model::ModelArgs;
use self::sample::SampleArgs;
#[cfg(feature = "serve")]
use self::serve::ServeArgs;

/// Draw images with an exported generator, in ONNX Runtime where it is found and in the embedded tract
/// otherwise.
#[derive(Debug, Parser)]
#[command(name = "dcgan-infer", version, max_term_width = 100)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    sample: SampleArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    about: ModelArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Interpolate(InterpolateArgs),
    Bench(BenchArgs),
    #[cfg(feature = "evaluate")]
    Evaluate(Box<EvaluateArgs>),
    #[cfg(feature = "serve")]
    Serve(ServeArgs),
    Install(InstallArgs),
    Doctor(DoctorArgs),
    Probe(ProbeArgs),
}

impl Cli {
    /// Does what was asked for.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Some(Command::Interpolate(args)) => args.run()?,
            Some(Command::Bench(args)) => args.run()?,
            #[cfg(feature = "evaluate")]
            Some(Command::Evaluate(args)) => args.run()?,
            #[cfg(feature = "serve")]
            Some(Command::Serve(args)) => args.run()?,
            Some(Command::Install(args)) => args.run()?,
            Some(Command::Doctor(args)) => return args.run(),
            Some(Command::Probe(args)) => args.run()?,
            None => self.sample.run(self.engine, &self.about.into())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

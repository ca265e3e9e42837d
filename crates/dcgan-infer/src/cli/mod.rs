//! The command line: a module for each subcommand, with its flags and what it does.

mod doctor;
mod engine;
mod guard;
mod install;
mod model;
mod note;
mod sample;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::doctor::{DoctorArgs, ProbeArgs};
use self::engine::EngineArgs;
use self::install::InstallArgs;
use self::model::ModelArgs;
use self::sample::SampleArgs;

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
    sample: Option<SampleArgs>,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    about: ModelArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Install(InstallArgs),
    Doctor(DoctorArgs),
    Probe(ProbeArgs),
}

impl Cli {
    /// Does what was asked for.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match (self.command, self.sample) {
            (Some(Command::Install(args)), _) => args.run()?,
            (Some(Command::Doctor(args)), _) => return args.run(),
            (Some(Command::Probe(args)), _) => args.run()?,
            (None, Some(args)) => args.run(self.engine, &self.about.into())?,
            (None, None) => unreachable!("clap asks for --model where there is no subcommand"),
        }
        Ok(ExitCode::SUCCESS)
    }
}

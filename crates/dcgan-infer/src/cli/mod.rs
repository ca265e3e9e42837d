//! The command line: a module for each subcommand, with its flags and what it does.

mod engine;
mod install;
mod sample;

use clap::{Parser, Subcommand};

use self::engine::EngineArgs;
use self::install::InstallArgs;
use self::sample::SampleArgs;

/// Draw images with an exported DCGAN generator, in ONNX Runtime where it is found and in the embedded tract
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
}

#[derive(Debug, Subcommand)]
enum Command {
    Install(InstallArgs),
}

impl Cli {
    /// Does what was asked for.
    pub fn run(self) -> anyhow::Result<()> {
        match (self.command, self.sample) {
            (Some(Command::Install(args)), _) => args.run(),
            (None, Some(args)) => args.run(self.engine),
            (None, None) => unreachable!("clap asks for --model where there is no subcommand"),
        }
    }
}

//! The program: what the command line asks for, and what people are told.

mod advice;
mod args;
mod config_file;
mod describe;
mod next_command;
mod sample;
mod summary;
mod terminal;
mod train;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use args::{Cli, Command};
use describe::describe;
use sample::{Recalibrate, Sample};
use terminal::{refuse, tell};
use train::Train;

/// Runs the program.
pub fn main() -> ExitCode {
    match parse().and_then(|(cli, settings)| run(cli, &settings)) {
        Ok(code) => code,
        Err(error) => {
            tell(&format!("dcgan-train: {}", advice::explain(&error)));
            ExitCode::FAILURE
        }
    }
}

/// What was asked for: by the command line, and by the file of settings that it names; and all settings as such a file.
fn parse() -> anyhow::Result<(Cli, String)> {
    let command = config_file::with_switches(Cli::command());
    let mut matches = command.clone().try_get_matches().unwrap_or_else(|error| refuse(&error));
    if let Some(path) = matches.get_one::<PathBuf>("config") {
        let mut words: Vec<OsString> = env::args_os().collect();
        let settings = config_file::arguments(&command, &matches, path)?;
        words.splice(words.len().min(1).., settings.into_iter().chain(env::args_os().skip(1)));
        matches = command.clone().try_get_matches_from(words).map_err(|error| {
            let error = error.to_string();
            let reason = error.lines().next().unwrap_or_default().trim_start_matches("error: ");
            anyhow::anyhow!("{}: {reason}", path.display())
        })?;
    }
    let settings = config_file::render(&command, &matches);
    Ok((Cli::from_arg_matches(&matches)?, settings))
}

fn run(cli: Cli, settings: &str) -> anyhow::Result<ExitCode> {
    match cli.command {
        Some(Command::Sample(args)) => args.compute.run(Sample(&args)),
        Some(Command::Recalibrate(args)) => args.compute.run(Recalibrate(&args)),
        Some(Command::Describe(args)) => describe(&args),
        None => cli.compute.run(Train { config: &cli.train, quiet: cli.quiet, settings }),
    }
}

//! `dcgan-infer`: draws the images of an exported generator.

mod cli;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dcgan-infer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

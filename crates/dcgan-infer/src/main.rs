//! `dcgan-infer`: draws the images of an exported generator.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            // `eprintln!` would panic where nobody listens any more.
            drop(writeln!(io::stderr(), "dcgan-infer: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

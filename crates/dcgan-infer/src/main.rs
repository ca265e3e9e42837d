//! `dcgan-infer`: draws the images of an exported generator.

mod cli;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;

/// Since 1.29, Microsoft's builds of ONNX Runtime for Linux and macOS report to it unless this is set when they start.
const NO_TELEMETRY: &str = "ORT_DISABLE_TELEMETRY";

fn main() -> ExitCode {
    if env::var_os(NO_TELEMETRY).is_none() {
        // SAFETY: no other thread runs yet that could read the environment.
        unsafe { env::set_var(NO_TELEMETRY, "1") };
    }
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            // `eprintln!` would panic where nobody listens any more.
            drop(writeln!(io::stderr(), "dcgan-infer: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

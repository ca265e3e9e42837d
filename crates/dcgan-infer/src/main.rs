//! `dcgan-infer`: draws the images of an exported generator.

mod cli;

use std::env;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, say};

/// Since 1.29, Microsoft's builds of ONNX Runtime for Linux and macOS report to it unless this is set when they start.
const NO_TELEMETRY: &str = "ORT_DISABLE_TELEMETRY";

fn main() -> ExitCode {
    if env::var_os(NO_TELEMETRY).is_none() {
        // SAFETY: no other thread runs yet that could read the environment.
        unsafe { env::set_var(NO_TELEMETRY, "1") };
    }
    let cli = Cli::try_parse().unwrap_or_else(|error| say::usage(&error));
    cli.run().unwrap_or_else(|error| {
        say::error(&error);
        ExitCode::FAILURE
    })
}

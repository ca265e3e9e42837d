//! `dcgan-train describe`.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use dcgan_core::Checkpoint;
use dcgan_core::best_checkpoint;

use super::args::DescribeArgs;
use super::summary::Summary;

/// Prints the networks of `dcgan-train describe`.
pub(super) fn describe(args: &DescribeArgs) -> anyhow::Result<ExitCode> {
    let specs = match &args.checkpoint {
        Some(path) => vec![Checkpoint::load(&best_checkpoint::choose(path)?.path)?.spec],
        None => args.arch.specs().into(),
    };
    let networks: Vec<_> = specs.into_iter().map(Summary::new).collect();
    let text = if args.json {
        serde_json::to_string_pretty(&networks).context("cannot write the networks as JSON")?
    } else {
        networks.iter().map(Summary::to_string).collect::<Vec<_>>().join("\n")
    };
    writeln!(io::stdout(), "{}", text.trim_end()).context("cannot print the networks")?;
    Ok(ExitCode::SUCCESS)
}

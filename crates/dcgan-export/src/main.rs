//! `dcgan-export`: a generator's checkpoint in, an ONNX file out.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use dcgan_core::{Checkpoint, atomic};
use dcgan_export::{ExportConfig, ModelProto, Network, export_network, parameter_count};
use prost::Message;

/// Exports a trained generator to ONNX
///
/// The graph takes latents `z` [N, latent] and gives images `image` [N, C, S, S] in [-1, 1], for any N.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Args {
    /// The generator's checkpoint, as dcgan-train writes it
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// The ONNX file to write; an old one is replaced once the new one is whole
    #[arg(long, value_name = "FILE", default_value = "g.onnx")]
    output: PathBuf,
    #[command(flatten)]
    config: ExportConfig,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            drop(writeln!(io::stderr(), "dcgan-export: {err:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let checkpoint = Checkpoint::load(&args.checkpoint)?;
    atomic::keep_input(&args.checkpoint, &args.output)?;
    let cannot = || format!("cannot export {}", args.checkpoint.display());
    let network = Network::of_checkpoint(&checkpoint).with_context(cannot)?;
    let arch = network.arch.clone();
    let model = export_network(network, &args.config).with_context(cannot)?;
    let bytes = model.encode_to_vec();
    atomic::write(&args.output, |file| file.write_all(&bytes))?;
    let summary = summary(&arch, &args.config, &model);
    writeln!(io::stdout(), "{}: {} bytes, {summary}", args.output.display(), bytes.len())
        .context("cannot print the summary")
}

fn summary(arch: &str, config: &ExportConfig, model: &ModelProto) -> String {
    let nodes = model.graph.as_ref().map_or(0, |graph| graph.node.len());
    let parameters = parameter_count(model);
    format!("{arch}, {parameters} parameters, opset {}, {nodes} nodes", config.opset)
}

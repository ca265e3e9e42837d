//! `dcgan-export`: a network's weights in, an ONNX file out.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use dcgan_core::checkpoint::{CheckpointError, PICKLE_TO_SAFETENSORS};
use dcgan_core::terminal::{arguments_are_plain, escaped, escaped_lines};
use dcgan_core::{Weights, atomic, best_checkpoint};
use dcgan_export::inspect::{Table, inspect};
use dcgan_export::verify::{Tolerance, verify};
use dcgan_export::{Assumptions, ExportConfig, ModelProto, Network, export_network, parameter_count, triton};
use dcgan_onnx::Message;

/// Exports a trained generator or discriminator to ONNX
///
/// The generator's graph takes latents `z` [N, latent] and gives images `image` [N, C, S, S] in [-1, 1], the
/// discriminator's takes images and gives `logit` and `probability` [N, 1], for any N.
#[derive(Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = PICKLES,
    help_template = format!("{HELP}{PICKLE_TO_SAFETENSORS}\n"),
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    export: ExportArgs,
}

#[derive(Subcommand)]
enum Command {
    /// Show what an ONNX file of any origin holds: inputs, outputs, operators, sizes, versions, metadata
    Inspect {
        /// The ONNX file; its weights are not read
        #[arg(value_name = "FILE")]
        model: PathBuf,
    },
}

#[derive(Args)]
struct ExportArgs {
    /// The network's weights: a checkpoint of dcgan-train or its folder, or a PyTorch state dict as safetensors
    ///
    /// Of a folder, the best generator is taken (generator_best.safetensors), else the one of mean weights
    /// (generator_ema_final.safetensors), else generator_final.safetensors; which one is said.
    ///
    /// A state dict has the names of dcgan-train's checkpoints (fc.weight, tconv1.weight, bn1.weight ...) or those
    /// of PyTorch's DCGAN example (main.0.weight, main.1.weight ...); all sizes are read from the tensors' shapes. What a
    /// state dict does not hold is assumed and printed: strides, paddings, activations, BatchNorm's eps.
    // Optional for the subcommands' sake alone.
    #[arg(long, value_name = "FILE", required = true)]
    checkpoint: Option<PathBuf>,
    /// The ONNX file to write; an old one is replaced once the new one is whole. By default g.onnx, or none with
    /// --triton
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Model repository of Triton Inference Server to write the file into: DIR/dcgan/1/model.onnx, and its configuration
    /// DIR/dcgan/config.pbtxt, in which requests are put together into batches
    #[arg(long, value_name = "DIR")]
    triton: Option<PathBuf>,
    /// Write the file without running it. By default it is read back, run at batches of 1, 2 and 7 (or at its fixed
    /// one, or 16 where that is more) and compared with the checkpoint's own arithmetic; if they differ by more than 1e-4
    /// (f16: 0.05, uint8: one level), nothing is written, and an old file stays
    #[arg(long, alias = "no_verify")]
    no_verify: bool,
    #[command(flatten)]
    config: ExportConfig,
    #[command(flatten)]
    assumptions: Assumptions,
}

/// Clap's own order. The line of Python stands behind it as text of the template, since clap breaks all other text into
/// lines, which could not be pasted.
const HELP: &str = "{about-with-newline}\n{usage-heading} {usage}\n\n{all-args}{after-help}\n\n";
/// Stands before the line of Python in the help.
const PICKLES: &str = "A .pth or .pt file of PyTorch is a pickle, which only Python reads; where torch, numpy and \
                       safetensors are installed, this line makes a safetensors file of its state dict:";

fn main() -> ExitCode {
    match run(Cli::try_parse().unwrap_or_else(|error| refuse(&error))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            drop(writeln!(io::stderr(), "dcgan-export: {}", escaped(&with_advice(&err))));
            ExitCode::FAILURE
        }
    }
}

/// Formats an error with its causes, and names the flag where the checkpoint cannot be read.
fn with_advice(error: &anyhow::Error) -> String {
    match error.downcast_ref() {
        Some(CheckpointError::Read { .. }) => format!("{error:#}; name it with --checkpoint"),
        _ => format!("{error:#}"),
    }
}

/// Ends the program with what clap says, its help or what is wrong with the arguments. It quotes these as they are.
fn refuse(error: &clap::Error) -> ! {
    if !error.use_stderr() || arguments_are_plain() {
        error.exit();
    }
    drop(write!(io::stderr(), "{}", escaped_lines(&error.render().to_string())));
    process::exit(error.exit_code());
}

fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Some(Command::Inspect { model }) => {
            write!(io::stdout(), "{}", Table(&inspect(&model)?)).context("cannot print the table")
        }
        None => export(&cli.export),
    }
}

fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let choice =
        best_checkpoint::choose(args.checkpoint.as_deref().context("--checkpoint FILE is missing")?)?;
    let path = choice.path.as_ref();
    let (weights, checksum) = Weights::load_hashed(path)?;
    let in_repository = args.triton.as_deref().map(triton::model_path);
    let outputs = args.output().into_iter().chain(in_repository.as_deref());
    outputs.clone().try_for_each(|output| atomic::keep_input(path, output))?;
    let cannot = || format!("cannot export {}", path.display());
    let network = Network::of_weights(weights, &args.assumptions).with_context(cannot)?;
    let network = Network { checkpoint: Some(checksum), ..network };
    let model = export_network(network.clone(), &args.config).with_context(cannot)?;
    let bytes = model.encode_to_vec();
    let check = |file: &mut File| verified(args, file, &network);
    let summary = format!("{} bytes, {}", bytes.len(), summary(&network.arch, &args.config, &model));
    let mut lines = Vec::new();
    for output in outputs {
        let written = match &args.triton {
            Some(repository) if Some(output) == in_repository.as_deref() => {
                triton::write(repository, &model, &bytes, check)?
            }
            _ => atomic::write_checked(output, |file| file.write_all(&bytes), check)?,
        };
        let wrong = || format!("{} was not written, since the file would be wrong", output.display());
        let line = format!("{}: {summary}{}", output.display(), written.with_context(wrong)?);
        lines.push(escaped(&line).into_owned() + "\n");
    }
    let chosen = choice.reason.map(|reason| format!("exported {}: {reason}", path.display()));
    let chosen = chosen.map(|line| escaped(&line).into_owned() + "\n");
    let assumed = network.assumptions.iter().map(|assumptions| assumed(path, assumptions));
    let text: String = chosen.into_iter().chain(assumed).chain(lines).collect();
    write!(io::stdout(), "{text}").context("cannot print the summary")
}

impl ExportArgs {
    /// The file that is written beside the one in the repository.
    fn output(&self) -> Option<&Path> {
        let default = self.triton.is_none().then_some(Path::new("g.onnx"));
        self.output.as_deref().or(default)
    }
}

/// What the summary says of a written file that computes the network.
fn verified(args: &ExportArgs, file: &mut File, network: &Network) -> anyhow::Result<String> {
    if args.no_verify {
        return Ok(String::new());
    }
    let mut written = Vec::new();
    file.read_to_end(&mut written).context("the written file cannot be read back")?;
    let difference = verify(&written, network, &Tolerance::default())?;
    let unit = if difference.bytes { " levels" } else { "" };
    Ok(format!(", verified: largest difference {:.1e}{unit}", difference.value))
}

/// The line on what a state dict does not hold.
fn assumed(path: &Path, assumptions: &str) -> String {
    let line = format!(
        "{} is a state dict, which does not hold all settings; assuming {assumptions}; change the eps with \
         --batchnorm-eps, ReLU and LeakyReLU with --leaky-slope",
        path.display()
    );
    escaped(&line).into_owned() + "\n"
}

fn summary(arch: &str, config: &ExportConfig, model: &ModelProto) -> String {
    let nodes = model.graph.as_ref().map_or(0, |graph| graph.node.len());
    let parameters = parameter_count(model);
    format!("{arch}, {parameters} parameters, opset {}, {nodes} nodes", config.opset)
}

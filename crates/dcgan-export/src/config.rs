//! Every choice of an export.

use std::fmt;
use std::ops::RangeInclusive;

use clap::ValueEnum;

use crate::card::CardConfig;
use crate::error::ExportError;
use crate::network::NetworkKind;

/// Operator sets that all runtimes we tried share, and that the tests export.
pub const OPSETS: RangeInclusive<i64> = 9..=18;
/// Sizes that a fixed batch may have; `dcgan-infer` believes no larger one.
pub const BATCHES: RangeInclusive<usize> = 1..=65_536;

/// Choices of an export: the flags of `dcgan-export`, with their defaults, which give the file that most runtimes take.
///
/// ```
/// use dcgan_export::{ExportConfig, config::{Batch, OutputFormat}};
/// let config = ExportConfig { output_format: OutputFormat::Uint8, ..ExportConfig::default() };
/// assert_eq!((config.opset, config.ir_version(), config.batch), (13, 8, Batch::Dynamic));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct ExportConfig {
    /// Make BatchNorm a part of the convolution before it; `off` keeps it as BatchNormalization nodes, with running
    /// statistics and epsilon, for tools that train or quantise further
    #[arg(long, alias = "fold_batchnorm", value_name = "on|off", default_value = "on", value_parser = switch)]
    #[arg(action = clap::ArgAction::Set)]
    pub fold_batchnorm: bool,
    /// Version of ONNX's operators, 9 to 18; the file's own version is the one that came with it
    #[arg(long, value_name = "N", default_value = "13", value_parser = opset, allow_negative_numbers = true)]
    pub opset: i64,
    /// Images that go through the graph at once: `dynamic`, for any number, or a fixed one, for compilers that want it
    #[arg(long, value_name = "dynamic|N", default_value = "dynamic", value_parser = batch)]
    #[arg(allow_negative_numbers = true)]
    pub batch: Batch,
    /// Type of the weights and of what is computed with them; latents go in, and floats come out, as f32 in either
    #[arg(long, value_name = "TYPE", default_value = "f32")]
    pub precision: Precision,
    /// Type of the image: f32 in [-1, 1], or uint8 from 0 to 255, scaled and rounded in the graph
    #[arg(long, alias = "output_format", value_name = "TYPE", default_value = "f32")]
    pub output_format: OutputFormat,
    /// Order of the image's dimensions, PyTorch's (nchw) or that of picture files and TensorFlow (nhwc)
    #[arg(long, value_name = "ORDER", default_value = "nchw")]
    pub layout: Layout,
    /// What the file says of itself for people.
    #[command(flatten)]
    pub card: CardConfig,
}

impl Default for ExportConfig {
    /// The defaults of the flags.
    fn default() -> Self {
        #[derive(clap::Parser)]
        struct Flags {
            #[command(flatten)]
            config: ExportConfig,
        }
        <Flags as clap::Parser>::parse_from([""]).config
    }
}

/// The first dimension of what enters and leaves the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// Any number, different in each run.
    Dynamic,
    /// This number, always.
    Fixed(usize),
}

/// Type of the weights and of what is computed with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// 32 bits, as trained
    F32,
    /// 16 bits: half the file, three decimal digits
    F16,
}

/// Type of the image that leaves the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Tanh's values, in [-1, 1]
    F32,
    /// Bytes from 0 to 255, those of dcgan-infer's pictures
    Uint8,
}

/// Order of the image's dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// `[N, C, H, W]`, as in PyTorch
    Nchw,
    /// `[N, H, W, C]`, as in picture files and TensorFlow
    Nhwc,
}

impl ExportConfig {
    /// Version of the file format: the one that came with the operator set, so that a runtime that knows the operators
    /// can read the file. Opset 13 came with 7, but 8, in which nothing that is used here changed, is as widely read.
    pub fn ir_version(&self) -> i64 {
        match self.opset {
            ..=9 => 4,
            10 => 5,
            11 => 6,
            12 => 7,
            _ => 8,
        }
    }

    /// Refuses what no flag would say, and what does not go together with the network.
    pub(crate) fn validate_for(&self, kind: NetworkKind) -> Result<(), ExportError> {
        let refused = |flag, reason| Err(ExportError::Config { flag, reason });
        let no_image = || "a discriminator gives no image: leave it out".to_owned();
        if let Err(reason) = check_opset(self.opset) {
            return refused("--opset", reason);
        }
        match (self.batch, kind) {
            (Batch::Fixed(size), _) if !BATCHES.contains(&size) => refused("--batch", unfit_batch(size)),
            (_, NetworkKind::Discriminator) if self.output_format != OutputFormat::F32 => {
                refused("--output-format", no_image())
            }
            (_, NetworkKind::Discriminator) if self.layout != Layout::Nchw => refused("--layout", no_image()),
            _ => Ok(()),
        }
    }
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected on or off".to_owned()),
    }
}

fn opset(text: &str) -> Result<i64, String> {
    let unfit = || unfit_opset(text);
    text.parse().map_err(|_| unfit()).and_then(check_opset)
}

fn check_opset(found: i64) -> Result<i64, String> {
    if OPSETS.contains(&found) { Ok(found) } else { Err(unfit_opset(found)) }
}

fn unfit_opset(found: impl fmt::Display) -> String {
    let (from, to) = (OPSETS.start(), OPSETS.end());
    format!(
        "{found} is not one of {from} to {to}, which all runtimes share: choose one of them, 13 if in doubt"
    )
}

fn batch(text: &str) -> Result<Batch, String> {
    match (text, text.parse()) {
        ("dynamic", _) => Ok(Batch::Dynamic),
        (_, Ok(size)) if BATCHES.contains(&size) => Ok(Batch::Fixed(size)),
        _ => Err(unfit_batch(text)),
    }
}

fn unfit_batch(found: impl fmt::Display) -> String {
    let (from, to) = (BATCHES.start(), BATCHES.end());
    format!("{found} is not a number from {from} to {to}: choose one, or dynamic for batches of any size")
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dynamic => f.write_str("dynamic"),
            Self::Fixed(size) => size.fmt(f),
        }
    }
}

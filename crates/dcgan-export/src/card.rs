//! What a file says of itself: how it was made, how it is used, and what it draws.

use dcgan_core::description::{Card, Description, TestVector};
use dcgan_core::metadata;

use crate::config::{ExportConfig, Layout, OutputFormat, Precision};
use crate::network::{Network, NetworkKind};
use crate::verify;

/// Seeds of the test vectors: the first ones that people draw with.
const SEEDS: [u64; 2] = [0, 1];
/// Largest difference of a pixel in [-1, 1] that is no fault of a runtime: ten times what `verify` lets pass in `f32`, since
/// graphics processors compute with fewer bits.
const FLOAT_TOLERANCE: f32 = 1e-3;
/// Likewise where the network computes in `f16`.
const HALF_TOLERANCE: f32 = 0.05;
/// Half a level of 255: as far as a byte is from the value that it stands for.
const HALF_A_LEVEL: f32 = 0.5 / 127.5;

/// The model card: none of it changes what the file computes.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Model card, in the file's metadata")]
pub struct CardConfig {
    /// What the model is called
    #[arg(long, value_name = "TEXT", value_parser = text)]
    pub name: Option<String>,
    /// What it draws, and what it is not for
    #[arg(long, value_name = "TEXT", value_parser = text)]
    pub description: Option<String>,
    /// What it was trained on; by default the dataset of the checkpoint's training record
    #[arg(long, value_name = "TEXT", value_parser = text)]
    pub dataset: Option<String>,
    /// Who trained it
    #[arg(long, value_name = "TEXT", value_parser = text)]
    pub author: Option<String>,
    /// Under which terms it may be used, best as an SPDX identifier such as MIT
    #[arg(long, value_name = "TEXT", value_parser = text)]
    pub license: Option<String>,
}

/// What a network's file says of itself. The test vectors come from the layers as the checkpoint has them, in `f64`:
/// from no model, and from no weights that were folded or rounded.
pub(crate) fn describe(network: &Network, config: &ExportConfig) -> Description {
    let common = Description {
        card: card(network, &config.card),
        architecture: Some(network.arch.clone()),
        value_range: Some(value_range(config).to_owned()),
        layout: Some(layout(config).to_owned()),
        training: network.record.clone(),
        checkpoint: network.checkpoint.clone(),
        assumptions: network.assumptions.clone(),
        ..Description::default()
    };
    match (network.kind, network.input.as_slice()) {
        (NetworkKind::Generator, [latent]) => Description {
            latent_size: Some(*latent),
            latent_distribution: Some(metadata::LATENT_DISTRIBUTION_NORMAL.to_owned()),
            test_vectors: test_vectors(network, config),
            ..common
        },
        _ => common,
    }
}

fn card(network: &Network, config: &CardConfig) -> Card {
    let recorded = network.record.as_ref().and_then(|record| record.options.get("dataset")?.as_str());
    Card {
        name: config.name.clone(),
        description: config.description.clone(),
        dataset: config.dataset.clone().or_else(|| recorded.map(str::to_owned)),
        author: config.author.clone(),
        license: config.license.clone(),
    }
}

fn value_range(config: &ExportConfig) -> &'static str {
    match config.output_format {
        OutputFormat::F32 => metadata::VALUE_RANGE_SIGNED,
        OutputFormat::Uint8 => metadata::VALUE_RANGE_BYTES,
    }
}

fn layout(config: &ExportConfig) -> &'static str {
    match config.layout {
        Layout::Nchw => metadata::LAYOUT_NCHW,
        Layout::Nhwc => metadata::LAYOUT_NHWC,
    }
}

fn test_vectors(network: &Network, config: &ExportConfig) -> Vec<TestVector> {
    let images = verify::images(network, SEEDS[0], SEEDS.len()); // [seeds, C, S, S]
    let size = (images.len() / SEEDS.len()).max(1);
    let vector = |(seed, image)| TestVector::of(seed, image, tolerance(config));
    SEEDS.into_iter().zip(images.chunks(size)).map(vector).collect()
}

fn tolerance(config: &ExportConfig) -> f32 {
    let precision = match config.precision {
        Precision::F32 => FLOAT_TOLERANCE,
        Precision::F16 => HALF_TOLERANCE,
    };
    match config.output_format {
        OutputFormat::F32 => precision,
        OutputFormat::Uint8 => precision + HALF_A_LEVEL,
    }
}

/// A text of a flag; an empty one is a slip, such as a variable of the shell that is not set.
fn text(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty: write a text, or leave the flag out".to_owned()),
        text => Ok(text.to_owned()),
    }
}

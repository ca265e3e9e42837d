//! Writes small networks in every form that a file can have, each with an input and with what the interpreter makes of
//! it: `tests/pytorch/forms.py` compares that with ONNX Runtime.
//!
//! Usage: `cargo run -p dcgan-export --example forms -- FOLDER`

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs;
use std::path::Path;

use anyhow::Context;
use common::{decoded, discriminator, generator, spec};
use dcgan_core::{Checkpoint, latent};
use dcgan_export::config::{Batch, Layout, OPSETS, OutputFormat, Precision};
use dcgan_export::interpreter::{self, Array, Limits};
use dcgan_export::{ExportConfig, export};
use dcgan_onnx::Message;

/// Samples, and the size of the fixed batches.
const COUNT: usize = 3;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).context("the folder to write to is missing")?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let networks =
        [("generator", generator(&spec("tiny", 5, &[8, 6, 4], 3), 11)), ("discriminator", discriminator())];
    for (kind, checkpoint) in &networks {
        for config in configs() {
            if *kind == "generator"
                || (config.output_format, config.layout) == (OutputFormat::F32, Layout::Nchw)
            {
                write(folder, kind, checkpoint, &config)?;
            }
        }
    }
    Ok(())
}

/// `name.onnx`, `name.input` and `name.output`: the values of the last output as `f32`.
fn write(folder: &Path, kind: &str, checkpoint: &Checkpoint, config: &ExportConfig) -> anyhow::Result<()> {
    let model = decoded(&export(checkpoint, config)?);
    let sample: &[usize] = if kind == "generator" { &[5] } else { &[1, 16, 16] };
    let shape = [&[COUNT], sample].concat();
    let values = latent::latents(0, COUNT, sample.iter().product()).into_iter();
    let input = Array::floats(
        &shape,
        values.map(|value| if kind == "generator" { value } else { value.tanh() }).collect(),
    );
    let outputs = interpreter::run(&model, std::slice::from_ref(&input), Limits::default())?;
    let output = outputs.last().context("a network has an output")?;
    let name = name(kind, config);
    let bytes =
        |array: &Array| array.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    fs::write(folder.join(format!("{name}.onnx")), model.encode_to_vec())?;
    fs::write(folder.join(format!("{name}.input")), bytes(&input))?;
    fs::write(folder.join(format!("{name}.output")), bytes(output))?;
    Ok(())
}

/// As in `generator-f16-uint8-nhwc-kept-3-13`.
fn name(kind: &str, config: &ExportConfig) -> String {
    let format = match config.output_format {
        OutputFormat::F32 => "f32",
        OutputFormat::Uint8 => "uint8",
    };
    let precision = if config.precision == Precision::F16 { "f16" } else { "f32" };
    let layout = if config.layout == Layout::Nhwc { "nhwc" } else { "nchw" };
    let norm = if config.fold_batchnorm { "folded" } else { "kept" };
    format!("{kind}-{precision}-{format}-{layout}-{norm}-{}-{}", config.batch, config.opset)
}

fn configs() -> Vec<ExportConfig> {
    let config = |opset: i64, choices: u32| {
        let on = |bit: u32| choices >> bit & 1 == 1;
        ExportConfig {
            opset,
            fold_batchnorm: !on(0),
            batch: if on(1) { Batch::Fixed(COUNT) } else { Batch::Dynamic },
            precision: if on(2) { Precision::F16 } else { Precision::F32 },
            output_format: if on(3) { OutputFormat::Uint8 } else { OutputFormat::F32 },
            layout: if on(4) { Layout::Nhwc } else { Layout::Nchw },
            ..ExportConfig::default()
        }
    };
    OPSETS.flat_map(|opset| (0..32).map(move |choices| config(opset, choices))).collect()
}

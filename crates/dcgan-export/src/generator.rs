//! The generator's layers as ONNX nodes.

use dcgan_core::spec::{BASE_SIDE, KERNEL};
use dcgan_core::{Checkpoint, GeneratorSpec, metadata};

use crate::builder::{GraphBuilder, batched, int, ints};
use crate::error::ExportError;
use crate::fold::BatchNorm;
use crate::onnx::{AttributeProto, GraphProto};

/// Input pixels lie this far apart in a transposed convolution's output.
const STRIDE: i64 = 2;
/// Output pixels that a transposed convolution drops on each side, so that it doubles the side exactly.
const PADDING: i64 = 1;

/// The generator from [`metadata::INPUT`] `[N, latent]` to [`metadata::OUTPUT`] `[N, C, S, S]`, of a
/// checkpoint that has every tensor of `spec`.
///
/// # Errors
/// [`ExportError::Variance`] and [`ExportError::NotFinite`] name the tensor.
pub(crate) fn graph(spec: &GeneratorSpec, checkpoint: &Checkpoint) -> Result<GraphProto, ExportError> {
    let mut graph = GraphBuilder::default();
    let features = linear(&mut graph, checkpoint)?; // [N, widths[0] * 16]
    let mut maps = reshape(&mut graph, &features, spec.widths[0]); // [N, widths[0], 4, 4]
    let last = spec.widths.len();
    for stage in 1..last {
        maps = hidden_stage(&mut graph, checkpoint, stage, &maps)?; // [N, widths[stage], 4 << stage, ...]
    }
    last_stage(&mut graph, checkpoint, last, &maps)?;
    let side = spec.image_size();
    let input = batched(metadata::INPUT, metadata::BATCH, &[spec.latent]);
    let output = batched(metadata::OUTPUT, metadata::BATCH, &[spec.channels, side, side]);
    Ok(graph.finish("dcgan_generator", input, output))
}

fn linear(graph: &mut GraphBuilder, checkpoint: &Checkpoint) -> Result<String, ExportError> {
    let weight = state(graph, checkpoint, "fc.weight")?;
    let bias = state(graph, checkpoint, "fc.bias")?;
    // PyTorch keeps the weight as [out, in]: transposing it is free at run time.
    let attributes = vec![int("transB", 1)];
    Ok(graph.node("Gemm", "fc", &[metadata::INPUT, &weight, &bias], "fc_out", attributes))
}

fn reshape(graph: &mut GraphBuilder, features: &str, channels: usize) -> String {
    let side = BASE_SIDE as i64;
    // -1 stands for the batch. A 0 there, "as in the input", fails in OpenCV 4.
    let shape = graph.integers("reshape.shape", &[-1, channels as i64, side, side]);
    graph.node("Reshape", "reshape", &[features, &shape], "reshape_out", Vec::new())
}

/// Transposed convolution with BatchNorm folded in, and ReLU.
fn hidden_stage(
    graph: &mut GraphBuilder,
    checkpoint: &Checkpoint,
    stage: usize,
    maps: &str,
) -> Result<String, ExportError> {
    let (name, activation) = (format!("tconv{stage}"), format!("relu{stage}"));
    let batch_norm = BatchNorm::of(checkpoint, &format!("bn{stage}"))?;
    let weight_name = format!("{name}.weight");
    let unfolded = checkpoint.f32(&weight_name);
    let folded = batch_norm.weight(unfolded.iter().copied(), KERNEL * KERNEL);
    let weight = graph.floats(&weight_name, unfolded.shape(), folded)?;
    let bias = batch_norm.bias();
    let bias = graph.floats(&format!("{name}.bias"), &[bias.len()], bias)?;
    let inputs = [maps, &weight, &bias];
    let maps = graph.node("ConvTranspose", &name, &inputs, &format!("{name}_out"), upsampling());
    Ok(graph.node("Relu", &activation, &[&maps], &format!("{activation}_out"), Vec::new()))
}

/// Transposed convolution to the image's channels, and tanh: no BatchNorm, no bias.
fn last_stage(
    graph: &mut GraphBuilder,
    checkpoint: &Checkpoint,
    stage: usize,
    maps: &str,
) -> Result<String, ExportError> {
    let name = format!("tconv{stage}");
    let weight = state(graph, checkpoint, &format!("{name}.weight"))?;
    let inputs = [maps, &weight];
    let maps = graph.node("ConvTranspose", &name, &inputs, &format!("{name}_out"), upsampling());
    Ok(graph.node("Tanh", "tanh", &[&maps], metadata::OUTPUT, Vec::new()))
}

/// A tensor of the state dict, as it is.
fn state(graph: &mut GraphBuilder, checkpoint: &Checkpoint, name: &str) -> Result<String, ExportError> {
    let tensor = checkpoint.f32(name);
    graph.floats(name, tensor.shape(), tensor.iter().copied())
}

/// Attributes of the convolution that doubles the side: all of them, since runtimes disagree on what an
/// absent one means. PyTorch equivalent: `ConvTranspose2d(..., kernel_size=4, stride=2, padding=1)`.
fn upsampling() -> Vec<AttributeProto> {
    let kernel = KERNEL as i64;
    vec![
        ints("dilations", &[1, 1]),
        int("group", 1),
        ints("kernel_shape", &[kernel, kernel]),
        ints("pads", &[PADDING; 4]),
        ints("strides", &[STRIDE; 2]),
    ]
}

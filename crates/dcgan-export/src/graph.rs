//! A network's layers as ONNX nodes.

use dcgan_core::metadata;
use dcgan_onnx::tensor_proto::DataType;
use dcgan_onnx::{AttributeProto, GraphProto};

use crate::builder::{GraphBuilder, batched, float, int, ints, to};
use crate::config::{Batch, ExportConfig, Precision};
use crate::error::ExportError;
use crate::network::{BatchNorm, Convolution, Layer, Linear, Network, NetworkKind, Operation};
use crate::output;

/// The graph of a network: a node a layer, from `z [N, latent]` to `image [N, C, S, S]`, or from
/// `image` to `logit [N, 1]` and `probability [N, 1]`; then what brings them into the form that `config` asks for.
///
/// # Errors
/// [`ExportError::NotFinite`] and [`ExportError::Overflow`] name the tensor, [`ExportError::Layer`] the layer that
/// does not fit.
pub(crate) fn graph(network: &Network, config: &ExportConfig) -> Result<GraphProto, ExportError> {
    let mut graph = GraphBuilder::new(config.precision);
    let (name, input) = match network.kind {
        NetworkKind::Generator => ("dcgan_generator", metadata::INPUT),
        NetworkKind::Discriminator => ("dcgan_discriminator", metadata::OUTPUT),
    };
    let mut outputs = Vec::new();
    let mut value = entering(&mut graph, input, config.precision);
    for (layer, shape) in network.layers.iter().zip(network.shapes()?) {
        let steps = layer.output.map_or_else(Vec::new, |_| output::steps(network.kind, config));
        // What leaves as it is has the output's name.
        let name = layer.output.filter(|_| steps.is_empty());
        let name = name.map_or_else(|| format!("{}_out", layer.name), str::to_owned);
        value = node(&mut graph, layer, config.batch, &value, &name)?; // [N, shape...]
        if let Some(output) = layer.output {
            output::add(&mut graph, steps, &value, output);
            let (element, shape) = output::declared(network.kind, config, &shape);
            outputs.push(batched(output, element, config.batch, &shape));
        }
    }
    let input = batched(input, DataType::Float, config.batch, &network.input);
    Ok(graph.finish(name, input, outputs))
}

/// The input, which is f32, in the graph's precision.
fn entering(graph: &mut GraphBuilder, input: &str, precision: Precision) -> String {
    match precision {
        Precision::F32 => input.to_owned(),
        Precision::F16 => {
            let name = format!("{input}_f16");
            graph.node("Cast", &name, &[input], &format!("{name}_out"), vec![to(DataType::Float16)])
        }
    }
}

/// One layer, from the value called `input` to the one called `output`.
fn node(
    graph: &mut GraphBuilder,
    layer: &Layer,
    batch: Batch,
    input: &str,
    output: &str,
) -> Result<String, ExportError> {
    let (operator, constants, attributes) = match &layer.operation {
        Operation::Linear(linear) => ("Gemm", gemm(graph, layer, linear)?, vec![int("transB", 1)]),
        Operation::Reshape(shape) => ("Reshape", vec![target(graph, layer, batch, shape)], Vec::new()),
        Operation::ConvTranspose(conv) => ("ConvTranspose", convolution(graph, layer, conv)?, geometry(conv)),
        Operation::Conv(conv) => ("Conv", convolution(graph, layer, conv)?, geometry(conv)),
        Operation::BatchNorm(norm) => {
            ("BatchNormalization", statistics(graph, layer, norm)?, vec![float("epsilon", norm.eps)])
        }
        Operation::Relu => ("Relu", Vec::new(), Vec::new()),
        Operation::LeakyRelu(slope) => ("LeakyRelu", Vec::new(), vec![float("alpha", *slope)]),
        Operation::Tanh => ("Tanh", Vec::new(), Vec::new()),
        Operation::Sigmoid => ("Sigmoid", Vec::new(), Vec::new()),
    };
    let inputs: Vec<_> = [input].into_iter().chain(constants.iter().map(String::as_str)).collect();
    Ok(graph.node(operator, &layer.name, &inputs, output, attributes))
}

/// PyTorch keeps the weight as `[out, in]`: transposing it is free at run time.
fn gemm(graph: &mut GraphBuilder, layer: &Layer, linear: &Linear) -> Result<Vec<String>, ExportError> {
    let weight = format!("{}.weight", layer.name);
    let weight = graph.weights(&weight, linear.weight.shape(), linear.weight.iter().copied())?;
    Ok(vec![weight, bias(graph, layer, &linear.bias)?])
}

/// The target of a Reshape: -1 stands for a batch of any size. A 0 there, "as in the input", fails in OpenCV 4.
fn target(graph: &mut GraphBuilder, layer: &Layer, batch: Batch, shape: &[usize]) -> String {
    let batch = match batch {
        Batch::Dynamic => -1,
        Batch::Fixed(size) => size as i64,
    };
    let dims = shape.iter().map(|dim| *dim as i64);
    graph.integers(&format!("{}.shape", layer.name), &[batch].into_iter().chain(dims).collect::<Vec<_>>())
}

fn convolution(
    graph: &mut GraphBuilder,
    layer: &Layer,
    conv: &Convolution,
) -> Result<Vec<String>, ExportError> {
    let weight = format!("{}.weight", layer.name);
    let mut constants = vec![graph.weights(&weight, conv.weight.shape(), conv.weight.iter().copied())?];
    if let Some(values) = &conv.bias {
        constants.push(bias(graph, layer, values)?);
    }
    Ok(constants)
}

/// All `[C]`, in the order of the operator's inputs.
fn statistics(graph: &mut GraphBuilder, layer: &Layer, norm: &BatchNorm) -> Result<Vec<String>, ExportError> {
    let parts = [
        ("weight", &norm.weight),
        ("bias", &norm.bias),
        ("running_mean", &norm.mean),
        ("running_var", &norm.variance),
    ];
    let constant = |(part, values): (&str, &Vec<f32>)| {
        graph.weights(&format!("{}.{part}", layer.name), &[values.len()], values.iter().copied())
    };
    parts.into_iter().map(constant).collect()
}

fn bias(graph: &mut GraphBuilder, layer: &Layer, values: &[f32]) -> Result<String, ExportError> {
    graph.weights(&format!("{}.bias", layer.name), &[values.len()], values.iter().copied())
}

/// Attributes of a convolution, transposed or not: all of them, since runtimes disagree on what an absent
/// one means. PyTorch equivalent: `ConvTranspose2d(..., kernel_size=4, stride=2, padding=1)`.
fn geometry(conv: &Convolution) -> Vec<AttributeProto> {
    let [kernel, stride, padding] = [conv.weight.dim().2, conv.stride, conv.padding].map(|size| size as i64);
    vec![
        ints("dilations", &[1, 1]),
        int("group", 1),
        ints("kernel_shape", &[kernel; 2]),
        ints("pads", &[padding; 4]),
        ints("strides", &[stride; 2]),
    ]
}

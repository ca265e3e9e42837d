//! The way out of the graph: from the network's last values to the form that was asked for.

use dcgan_onnx::AttributeProto;
use dcgan_onnx::tensor_proto::DataType;

use crate::builder::{GraphBuilder, ints, to};
use crate::config::{ExportConfig, Layout, OutputFormat, Precision};
use crate::network::NetworkKind;

/// The largest f32 below 0.5. Added before Floor it rounds to nearest, halves up, every f32 that a byte can come
/// from; 0.5 itself would make 1 of 0.49999997. ONNX's Round takes halves to even, and there is none below opset 11.
const HALF: f32 = 0.5 - f32::EPSILON / 4.0;

/// A node with one input from the graph.
pub(crate) struct Step {
    operator: &'static str,
    /// What is done, part of the node's name.
    name: &'static str,
    /// A constant second input.
    number: Option<f32>,
    attributes: Vec<AttributeProto>,
}

/// What is done to each value that leaves the network, of images `[N, C, S, S]`; nothing by default.
pub(crate) fn steps(kind: NetworkKind, config: &ExportConfig) -> Vec<Step> {
    let mut steps = Vec::new();
    if config.precision == Precision::F16 {
        // Before the scaling: f16 cannot tell the halves between bytes apart.
        steps.push(Step::cast("f32", DataType::Float));
    }
    if kind == NetworkKind::Discriminator {
        return steps;
    }
    if config.output_format == OutputFormat::Uint8 {
        // As `dcgan_core::pixels::to_u8`, operation by operation.
        steps.extend([
            Step::new("Add", "shifted").with(1.0),
            Step::new("Mul", "scaled").with(127.5),
            Step::new("Add", "raised").with(HALF),
            Step::new("Floor", "rounded"),
        ]);
    }
    if config.layout == Layout::Nhwc {
        let perm = ints("perm", &[0, 2, 3, 1]);
        steps.push(Step { attributes: vec![perm], ..Step::new("Transpose", "nhwc") });
    }
    if config.output_format == OutputFormat::Uint8 {
        // Last: some compilers know bytes nowhere but where they leave the graph.
        steps.push(Step::cast("uint8", DataType::Uint8));
    }
    steps
}

/// Adds the steps from a value to the output of this name.
pub(crate) fn add(graph: &mut GraphBuilder, steps: Vec<Step>, value: &str, output: &str) {
    let (mut value, mut steps) = (value.to_owned(), steps.into_iter().peekable());
    while let Some(step) = steps.next() {
        let name = format!("{output}_{}", step.name);
        let result = match steps.peek() {
            Some(_) => format!("{name}_out"),
            None => output.to_owned(),
        };
        let number = step.number.map(|number| graph.number(&format!("{name}.number"), number));
        let inputs: Vec<_> = [value.as_str()].into_iter().chain(number.as_deref()).collect();
        value = graph.node(step.operator, &name, &inputs, &result, step.attributes);
    }
}

/// Element type of an output, and its shape without the batch, of a value of this shape.
pub(crate) fn declared(kind: NetworkKind, config: &ExportConfig, shape: &[usize]) -> (DataType, Vec<usize>) {
    let element = match (kind, config.output_format) {
        (NetworkKind::Generator, OutputFormat::Uint8) => DataType::Uint8,
        _ => DataType::Float,
    };
    let shape = match (kind, config.layout, shape) {
        (NetworkKind::Generator, Layout::Nhwc, [channels, height, width]) => vec![*height, *width, *channels],
        _ => shape.to_vec(),
    };
    (element, shape)
}

impl Step {
    fn new(operator: &'static str, name: &'static str) -> Self {
        Self { operator, name, number: None, attributes: Vec::new() }
    }

    fn cast(name: &'static str, element: DataType) -> Self {
        Self { attributes: vec![to(element)], ..Self::new("Cast", name) }
    }

    fn with(self, number: f32) -> Self {
        Self { number: Some(number), ..self }
    }
}

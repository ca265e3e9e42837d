//! Graphs of any operators, attributes and shapes, spelled by bytes: random ones get deeper than random files.

use std::iter;

use dcgan_export::interpreter;
use dcgan_export::{check, render};
use dcgan_onnx::tensor_proto::DataType;
use dcgan_onnx::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};

use super::LIMITS;

const OPERATORS: [&str; 30] = [
    "Gemm",
    "Conv",
    "ConvTranspose",
    "BatchNormalization",
    "Reshape",
    "Flatten",
    "Transpose",
    "Unsqueeze",
    "Squeeze",
    "Clip",
    "Cast",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Min",
    "Max",
    "Identity",
    "Relu",
    "LeakyRelu",
    "Tanh",
    "Sigmoid",
    "Floor",
    "Ceil",
    "Round",
    "Neg",
    "Selu",
    "Conv",
    "ConvTranspose",
    "Gemm",
];
const ATTRIBUTES: [&str; 17] = [
    "kernel_shape",
    "strides",
    "dilations",
    "pads",
    "group",
    "output_padding",
    "auto_pad",
    "axis",
    "axes",
    "perm",
    "alpha",
    "beta",
    "epsilon",
    "transA",
    "transB",
    "to",
    "allowzero",
];
/// What lies at the edge of a size, or beyond it.
const NUMBERS: [i64; 16] = [0, 1, 2, 3, 4, 5, 7, 8, 13, -1, -2, 65_536, 65_537, 1 << 29, i64::MAX, i64::MIN];
const TYPES: [DataType; 5] =
    [DataType::Float, DataType::Float16, DataType::Uint8, DataType::Int64, DataType::Double];
/// Elements of a constant; a larger one has no data.
const LARGEST: usize = 1 << 10;

/// A graph of constants and nodes: checked, rendered and run.
pub fn operators(bytes: &[u8]) {
    let mut spelling = Spelling(bytes.iter());
    let opset = Some(9 + i64::from(spelling.below(12) as u8));
    let initializer: Vec<_> =
        (0..1 + spelling.below(5)).map(|index| constant(&mut spelling, index)).collect();
    let constants = initializer.len();
    let node: Vec<_> =
        (0..1 + spelling.below(6)).map(|index| node(&mut spelling, constants + index)).collect();
    let output = vec![ValueInfoProto { name: Some(value(constants + node.len() - 1)), ..Default::default() }];
    let graph = GraphProto { node, initializer, output, ..Default::default() };
    let model = ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto { domain: None, version: opset }],
        graph: Some(graph),
        ..Default::default()
    };
    drop(check(&model));
    render(&model);
    drop(interpreter::run(&model, &[], LIMITS));
}

/// Bytes as choices; 0 when there are no more.
struct Spelling<'a>(std::slice::Iter<'a, u8>);

impl Spelling<'_> {
    fn below(&mut self, limit: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % limit)
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn numbers(&mut self, limit: usize) -> Vec<i64> {
        (0..self.below(limit)).map(|_| self.of(&NUMBERS)).collect()
    }
}

fn value(index: usize) -> String {
    format!("v{index}")
}

fn constant(spelling: &mut Spelling, index: usize) -> TensorProto {
    let (data_type, dims) = (spelling.of(&TYPES), spelling.numbers(6));
    let size = |dim: &i64| usize::try_from(*dim).ok();
    let count = dims.iter().try_fold(1_usize, |count, dim| count.checked_mul(size(dim)?)).unwrap_or(0);
    let count = if count <= LARGEST { count } else { 0 };
    let raw_data: Vec<u8> = match data_type {
        DataType::Int64 => {
            iter::repeat_with(|| spelling.of(&NUMBERS)).take(count).flat_map(i64::to_le_bytes).collect()
        }
        DataType::Float => {
            [1.5_f32, -2.0].iter().cycle().take(count).flat_map(|value| value.to_le_bytes()).collect()
        }
        DataType::Float16 => [0x00, 0x3e].iter().copied().cycle().take(2 * count).collect(),
        _ => vec![7; count],
    };
    TensorProto {
        name: Some(value(index)),
        dims,
        data_type: Some(data_type.into()),
        raw_data: Some(raw_data),
        ..Default::default()
    }
}

/// A node that takes what is there before it, sometimes nothing.
fn node(spelling: &mut Spelling, index: usize) -> NodeProto {
    let operator = spelling.of(&OPERATORS);
    let input = (0..spelling.below(6)).map(|_| match spelling.below(index + 1) {
        none if none == index => String::new(),
        before => value(before),
    });
    let input = input.collect();
    let attribute = (0..spelling.below(6)).map(|_| attribute(spelling)).collect();
    NodeProto {
        name: Some(format!("n{index}")),
        op_type: Some(operator.to_owned()),
        input,
        output: vec![value(index)],
        attribute,
        ..Default::default()
    }
}

fn attribute(spelling: &mut Spelling) -> AttributeProto {
    let name = Some(spelling.of(&ATTRIBUTES).to_owned());
    let i = Some(spelling.of(&NUMBERS));
    let f = Some(spelling.of(&[0.5, -1.0, 0.0, f32::NAN, f32::INFINITY]));
    AttributeProto { name, i, f, ints: spelling.numbers(6), ..Default::default() }
}

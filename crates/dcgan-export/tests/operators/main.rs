//! Each operator of the interpreter against numbers worked out by hand, from ONNX's definitions.

mod convolutions;
mod elements;
mod limits;
mod shapes;

use dcgan_export::ModelProto;
use dcgan_export::interpreter::{self, Array, Element, Limits};
use dcgan_onnx::tensor_proto::DataType;
use dcgan_onnx::{AttributeProto, GraphProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto};

/// A version in which all operators have their axes and bounds as inputs.
const OPSET: i64 = 13;

fn int(name: &str, value: impl Into<i64>) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), i: Some(value.into()), ..Default::default() }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), ints: values.to_vec(), ..Default::default() }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), f: Some(value), ..Default::default() }
}

fn floats(shape: &[usize], values: &[f32]) -> Array {
    Array::floats(shape, values.to_vec())
}

fn half(shape: &[usize], values: &[f32]) -> Array {
    Array { element: Element::F16, ..floats(shape, values) }
}

fn integers(values: &[i64]) -> Array {
    let (shape, integers) = (vec![values.len()], values.to_vec());
    Array { shape, element: Element::I64, values: Vec::new(), integers }
}

fn value(name: String) -> ValueInfoProto {
    ValueInfoProto { name: Some(name), ..Default::default() }
}

/// A model of one node that takes all its inputs; an input that is none is left out.
fn model(operator: &str, opset: i64, inputs: &[Option<Array>], attributes: &[AttributeProto]) -> ModelProto {
    let names = inputs.iter().enumerate();
    let names = names.map(|(index, input)| if input.is_some() { format!("x{index}") } else { String::new() });
    let names: Vec<_> = names.collect();
    let node = NodeProto {
        input: names.clone(),
        output: vec!["y".to_owned()],
        name: Some("node".to_owned()),
        op_type: Some(operator.to_owned()),
        attribute: attributes.to_vec(),
        ..Default::default()
    };
    let graph = GraphProto {
        node: vec![node],
        input: names.into_iter().filter(|name| !name.is_empty()).map(value).collect(),
        output: vec![value("y".to_owned())],
        ..Default::default()
    };
    ModelProto {
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(opset) }],
        graph: Some(graph),
        ..Default::default()
    }
}

/// What an operator makes of its inputs.
fn apply_in(
    opset: i64,
    operator: &str,
    inputs: &[Option<Array>],
    attributes: &[AttributeProto],
) -> Result<Array, String> {
    let given: Vec<_> = inputs.iter().flatten().cloned().collect();
    let outputs = interpreter::run(&model(operator, opset, inputs, attributes), &given, Limits::default());
    outputs.map(|mut outputs| outputs.remove(0)).map_err(|error| error.to_string())
}

fn apply(operator: &str, inputs: &[Array], attributes: &[AttributeProto]) -> Array {
    let inputs: Vec<_> = inputs.iter().cloned().map(Some).collect();
    apply_in(OPSET, operator, &inputs, attributes).unwrap()
}

fn refusal(operator: &str, inputs: &[Array], attributes: &[AttributeProto]) -> String {
    let inputs: Vec<_> = inputs.iter().cloned().map(Some).collect();
    apply_in(OPSET, operator, &inputs, attributes).unwrap_err()
}

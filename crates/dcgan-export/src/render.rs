//! A model as text for people and for snapshot tests: everything but the weights' values.

use std::fmt::{self, Write};

use dcgan_onnx::attribute_proto::AttributeType;
use dcgan_onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto};

use crate::infer::output_type;
use crate::metadata_entry::readable;
use crate::types::{TensorType, Types, declared, product};

/// A model as text: its versions and metadata, inputs and outputs, a line a node with the shape it
/// computes, a line an initialiser.
///
/// Any model can be rendered; a shape that does not follow from the graph is a `?`.
pub fn render(model: &ModelProto) -> String {
    let mut text = String::new();
    write_model(&mut text, model).expect("a String takes all text");
    text
}

/// The number of learned values of a model: the elements of all its float initialisers but for single numbers, which
/// scale the image.
///
/// BatchNorm counts as the bias it was folded into, or with its running statistics. PyTorch equivalent, apart from that:
/// `sum(p.numel() for p in module.parameters())`.
pub fn parameter_count(model: &ModelProto) -> u64 {
    let initializers = model.graph.iter().flat_map(|graph| &graph.initializer);
    let types = initializers.map(TensorType::of_initializer);
    let floats = types.filter(|tensor| tensor.is_float() && !tensor.shape.is_empty());
    let counts = floats.filter_map(|tensor| product(&tensor.shape)).map(i64::unsigned_abs);
    counts.fold(0, u64::saturating_add)
}

fn write_model(out: &mut String, model: &ModelProto) -> fmt::Result {
    writeln!(out, "IR version {}", model.ir_version())?;
    for set in &model.opset_import {
        let domain = if set.domain().is_empty() { "ai.onnx" } else { set.domain() };
        writeln!(out, "opset {} of {domain}", set.version())?;
    }
    writeln!(out, "producer {} {}", model.producer_name(), model.producer_version())?;
    for entry in &model.metadata_props {
        writeln!(out, "{}: {}", entry.key(), readable(entry.key(), entry.value()))?;
    }
    writeln!(out, "{} parameters", parameter_count(model))?;
    model.graph.as_ref().map_or(Ok(()), |graph| write_graph(out, graph))
}

fn write_graph(out: &mut String, graph: &GraphProto) -> fmt::Result {
    writeln!(out, "\ngraph {}", graph.name())?;
    write_values(out, "input", &graph.input)?;
    write_values(out, "output", &graph.output)?;
    out.push('\n');
    let mut types = declared(graph);
    for node in &graph.node {
        if let ([output], Ok(inferred)) = (node.output.as_slice(), output_type(node, &types, graph)) {
            types.insert(output.clone(), inferred);
        }
        write_node(out, node, &types)?;
    }
    out.push('\n');
    for tensor in &graph.initializer {
        writeln!(out, "initializer {}: {}", tensor.name(), TensorType::of_initializer(tensor))?;
    }
    Ok(())
}

fn write_values(out: &mut String, kind: &str, values: &[ValueInfoProto]) -> fmt::Result {
    values.iter().try_for_each(|value| {
        let declared = TensorType::of_value(value);
        writeln!(out, "{kind} {}: {}", value.name(), text_of(declared.as_ref()))
    })
}

/// As in `tanh: image = Tanh(tconv4_out): FLOAT [N, 3, 64, 64]`.
fn write_node(out: &mut String, node: &NodeProto, types: &Types) -> fmt::Result {
    let (outputs, inputs) = (node.output.join(", "), node.input.join(", "));
    write!(out, "{}: {outputs} = {}({inputs}", node.name(), node.op_type())?;
    for attribute in &node.attribute {
        write!(out, ", {}={}", attribute.name(), value_of(attribute))?;
    }
    let shapes: Vec<_> = node.output.iter().map(|output| text_of(types.get(output))).collect();
    writeln!(out, "): {}", shapes.join(", "))
}

fn text_of(tensor: Option<&TensorType>) -> String {
    tensor.map_or("?".to_owned(), TensorType::to_string)
}

fn value_of(attribute: &AttributeProto) -> String {
    match attribute.r#type() {
        AttributeType::Int => attribute.i().to_string(),
        AttributeType::Ints => format!("{:?}", attribute.ints),
        AttributeType::Float => attribute.f().to_string(),
        AttributeType::Floats => format!("{:?}", attribute.floats),
        AttributeType::String => format!("{:?}", String::from_utf8_lossy(attribute.s())),
        other => format!("<{}>", other.as_str_name()),
    }
}

//! Structural checks of a finished model, apart from the code that built it.

use std::collections::BTreeSet;

use dcgan_core::metadata;
use dcgan_onnx::tensor_proto::DataType;
use dcgan_onnx::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};

use crate::error::CheckError;
use crate::infer::{OPERATORS, node_error, output_type};
use crate::types::{Dim, TensorType, Types, declared};

/// Checks that a model is sound and has the form that all runtimes take.
///
/// - the versions of the format and of ONNX's operators are set;
/// - nodes stand in an order in which they can run, and no two values share a name;
/// - every initialiser is used, and its bytes are those of its shape and type;
/// - every node has the attributes that its operator needs, and no others;
/// - shapes, computed from node to node, end in the declared outputs, and the batch has a name or a size;
/// - the range that the metadata names is that of the image's type.
///
/// # Errors
/// [`CheckError`] names the value, node or initialiser of the first violation.
pub fn check(model: &ModelProto) -> Result<(), CheckError> {
    check_versions(model)?;
    let graph = model.graph.as_ref().ok_or(CheckError::Missing { field: "graph" })?;
    check_order(graph)?;
    check_use(graph)?;
    graph.initializer.iter().try_for_each(check_data)?;
    graph.node.iter().try_for_each(check_attributes)?;
    graph.input.iter().chain(&graph.output).try_for_each(check_batch)?;
    let types = infer_all(graph)?;
    graph.output.iter().try_for_each(|output| check_output(output, &types))?;
    check_range(model, graph)
}

fn check_versions(model: &ModelProto) -> Result<(), CheckError> {
    if model.ir_version.is_none() {
        return Err(CheckError::Missing { field: "ir_version" });
    }
    let onnx = model.opset_import.iter().find(|set| set.domain().is_empty());
    match onnx.and_then(|set| set.version) {
        Some(_) => Ok(()),
        None => Err(CheckError::Missing { field: "opset_import" }),
    }
}

/// Each value is defined once, and before it is used.
fn check_order(graph: &GraphProto) -> Result<(), CheckError> {
    let mut defined = BTreeSet::new();
    let inputs = graph.input.iter().map(ValueInfoProto::name);
    let constants = graph.initializer.iter().map(TensorProto::name);
    inputs.chain(constants).try_for_each(|value| define(&mut defined, value))?;
    for node in &graph.node {
        if let Some(value) = node.input.iter().find(|value| !defined.contains(value.as_str())) {
            return Err(CheckError::Undefined { node: node.name().to_owned(), value: value.clone() });
        }
        node.output.iter().try_for_each(|value| define(&mut defined, value))?;
    }
    Ok(())
}

fn define<'a>(defined: &mut BTreeSet<&'a str>, value: &'a str) -> Result<(), CheckError> {
    if defined.insert(value) { Ok(()) } else { Err(CheckError::Duplicate { value: value.to_owned() }) }
}

fn check_use(graph: &GraphProto) -> Result<(), CheckError> {
    let used: BTreeSet<_> = graph.node.iter().flat_map(|node| &node.input).map(String::as_str).collect();
    match graph.initializer.iter().find(|tensor| !used.contains(tensor.name())) {
        Some(tensor) => Err(CheckError::Unused { initializer: tensor.name().to_owned() }),
        None => Ok(()),
    }
}

fn check_data(tensor: &TensorProto) -> Result<(), CheckError> {
    let (found, expected) = (tensor.raw_data().len(), TensorType::of_initializer(tensor));
    let expected = match expected.bytes() {
        Some(bytes) if usize::try_from(bytes) == Ok(found) => return Ok(()),
        Some(bytes) => format!("{expected} needs {bytes}"),
        None => format!("{expected} is none of those that an exported network has"),
    };
    Err(CheckError::Data { initializer: tensor.name().to_owned(), expected, found })
}

fn check_attributes(node: &NodeProto) -> Result<(), CheckError> {
    let Some((_, expected)) = OPERATORS.iter().find(|(operator, _)| *operator == node.op_type()) else {
        return Err(node_error(node, "this operator is not one of an exported network".to_owned()));
    };
    let found: BTreeSet<_> = node.attribute.iter().map(|attribute| attribute.name()).collect();
    let expected: BTreeSet<_> = expected.iter().copied().collect();
    if found == expected {
        return Ok(());
    }
    Err(node_error(node, format!("its attributes are {found:?}, expected {expected:?}")))
}

/// Some runtimes refuse a batch that is dynamic but has no name.
fn check_batch(value: &ValueInfoProto) -> Result<(), CheckError> {
    let found = TensorType::of_value(value);
    match found.as_ref().and_then(|found| found.shape.first()) {
        Some(Dim::Named(name)) if !name.is_empty() => Ok(()),
        Some(Dim::Fixed(1..)) => Ok(()),
        _ => Err(declared_error(value, "a tensor whose first dimension has a name or a size".to_owned())),
    }
}

fn infer_all(graph: &GraphProto) -> Result<Types, CheckError> {
    let mut types = declared(graph);
    for node in &graph.node {
        let [output] = node.output.as_slice() else {
            return Err(node_error(node, format!("{} outputs, expected 1", node.output.len())));
        };
        let inferred = output_type(node, &types, graph)?;
        types.insert(output.clone(), inferred);
    }
    Ok(types)
}

fn check_output(output: &ValueInfoProto, types: &Types) -> Result<(), CheckError> {
    let computed = types.get(output.name());
    if computed.is_some() && computed == TensorType::of_value(output).as_ref() {
        return Ok(());
    }
    let computed = computed.map_or("a value that the graph computes".to_owned(), TensorType::to_string);
    Err(declared_error(output, computed))
}

/// Bytes are from 0 to 255, what tanh gives from -1 to 1.
fn check_range(model: &ModelProto, graph: &GraphProto) -> Result<(), CheckError> {
    let said = model.metadata_props.iter().find(|entry| entry.key() == metadata::VALUE_RANGE);
    let output = graph.output.iter().find_map(TensorType::of_value);
    let (Some(said), Some(output)) = (said, output) else { return Ok(()) };
    let expected = match output.element {
        DataType::Uint8 => metadata::VALUE_RANGE_BYTES,
        _ => metadata::VALUE_RANGE_SIGNED,
    };
    if said.value() == expected {
        return Ok(());
    }
    let (key, found, element) =
        (metadata::VALUE_RANGE, said.value().to_owned(), output.element.as_str_name());
    Err(CheckError::Metadata { key, found, expected, element })
}

fn declared_error(value: &ValueInfoProto, expected: String) -> CheckError {
    let declared = TensorType::of_value(value);
    let declared = declared.map_or("no tensor with a shape".to_owned(), |declared| declared.to_string());
    CheckError::Declared { value: value.name().to_owned(), declared, expected }
}

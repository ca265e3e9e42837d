//! Nodes, constants and types in ONNX's messages.

use crate::error::ExportError;
use crate::onnx::attribute_proto::AttributeType;
use crate::onnx::tensor_proto::DataType;
use crate::onnx::tensor_shape_proto::{Dimension, dimension};
use crate::onnx::{
    AttributeProto, GraphProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
    type_proto,
};

/// A graph in the making. Its methods return the name of the value they add, for the next node's inputs.
#[derive(Default)]
pub(crate) struct GraphBuilder {
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
}

impl GraphBuilder {
    /// Adds a float constant of shape `dims`, its values in row-major order.
    ///
    /// # Errors
    /// [`ExportError::NotFinite`] names the constant.
    pub(crate) fn floats(
        &mut self,
        name: &str,
        dims: &[usize],
        values: impl IntoIterator<Item = f32>,
    ) -> Result<String, ExportError> {
        let mut data = Vec::with_capacity(dims.iter().product::<usize>() * size_of::<f32>());
        for (position, value) in values.into_iter().enumerate() {
            if !value.is_finite() {
                return Err(ExportError::NotFinite { tensor: name.to_owned(), position, found: value });
            }
            data.extend(value.to_le_bytes());
        }
        let dims = dims.iter().map(|dim| *dim as i64).collect();
        Ok(self.initializer(name, DataType::Float, dims, data))
    }

    /// Adds an integer constant of one dimension.
    pub(crate) fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, DataType::Int64, vec![values.len() as i64], data)
    }

    /// Adds a node with one output.
    pub(crate) fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<AttributeProto>,
    ) -> String {
        self.nodes.push(NodeProto {
            name: Some(name.to_owned()),
            op_type: Some(operator.to_owned()),
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute: attributes,
            ..Default::default()
        });
        output.to_owned()
    }

    /// The graph from one input to its outputs.
    pub(crate) fn finish(
        self,
        name: &str,
        input: ValueInfoProto,
        outputs: Vec<ValueInfoProto>,
    ) -> GraphProto {
        GraphProto {
            name: Some(name.to_owned()),
            node: self.nodes,
            initializer: self.initializers,
            input: vec![input],
            output: outputs,
            ..Default::default()
        }
    }

    fn initializer(&mut self, name: &str, data_type: DataType, dims: Vec<i64>, data: Vec<u8>) -> String {
        self.initializers.push(TensorProto {
            name: Some(name.to_owned()),
            data_type: Some(data_type.into()),
            dims,
            raw_data: Some(data),
            ..Default::default()
        });
        name.to_owned()
    }
}

/// An integer attribute.
pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    let (name, r#type) = (Some(name.to_owned()), Some(AttributeType::Int.into()));
    AttributeProto { name, r#type, i: Some(value), ..Default::default() }
}

/// A float attribute.
pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    let (name, r#type) = (Some(name.to_owned()), Some(AttributeType::Float.into()));
    AttributeProto { name, r#type, f: Some(value), ..Default::default() }
}

/// An attribute that is a list of integers.
pub(crate) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    let (name, r#type) = (Some(name.to_owned()), Some(AttributeType::Ints.into()));
    AttributeProto { name, r#type, ints: values.to_vec(), ..Default::default() }
}

/// A float value `[batch, dims...]` that enters or leaves the graph, its batch known by name only.
pub(crate) fn batched(name: &str, batch: &str, dims: &[usize]) -> ValueInfoProto {
    let batch = dimension::Value::DimParam(batch.to_owned());
    let dims = dims.iter().map(|dim| dimension::Value::DimValue(*dim as i64));
    let dim = [batch].into_iter().chain(dims).map(|value| Dimension { value: Some(value) }).collect();
    let tensor =
        type_proto::Tensor { elem_type: Some(DataType::Float.into()), shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)) }),
        ..Default::default()
    }
}

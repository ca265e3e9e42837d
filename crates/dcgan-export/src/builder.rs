//! Nodes, constants and types in ONNX's messages.

use dcgan_core::metadata;
use dcgan_onnx::attribute_proto::AttributeType;
use dcgan_onnx::tensor_proto::DataType;
use dcgan_onnx::tensor_shape_proto::{Dimension, dimension};
use dcgan_onnx::{
    AttributeProto, GraphProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
    type_proto,
};
use half::f16;

use crate::config::{Batch, Precision};
use crate::error::ExportError;

/// A graph in the making. Its methods return the name of the value they add, for the next node's inputs.
pub(crate) struct GraphBuilder {
    precision: Precision,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
}

impl GraphBuilder {
    /// A graph without nodes, whose weights will have this precision.
    pub(crate) fn new(precision: Precision) -> Self {
        Self { precision, nodes: Vec::new(), initializers: Vec::new() }
    }

    /// Adds weights of shape `dims`, their values in row-major order, rounded to the graph's precision.
    ///
    /// # Errors
    /// [`ExportError::NotFinite`] and [`ExportError::Overflow`] name the constant.
    pub(crate) fn weights(
        &mut self,
        name: &str,
        dims: &[usize],
        values: impl IntoIterator<Item = f32>,
    ) -> Result<String, ExportError> {
        let size = dims.iter().product::<usize>() * self.precision.bytes();
        let mut data = Vec::with_capacity(size);
        for (position, found) in values.into_iter().enumerate() {
            if !found.is_finite() {
                return Err(ExportError::NotFinite { tensor: name.to_owned(), position, found });
            }
            match self.precision {
                Precision::F32 => data.extend(found.to_le_bytes()),
                Precision::F16 => match f16::from_f32(found) {
                    half if half.is_finite() => data.extend(half.to_le_bytes()),
                    _ => return Err(ExportError::Overflow { tensor: name.to_owned(), position, found }),
                },
            }
        }
        let dims = dims.iter().map(|dim| *dim as i64).collect();
        Ok(self.initializer(name, self.precision.element(), dims, data))
    }

    /// Adds one number, an f32 in every precision.
    pub(crate) fn number(&mut self, name: &str, value: f32) -> String {
        self.initializer(name, DataType::Float, Vec::new(), value.to_le_bytes().to_vec())
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

/// The attribute of a Cast.
pub(crate) fn to(element: DataType) -> AttributeProto {
    int("to", i64::from(i32::from(element)))
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

impl Precision {
    /// Element type of the weights.
    pub(crate) fn element(self) -> DataType {
        match self {
            Self::F32 => DataType::Float,
            Self::F16 => DataType::Float16,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::F32 => size_of::<f32>(),
            Self::F16 => size_of::<f16>(),
        }
    }
}

/// A value `[batch, dims...]` that enters or leaves the graph, a dynamic batch known by its name.
pub(crate) fn batched(name: &str, element: DataType, batch: Batch, dims: &[usize]) -> ValueInfoProto {
    let number = |dim: usize| dimension::Value::DimValue(dim as i64);
    let batch = match batch {
        Batch::Dynamic => dimension::Value::DimParam(metadata::BATCH.to_owned()),
        Batch::Fixed(size) => number(size),
    };
    let dims = dims.iter().map(|dim| number(*dim));
    let dim = [batch].into_iter().chain(dims).map(|value| Dimension { value: Some(value) }).collect();
    let tensor =
        type_proto::Tensor { elem_type: Some(element.into()), shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)) }),
        ..Default::default()
    }
}

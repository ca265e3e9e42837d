//! Element type and shape of a value.

use std::collections::BTreeMap;
use std::fmt;

use dcgan_onnx::tensor_proto::DataType;
use dcgan_onnx::tensor_shape_proto::dimension;
use dcgan_onnx::{GraphProto, TensorProto, ValueInfoProto, type_proto};

/// Types of the values known so far, by name.
pub(crate) type Types = BTreeMap<String, TensorType>;

/// One dimension of a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dim {
    /// A number known before the network runs.
    Fixed(i64),
    /// The same number wherever the name stands; empty if the file says nothing.
    Named(String),
}

/// Element type and shape of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TensorType {
    /// A number that this program does not know is [`DataType::Undefined`].
    pub(crate) element: DataType,
    pub(crate) shape: Vec<Dim>,
}

impl TensorType {
    /// Whether its elements are of a type that networks compute with here.
    pub(crate) fn is_float(&self) -> bool {
        matches!(self.element, DataType::Float | DataType::Float16)
    }

    /// The type of a constant.
    pub(crate) fn of_initializer(tensor: &TensorProto) -> Self {
        let shape = tensor.dims.iter().map(|dim| Dim::Fixed(*dim)).collect();
        Self { element: element(tensor.data_type()), shape }
    }

    /// The declared type of an input or output, if it is a tensor.
    pub(crate) fn of_value(value: &ValueInfoProto) -> Option<Self> {
        let type_proto::Value::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()? else {
            return None;
        };
        let dims = tensor.shape.as_ref()?.dim.iter();
        let shape = dims.map(|dim| match &dim.value {
            Some(dimension::Value::DimValue(value)) => Dim::Fixed(*value),
            Some(dimension::Value::DimParam(name)) => Dim::Named(name.clone()),
            None => Dim::Named(String::new()),
        });
        Some(Self { element: element(tensor.elem_type()), shape: shape.collect() })
    }

    /// Bytes of a value of this type, if it is one that this exporter writes.
    pub(crate) fn bytes(&self) -> Option<i64> {
        let size = match self.element {
            DataType::Float16 => 2,
            DataType::Float => 4,
            DataType::Int64 => 8,
            _ => return None,
        };
        product(&self.shape)?.checked_mul(size)
    }
}

/// The number of elements of a shape: none if a dimension is only named, negative, or the number too large.
pub(crate) fn product(shape: &[Dim]) -> Option<i64> {
    shape.iter().try_fold(1_i64, |product, dim| match dim {
        Dim::Fixed(value) if *value >= 0 => product.checked_mul(*value),
        _ => None,
    })
}

/// Types of what a graph has before any node runs: its inputs and its constants.
pub(crate) fn declared(graph: &GraphProto) -> Types {
    let inputs = graph.input.iter().filter_map(|value| {
        let declared = TensorType::of_value(value)?;
        Some((value.name().to_owned(), declared))
    });
    let constants = graph.initializer.iter();
    let constants = constants.map(|tensor| (tensor.name().to_owned(), TensorType::of_initializer(tensor)));
    inputs.chain(constants).collect()
}

fn element(data_type: i32) -> DataType {
    DataType::try_from(data_type).unwrap_or(DataType::Undefined)
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(value) => write!(f, "{value}"),
            Self::Named(name) if name.is_empty() => f.write_str("?"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// As in `FLOAT [N, 100]`.
impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<_> = self.shape.iter().map(Dim::to_string).collect();
        write!(f, "{} [{}]", self.element.as_str_name(), dims.join(", "))
    }
}

//! The structure of a model of any origin and size: everything but the weights' values, which are stepped over.
//!
//! The file's fields are walked where they lie, so that a file of gigabytes takes no more memory than its names, and
//! operators, types and fields that this program does not know are no obstacle.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom};

use crate::data_type::{is_float, type_name};
use crate::field;
use crate::skeleton::tensor_shape_proto::{Dimension, dimension};
use crate::skeleton::{OperatorSetIdProto, ValueInfoProto, text, type_proto};
use crate::wire::{Field, OutlineError, Wire};

/// Graphs within graphs, the bodies of loops and branches, nest no deeper in any sane file.
const DEEPEST: usize = 32;

/// The structure of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Size of the file.
    pub bytes: u64,
    /// Version of the file format.
    pub ir_version: Option<i64>,
    /// Name and version of the program that wrote it.
    pub producer: [String; 2],
    /// What the file says about itself, for people.
    pub doc: String,
    /// Domain and version of each operator set.
    pub opsets: Vec<(String, i64)>,
    /// Keys and values, in their order.
    pub metadata: Vec<(String, String)>,
    /// The graph's name.
    pub graph: String,
    /// What has to be fed: the graph's inputs that are no initialisers.
    pub inputs: Vec<Value>,
    /// What the graph computes.
    pub outputs: Vec<Value>,
    /// How often each operator occurs, those of inner graphs and of functions too.
    pub nodes: BTreeMap<String, u64>,
    /// The constants, those of inner graphs and of nodes too.
    pub constants: Constants,
    has_graph: bool,
    initializers: BTreeSet<String>,
}

/// A value that enters or leaves the graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// Its name.
    pub name: String,
    /// Its type, as in `FLOAT [N, 100]`; a `?` for what the file leaves open.
    pub kind: String,
}

/// The constants of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constants {
    /// How many there are.
    pub tensors: u64,
    /// Elements of each data type, by ONNX's number.
    pub elements: BTreeMap<i64, u64>,
    /// Elements of all floats but single numbers: the learned values of a model.
    pub parameters: u64,
    /// Bytes of their data within the file.
    pub bytes: u64,
    /// Tensors in each other file that holds data.
    pub external: BTreeMap<String, u64>,
}

impl Outline {
    /// Reads a file from its start to its end.
    ///
    /// # Errors
    /// [`OutlineError`] names the byte at which it stops being a model, or what it lacks.
    pub fn read(mut source: impl Read + Seek) -> Result<Self, OutlineError> {
        let bytes = source.seek(SeekFrom::End(0))?;
        source.rewind()?;
        let outline = Self::model(&mut Wire::new(source, bytes), bytes)?;
        match (outline.ir_version, outline.has_graph) {
            (None, _) => Err(OutlineError::Format("it has no ir_version, which every model has".to_owned())),
            (_, false) => Err(OutlineError::Format("it has no graph, which every model has".to_owned())),
            _ => Ok(outline),
        }
    }

    fn model<R: Read + Seek>(wire: &mut Wire<R>, bytes: u64) -> Result<Self, OutlineError> {
        use field::{function_proto, model_proto};
        let mut model = Self { bytes, ..Self::default() };
        wire.fields(|wire, number, field| {
            match (number, field) {
                (model_proto::IR_VERSION, Field::Number(version)) => model.ir_version = Some(version as i64),
                (model_proto::PRODUCER_NAME, Field::Bytes(length)) => {
                    model.producer[0] = wire.text(length)?
                }
                (model_proto::PRODUCER_VERSION, Field::Bytes(length)) => {
                    model.producer[1] = wire.text(length)?
                }
                (model_proto::DOC_STRING, Field::Bytes(length)) => model.doc = wire.text(length)?,
                (model_proto::GRAPH, Field::Bytes(length)) => {
                    model.has_graph = true;
                    model.graph(wire, length, 0)?;
                }
                (model_proto::OPSET_IMPORT, Field::Bytes(length)) => {
                    let set: OperatorSetIdProto = wire.decoded(length)?;
                    model.opsets.push((text(set.domain()), set.version()));
                }
                (model_proto::METADATA_PROPS, Field::Bytes(length)) => {
                    model.metadata.push(entry(wire, length)?)
                }
                (model_proto::FUNCTIONS, Field::Bytes(length)) => {
                    wire.message(length, |wire, number, field| match (number, field) {
                        (function_proto::NODE, Field::Bytes(length)) => model.node(wire, length, 0),
                        _ => Ok(()),
                    })?
                }
                _ => {}
            }
            Ok(())
        })?;
        let Self { inputs, initializers, .. } = &mut model;
        inputs.retain(|input| !initializers.contains(&input.name));
        Ok(model)
    }

    fn graph<R: Read + Seek>(
        &mut self,
        wire: &mut Wire<R>,
        length: u64,
        depth: usize,
    ) -> Result<(), OutlineError> {
        if depth > DEEPEST {
            return Err(OutlineError::Format(format!("its graphs are nested more than {DEEPEST} deep")));
        }
        use field::graph_proto;
        wire.message(length, |wire, number, field| {
            let Field::Bytes(length) = field else { return Ok(()) };
            match (number, depth) {
                (graph_proto::NODE, _) => self.node(wire, length, depth)?,
                (graph_proto::NAME, 0) => self.graph = wire.text(length)?,
                (graph_proto::INITIALIZER, _) => {
                    let name = self.tensor(wire, length)?;
                    self.initializers.insert(name);
                }
                (graph_proto::INPUT, 0) => self.inputs.push(Value::of(&wire.decoded(length)?)),
                (graph_proto::OUTPUT, 0) => self.outputs.push(Value::of(&wire.decoded(length)?)),
                (graph_proto::SPARSE_INITIALIZER, _) => self.sparse_tensor(wire, length)?,
                _ => {}
            }
            Ok(())
        })
    }

    fn node<R: Read + Seek>(
        &mut self,
        wire: &mut Wire<R>,
        length: u64,
        depth: usize,
    ) -> Result<(), OutlineError> {
        let (mut operator, mut domain) = (String::new(), String::new());
        wire.message(length, |wire, number, field| {
            match (number, field) {
                (field::node_proto::OP_TYPE, Field::Bytes(length)) => operator = wire.text(length)?,
                (field::node_proto::DOMAIN, Field::Bytes(length)) => domain = wire.text(length)?,
                (field::node_proto::ATTRIBUTE, Field::Bytes(length)) => {
                    self.attribute(wire, length, depth)?
                }
                _ => {}
            }
            Ok(())
        })?;
        let name =
            if matches!(domain.as_str(), "" | "ai.onnx") { operator } else { format!("{domain}.{operator}") };
        *self.nodes.entry(name).or_default() += 1;
        Ok(())
    }

    fn attribute<R: Read + Seek>(
        &mut self,
        wire: &mut Wire<R>,
        length: u64,
        depth: usize,
    ) -> Result<(), OutlineError> {
        use field::attribute_proto;
        wire.message(length, |wire, number, field| match (number, field) {
            (attribute_proto::T | attribute_proto::TENSORS, Field::Bytes(length)) => {
                self.tensor(wire, length).map(drop)
            }
            (attribute_proto::G | attribute_proto::GRAPHS, Field::Bytes(length)) => {
                self.graph(wire, length, depth + 1)
            }
            (attribute_proto::SPARSE_TENSOR | attribute_proto::SPARSE_TENSORS, Field::Bytes(length)) => {
                self.sparse_tensor(wire, length)
            }
            _ => Ok(()),
        })
    }

    fn sparse_tensor<R: Read + Seek>(&mut self, wire: &mut Wire<R>, length: u64) -> Result<(), OutlineError> {
        use field::sparse_tensor_proto;
        wire.message(length, |wire, number, field| match (number, field) {
            (sparse_tensor_proto::VALUES | sparse_tensor_proto::INDICES, Field::Bytes(length)) => {
                self.tensor(wire, length).map(drop)
            }
            _ => Ok(()),
        })
    }

    /// Counts a tensor; its name.
    fn tensor<R: Read + Seek>(&mut self, wire: &mut Wire<R>, length: u64) -> Result<String, OutlineError> {
        use field::tensor_proto;
        let (mut name, mut location) = (String::new(), None);
        let (mut elements, mut data_type, mut bytes) = (1_u64, 0, 0_u64);
        let mut is_scalar = true;
        wire.message(length, |wire, number, field| {
            match (number, field) {
                (tensor_proto::DIMS, field) => wire.numbers(field, |dim| {
                    is_scalar = false;
                    elements = elements.saturating_mul(dim);
                })?,
                (tensor_proto::DATA_TYPE, Field::Number(number)) => data_type = number as i64,
                (
                    tensor_proto::FLOAT_DATA
                    | tensor_proto::INT32_DATA
                    | tensor_proto::STRING_DATA
                    | tensor_proto::INT64_DATA
                    | tensor_proto::RAW_DATA
                    | tensor_proto::DOUBLE_DATA
                    | tensor_proto::UINT64_DATA,
                    Field::Bytes(length),
                ) => bytes = bytes.saturating_add(length),
                (tensor_proto::NAME, Field::Bytes(length)) => name = wire.text(length)?,
                (tensor_proto::EXTERNAL_DATA, Field::Bytes(length)) => {
                    let (key, value) = entry(wire, length)?;
                    location = if key == "location" { Some(value) } else { location.take() };
                }
                _ => {}
            }
            Ok(())
        })?;
        let constants = &mut self.constants;
        constants.tensors += 1;
        constants.bytes = constants.bytes.saturating_add(bytes);
        let count = constants.elements.entry(data_type).or_default();
        *count = count.saturating_add(elements);
        if !is_scalar && is_float(data_type) {
            constants.parameters = constants.parameters.saturating_add(elements);
        }
        if let Some(file) = location {
            *constants.external.entry(file).or_default() += 1;
        }
        Ok(name)
    }
}

/// Key and value.
fn entry<R: Read + Seek>(wire: &mut Wire<R>, length: u64) -> Result<(String, String), OutlineError> {
    let (mut key, mut value) = (String::new(), String::new());
    wire.message(length, |wire, number, field| {
        match (number, field) {
            (field::string_string_entry_proto::KEY, Field::Bytes(length)) => key = wire.text(length)?,
            (field::string_string_entry_proto::VALUE, Field::Bytes(length)) => value = wire.text(length)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, value))
}

impl Value {
    fn of(value: &ValueInfoProto) -> Self {
        let kind = match value.r#type.as_ref().and_then(|kind| kind.value.as_ref()) {
            Some(type_proto::Value::TensorType(tensor)) => tensor_type(tensor),
            Some(type_proto::Value::SparseTensorType(tensor)) => format!("sparse {}", tensor_type(tensor)),
            Some(type_proto::Value::SequenceType(_)) => "sequence".to_owned(),
            Some(type_proto::Value::MapType(_)) => "map".to_owned(),
            Some(type_proto::Value::OptionalType(_)) => "optional".to_owned(),
            None => "?".to_owned(),
        };
        Self { name: text(value.name()), kind }
    }
}

fn tensor_type(tensor: &type_proto::Tensor) -> String {
    let element = type_name(tensor.elem_type().into());
    match &tensor.shape {
        Some(shape) => format!("{element} [{}]", shape.dim.iter().map(dim).collect::<Vec<_>>().join(", ")),
        None => format!("{element} of any shape"),
    }
}

fn dim(dim: &Dimension) -> String {
    match &dim.value {
        Some(dimension::Value::DimValue(size)) => size.to_string(),
        Some(dimension::Value::DimParam(name)) => text(name),
        None => "?".to_owned(),
    }
}

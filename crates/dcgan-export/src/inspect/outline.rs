//! The structure of a model: everything but the weights' values.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};

use super::wire::{Fault, Field, Wire};

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
    pub(super) has_graph: bool,
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
    pub(super) fn read<R: Read + Seek>(wire: &mut Wire<R>) -> Result<Self, Fault> {
        let mut model = Self { bytes: wire.end(), ..Self::default() };
        wire.fields(|wire, number, field| {
            match (number, field) {
                (1, Field::Number(version)) => model.ir_version = Some(version as i64),
                (2, Field::Bytes(length)) => model.producer[0] = wire.text(length)?,
                (3, Field::Bytes(length)) => model.producer[1] = wire.text(length)?,
                (6, Field::Bytes(length)) => model.doc = wire.text(length)?,
                (7, Field::Bytes(length)) => {
                    model.has_graph = true;
                    model.graph(wire, length, 0)?;
                }
                (8, Field::Bytes(length)) => model.opsets.push(opset(wire, length)?),
                (14, Field::Bytes(length)) => model.metadata.push(entry(wire, length)?),
                // A function is a graph of another kind, whose nodes are field 7.
                (25, Field::Bytes(length)) => {
                    wire.message(length, |wire, number, field| match (number, field) {
                        (7, Field::Bytes(length)) => model.node(wire, length, 0),
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

    fn graph<R: Read + Seek>(&mut self, wire: &mut Wire<R>, length: u64, depth: usize) -> Result<(), Fault> {
        if depth > DEEPEST {
            return Err(Fault::Format(format!("its graphs are nested more than {DEEPEST} deep")));
        }
        wire.message(length, |wire, number, field| {
            let Field::Bytes(length) = field else { return Ok(()) };
            match (number, depth) {
                (1, _) => self.node(wire, length, depth)?,
                (2, 0) => self.graph = wire.text(length)?,
                (5, _) => {
                    let name = self.tensor(wire, length)?;
                    self.initializers.insert(name);
                }
                (11, 0) => self.inputs.push(value(wire, length)?),
                (12, 0) => self.outputs.push(value(wire, length)?),
                (15, _) => self.sparse_tensor(wire, length)?,
                _ => {}
            }
            Ok(())
        })
    }

    fn node<R: Read + Seek>(&mut self, wire: &mut Wire<R>, length: u64, depth: usize) -> Result<(), Fault> {
        let (mut operator, mut domain) = (String::new(), String::new());
        wire.message(length, |wire, number, field| {
            match (number, field) {
                (4, Field::Bytes(length)) => operator = wire.text(length)?,
                (7, Field::Bytes(length)) => domain = wire.text(length)?,
                (5, Field::Bytes(length)) => self.attribute(wire, length, depth)?,
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
    ) -> Result<(), Fault> {
        wire.message(length, |wire, number, field| match (number, field) {
            (5 | 10, Field::Bytes(length)) => self.tensor(wire, length).map(drop),
            (6 | 11, Field::Bytes(length)) => self.graph(wire, length, depth + 1),
            (22 | 23, Field::Bytes(length)) => self.sparse_tensor(wire, length),
            _ => Ok(()),
        })
    }

    /// Its values are field 1, their places field 2.
    fn sparse_tensor<R: Read + Seek>(&mut self, wire: &mut Wire<R>, length: u64) -> Result<(), Fault> {
        wire.message(length, |wire, number, field| match (number, field) {
            (1 | 2, Field::Bytes(length)) => self.tensor(wire, length).map(drop),
            _ => Ok(()),
        })
    }

    /// Counts a tensor; its name.
    fn tensor<R: Read + Seek>(&mut self, wire: &mut Wire<R>, length: u64) -> Result<String, Fault> {
        let (mut name, mut location) = (String::new(), None);
        let (mut elements, mut data_type, mut bytes) = (1_u64, 0, 0_u64);
        let mut is_scalar = true;
        wire.message(length, |wire, number, field| {
            match (number, field) {
                (1, field) => wire.numbers(field, |dim| {
                    is_scalar = false;
                    elements = elements.saturating_mul(dim);
                })?,
                (2, Field::Number(number)) => data_type = number as i64,
                (4..=7 | 9..=11, Field::Bytes(length)) => bytes = bytes.saturating_add(length),
                (8, Field::Bytes(length)) => name = wire.text(length)?,
                (13, Field::Bytes(length)) => {
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

/// Whether the elements of a type, by ONNX's number, are floats.
fn is_float(data_type: i64) -> bool {
    matches!(data_type, 1 | 10 | 11 | 16..=20 | 23)
}

/// Domain and version.
fn opset<R: Read + Seek>(wire: &mut Wire<R>, length: u64) -> Result<(String, i64), Fault> {
    let (mut domain, mut version) = (String::new(), 0);
    wire.message(length, |wire, number, field| {
        match (number, field) {
            (1, Field::Bytes(length)) => domain = wire.text(length)?,
            (2, Field::Number(number)) => version = number as i64,
            _ => {}
        }
        Ok(())
    })?;
    Ok((domain, version))
}

/// Key and value.
fn entry<R: Read + Seek>(wire: &mut Wire<R>, length: u64) -> Result<(String, String), Fault> {
    let (mut key, mut value) = (String::new(), String::new());
    wire.message(length, |wire, number, field| {
        match (number, field) {
            (1, Field::Bytes(length)) => key = wire.text(length)?,
            (2, Field::Bytes(length)) => value = wire.text(length)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, value))
}

fn value<R: Read + Seek>(wire: &mut Wire<R>, length: u64) -> Result<Value, Fault> {
    let mut value = Value { name: String::new(), kind: "?".to_owned() };
    wire.message(length, |wire, number, field| {
        match (number, field) {
            (1, Field::Bytes(length)) => value.name = wire.text(length)?,
            (2, Field::Bytes(length)) => value.kind = kind(wire, length)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(value)
}

/// A TypeProto: a tensor, or something that only other networks have.
fn kind<R: Read + Seek>(wire: &mut Wire<R>, length: u64) -> Result<String, Fault> {
    let mut kind = "?".to_owned();
    wire.message(length, |wire, number, field| {
        match (number, field) {
            (1, Field::Bytes(length)) => kind = tensor_type(wire, length)?,
            (8, Field::Bytes(length)) => kind = format!("sparse {}", tensor_type(wire, length)?),
            (4, _) => kind = "sequence".to_owned(),
            (5, _) => kind = "map".to_owned(),
            (9, _) => kind = "optional".to_owned(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(kind)
}

fn tensor_type<R: Read + Seek>(wire: &mut Wire<R>, length: u64) -> Result<String, Fault> {
    let (mut element, mut shape) = (0, None);
    wire.message(length, |wire, number, field| {
        match (number, field) {
            (1, Field::Number(number)) => element = number as i64,
            (2, Field::Bytes(length)) => {
                let mut dims = Vec::new();
                wire.message(length, |wire, number, field| {
                    if let (1, Field::Bytes(length)) = (number, field) {
                        dims.push(dim(wire, length)?);
                    }
                    Ok(())
                })?;
                shape = Some(dims.join(", "));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(match shape {
        Some(shape) => format!("{} [{shape}]", type_name(element)),
        None => format!("{} of any shape", type_name(element)),
    })
}

fn dim<R: Read + Seek>(wire: &mut Wire<R>, length: u64) -> Result<String, Fault> {
    let mut dim = "?".to_owned();
    wire.message(length, |wire, number, field| {
        match (number, field) {
            (1, Field::Number(number)) => dim = (number as i64).to_string(),
            (2, Field::Bytes(length)) => dim = wire.text(length)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(dim)
}

/// ONNX's name of a data type, or its number where the name came later than this program.
pub(super) fn type_name(data_type: i64) -> String {
    const NAMES: [&str; 24] = [
        "UNDEFINED",
        "FLOAT",
        "UINT8",
        "INT8",
        "UINT16",
        "INT16",
        "INT32",
        "INT64",
        "STRING",
        "BOOL",
        "FLOAT16",
        "DOUBLE",
        "UINT32",
        "UINT64",
        "COMPLEX64",
        "COMPLEX128",
        "BFLOAT16",
        "FLOAT8E4M3FN",
        "FLOAT8E4M3FNUZ",
        "FLOAT8E5M2",
        "FLOAT8E5M2FNUZ",
        "UINT4",
        "INT4",
        "FLOAT4E2M1",
    ];
    let name = usize::try_from(data_type).ok().and_then(|index| NAMES.get(index));
    name.map_or_else(|| format!("type {data_type}"), |name| (*name).to_owned())
}

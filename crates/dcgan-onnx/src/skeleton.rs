//! The messages without the values of tensors and with text as bytes, to read files of any origin from memory.
//!
//! The values, which are most of a file, are skipped and not copied. Text is bytes, since not every engine insists on
//! UTF-8.

use std::collections::BTreeMap;

use crate::tensor_proto::DataLocation;

// The generated code documents messages, and the fields that need it.
#[allow(missing_docs)]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/skeleton/onnx.rs"));
}

pub use messages::*;

/// Where a tensor's values lie that are in another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalData {
    /// The file, as the model names it: [`beside`](crate::beside) has its path.
    pub location: String,
    /// The length that the file must have, in bytes.
    pub end: u64,
}

impl ModelProto {
    /// The entries of the metadata by key; of equal keys, the last one.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        self.metadata_props.iter().map(|entry| (text(entry.key()), text(entry.value()))).collect()
    }
}

impl GraphProto {
    /// The tensors that are constants, also those of nodes and of the graphs inside of nodes.
    pub fn tensors(&self) -> Vec<&TensorProto> {
        let mut tensors: Vec<_> = self.initializer.iter().collect();
        for attribute in self.node.iter().flat_map(|node| &node.attribute) {
            tensors.extend(attribute.t.iter().chain(&attribute.tensors));
            tensors.extend(attribute.g.iter().chain(&attribute.graphs).flat_map(Self::tensors));
        }
        tensors
    }
}

impl TensorProto {
    /// Where the values are, if they are in another file that has a name.
    pub fn external(&self) -> Option<ExternalData> {
        let entry = |key: &[u8]| self.external_data.iter().find(|entry| entry.key() == key);
        let location =
            entry(b"location").filter(|_| self.data_location() == DataLocation::External as i32)?;
        let number = |key| entry(key).and_then(|entry| text(entry.value()).parse().ok()).unwrap_or(0_u64);
        let end = number(b"offset").saturating_add(number(b"length"));
        Some(ExternalData { location: text(location.value()), end })
    }
}

impl ValueInfoProto {
    /// Number of the data type, of a tensor.
    pub fn elem_type(&self) -> Option<i32> {
        match self.r#type.as_ref()?.value.as_ref()? {
            type_proto::Value::TensorType(tensor) => Some(tensor.elem_type()),
            _ => None,
        }
    }
}

/// Text for messages: what is not UTF-8 is replaced.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

//! The ONNX file format, described once: `proto/onnx.proto`. No other crate knows its fields.
//!
//! - the messages, such as [`ModelProto`]: whole files in memory, as an exporter writes them. They are compiled from the
//!   description, with ONNX's names and field numbers
//! - [`skeleton`]: the same messages without the values of tensors, to read files of any origin from memory
//! - [`Outline`]: the structure of a file of any size and origin, read in bounded memory
//! - [`beside()`]: the path of a file in which a model keeps weights; [`type_name`]: the name of a data type
//!
//! Engines and networks are no concern of this crate: who decodes a model decides what it has to hold.
//!
//! ```
//! use std::io::Cursor;
//! use dcgan_onnx::{GraphProto, Message, ModelProto, Outline};
//!
//! let model = ModelProto { ir_version: Some(8), graph: Some(GraphProto::default()), ..ModelProto::default() };
//! let outline = Outline::read(Cursor::new(model.encode_to_vec()))?;
//! assert_eq!((outline.ir_version, outline.constants.parameters), (Some(8), 0));
//! # Ok::<(), dcgan_onnx::OutlineError>(())
//! ```

mod beside;
mod data_type;
mod outline;
pub mod skeleton;
mod tensor;
mod wire;

/// The messages of an ONNX file.
// The generated code documents messages, and the fields that need it.
#[allow(missing_docs)]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/onnx.rs"));
}

/// The numbers of the fields of each message.
// Of all fields, also of those that only prost reads.
#[allow(dead_code)]
mod field {
    include!(concat!(env!("OUT_DIR"), "/fields.rs"));
}

pub use beside::beside;
pub use data_type::type_name;
pub use messages::*;
pub use outline::{Constants, Outline, Value};
pub use prost::{DecodeError, Message};
pub use wire::OutlineError;

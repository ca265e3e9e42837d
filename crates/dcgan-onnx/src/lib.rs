//! The ONNX file format, described once: `proto/onnx.proto`. No other crate knows its fields.
//!
//! The messages, such as [`ModelProto`], are whole files in memory, as an exporter writes them. They are compiled from
//! the description, with ONNX's names and field numbers.

/// The messages of an ONNX file.
// The generated code documents messages, and the fields that need it.
#[allow(missing_docs)]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/onnx.rs"));
}

pub use messages::*;

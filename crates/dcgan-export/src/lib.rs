//! From a trained generator to one ONNX file that every runtime takes.

/// The messages of an ONNX file, with the names and field numbers of ONNX.
// The generated code documents messages, and the fields that need it.
#[allow(missing_docs)]
pub mod onnx {
    include!(concat!(env!("OUT_DIR"), "/onnx.rs"));
}

pub use onnx::ModelProto;

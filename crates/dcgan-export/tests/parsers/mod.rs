//! Each parser of foreign bytes, called as the programs call it. Whatever the bytes are, it has to come back with a
//! result: the fuzz targets call these functions, and `corpus.rs` does with what they have found.

// The test programs and the fuzz targets each use their own part of this file.
#![allow(dead_code)]

mod operators;

use std::collections::BTreeMap;
use std::path::Path;

use dcgan_core::description::Description;
use dcgan_core::{Checkpoint, StateDict, Weights, checksum, metadata};
use dcgan_export::inspect::{Table, inspect_bytes};
use dcgan_export::interpreter::{self, Array, Limits};
use dcgan_export::{Assumptions, ExportConfig, ModelProto, Network, check, export_network, render};
use dcgan_onnx::tensor_shape_proto::dimension;
use dcgan_onnx::{GraphProto, Message, ValueInfoProto, type_proto};

pub use operators::operators;

/// Takes any bytes; panics if a parser does, or contradicts itself.
pub type Parser = fn(&[u8]);

/// Every parser by the name of its fuzz target and of its folder in the corpus.
pub const PARSERS: [(&str, Parser); 7] = [
    ("checkpoint", checkpoint),
    ("description", description),
    ("state_dict", state_dict),
    ("model", model),
    ("interpreter", interpreter),
    ("operators", operators),
    ("metadata", metadata),
];

/// What a run of a foreign model may cost here.
const LIMITS: Limits = Limits { elements: 1 << 18, products: 1 << 22 };
/// Elements of an input that is made for a foreign model.
const INPUT: usize = 1 << 12;

/// A file of weights: a checkpoint, or a state dict.
pub fn checkpoint(bytes: &[u8]) {
    for file in [bytes.to_vec(), with_header_length(bytes)] {
        let checkpoint = Checkpoint::from_bytes(&file, Path::new("fuzz"));
        if let Ok(weights) = Weights::from_bytes(&file, Path::new("fuzz")) {
            assert_eq!(matches!(weights, Weights::Checkpoint(_)), checkpoint.is_ok());
        }
        drop(StateDict::from_bytes(&file, Path::new("fuzz")));
    }
}

/// The JSON of a checkpoint's header, before the weights of the smallest network.
pub fn description(bytes: &[u8]) {
    let Ok(json) = std::str::from_utf8(bytes) else { return };
    let shapes = [("fc.bias", vec![16]), ("fc.weight", vec![16, 1]), ("tconv1.weight", vec![1, 1, 4, 4])];
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".to_owned(), serde_json::json!({ "dcgan": json }));
    for (index, (name, shape)) in shapes.into_iter().enumerate() {
        let entry = serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [64 * index, 64 * (index + 1)] });
        header.insert(name.to_owned(), entry);
    }
    let header = serde_json::Value::Object(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend([0; 3 * 64]);
    if let Ok(checkpoint) = Checkpoint::from_bytes(&file, Path::new("fuzz")) {
        let network =
            Network::of_checkpoint(&checkpoint).expect("a checkpoint that was read has all its tensors");
        exported(network);
    }
}

/// A PyTorch state dict, up to the file that it becomes.
pub fn state_dict(bytes: &[u8]) {
    for file in [bytes.to_vec(), with_header_length(bytes)] {
        if let Ok(weights) = Weights::from_bytes(&file, Path::new("fuzz"))
            && let Ok(network) = Network::of_weights(weights, &Assumptions::default())
        {
            exported(network);
        }
    }
}

/// An ONNX file: its table, its text and its checks.
pub fn model(bytes: &[u8]) {
    if let Ok(outline) = inspect_bytes(bytes, Path::new("fuzz")) {
        assert!(!Table(&outline).to_string().is_empty());
    }
    if let Ok(model) = ModelProto::decode(bytes) {
        drop(check(&model));
        render(&model);
        let again = model.encode_to_vec();
        assert_eq!(ModelProto::decode(again.as_slice()).expect("what was encoded").encode_to_vec(), again);
    }
}

/// An ONNX file, run with ones for its inputs.
pub fn interpreter(bytes: &[u8]) {
    if let Ok(model) = ModelProto::decode(bytes)
        && let Some(inputs) = model.graph.as_ref().and_then(inputs)
    {
        drop(interpreter::run(&model, &inputs, LIMITS));
    }
}

/// Text as each entry of a model's metadata that is more than text, with a picture held against the test vectors in it;
/// and the same bytes as a checksum and what it may be of.
pub fn metadata(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    for key in [metadata::LATENT_SIZE, metadata::TRAINING, metadata::TEST_VECTORS] {
        let Ok(found) = Description::read(&BTreeMap::from([(key.to_owned(), text.clone())])) else {
            continue;
        };
        for (vector, length) in found.test_vectors.iter().zip([0, 1, 63, 64, 192].into_iter().cycle()) {
            vector.accepts(&vec![0.5; length]);
        }
        drop(found.entries());
    }
    let (checksum, content) = bytes.split_at(bytes.len().min(checksum::BLANK.len()));
    checksum::is_intact(content, &String::from_utf8_lossy(checksum));
    let checksum = checksum::checksum(&[content, checksum::BLANK.as_bytes()].concat());
    assert!(checksum::is_intact(&[content, checksum.as_bytes()].concat(), &checksum));
}

/// What was read can be written, or is refused; what is written is sound, and runs.
fn exported(network: Network) {
    for fold_batchnorm in [true, false] {
        let config = ExportConfig { fold_batchnorm, ..ExportConfig::default() };
        let Ok(model) = export_network(network.clone(), &config) else { continue };
        let bytes = model.encode_to_vec();
        inspect_bytes(&bytes, Path::new("fuzz")).expect("what was exported can be inspected");
        let model = ModelProto::decode(bytes.as_slice()).expect("what was exported can be decoded");
        check(&model).expect("what was exported is sound");
        let Some(inputs) = model.graph.as_ref().and_then(inputs) else { continue };
        if let Err(error) = interpreter::run(&model, &inputs, LIMITS) {
            assert!(error.to_string().contains("the limit of this run"), "{error}");
        }
    }
}

/// Ones for each input that is no initialiser, and 2 for each dimension without a size, if they are not too large.
fn inputs(graph: &GraphProto) -> Option<Vec<Array>> {
    let is_constant = |name: &str| graph.initializer.iter().any(|tensor| tensor.name() == name);
    let inputs = graph.input.iter().filter(|input| !is_constant(input.name()));
    inputs.map(ones).collect()
}

fn ones(input: &ValueInfoProto) -> Option<Array> {
    let type_proto::Value::TensorType(tensor) = input.r#type.as_ref()?.value.as_ref()? else { return None };
    let dims = tensor.shape.as_ref()?.dim.iter().map(|dim| match dim.value {
        Some(dimension::Value::DimValue(size)) => usize::try_from(size).ok(),
        _ => Some(2),
    });
    let shape = dims.collect::<Option<Vec<_>>>()?;
    let bound = shape.iter().try_fold(1_usize, |count, dim| count.checked_mul(*dim.max(&1)))?;
    (bound <= INPUT).then(|| Array::floats(&shape, vec![1.0; shape.iter().product()]))
}

/// The same file with the length of its header corrected: a random change hardly ever gets it right.
fn with_header_length(bytes: &[u8]) -> Vec<u8> {
    let mut file = bytes.to_vec();
    let end = file.iter().rposition(|byte| *byte == b'}').and_then(|end| (end + 1).checked_sub(8));
    if let (Some(length), Some(place)) = (end, file.first_chunk_mut::<8>()) {
        *place = (length as u64).to_le_bytes();
    }
    file
}

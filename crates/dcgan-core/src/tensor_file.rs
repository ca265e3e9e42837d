//! Tensors and a JSON text in one safetensors file, with a checksum of both.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::Path;

use ndarray::ArrayD;
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use crate::checkpoint_error::CheckpointError;
use crate::{checksum, input, memory};

/// How the files of `torch.save` begin: as a zip archive, and before PyTorch 1.6 as a pickle.
const PICKLES: [&[u8]; 2] = [b"PK\x03\x04", b"\x80\x02"];

/// Values of one tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorData {
    /// Weights and running statistics.
    F32(ArrayD<f32>),
    /// BatchNorm's `num_batches_tracked`, a scalar.
    Count(i64),
}

impl TensorData {
    /// An `f32` tensor from its values in row-major order.
    ///
    /// # Panics
    /// If the number of values is not the product of the shape.
    pub fn from_values(shape: &[usize], values: Vec<f32>) -> Self {
        Self::F32(ArrayD::from_shape_vec(shape, values).expect("one value for each element of the shape"))
    }
}

/// A file's content: the tensors, and in the header's metadata entry `key` the text `json`, whose last
/// [`BLANK`](checksum::BLANK) becomes the checksum.
pub(crate) fn to_bytes(key: &str, json: &str, tensors: &BTreeMap<String, TensorData>) -> io::Result<Vec<u8>> {
    let encoded: Vec<_> = tensors.iter().map(|(name, data)| (name, encode(data))).collect();
    let contents = encoded.iter().map(|(name, (_, _, bytes))| (name.as_str(), bytes.as_slice()));
    let json = replace_last(json, checksum::BLANK, &checksum(json, contents));
    // One entry only: the crate writes a HashMap's entries in no fixed order.
    let metadata = HashMap::from([(key.to_owned(), json)]);
    let views = encoded.iter().map(|(name, (dtype, shape, bytes))| {
        TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
    });
    let views = views.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    safetensors::serialize(views, Some(metadata)).map_err(io::Error::other)
}

/// The most bytes that a file and its tensors take together for each byte of the file: tensors of 16 bits become 32.
const READ: u64 = 3;

/// The bytes of a file, if the system has the memory for them and for the tensors.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    let error = |reason| CheckpointError::Read { path: path.to_owned(), reason };
    let length = input::check(path).and_then(|()| fs::metadata(path)).map_err(error)?.len();
    let bytes = length.checked_mul(READ).and_then(|bytes| usize::try_from(bytes).ok());
    memory::check(format_args!("the tensors of {}", path.display()), bytes)?;
    input::read(path).map_err(error)
}

/// The header's metadata and the tensors of a file's content.
pub(crate) fn parse<'a>(
    bytes: &'a [u8],
    path: &Path,
) -> Result<(Metadata, SafeTensors<'a>), CheckpointError> {
    if PICKLES.iter().any(|start| bytes.starts_with(start)) {
        return Err(CheckpointError::Pickle { path: path.to_owned() });
    }
    let format = |error: safetensors::SafeTensorError| CheckpointError::Format {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(format)?;
    Ok((metadata, SafeTensors::deserialize(bytes).map_err(format)?))
}

/// The text under `key` in a file's header.
pub(crate) fn json<'a>(metadata: &'a Metadata, key: &str, path: &Path) -> Result<&'a str, CheckpointError> {
    let json = metadata.metadata().as_ref().and_then(|map| map.get(key));
    json.map(String::as_str).ok_or_else(|| CheckpointError::Description {
        path: path.to_owned(),
        reason: format!("its header has no `{key}` entry, so dcgan-train did not write it"),
    })
}

/// Whether the file has the checksum `found`, which its text `json` has in it, over these tensors.
pub(crate) fn is_intact<'a>(
    file: &SafeTensors,
    names: impl Iterator<Item = &'a String>,
    json: &str,
    found: &str,
) -> bool {
    let bytes = |name| file.tensor(name).map_or(&[][..], |view| view.data());
    let blank = replace_last(json, found, checksum::BLANK);
    checksum(&blank, names.map(|name| (name.as_str(), bytes(name)))) == found
}

/// A tensor of 32-bit floats, of any value, or a count.
pub(crate) fn decode(name: &str, view: &TensorView) -> Result<TensorData, String> {
    let bytes = view.data();
    match (view.dtype(), view.shape()) {
        (Dtype::I64, []) => count(name, bytes),
        (Dtype::F32, shape) => {
            let values = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            array(name, shape, values)
        }
        (dtype, shape) => Err(format!("tensor {name} is {dtype:?} {shape:?}, expected F32 or a count")),
    }
}

pub(crate) fn count(name: &str, bytes: &[u8]) -> Result<TensorData, String> {
    let bytes = bytes.try_into().map_err(|_| format!("tensor {name} is not 8 bytes"))?;
    Ok(TensorData::Count(i64::from_le_bytes(bytes)))
}

pub(crate) fn array(name: &str, shape: &[usize], values: Vec<f32>) -> Result<TensorData, String> {
    // A shape with a 0 in it may have other dimensions beyond all measure.
    let values = ArrayD::from_shape_vec(shape, values);
    values.map(TensorData::F32).map_err(|_| format!("tensor {name} has the impossible shape {shape:?}"))
}

fn encode(data: &TensorData) -> (Dtype, Vec<usize>, Vec<u8>) {
    match data {
        TensorData::F32(values) => {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (Dtype::F32, values.shape().to_vec(), bytes)
        }
        TensorData::Count(count) => (Dtype::I64, Vec::new(), count.to_le_bytes().to_vec()),
    }
}

/// SHA-256 of a text with [`BLANK`](checksum::BLANK) in it and of the tensors in the order of their names, in hexadecimal.
fn checksum<'a>(json: &str, tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hash = Sha256::new_with_prefix(json);
    for (name, bytes) in tensors {
        hash.update(name);
        hash.update(bytes);
    }
    checksum::hex(hash)
}

fn replace_last(text: &str, old: &str, new: &str) -> String {
    match text.rsplit_once(old) {
        Some((before, after)) => format!("{before}{new}{after}"),
        None => text.to_owned(),
    }
}

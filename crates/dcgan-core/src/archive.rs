//! Tensors of any names with a description, in one sealed safetensors file: what a program keeps for itself.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::atomic::{self, WriteError};
use crate::checkpoint_error::CheckpointError;
use crate::checksum;
use crate::tensor_file::{self, TensorData, is_intact, json, parse};

/// What such a file holds. Unlike in a [`Checkpoint`](crate::Checkpoint), values need not be finite.
///
/// ```
/// use std::collections::BTreeMap;
/// use dcgan_core::{archive::Archive, TensorData};
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("notes.safetensors");
/// let tensors = BTreeMap::from([("steps".to_owned(), TensorData::Count(7))]);
/// let archive = Archive { description: serde_json::json!({"version": 1}), tensors };
/// archive.save("notes", &path)?;
/// assert_eq!(Archive::load("notes", &path)?, archive);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Archive {
    /// Any JSON.
    pub description: Value,
    /// Any tensors.
    pub tensors: BTreeMap<String, TensorData>,
}

#[derive(Serialize, Deserialize)]
struct Sealed<D> {
    description: D,
    /// Last, so that it is the last blank of the text.
    sha256: String,
}

impl Archive {
    /// Writes the file, atomically, its description under `key` in the header's metadata.
    ///
    /// # Errors
    /// [`WriteError`] names the path; an old file there is kept.
    pub fn save(&self, key: &str, path: &Path) -> Result<(), WriteError> {
        atomic::write(path, |file| file.write_all(&self.to_bytes(key)?))
    }

    fn to_bytes(&self, key: &str) -> io::Result<Vec<u8>> {
        let sealed = Sealed { description: &self.description, sha256: checksum::BLANK.to_owned() };
        tensor_file::to_bytes(key, &serde_json::to_string(&sealed)?, &self.tensors)
    }

    /// Reads a file that [`Archive::save`] wrote under the same key, whole and unchanged.
    ///
    /// # Errors
    /// [`CheckpointError`] says what is wrong with which file.
    pub fn load(key: &str, path: &Path) -> Result<Self, CheckpointError> {
        let bytes = tensor_file::read(path)?;
        Self::from_bytes(key, &bytes, path)
    }

    fn from_bytes(key: &str, bytes: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        let (metadata, file) = parse(bytes, path)?;
        let json = json(&metadata, key, path)?;
        let sealed: Sealed<Value> = serde_json::from_str(json).map_err(|error| {
            CheckpointError::Description { path: path.to_owned(), reason: error.to_string() }
        })?;
        let decode = |(name, view): (String, _)| {
            let data = tensor_file::decode(&name, &view)?;
            Ok((name, data))
        };
        let tensors = file.tensors().into_iter().map(decode).collect::<Result<BTreeMap<_, _>, String>>();
        let tensors = tensors.map_err(|reason| CheckpointError::Tensor { path: path.to_owned(), reason })?;
        if !is_intact(&file, tensors.keys(), json, &sealed.sha256) {
            return Err(CheckpointError::Damaged { path: path.to_owned() });
        }
        Ok(Self { description: sealed.description, tensors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Archive {
        let tensors = [
            ("a.b", TensorData::from_values(&[2, 2], vec![1.0, -0.0, f32::INFINITY, 1e-42])),
            ("empty", TensorData::from_values(&[0, 2], vec![])),
            ("count", TensorData::Count(-3)),
        ];
        let tensors = tensors.into_iter().map(|(name, data)| (name.to_owned(), data)).collect();
        Archive { description: serde_json::json!({"version": 1, "at": [3, "x"]}), tensors }
    }

    fn load(bytes: &[u8]) -> Result<Archive, CheckpointError> {
        Archive::from_bytes("key", bytes, Path::new("file.safetensors"))
    }

    #[test]
    fn what_is_saved_is_loaded_and_the_bytes_repeat() {
        let bytes = small().to_bytes("key").unwrap();
        let loaded = load(&bytes).unwrap();
        assert_eq!(loaded, small());
        let TensorData::F32(values) = &loaded.tensors["a.b"] else { panic!("a count") };
        assert!(values[[0, 1]].is_sign_negative());
        assert_eq!(small().to_bytes("key").unwrap(), bytes);
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_of_a_value_is_an_error() {
        let bytes = small().to_bytes("key").unwrap();
        assert!((0..bytes.len()).all(|length| load(&bytes[..length]).is_err()));
        let data = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let version = bytes.windows(7).position(|window| window == b"version").unwrap();
        for byte in (data..bytes.len()).chain(version..version + 12) {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[byte] ^= 1 << bit;
                assert!(load(&flipped).is_err(), "bit {bit} of byte {byte}");
            }
        }
    }

    #[test]
    fn another_key_is_named() {
        let bytes = small().to_bytes("other").unwrap();
        assert!(load(&bytes).unwrap_err().to_string().contains("no `key` entry"));
    }
}

//! A trained network in one safetensors file that describes itself.
//!
//! The tensors have the names, shapes and layout of PyTorch's state dict and there are no others, so that
//! `safetensors.torch.load_file` and a strict `load_state_dict` take them. The header's metadata has one
//! entry, `dcgan`: a JSON object with the [`NetworkSpec`], the [`TrainingRecord`] and a checksum of it all. Nothing
//! in the file depends on the clock or on where it lies: the same run gives the same bytes.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use ndarray::ArrayD;
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::atomic::{self, WriteError};
use crate::checksum;
use crate::spec::{DiscriminatorSpec, GeneratorSpec, NetworkSpec, TensorSpec};
use crate::tensor_file::{self, TensorData, is_intact, parse};

pub use crate::checkpoint_error::{CheckpointError, PICKLE_TO_SAFETENSORS};

/// The metadata entry that holds the description.
const METADATA_KEY: &str = "dcgan";

/// A network's weights with what is needed to understand them.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Which network this is.
    pub spec: NetworkSpec,
    /// How it was trained.
    pub record: TrainingRecord,
    /// The state dict: exactly the tensors of [`NetworkSpec::tensors`].
    pub tensors: BTreeMap<String, TensorData>,
}

/// How a network was trained, as far as the run's result depends on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// Generator updates so far.
    pub steps: u64,
    /// Real images seen so far, repeats counted.
    pub images_seen: u64,
    /// Options of the run by name, without paths.
    pub options: BTreeMap<String, serde_json::Value>,
    /// What the generator's images were measured to be, such as `kid`; nothing where they were not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measured: BTreeMap<String, f64>,
}

#[derive(Serialize, Deserialize)]
struct Description {
    #[serde(flatten)]
    spec: NetworkSpec,
    training: TrainingRecord,
    /// Last, so that it is the last blank of the text; older files have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl Checkpoint {
    /// Writes the checkpoint, atomically.
    ///
    /// # Errors
    /// [`WriteError`] names the path; an old file there is kept.
    pub fn save(&self, path: &Path) -> Result<(), WriteError> {
        atomic::write(path, |file| file.write_all(&self.to_bytes()?))
    }

    fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let description = Description {
            spec: self.spec.clone(),
            training: self.record.clone(),
            sha256: Some(checksum::BLANK.to_owned()),
        };
        tensor_file::to_bytes(METADATA_KEY, &serde_json::to_string(&description)?, &self.tensors)
    }

    /// Reads a checkpoint and checks that it is whole: every tensor of its architecture, each of its shape,
    /// every value finite, nothing else.
    ///
    /// # Errors
    /// [`CheckpointError`] says which part of which file is wrong.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = tensor_file::read(path)?;
        Self::from_bytes(&bytes, path)
    }

    /// [`Checkpoint::load`] of a generator, with its spec.
    ///
    /// # Errors
    /// As [`Checkpoint::load`], and [`CheckpointError::WrongNetwork`] for a discriminator.
    pub fn load_generator(path: &Path) -> Result<(GeneratorSpec, Self), CheckpointError> {
        let checkpoint = Self::load(path)?;
        match &checkpoint.spec {
            NetworkSpec::Generator(spec) => Ok((spec.clone(), checkpoint)),
            NetworkSpec::Discriminator(_) => Err(CheckpointError::WrongNetwork {
                path: path.to_owned(),
                found: "discriminator",
                expected: "generator",
            }),
        }
    }

    /// [`Checkpoint::load`] of a discriminator, with its spec.
    ///
    /// # Errors
    /// As [`Checkpoint::load`], and [`CheckpointError::WrongNetwork`] for a generator.
    pub fn load_discriminator(path: &Path) -> Result<(DiscriminatorSpec, Self), CheckpointError> {
        let checkpoint = Self::load(path)?;
        match &checkpoint.spec {
            NetworkSpec::Discriminator(spec) => Ok((spec.clone(), checkpoint)),
            NetworkSpec::Generator(_) => Err(CheckpointError::WrongNetwork {
                path: path.to_owned(),
                found: "generator",
                expected: "discriminator",
            }),
        }
    }

    /// The values of an `f32` tensor of the spec.
    ///
    /// # Panics
    /// If `name` is not an `f32` tensor of [`NetworkSpec::tensors`]: a loaded checkpoint has all of them.
    pub fn f32(&self, name: &str) -> &ArrayD<f32> {
        match self.tensors.get(name) {
            Some(TensorData::F32(values)) => values,
            other => panic!("{name} is {other:?}, not an f32 tensor of this checkpoint"),
        }
    }

    /// [`Checkpoint::load`] of a file's content; `path` is for messages.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        let (metadata, file) = parse(bytes, path)?;
        let describe = |reason: String| CheckpointError::Description { path: path.to_owned(), reason };
        let json = tensor_file::json(&metadata, METADATA_KEY, path)?;
        let description: Description =
            serde_json::from_str(json).map_err(|error| describe(error.to_string()))?;
        description.spec.check().map_err(describe)?;
        let tensors = decode_all(&file, &description.spec.tensors());
        let tensors = tensors.map_err(|reason| CheckpointError::Tensor { path: path.to_owned(), reason })?;
        if let Some(found) = &description.sha256
            && !is_intact(&file, tensors.keys(), json, found)
        {
            return Err(CheckpointError::Damaged { path: path.to_owned() });
        }
        Ok(Self { tensors, spec: description.spec, record: description.training })
    }
}

/// Whether dcgan-train wrote the file.
pub(crate) fn describes_itself(metadata: &Metadata) -> bool {
    metadata.metadata().as_ref().is_some_and(|map| map.contains_key(METADATA_KEY))
}

fn decode_all(file: &SafeTensors, expected: &[TensorSpec]) -> Result<BTreeMap<String, TensorData>, String> {
    let surplus = file.names().into_iter().find(|name| !expected.iter().any(|tensor| tensor.name == *name));
    if let Some(name) = surplus {
        return Err(format!("tensor {name} does not belong to this architecture"));
    }
    let decode_one = |tensor: &TensorSpec| {
        let view = file.tensor(&tensor.name).map_err(|_| format!("tensor {} is missing", tensor.name))?;
        Ok((tensor.name.clone(), decode(&view, tensor)?))
    };
    expected.iter().map(decode_one).collect()
}

fn decode(view: &TensorView, expected: &TensorSpec) -> Result<TensorData, String> {
    let name = &expected.name;
    let dtype = if expected.shape.is_empty() { Dtype::I64 } else { Dtype::F32 };
    if view.dtype() != dtype || view.shape() != expected.shape {
        return Err(format!(
            "tensor {name} is {:?} {:?}, expected {dtype:?} {:?}",
            view.dtype(),
            view.shape(),
            expected.shape
        ));
    }
    let data = tensor_file::decode(name, view)?;
    match &data {
        TensorData::Count(count) if *count < 0 => {
            return Err(format!("tensor {name} counts {count}, expected 0 or more"));
        }
        TensorData::Count(_) => {}
        TensorData::F32(values) => check_values(name, values.iter())?,
    }
    Ok(data)
}

pub(crate) fn check_values<'a>(name: &str, values: impl Iterator<Item = &'a f32>) -> Result<(), String> {
    let is_variance = name.ends_with("running_var");
    let is_wrong = |value: &f32| !value.is_finite() || (is_variance && *value < 0.0);
    match values.enumerate().find(|(_, value)| is_wrong(value)) {
        Some((at, value)) => Err(format!(
            "tensor {name} has {value} at position {at}: the run diverged or the file is damaged, use an earlier one"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Checkpoint {
        let spec = NetworkSpec::Generator(GeneratorSpec {
            arch: "tiny".into(),
            latent: 3,
            widths: vec![4, 2],
            channels: 1,
        });
        let tensors = spec.tensors().into_iter().map(|tensor| {
            let count = tensor.shape.iter().product();
            let data = match tensor.shape.as_slice() {
                [] => TensorData::Count(17),
                shape => TensorData::from_values(shape, (0..count).map(|i| i as f32 / 7.0).collect()),
            };
            (tensor.name, data)
        });
        Checkpoint {
            tensors: tensors.collect(),
            spec,
            record: TrainingRecord {
                steps: 5,
                images_seen: 640,
                options: BTreeMap::from([("seed".into(), 3.into()), ("dataset".into(), "shapes".into())]),
                measured: BTreeMap::from([("kid".into(), 0.125)]),
            },
        }
    }

    fn load(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::from_bytes(bytes, Path::new("file.safetensors"))
    }

    #[test]
    fn what_is_saved_is_loaded_and_the_bytes_repeat() {
        let bytes = small().to_bytes().unwrap();
        assert_eq!(load(&bytes).unwrap(), small());
        (0..8).for_each(|_| assert_eq!(small().to_bytes().unwrap(), bytes));
    }

    #[test]
    fn a_path_without_a_file_is_named_with_what_belongs_there() {
        let error = Checkpoint::load(Path::new("nope.safetensors")).unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("cannot read checkpoint nope.safetensors: No such file"), "{said}");
        let advice = "; expected a checkpoint that dcgan-train saved, such as \
                      checkpoints/generator_final.safetensors";
        assert!(said.ends_with(advice), "{said}");
        assert!(std::error::Error::source(&error).is_none(), "the cause would be said twice");
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = small().to_bytes().unwrap();
        for length in 0..bytes.len() {
            assert!(load(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
        }
    }

    #[test]
    fn every_flipped_bit_of_the_weights_and_of_the_record_is_an_error() {
        let bytes = small().to_bytes().unwrap();
        let data = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let record = bytes.windows(5).position(|window| window == b"steps").unwrap();
        for byte in (data..bytes.len()).chain(record..record + 30) {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[byte] ^= 1 << bit;
                assert!(load(&flipped).is_err(), "bit {bit} of byte {byte}");
            }
        }
        let mut flipped = bytes;
        flipped[data] ^= 1;
        let error = load(&flipped).unwrap_err().to_string();
        assert!(error.contains("file.safetensors is damaged"), "{error}");
    }

    #[test]
    fn a_file_without_checksum_is_taken() {
        let bytes = small().to_bytes().unwrap();
        let at = bytes.windows(11).position(|window| window == b",\\\"sha256\\\"").unwrap();
        let mut edited = bytes[..at].to_vec();
        edited.extend(&bytes[at + 80..]);
        // The header's length, and its padding to a multiple of eight.
        let removed = bytes.len() - edited.len();
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) - removed as u64;
        edited[..8].copy_from_slice(&header.to_le_bytes());
        assert_eq!(load(&edited).unwrap(), small());
    }

    #[test]
    fn a_wrong_tensor_is_named() {
        let message = |change: fn(&mut Checkpoint)| {
            let mut checkpoint = small();
            change(&mut checkpoint);
            load(&checkpoint.to_bytes().unwrap()).unwrap_err().to_string()
        };
        let missing = message(|c| drop(c.tensors.remove("bn1.bias")));
        assert!(missing.contains("bn1.bias is missing"), "{missing}");
        let surplus = message(|c| drop(c.tensors.insert("ema".into(), TensorData::Count(1))));
        assert!(surplus.contains("ema does not belong"), "{surplus}");
        let shape = message(|c| {
            drop(c.tensors.insert("fc.bias".into(), TensorData::from_values(&[2], vec![0.0; 2])))
        });
        assert!(shape.contains("fc.bias is F32 [2], expected F32 [64]"), "{shape}");
        let nan = message(|c| {
            let values = vec![f32::NAN; 64];
            c.tensors.insert("fc.bias".into(), TensorData::from_values(&[64], values));
        });
        assert!(nan.contains("fc.bias has NaN at position 0"), "{nan}");
        let negative = message(|c| {
            let values = vec![0.5, -0.5];
            c.tensors.insert("bn1.running_var".into(), TensorData::from_values(&[2], values));
        });
        assert!(negative.contains("bn1.running_var has -0.5 at position 1"), "{negative}");
        let count = message(|c| {
            c.tensors.insert("bn1.num_batches_tracked".into(), TensorData::Count(-1));
        });
        assert!(count.contains("num_batches_tracked counts -1"), "{count}");
    }

    #[test]
    fn impossible_sizes_are_refused_before_anything_is_allocated() {
        let mut checkpoint = small();
        let NetworkSpec::Generator(spec) = &mut checkpoint.spec else { unreachable!() };
        spec.widths = vec![usize::MAX / 2; 3];
        let error = load(&checkpoint.to_bytes().unwrap()).unwrap_err().to_string();
        assert!(error.contains("expected 1 to 65536"), "{error}");
    }

    #[test]
    fn images_of_two_channels_and_names_with_control_characters_are_refused() {
        let error = |change: fn(&mut GeneratorSpec)| {
            let mut checkpoint = small();
            let NetworkSpec::Generator(spec) = &mut checkpoint.spec else { unreachable!() };
            change(spec);
            load(&checkpoint.to_bytes().unwrap()).unwrap_err().to_string()
        };
        assert!(error(|spec| spec.channels = 2).contains("images of 2 channels, expected 1 or 3"));
        assert!(error(|spec| spec.arch = "\u{1b}[2J".into()).contains("a name with control characters"));
    }
}

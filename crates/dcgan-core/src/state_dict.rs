//! A PyTorch state dict in a safetensors file that does not describe itself.

use std::collections::BTreeMap;
use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::checkpoint::{Checkpoint, check_values, describes_itself};
use crate::checkpoint_error::CheckpointError;
use crate::checksum;
use crate::tensor_file::{TensorData, array, count, parse, read};

/// What a file of weights holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Weights {
    /// A network that dcgan-train wrote, with its description.
    Checkpoint(Checkpoint),
    /// Any other network: its tensors alone.
    StateDict(StateDict),
}

/// Tensors by name; what network they belong to is for the reader to find out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDict {
    /// Every value finite; names without control characters.
    pub tensors: BTreeMap<String, TensorData>,
}

impl Weights {
    /// Reads a checkpoint, or a state dict that `safetensors.torch.save_file` wrote.
    ///
    /// # Errors
    /// As [`Checkpoint::load`] of a file with a description, as [`StateDict::from_bytes`] of one without.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        Self::from_bytes(&read(path)?, path)
    }

    /// [`Weights::load`], and the file's SHA-256 in lower-case hexadecimal.
    ///
    /// # Errors
    /// As [`Weights::load`].
    pub fn load_hashed(path: &Path) -> Result<(Self, String), CheckpointError> {
        let bytes = read(path)?;
        Ok((Self::from_bytes(&bytes, path)?, checksum::checksum(&bytes)))
    }

    /// [`Weights::load`] of a file's content; `path` is for messages.
    ///
    /// # Errors
    /// As [`Weights::load`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        let (metadata, file) = parse(bytes, path)?;
        if describes_itself(&metadata) {
            Checkpoint::from_bytes(bytes, path).map(Self::Checkpoint)
        } else {
            StateDict::of(&file, path).map(Self::StateDict)
        }
    }
}

impl StateDict {
    /// The tensors of a safetensors file's content; `path` is for messages. Values of 16 and of 64 bits
    /// become `f32`.
    ///
    /// # Errors
    /// [`CheckpointError`] names the tensor that is not finite as `f32` or of no float type, or says why
    /// the file is none of safetensors.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, CheckpointError> {
        let (_, file) = parse(bytes, path)?;
        Self::of(&file, path)
    }

    fn of(file: &SafeTensors, path: &Path) -> Result<Self, CheckpointError> {
        let tensor = |(name, view): (String, TensorView)| {
            if name.chars().any(char::is_control) {
                return Err(format!("a tensor's name has control characters, {name:?}"));
            }
            let data = decode(&name, &view)?;
            Ok((name, data))
        };
        let tensors = file.tensors().into_iter().map(tensor).collect::<Result<_, _>>();
        let tensors = tensors.map_err(|reason| CheckpointError::Tensor { path: path.to_owned(), reason })?;
        Ok(Self { tensors })
    }
}

fn decode(name: &str, view: &TensorView) -> Result<TensorData, String> {
    let bytes = view.data();
    let values: Vec<f32> = match (view.dtype(), view.shape()) {
        (Dtype::I64, []) => return count(name, bytes),
        (Dtype::F32, _) => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        (Dtype::F16, _) => {
            bytes.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect()
        }
        (Dtype::BF16, _) => {
            bytes.as_chunks().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect()
        }
        (Dtype::F64, _) => {
            bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect()
        }
        (dtype, shape) => {
            return Err(format!("tensor {name} is {dtype:?} {shape:?}, expected F32, F16, BF16 or F64"));
        }
    };
    check_values(name, values.iter())?;
    array(name, view.shape(), values)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one tensor.
    fn file(name: &str, dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
        let view = TensorView::new(dtype, shape.to_vec(), bytes).unwrap();
        safetensors::serialize([(name, view)], None).unwrap()
    }

    fn load(bytes: &[u8]) -> Result<Weights, CheckpointError> {
        Weights::from_bytes(bytes, Path::new("model.safetensors"))
    }

    fn values(bytes: &[u8]) -> Vec<f32> {
        match load(bytes).unwrap() {
            Weights::StateDict(state) => match &state.tensors["w"] {
                TensorData::F32(values) => values.iter().copied().collect(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    fn message(bytes: &[u8]) -> String {
        load(bytes).unwrap_err().to_string()
    }

    /// The bits of 1.5, -2 and a third, rounded, in each format, written out by hand from IEEE 754.
    #[test]
    fn every_float_type_becomes_f32() {
        let of = |dtype, bytes: &[u8]| values(&file("w", dtype, &[3], bytes));
        let f16 = of(Dtype::F16, &[0x00, 0x3e, 0x00, 0xc0, 0x55, 0x35]);
        assert_eq!(f16, [1.5, -2.0, 0.333_251_95]);
        let bf16 = of(Dtype::BF16, &[0xc0, 0x3f, 0x00, 0xc0, 0xab, 0x3e]);
        assert_eq!(bf16, [1.5, -2.0, 0.333_984_38]);
        let f64: Vec<u8> = [1.5, -2.0, 1.0 / 3.0_f64].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(of(Dtype::F64, &f64), [1.5, -2.0, 1.0 / 3.0_f32]);
        let f32: Vec<u8> = [1.5, -2.0, 0.1_f32].iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(of(Dtype::F32, &f32), [1.5, -2.0, 0.1]);
    }

    #[test]
    fn other_types_and_values_that_are_no_numbers_are_named() {
        let int = message(&file("w", Dtype::I32, &[1], &[0; 4]));
        assert!(int.contains("tensor w is I32 [1], expected F32, F16, BF16 or F64"), "{int}");
        let nan = message(&file("w", Dtype::F16, &[2], &[0, 0, 0x01, 0x7e]));
        assert!(nan.contains("tensor w has NaN at position 1"), "{nan}");
        let large = message(&file("w", Dtype::F64, &[1], &1e300_f64.to_le_bytes()));
        assert!(large.contains("tensor w has inf at position 0"), "{large}");
        let variance = message(&file("bn1.running_var", Dtype::F32, &[1], &(-1_f32).to_le_bytes()));
        assert!(variance.contains("bn1.running_var has -1 at position 0"), "{variance}");
        let name = message(&file("\u{1b}[2J", Dtype::F32, &[1], &[0; 4]));
        assert!(name.contains("control characters") && !name.contains('\u{1b}'), "{name}");
    }

    #[test]
    fn pickles_get_the_line_that_converts_them() {
        for start in [&b"PK\x03\x04 and what follows"[..], b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."] {
            let message = message(start);
            assert!(message.contains("model.safetensors is a pickle of PyTorch"), "{message}");
            assert!(message.contains(crate::checkpoint::PICKLE_TO_SAFETENSORS), "{message}");
        }
    }

    /// Headers written by hand: what no well-meaning program writes.
    #[test]
    fn absurd_headers_are_errors() {
        let with_header = |json: &str, data: usize| {
            let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
            bytes.extend(json.as_bytes());
            bytes.extend(vec![0; data]);
            bytes
        };
        let tensor = |shape: &str, offsets: &str| {
            format!(r#"{{"w":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#)
        };
        assert!(load(&with_header(&tensor("[2]", "[0,8]"), 8)).is_ok());
        for (shape, offsets) in [
            ("[2]", "[0,4]"),
            ("[2]", "[0,12]"),
            ("[2]", "[4,12]"),
            ("[2]", "[8,0]"),
            ("[4611686018427387904]", "[0,8]"),
            ("[9223372036854775807,9223372036854775807]", "[0,8]"),
            ("[0,9223372036854775807,9223372036854775807]", "[0,0]"),
            ("[-2]", "[0,8]"),
        ] {
            let bytes = with_header(&tensor(shape, offsets), 8);
            assert!(load(&bytes).is_err(), "{shape} {offsets}");
        }
        let overlap = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
        assert!(load(&with_header(overlap, 8)).is_err());
        let mut huge = u64::MAX.to_le_bytes().to_vec();
        huge.extend(b"{}");
        assert!(load(&huge).is_err());
        assert!(load(b"").is_err());
    }
}

//! The bodies of the Open Inference Protocol, in JSON and with the binary tensor extension.
//!
//! Source: Open Inference Protocol (V2), "HTTP/REST"; Triton Inference Server, "Binary Tensor Data Extension".

use std::fmt;

use ndarray::Array2;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::json::{Object, Whole};
use super::latents::{check_finite, count};
use super::model::Model;

/// The one type of tensors.
pub(super) const FP32: &str = "FP32";

#[derive(Debug, Deserialize)]
pub(super) struct InferRequest {
    pub id: Option<String>,
    parameters: Option<Object<RequestParameters>>,
    inputs: Vec<Object<InputTensor>>,
    outputs: Option<Vec<Object<WantedOutput>>>,
}

#[derive(Debug, Deserialize)]
struct RequestParameters {
    binary_data_output: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct InputTensor {
    name: String,
    shape: Vec<Whole>,
    datatype: String,
    parameters: Option<Object<InputParameters>>,
    data: Option<Numbers>,
}

#[derive(Debug, Deserialize)]
struct InputParameters {
    binary_data_size: Option<Whole>,
}

#[derive(Debug, Deserialize)]
struct WantedOutput {
    name: String,
    parameters: Option<Object<OutputParameters>>,
}

#[derive(Debug, Deserialize)]
struct OutputParameters {
    binary_data: Option<bool>,
    classification: Option<Whole>,
}

impl InferRequest {
    /// Whether the images are wanted in binary form.
    pub(super) fn wants_binary(&self, model: &Model) -> Result<bool, ApiError> {
        let all = self.parameters.as_ref().and_then(|Object(parameters)| parameters.binary_data_output);
        let one = match self.outputs.as_deref().unwrap_or_default() {
            [] => None,
            [Object(WantedOutput { name, parameters })] if *name == model.output => {
                parameters.as_ref().map(|Object(parameters)| parameters)
            }
            others => {
                let names: Vec<_> = others.iter().map(|Object(output)| output.name.as_str()).collect();
                return Err(ApiError::Wrong(format!(
                    "outputs: {} has one, {}, found {}",
                    model.name,
                    model.output,
                    names.join(", ")
                )));
            }
        };
        if one.is_some_and(|parameters| parameters.classification.is_some_and(|Whole(classes)| classes > 0)) {
            return Err(ApiError::wrong("outputs: classification is not for images"));
        }
        Ok(one.and_then(|parameters| parameters.binary_data).or(all).unwrap_or(false))
    }

    /// The latents `[N, latent]`, N up to `most`; `binary` is what follows the JSON.
    pub(super) fn latents(self, binary: &[u8], model: &Model, most: usize) -> Result<Array2<f32>, ApiError> {
        let expected =
            || format!("expected one input, {} {FP32} [N, {}], N up to {most}", model.input, model.latent);
        let wrong = |found: String| ApiError::Wrong(format!("inputs: {}, found {found}", expected()));
        let [Object(input)] = <[Object<InputTensor>; 1]>::try_from(self.inputs)
            .map_err(|inputs| wrong(format!("{} inputs", inputs.len())))?;
        let InputTensor { name, shape, datatype, parameters, data } = input;
        let shape: Vec<_> = shape.into_iter().map(|Whole(size)| size).collect();
        let rows = match shape[..] {
            [rows, latent] if name == model.input && datatype == FP32 && latent == model.latent => rows,
            _ => return Err(wrong(format!("{name} {datatype} {shape:?}"))),
        };
        let rows = count("inputs", rows, most)?;
        let size = parameters.and_then(|Object(parameters)| parameters.binary_data_size);
        let size = size.map(|Whole(size)| size);
        let values = match (data, size) {
            (Some(Numbers(values)), None) if binary.is_empty() => values,
            (None, Some(size)) if size == binary.len() => from_bytes(binary),
            (None, Some(size)) => {
                let found = binary.len();
                return Err(ApiError::Wrong(format!(
                    "inputs: binary_data_size is {size}, found {found} bytes"
                )));
            }
            (Some(_), _) => {
                return Err(ApiError::wrong("inputs: data in JSON and in binary form, expected one"));
            }
            (None, None) => return Err(ApiError::wrong("inputs: neither data nor binary_data_size")),
        };
        check_finite("inputs", &values)?;
        let found = values.len();
        Array2::from_shape_vec((rows, model.latent), values)
            .map_err(|_| ApiError::Wrong(format!("inputs: {shape:?} are not {found} numbers")))
    }
}

/// FP32 is four bytes, the lowest first. Bytes beyond the last four are a number, too, so that none are lost.
fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    let number = |bytes: &[u8]| bytes.try_into().map_or(f32::NAN, f32::from_le_bytes);
    bytes.chunks(4).map(number).collect()
}

/// Numbers as bytes, the lowest first.
pub(super) fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Numbers of an array, or of arrays in arrays, row by row.
#[derive(Debug)]
struct Numbers(Vec<f32>);

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut values = Vec::new();
        deserializer.deserialize_seq(Collect(&mut values))?;
        Ok(Self(values))
    }
}

/// Adds what it is given to the numbers.
struct Collect<'a>(&'a mut Vec<f32>);

impl<'de> DeserializeSeed<'de> for Collect<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Collect<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number or an array of numbers")
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.0.push(value as f32);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.0.push(value as f32);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.0.push(value as f32);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while array.next_element_seed(Collect(self.0))?.is_some() {}
        Ok(())
    }
}

#[derive(Debug, Serialize)]
pub(super) struct InferResponse<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub model_name: &'a str,
    pub model_version: &'a str,
    pub outputs: [OutputTensor<'a>; 1],
}

#[derive(Debug, Serialize)]
pub(super) struct OutputTensor<'a> {
    pub name: &'a str,
    pub datatype: &'a str,
    pub shape: [usize; 4],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<BinarySize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'a [f32]>,
}

#[derive(Debug, Serialize)]
pub(super) struct BinarySize {
    pub binary_data_size: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_flat_or_nested() {
        for text in [
            "[1, -2.5, 3e0, 4]",
            "[[1, -2.5], [3, 4]]",
            "[[[1], [-2.5]], [[3], [4]]]",
            "[[], [1, -2.5, 3, 4]]",
        ] {
            assert_eq!(serde_json::from_str::<Numbers>(text).unwrap().0, [1.0, -2.5, 3.0, 4.0], "{text}");
        }
        for text in ["1", "[\"1\"]", "[null]", "[true]", "{}", "[{}]", &"[".repeat(100_000)] {
            assert!(serde_json::from_str::<Numbers>(text).is_err());
        }
    }

    #[test]
    fn bytes_are_numbers_and_half_a_number_is_none() {
        let values = [1.0, -0.0, f32::MAX, f32::MIN_POSITIVE];
        assert_eq!(from_bytes(&to_bytes(&values)), values);
        assert_eq!(to_bytes(&[1.0]), [0, 0, 0x80, 0x3f]);
        assert!(from_bytes(&[0, 0, 0x80, 0x3f, 0])[1].is_nan());
    }
}

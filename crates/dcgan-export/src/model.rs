//! A checkpoint as a whole ONNX file: the graph, and what the file says of itself.

use dcgan_core::spec::TensorSpec;
use dcgan_core::{Checkpoint, GeneratorSpec, NetworkSpec, TensorData, metadata};
use prost::Message;

use crate::check::check;
use crate::config::ExportConfig;
use crate::error::ExportError;
use crate::generator;
use crate::onnx::{ModelProto, OperatorSetIdProto, StringStringEntryProto};

/// Largest message that protobuf's readers accept.
const MAX_BYTES: usize = i32::MAX as usize;

/// The generator of a checkpoint as an ONNX model, from `z [N, latent]` to `image [N, C, S, S]` in [-1, 1].
///
/// BatchNorm is folded into the transposed convolutions, so each image depends on its own `z` alone. The
/// model has passed [`check`]; `prost::Message::encode_to_vec` gives the file's bytes, and the same
/// checkpoint gives the same bytes. PyTorch equivalent: `torch.onnx.export` of a module in `eval()` with
/// `dynamic_axes` for the batch.
///
/// # Errors
/// [`ExportError`] names the tensor or the setting that stands in the way.
pub fn export(checkpoint: &Checkpoint, config: &ExportConfig) -> Result<ModelProto, ExportError> {
    config.validate()?;
    let spec = generator_spec(checkpoint)?;
    verify(spec, checkpoint)?;
    let model = ModelProto {
        ir_version: Some(config.ir_version),
        producer_name: Some(env!("CARGO_PKG_NAME").to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        graph: Some(generator::graph(spec, checkpoint)?),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(config.opset) }],
        metadata_props: metadata_props(spec, checkpoint)?,
        ..Default::default()
    };
    check(&model)?;
    check_size(model.encoded_len())?;
    Ok(model)
}

fn generator_spec(checkpoint: &Checkpoint) -> Result<&GeneratorSpec, ExportError> {
    let NetworkSpec::Generator(spec) = &checkpoint.spec else {
        return Err(ExportError::WrongNetwork { found: checkpoint.spec.kind() });
    };
    match spec.widths.len() {
        1..=8 => Ok(spec),
        found => Err(ExportError::Stages { found }),
    }
}

/// Every tensor of the spec is there: loading a file makes sure of it, building a checkpoint in memory
/// does not.
fn verify(spec: &GeneratorSpec, checkpoint: &Checkpoint) -> Result<(), ExportError> {
    spec.tensors().into_iter().filter(|tensor| !tensor.shape.is_empty()).try_for_each(|expected| {
        let TensorSpec { name, shape } = expected;
        let found = match checkpoint.tensors.get(&name) {
            Some(TensorData::F32(values)) if values.shape() == shape => return Ok(()),
            Some(TensorData::F32(values)) => format!("F32 {:?}", values.shape()),
            Some(TensorData::Count(_)) => "a counter".to_owned(),
            None => "missing".to_owned(),
        };
        Err(ExportError::Tensor { tensor: name, expected: format!("F32 {shape:?}"), found })
    })
}

/// In a fixed order, which is part of the bytes.
fn metadata_props(
    spec: &GeneratorSpec,
    checkpoint: &Checkpoint,
) -> Result<Vec<StringStringEntryProto>, ExportError> {
    let entries = [
        (metadata::ARCHITECTURE, spec.arch.clone()),
        (metadata::LATENT_SIZE, spec.latent.to_string()),
        (metadata::VALUE_RANGE, metadata::VALUE_RANGE_SIGNED.to_owned()),
        (metadata::TRAINING, serde_json::to_string(&checkpoint.record)?),
    ];
    let entry = |(key, value): (&str, String)| StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value),
    };
    Ok(entries.into_iter().map(entry).collect())
}

fn check_size(bytes: usize) -> Result<(), ExportError> {
    if bytes <= MAX_BYTES { Ok(()) } else { Err(ExportError::TooLarge { found: bytes, limit: MAX_BYTES }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_beyond_the_limit_of_protobuf_is_refused() {
        assert!(check_size(MAX_BYTES).is_ok());
        let error = check_size(MAX_BYTES + 1).unwrap_err().to_string();
        assert!(error.contains("2147483648 bytes"), "{error}");
    }
}

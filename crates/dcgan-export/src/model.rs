//! A network as a whole ONNX file: the graph, and what the file says of itself.

use dcgan_core::{Checkpoint, checksum, metadata};
use dcgan_onnx::{Message, ModelProto, OperatorSetIdProto, StringStringEntryProto};

use crate::card::describe;
use crate::check::check;
use crate::config::ExportConfig;
use crate::error::ExportError;
use crate::fold::fold;
use crate::graph::graph;
use crate::lower::lower;
use crate::network::Network;

/// Largest message that protobuf's readers accept.
const MAX_BYTES: usize = i32::MAX as usize;

/// The network of a checkpoint as an ONNX model: [`Network::of_checkpoint`], then [`export_network`].
///
/// # Errors
/// [`ExportError`] names the tensor or the setting that stands in the way.
pub fn export(checkpoint: &Checkpoint, config: &ExportConfig) -> Result<ModelProto, ExportError> {
    export_network(Network::of_checkpoint(checkpoint)?, config)
}

/// A network as an ONNX model: a generator from `z [N, latent]` to `image [N, C, S, S]` in [-1, 1], a
/// discriminator from `image` to `logit [N, 1]` and `probability [N, 1]`; or what else `config` asks for.
///
/// BatchNorm has its running statistics, so each sample depends on its own input alone; a convolution
/// between a 1x1 map and a larger one becomes a Gemm and a Reshape, its equal. The model has passed
/// [`check`] and says of itself what a [`Description`](dcgan_core::description::Description) holds;
/// `dcgan_onnx::Message::encode_to_vec` gives the file's bytes, and the same network gives the same bytes. PyTorch equivalent: `torch.onnx.export` of a module in `eval()` with
/// `dynamic_axes` for the batch.
///
/// # Errors
/// [`ExportError`] names the tensor, the layer or the setting that stands in the way.
pub fn export_network(network: Network, config: &ExportConfig) -> Result<ModelProto, ExportError> {
    config.validate_for(network.kind)?;
    network.check_memory()?;
    let metadata_props = metadata_props(&network, config)?;
    let network = lower(if config.fold_batchnorm { fold(network) } else { network });
    let mut model = ModelProto {
        ir_version: Some(config.ir_version()),
        producer_name: Some(env!("CARGO_PKG_NAME").to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        graph: Some(graph(&network, config)?),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(config.opset) }],
        metadata_props,
        ..Default::default()
    };
    check(&model)?;
    seal(&mut model);
    check_size(model.encoded_len())?;
    Ok(model)
}

/// Gives the file its checksum, as the last entry of its metadata.
fn seal(model: &mut ModelProto) {
    model.metadata_props.push(entry(metadata::CHECKSUM, checksum::BLANK.to_owned()));
    let checksum = checksum::checksum(&model.encode_to_vec());
    if let Some(last) = model.metadata_props.last_mut() {
        last.value = Some(checksum);
    }
}

/// In a fixed order, which is part of the bytes.
fn metadata_props(
    network: &Network,
    config: &ExportConfig,
) -> Result<Vec<StringStringEntryProto>, ExportError> {
    let entries = describe(network, config).entries()?;
    Ok(entries.into_iter().map(|(key, value)| entry(key, value)).collect())
}

fn entry(key: &str, value: String) -> StringStringEntryProto {
    StringStringEntryProto { key: Some(key.to_owned()), value: Some(value) }
}

fn check_size(bytes: usize) -> Result<(), ExportError> {
    if bytes <= MAX_BYTES { Ok(()) } else { Err(ExportError::TooLarge { found: bytes, limit: MAX_BYTES }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_model_tells_whether_it_was_changed() {
        let mut model = ModelProto { producer_name: Some("test".to_owned()), ..Default::default() };
        seal(&mut model);
        let checksum = model.metadata_props[0].value().to_owned();
        assert!(checksum::is_intact(&model.encode_to_vec(), &checksum));
        model.producer_name = Some("another".to_owned());
        assert!(!checksum::is_intact(&model.encode_to_vec(), &checksum));
    }

    #[test]
    fn a_file_beyond_the_limit_of_protobuf_is_refused() {
        assert!(check_size(MAX_BYTES).is_ok());
        let error = check_size(MAX_BYTES + 1).unwrap_err().to_string();
        assert!(error.contains("2147483648 bytes"), "{error}");
    }
}

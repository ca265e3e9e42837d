//! A model repository of Triton Inference Server, which KServe serves too.
//!
//! ```text
//! DIR/dcgan/config.pbtxt
//! DIR/dcgan/1/model.onnx
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dcgan_core::atomic::{self, WriteError};
use dcgan_onnx::tensor_proto::DataType;
use dcgan_onnx::{ModelProto, ValueInfoProto};

use crate::types::{Dim, TensorType};

/// The model's name, which is its folder's.
pub const NAME: &str = "dcgan";
/// Samples that Triton may put together into one run of a model that takes any number: 3 MiB of colour images of 64x64.
const MAX_BATCH: usize = 64;

/// The content of `config.pbtxt`, in protobuf's text format (Triton's `model_config.proto`).
///
/// A batch of any size is left out of the dimensions, and Triton puts requests together. A fixed one is a dimension like
/// any other (`max_batch_size: 0`): each request brings it whole.
pub fn config(model: &ModelProto) -> String {
    let graph = model.graph.as_ref();
    let inputs = graph.map_or(&[][..], |graph| &graph.input);
    let outputs = graph.map_or(&[][..], |graph| &graph.output);
    let first = inputs.first().and_then(TensorType::of_value);
    let is_dynamic = first.is_some_and(|first| matches!(first.shape.first(), Some(Dim::Named(_))));
    let (most, batching) = if is_dynamic { (MAX_BATCH, "dynamic_batching { }\n") } else { (0, "") };
    let values = |kind: &str, list: &[ValueInfoProto]| {
        let entries: Vec<_> = list.iter().map(|entry| value(entry, is_dynamic)).collect();
        format!("{kind} [\n{}\n]\n", entries.join(",\n"))
    };
    format!(
        "name: \"{NAME}\"\nplatform: \"onnxruntime_onnx\"\nmax_batch_size: {most}\n{}{}{batching}",
        values("input", inputs),
        values("output", outputs)
    )
}

fn value(value: &ValueInfoProto, is_dynamic: bool) -> String {
    let declared = TensorType::of_value(value);
    let shape = declared.as_ref().map_or(&[][..], |declared| &declared.shape);
    let dims = shape.iter().skip(usize::from(is_dynamic)).map(|dim| match dim {
        Dim::Fixed(size) => size.to_string(),
        Dim::Named(_) => "-1".to_owned(),
    });
    let kind = match declared.as_ref().map(|declared| declared.element) {
        Some(DataType::Uint8) => "TYPE_UINT8",
        Some(DataType::Float16) => "TYPE_FP16",
        _ => "TYPE_FP32",
    };
    let dims: Vec<_> = dims.collect();
    let name = value.name();
    format!("  {{\n    name: \"{name}\"\n    data_type: {kind}\n    dims: [ {} ]\n  }}", dims.join(", "))
}

/// Where the ONNX file of a repository is.
pub fn model_path(repository: &Path) -> PathBuf {
    repository.join(NAME).join("1/model.onnx")
}

/// Writes a model, whose file has these bytes, into a repository: a new one as a whole, over an old one file by file, each
/// of which is either the old or the new. Other files and versions there stay. What was written of the ONNX file has to
/// pass `check`, before anything else changes.
///
/// The result of `check`: if that is an error, the repository is as it was.
///
/// # Errors
/// [`WriteError`] names the model's folder, or the file in it.
pub fn write<T, E>(
    repository: &Path,
    model: &ModelProto,
    bytes: &[u8],
    check: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<Result<T, E>, WriteError> {
    let folder = repository.join(NAME);
    let failed = |source| WriteError::new(&folder, source);
    atomic::check_folder(repository)?;
    if folder.exists() && !folder.is_dir() {
        return Err(failed(io::Error::other("this is a file, a folder was expected")));
    }
    // Beside its place, so that it can be renamed.
    let staging = tempfile::Builder::new().prefix(".writing-").tempdir_in(repository).map_err(failed)?;
    let new = staging.path().join(NAME);
    let checked = atomic::write_checked(&model_path(staging.path()), |file| file.write_all(bytes), check)
        .map_err(relocate(&folder))?;
    if checked.is_err() {
        return Ok(checked);
    }
    if folder.exists() {
        atomic::write(&model_path(repository), |file| file.write_all(bytes))?;
        write_config(&folder, model)?;
    } else {
        write_config(&new, model).map_err(relocate(&folder))?;
        fs::rename(&new, &folder).map_err(failed)?;
    }
    Ok(checked)
}

fn write_config(folder: &Path, model: &ModelProto) -> Result<(), WriteError> {
    atomic::write(&folder.join("config.pbtxt"), |file| file.write_all(config(model).as_bytes()))
}

/// The folder that is to be written, in place of one that was never to be seen.
fn relocate(folder: &Path) -> impl FnOnce(WriteError) -> WriteError {
    let path = folder.to_owned();
    |error| WriteError { path, ..error }
}

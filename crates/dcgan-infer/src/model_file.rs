//! What a `.onnx` file says that no engine passes on: its metadata, and the files in which its weights lie.
//!
//! ONNX Runtime names a missing weight file in words of its own, tract hides the metadata. A file that is none is
//! told apart here too, before an engine starts for it.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dcgan_core::description::{Description, DescriptionError};
use dcgan_core::{checksum, input, metadata};
use dcgan_onnx::skeleton::{ExternalData, GraphProto, ModelProto, TensorProto};
use dcgan_onnx::{Message, beside};

use crate::generator::GeneratorError;

/// A `.onnx` file that is whole as far as can be told without an engine, and has all its weight files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    path: PathBuf,
    /// Its content, until an engine has loaded it.
    bytes: Vec<u8>,
    metadata: BTreeMap<String, String>,
    weights: Vec<PathBuf>,
    weights_are_inputs: bool,
    is_extended: bool,
    is_changed: bool,
}

impl ModelFile {
    /// Reads what the file says of itself.
    ///
    /// # Errors
    /// [`GeneratorError::Read`] in the operating system's words, [`GeneratorError::NoModel`] for a file that is cut
    /// short or of another kind, [`GeneratorError::Weights`] if a weight file is missing or too short,
    /// [`GeneratorError::Outside`] if it is outside of the model's folder.
    pub fn read(path: &Path) -> Result<Self, GeneratorError> {
        let bytes =
            input::read(path).map_err(|reason| GeneratorError::Read { path: path.to_owned(), reason })?;
        Self::parse(path, bytes)
    }

    /// The file of this path, whose content was read already.
    ///
    /// # Errors
    /// As [`ModelFile::read`], which this is a part of.
    pub(crate) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Self, GeneratorError> {
        let no_model = |reason: String| GeneratorError::NoModel { path: path.to_owned(), reason };
        let model = ModelProto::decode(bytes.as_slice()).map_err(|error| no_model(error.to_string()))?;
        let metadata = model.metadata();
        let graph = model.graph.ok_or_else(|| no_model("there is no graph in it".to_owned()))?;
        let names: HashSet<_> = graph.initializer.iter().map(|tensor| tensor.name()).collect();
        Ok(Self {
            path: path.to_owned(),
            is_changed: is_changed(&bytes, metadata.get(metadata::CHECKSUM)),
            metadata,
            weights: weight_files(path, &graph)?,
            weights_are_inputs: graph.input.iter().any(|input| names.contains(input.name())),
            is_extended: false,
            bytes,
        })
    }

    /// The `.onnx` file, and the files in which it says that it keeps weights, whether they are there or not.
    #[cfg(feature = "serve")]
    pub(crate) fn named_files(path: &Path) -> Vec<PathBuf> {
        let model = input::read(path).ok().and_then(|bytes| ModelProto::decode(bytes.as_slice()).ok());
        let weights = model.and_then(|model| needed_lengths(path, &model.graph?).ok());
        [path.to_owned()].into_iter().chain(weights.unwrap_or_default().into_keys()).collect()
    }

    /// The `.onnx` file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's content: what was looked at is what is loaded, also where the file is replaced in between.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same model with more in it: messages of protocol buffers that follow each other are one, in which repeated
    /// fields go on.
    #[cfg(feature = "evaluate")]
    pub(crate) fn extended(mut self, addition: &[u8]) -> Self {
        self.bytes.extend(addition);
        Self { is_extended: true, ..self }
    }

    /// Whether the file's content alone is not all of the model.
    pub(crate) fn is_extended(&self) -> bool {
        self.is_extended
    }

    /// The same without the content, which an engine has now.
    pub(crate) fn without_bytes(self) -> Self {
        Self { bytes: Vec::new(), ..self }
    }

    /// The entry of this name in the file's metadata.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// The entries of the file's metadata that this project knows.
    ///
    /// # Errors
    /// [`DescriptionError`] names the entry that is not what its key says.
    pub fn description(&self) -> Result<Description, DescriptionError> {
        Description::read(&self.metadata)
    }

    /// The files beside it that hold weights, as `torch.onnx.export` writes them for large models.
    pub fn weights(&self) -> &[PathBuf] {
        &self.weights
    }

    /// Whether the file is not as dcgan-export wrote it: another program changed it, or it is damaged. Nothing tells
    /// that of a file without a checksum.
    pub fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// Whether weights can be replaced through inputs of the same name, as in files of old exporters.
    pub(crate) fn weights_are_inputs(&self) -> bool {
        self.weights_are_inputs
    }
}

fn is_changed(bytes: &[u8], checksum: Option<&String>) -> bool {
    checksum.is_some_and(|checksum| *checksum != checksum::BLANK && !checksum::is_intact(bytes, checksum))
}

/// The files that the graph's tensors lie in, and how many bytes each needs.
///
/// # Errors
/// [`GeneratorError::Outside`] names the location that leaves the model's folder.
fn needed_lengths(path: &Path, graph: &GraphProto) -> Result<BTreeMap<PathBuf, u64>, GeneratorError> {
    let mut lengths = BTreeMap::<PathBuf, u64>::new();
    // An engine says what is wrong with a tensor that lies nowhere.
    for ExternalData { location, end } in graph.tensors().into_iter().filter_map(TensorProto::external) {
        let file = beside(path, &location);
        let file = file.ok_or_else(|| GeneratorError::Outside { path: path.to_owned(), location })?;
        let length = lengths.entry(file).or_default();
        *length = end.max(*length);
    }
    Ok(lengths)
}

/// The files that the graph's tensors lie in, each of them once and long enough.
fn weight_files(path: &Path, graph: &GraphProto) -> Result<Vec<PathBuf>, GeneratorError> {
    let lengths = needed_lengths(path, graph)?;
    for (weights, length) in &lengths {
        check_weights(weights, *length).map_err(|source| GeneratorError::Weights {
            path: path.to_owned(),
            weights: weights.clone(),
            source,
        })?;
    }
    Ok(lengths.into_keys().collect())
}

fn check_weights(path: &Path, needed: u64) -> io::Result<()> {
    input::check(path)?;
    let found = fs::metadata(path)?.len();
    if found < needed {
        let message = format!("it has {found} bytes, {needed} are needed");
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use dcgan_onnx::skeleton::{AttributeProto, NodeProto, StringStringEntryProto};
    use dcgan_onnx::tensor_proto::DataLocation;

    use super::*;

    const EXTERNAL: Option<i32> = Some(DataLocation::External as i32);

    fn entry(key: &str, value: &str) -> StringStringEntryProto {
        StringStringEntryProto { key: Some(key.into()), value: Some(value.into()) }
    }

    /// A model of two tensors in `model.data`, 8 bytes each, and one that lies in the model itself.
    fn model() -> ModelProto {
        let tensor = |offset: &str| TensorProto {
            external_data: vec![
                entry("location", "model.data"),
                entry("offset", offset),
                entry("length", "8"),
            ],
            data_location: EXTERNAL,
            ..TensorProto::default()
        };
        let initializer = vec![tensor("0"), TensorProto::default(), tensor("8")];
        let graph = GraphProto { initializer, ..GraphProto::default() };
        ModelProto {
            graph: Some(graph),
            metadata_props: vec![entry("key", "value")],
            ..ModelProto::default()
        }
    }

    #[test]
    fn metadata_and_weight_files_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let (path, weights) = (folder.path().join("m.onnx"), folder.path().join("model.data"));
        fs::write(&path, model().encode_to_vec()).unwrap();
        fs::write(&weights, [0; 16]).unwrap();
        let file = ModelFile::read(&path).unwrap();
        assert_eq!((file.metadata("key"), file.metadata("other")), (Some("value"), None));
        assert_eq!((file.path(), file.weights()), (path.as_path(), &[weights][..]));
    }

    #[test]
    fn a_file_that_was_changed_after_it_was_sealed_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.onnx");
        let is_changed = |key: &str, checksum: &str| {
            let graph = GraphProto::default();
            let metadata_props = vec![entry("key", key), entry(metadata::CHECKSUM, checksum)];
            let bytes =
                ModelProto { graph: Some(graph), metadata_props, ..ModelProto::default() }.encode_to_vec();
            fs::write(&path, &bytes).unwrap();
            (ModelFile::read(&path).unwrap().is_changed(), checksum::checksum(&bytes))
        };
        let (blank, checksum) = is_changed("value", checksum::BLANK);
        assert!(!blank);
        assert!(!is_changed("value", &checksum).0);
        assert!(is_changed("other", &checksum).0);
    }

    #[test]
    fn weight_files_that_are_missing_or_short_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.onnx");
        fs::write(&path, model().encode_to_vec()).unwrap();
        let error = ModelFile::read(&path).unwrap_err();
        assert!(error.to_string().contains("model.data"), "{error}");
        fs::write(folder.path().join("model.data"), [0; 15]).unwrap();
        let GeneratorError::Weights { source, .. } = ModelFile::read(&path).unwrap_err() else {
            panic!("15 bytes are too few");
        };
        assert_eq!(source.to_string(), "it has 15 bytes, 16 are needed");
    }

    /// The outside file is there, or not, or cannot be read: nobody learns which, nor how long it is.
    #[cfg(unix)]
    #[test]
    fn a_weight_file_outside_of_the_models_folder_is_refused_unseen() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("models");
        fs::create_dir(&folder).unwrap();
        fs::write(outer.path().join("there"), [0; 1294]).unwrap();
        std::os::unix::fs::symlink("../there", folder.join("link")).unwrap();
        std::os::unix::fs::symlink("../not-there", folder.join("dangling")).unwrap();
        let path = folder.join("m.onnx");
        let message = |location: &str, is_inner: bool| {
            let external_data = vec![entry("location", location), entry("length", "1000000")];
            let tensor = TensorProto { external_data, data_location: EXTERNAL, ..TensorProto::default() };
            let graph = match is_inner {
                false => GraphProto { initializer: vec![tensor], ..GraphProto::default() },
                true => {
                    let attribute = AttributeProto { t: Some(tensor), ..AttributeProto::default() };
                    let node = NodeProto { attribute: vec![attribute], ..NodeProto::default() };
                    let graph = GraphProto { node: vec![node], ..GraphProto::default() };
                    let attribute = AttributeProto { g: Some(graph), ..AttributeProto::default() };
                    GraphProto {
                        node: vec![NodeProto { attribute: vec![attribute], ..NodeProto::default() }],
                        ..GraphProto::default()
                    }
                }
            };
            let model = ModelProto { graph: Some(graph), ..ModelProto::default() };
            fs::write(&path, model.encode_to_vec()).unwrap();
            let error = ModelFile::read(&path).unwrap_err();
            assert!(std::error::Error::source(&error).is_none(), "{error}");
            error.to_string()
        };
        let absolute = outer.path().join("there");
        let absolute = absolute.to_str().unwrap();
        for location in ["../there", "../not-there", "link", "dangling", absolute, "../../../etc/passwd"] {
            for is_inner in [false, true] {
                let expected = format!(
                    "{} keeps weights in {location:?}, which leaves the model's folder: expected a file in that folder; \
                     save the model again with its weights beside it",
                    path.display()
                );
                assert_eq!(message(location, is_inner), expected);
            }
        }
    }

    #[test]
    fn a_file_without_graph_is_no_model() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.onnx");
        for bytes in [&b""[..], b"import torch\n", &model().encode_to_vec()[..20]] {
            fs::write(&path, bytes).unwrap();
            let error = ModelFile::read(&path).unwrap_err();
            assert!(matches!(error, GeneratorError::NoModel { .. }), "{error}");
        }
    }
}

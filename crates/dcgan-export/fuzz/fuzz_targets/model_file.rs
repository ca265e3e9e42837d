//! dcgan-infer's own reading of a model, without the engines that its crate is built with.

#![no_main]

use std::{env, fs, process};

#[path = "../../../dcgan-infer/src/model_file.rs"]
#[allow(dead_code)]
mod model_file;

/// The errors of that file.
mod generator {
    use std::io;
    use std::path::PathBuf;

    #[derive(Debug, thiserror::Error)]
    pub enum GeneratorError {
        #[error("{path:?}")]
        Read { path: PathBuf, reason: io::Error },
        #[error("{path:?}: {reason}")]
        NoModel { path: PathBuf, reason: String },
        #[error("{path:?}: {weights:?}")]
        Weights { path: PathBuf, weights: PathBuf, source: io::Error },
        #[error("{path:?}: {location:?}")]
        Outside { path: PathBuf, location: String },
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = env::temp_dir().join(format!("dcgan-fuzz-{}.onnx", process::id()));
    fs::write(&path, bytes).expect("a temporary file can be written");
    drop(model_file::ModelFile::read(&path));
});

//! What can be wrong with a model.

use std::io;
use std::path::PathBuf;

use dcgan_core::memory::OutOfMemory;

use super::{refusal, reshape};
use crate::engine::with_causes;
use crate::model_file::ModelFile;

/// A generator could not be opened or run.
#[derive(Debug, thiserror::Error)]
pub enum GeneratorError {
    /// The file cannot be read. The message has its cause in it, so there is no `source`.
    #[error(
        "cannot read model {}: {reason}; expected an ONNX file, such as the g.onnx that dcgan-export writes; name it \
         with --model",
        path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// The bytes are no ONNX model.
    #[error(
        "{} is no whole ONNX model ({reason}): it may be truncated, or of another kind; dcgan-export and \
         torch.onnx.export write such models",
        path.display()
    )]
    NoModel {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// A file that holds the model's weights cannot be used.
    #[error(
        "{} keeps weights in {}, which cannot be read: copy it there from where the model comes from",
        path.display(),
        weights.display()
    )]
    Weights {
        /// The model.
        path: PathBuf,
        /// The file with the weights.
        weights: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The weights are in a file outside of the model's folder, which is not looked at.
    #[error(
        "{} keeps weights in {location:?}, which leaves the model's folder: expected a file in that folder; save the \
         model again with its weights beside it",
        path.display()
    )]
    Outside {
        /// The model.
        path: PathBuf,
        /// Where it says that the weights are.
        location: String,
    },
    /// The engine does not understand the file.
    #[error("{engine} cannot run {}: {advice}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// The engine's name.
        engine: String,
        /// The reason, as far as it is known, and what to do.
        advice: String,
        /// What the engine said.
        source: ort::Error,
    },
    /// The engine needs to know each size when it loads a model, and the graph holds one batch size.
    #[error(
        "{engine} cannot run {}: its input declares any batch size, but a Reshape in its graph holds a batch of {batch}; \
         ONNX Runtime draws in such batches, `dcgan-infer install` fetches it; or export the model with view(-1, ...) in \
         place of the number",
        path.display()
    )]
    Batch {
        /// The file.
        path: PathBuf,
        /// The engine's name.
        engine: String,
        /// The batch size.
        batch: usize,
    },
    /// The GPU cannot be used.
    #[error(
        "{} cannot be run on CUDA: `dcgan-infer doctor` tells what is missing, --device cpu does without it",
        path.display()
    )]
    Cuda {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        source: ort::Error,
    },
    /// An ONNX model, but no generator.
    #[error("{} is no generator of images: expected {expected}, found {found}", path.display())]
    Interface {
        /// The file.
        path: PathBuf,
        /// What a generator has.
        expected: &'static str,
        /// What the model has.
        found: String,
    },
    /// The file leaves something open that the configuration has to say, or the configuration contradicts it.
    #[error("{} {reason}", path.display())]
    Setting {
        /// The file.
        path: PathBuf,
        /// What is open, and which flag says it.
        reason: String,
    },
    /// Latents of another length than the model's.
    #[error("{} takes latents of {expected} numbers, these have {found}", path.display())]
    Latent {
        /// The file.
        path: PathBuf,
        /// The model's latent size.
        expected: usize,
        /// The number of columns of the latents.
        found: usize,
    },
    /// The images of ordinary latents have values that are NaN or infinite.
    #[error(
        "{} gives NaN or infinite values for ordinary latents (seeds 0 and 1): its weights are damaged, or its training \
         diverged; export it again, from an earlier checkpoint",
        path.display()
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
    },
    /// The engine failed while it ran the model.
    #[error("{engine} fails to run {}: {}", path.display(), refusal::of_run(engine, source))]
    Run {
        /// The file.
        path: PathBuf,
        /// The engine's name.
        engine: String,
        /// What the engine said.
        source: ort::Error,
    },
    /// There is too little memory for the images.
    #[error("{}: {source}; ask for fewer images at once", path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        source: OutOfMemory,
    },
}

impl GeneratorError {
    /// The same, or [`Batch`](Self::Batch) where the engine refuses a Reshape to a constant batch size.
    pub(super) fn of_reshape(self, file: &ModelFile) -> Self {
        match self {
            Self::Model { path, engine, advice, source } if with_causes(&source).contains("Reshape") => {
                match reshape::batch(file.bytes()) {
                    Some(batch) => Self::Batch { path, engine, batch },
                    None => Self::Model { path, engine, advice, source },
                }
            }
            other => other,
        }
    }
}

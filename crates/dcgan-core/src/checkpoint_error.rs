//! Errors of reading checkpoints and state dicts.

use std::io;
use std::path::PathBuf;

use crate::memory::OutOfMemory;

/// Turns a state dict that `torch.save` wrote into one that this program reads; it needs the Python packages
/// torch, numpy and safetensors.
pub const PICKLE_TO_SAFETENSORS: &str = "python3 -c \"import sys, torch, safetensors.torch as s; \
    s.save_file({k: v.contiguous() for k, v in \
    torch.load(sys.argv[1], map_location='cpu', weights_only=True).items()}, sys.argv[2])\" \
    model.pth model.safetensors";

/// A checkpoint could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be opened or read. The message has its cause in it, so there is no `source`.
    #[error(
        "cannot read checkpoint {}: {reason}; expected a checkpoint that dcgan-train saved, such as \
         checkpoints/generator_final.safetensors",
        path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// The file is too large for this process.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// The bytes are no whole safetensors file.
    #[error(
        "{} is not a whole safetensors file ({reason}): it may be truncated, or of another kind; \
         a checkpoint of dcgan-train ends in .safetensors",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// The file is one of `torch.save`.
    #[error(
        "{} is a pickle of PyTorch, which only Python reads; this line makes a safetensors file of its state dict: \
         {PICKLE_TO_SAFETENSORS}",
        path.display()
    )]
    Pickle {
        /// The file.
        path: PathBuf,
    },
    /// The header does not describe a DCGAN.
    #[error("checkpoint {} does not describe a DCGAN: {reason}", path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
    /// A tensor is missing, surplus, of another shape or not finite.
    #[error("checkpoint {}: {reason}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// Which tensor, what was expected and found.
        reason: String,
    },
    /// The content is not what was saved.
    #[error(
        "checkpoint {} is damaged: its content does not have the checksum that it was saved with; \
         use another copy or an earlier checkpoint",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The folder has no generator to pick.
    #[error("{} is a folder with none of {}: name a file in it", folder.display(), expected.join(", "))]
    NoGenerator {
        /// The folder that was searched.
        folder: PathBuf,
        /// The file names that were looked for.
        expected: [&'static str; 3],
    },
    /// The other network is needed.
    #[error(
        "{} holds a {found}, a {expected} is needed: name {expected}_*.safetensors beside it",
        path.display()
    )]
    WrongNetwork {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: &'static str,
        /// What was asked for.
        expected: &'static str,
    },
}

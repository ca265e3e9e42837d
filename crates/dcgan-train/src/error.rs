//! What can go wrong in training.

use std::path::PathBuf;

use dcgan_core::atomic::WriteError;
use dcgan_core::checkpoint::CheckpointError;

use crate::data::DataError;

/// A training or sampling run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The device failed.
    #[error("the device failed: {0}; if it ran out of memory, try a smaller --batch-size")]
    Device(String),
    /// A checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The dataset cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The losses are no numbers any more.
    #[error(
        "the losses are no longer finite at step {step} (D {loss_d}, G {loss_g}): \
         the run diverged, try a smaller --learning-rate"
    )]
    Diverged {
        /// The step, from 1.
        step: u64,
        /// The discriminator's loss.
        loss_d: f32,
        /// The generator's loss.
        loss_g: f32,
    },
    /// A checkpoint of an architecture that is not compiled in.
    #[error(
        "{} holds an architecture that this program was not built for ({found}): it knows {known}",
        path.display()
    )]
    UnknownArchitecture {
        /// The file.
        path: PathBuf,
        /// The architecture of the file.
        found: String,
        /// Those of the table.
        known: String,
    },
}

impl TrainError {
    /// Wraps a device's own error.
    pub fn device(error: impl std::fmt::Display) -> Self {
        Self::Device(error.to_string())
    }
}

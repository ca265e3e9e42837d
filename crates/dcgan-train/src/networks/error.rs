//! What can go wrong with a network that was saved.

use std::path::PathBuf;

use dcgan_core::checkpoint::CheckpointError;

use crate::backend::error::BackendError;

/// A saved network cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Its architecture is not compiled in.
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
    /// The device failed.
    #[error(transparent)]
    Device(#[from] BackendError),
}

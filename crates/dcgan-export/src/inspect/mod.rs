//! What an ONNX file of any origin holds, without its weights: they are stepped over, not read.

mod table;

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use dcgan_core::input;
use dcgan_onnx::{Outline, OutlineError};

pub use table::Table;

/// A file could not be inspected.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// It cannot be opened or read. The message has its cause in it, so there is no `source`.
    #[error(
        "cannot read model {}: {reason}; expected an ONNX file, such as the g.onnx that dcgan-export writes; name it \
         behind inspect",
        path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// It is another kind of file, or damaged.
    #[error("{} is no whole ONNX file: {reason}; it may be truncated, damaged, or of another kind", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
}

/// Inspects a file.
///
/// # Errors
/// [`InspectError`] names the file, and the byte at which it stops being one of ONNX.
pub fn inspect(path: &Path) -> Result<Outline, InspectError> {
    let read = |reason| InspectError::Read { path: path.to_owned(), reason };
    input::check(path).map_err(read)?;
    outline(File::open(path).map_err(read)?, path)
}

/// [`inspect`] of a file's content; `path` is for messages.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_bytes(bytes: &[u8], path: &Path) -> Result<Outline, InspectError> {
    outline(Cursor::new(bytes), path)
}

fn outline(source: impl Read + Seek, path: &Path) -> Result<Outline, InspectError> {
    Outline::read(source).map_err(|error| {
        let path = path.to_owned();
        match error {
            OutlineError::Read(reason) => InspectError::Read { path, reason },
            OutlineError::Format(reason) => InspectError::Format { path, reason },
        }
    })
}

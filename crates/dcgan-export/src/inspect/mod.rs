//! What an ONNX file of any origin holds, without its weights: they are stepped over, not read.
//!
//! The file's fields are walked where they lie, so that a file of gigabytes takes no more memory than its names, and
//! operators, types and fields that this program does not know are no obstacle.

mod outline;
mod table;
mod wire;

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use dcgan_core::input;

pub use outline::{Constants, Outline, Value};

use wire::{Fault, Wire};

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
    outline(File::open(path).map_err(read)?).map_err(|fault| fault.of(path))
}

/// [`inspect`] of a file's content; `path` is for messages.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_bytes(bytes: &[u8], path: &Path) -> Result<Outline, InspectError> {
    outline(Cursor::new(bytes)).map_err(|fault| fault.of(path))
}

impl Fault {
    fn of(self, path: &Path) -> InspectError {
        let path = path.to_owned();
        match self {
            Self::Read(reason) => InspectError::Read { path, reason },
            Self::Format(reason) => InspectError::Format { path, reason },
        }
    }
}

/// Inspects anything that can be read, from its start to its end.
fn outline(mut source: impl Read + Seek) -> Result<Outline, Fault> {
    let size = source.seek(SeekFrom::End(0))?;
    source.rewind()?;
    let outline = Outline::read(&mut Wire::new(source, size))?;
    match (outline.ir_version, outline.has_graph) {
        (None, _) => Err(Fault::Format("it has no ir_version, which every model has".to_owned())),
        (_, false) => Err(Fault::Format("it has no graph, which every model has".to_owned())),
        _ => Ok(outline),
    }
}

#[cfg(test)]
mod tests;

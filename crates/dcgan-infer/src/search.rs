//! Where ONNX Runtime is looked for, and in which order.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cache;
use crate::library::{LibraryError, OnnxRuntime};

/// The environment variable that names ONNX Runtime's library, the one that `ort` reads too.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// A place where ONNX Runtime may be; they are searched in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// [`EngineConfig::library`](crate::EngineConfig::library), the flag `--onnxruntime`.
    Flag,
    /// [`LIBRARY_VARIABLE`].
    Variable,
    /// The [cache], which `dcgan-infer install` fills.
    Cache,
    /// The system's library path.
    System,
}

/// A library to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who names it.
    pub place: Place,
    /// The file; a mere name for the system's loader in [`Place::System`].
    pub path: PathBuf,
}

impl Place {
    /// All of them, in the order of the search.
    pub const ALL: [Self; 4] = [Self::Flag, Self::Variable, Self::Cache, Self::System];

    /// Whether the user named the library: it has to do then, and the search ends with it. One that happens to lie
    /// in the cache or the system need not.
    pub fn is_named(self) -> bool {
        matches!(self, Self::Flag | Self::Variable)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Flag => "--onnxruntime",
            Self::Variable => LIBRARY_VARIABLE,
            Self::Cache => "cache",
            Self::System => "system",
        })
    }
}

impl Candidate {
    /// Loads the library.
    ///
    /// # Errors
    /// [`LibraryError`] says in what way it is no ONNX Runtime that can be used.
    pub fn open(&self) -> Result<OnnxRuntime, LibraryError> {
        match self.place {
            Place::System => OnnxRuntime::open_system(),
            _ => OnnxRuntime::open(&self.path),
        }
    }
}

/// The libraries to try, in order: `named` if given, the one of [`LIBRARY_VARIABLE`] if that is set, the cache's for
/// a user who has one, the system's.
pub fn candidates(named: Option<&Path>) -> Vec<Candidate> {
    let path = |place| match place {
        Place::Flag => named.map(Path::to_owned),
        Place::Variable => env::var_os(LIBRARY_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from),
        Place::Cache => cache::onnxruntime_folder().map(|folder| cache::library_path(&folder)),
        Place::System => Some(OnnxRuntime::system_name()),
    };
    let candidate = |place| path(place).map(|path| Candidate { place, path });
    Place::ALL.into_iter().filter_map(candidate).collect()
}

//! A shared library that is to be ONNX Runtime: loaded and asked for its version before anything relies on it.
//!
//! `ort` panics when it is handed a library that is too old, or none at all; what passed here does not.

use std::ffi::{CStr, OsStr};
use std::mem;
use std::path::{Path, PathBuf};

use libloading::Library;
use ort::sys::{OrtApi, OrtApiBase};

/// The oldest minor version of ONNX Runtime 1 that can be used: the one whose interface `ort` was built for.
pub const OLDEST_MINOR: u32 = ort::MINOR_VERSION;

/// The highest API level that a library is asked for, whatever version it claims to be.
const HIGHEST_LEVEL: u32 = 1000;

/// An ONNX Runtime, loaded and new enough. Dropping it unloads it.
#[derive(Debug)]
pub struct OnnxRuntime {
    api: OrtApi,
    library: Library,
    version: String,
    level: u32,
}

/// A file is no ONNX Runtime that can be used.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// There is no such file.
    #[error("there is no file {}", path.display())]
    Missing {
        /// The library's path.
        path: PathBuf,
    },
    /// The system's loader finds none of this name.
    #[error("the system's library path has no {name}")]
    Unfound {
        /// The library's name.
        name: String,
        /// What the loader said.
        source: libloading::Error,
    },
    /// The system's loader refuses it.
    #[error("{} cannot be loaded as a shared library", path.display())]
    Load {
        /// The library's path or name.
        path: PathBuf,
        /// What the loader said.
        source: libloading::Error,
    },
    /// A library, but another one.
    #[error("{} is a shared library, but not ONNX Runtime: {reason}", path.display())]
    Foreign {
        /// The library's path or name.
        path: PathBuf,
        /// What was expected of it.
        reason: &'static str,
    },
    /// Too old for the interface that this program speaks.
    #[error(
        "{} is ONNX Runtime {found} (API level {level}), 1.{OLDEST_MINOR} or newer is needed (API level \
         {OLDEST_MINOR})",
        path.display()
    )]
    Old {
        /// The library's path or name.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The highest API level that it grants, 0 if none.
        level: u32,
    },
}

impl LibraryError {
    /// Whether there simply is no library.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Unfound { .. })
    }
}

impl OnnxRuntime {
    /// Loads the library in a file.
    ///
    /// # Errors
    /// [`LibraryError`] says in what way the file is no ONNX Runtime of version 1.24 or newer.
    pub fn open(path: &Path) -> Result<Self, LibraryError> {
        if !path.is_file() {
            return Err(LibraryError::Missing { path: path.to_owned() });
        }
        // The loader searches the system for a bare name: only a path with a folder means this very file.
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self::load(absolute.as_os_str(), path)
    }

    /// Loads the library that the system's loader finds by name.
    ///
    /// # Errors
    /// [`LibraryError::Unfound`] when there is none, the others as in [`OnnxRuntime::open`].
    pub fn open_system() -> Result<Self, LibraryError> {
        let path = Self::system_name();
        Self::load(path.as_os_str(), &path).map_err(|error| match error {
            LibraryError::Load { path, source } if finds_nothing(&path, &source) => {
                LibraryError::Unfound { name: path.display().to_string(), source }
            }
            other => other,
        })
    }

    /// The name that the system's loader looks for, such as `libonnxruntime.so`.
    pub fn system_name() -> PathBuf {
        PathBuf::from(libloading::library_filename("onnxruntime"))
    }

    /// What the library calls itself, such as `1.32.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The highest API level that the library grants: its minor version, in every release so far.
    pub fn api_level(&self) -> u32 {
        self.level
    }

    /// The library's interface, for the rest of the process: the library is never unloaded.
    pub(crate) fn into_api(self) -> OrtApi {
        mem::forget(self.library);
        self.api
    }

    /// The one place where foreign code is called on trust.
    fn load(name: &OsStr, path: &Path) -> Result<Self, LibraryError> {
        let foreign = |reason| LibraryError::Foreign { path: path.to_owned(), reason };
        // SAFETY: loading runs the library's initialisers. The user, the cache or the system named it as
        // ONNX Runtime, whose initialisers have no precondition.
        let library = unsafe { Library::new(name) }
            .map_err(|source| LibraryError::Load { path: path.to_owned(), source })?;
        // SAFETY: `OrtGetApiBase` has had this signature in every release. What it returns lives in the library,
        // which is loaded for as long as `base` is used.
        let base = unsafe {
            library
                .get::<unsafe extern "system" fn() -> *const OrtApiBase>(b"OrtGetApiBase\0")
                .map_err(|_| foreign("it does not export OrtGetApiBase"))?()
            .as_ref()
        };
        let base = base.ok_or_else(|| foreign("its OrtGetApiBase returns nothing"))?;
        // SAFETY: both functions of the base are there in every release; the version is a C string in the
        // library's constant data. An interface is granted for a version the library knows, and is then at least
        // as long as that version's table, which is what is copied.
        let (version, api, level) = unsafe {
            let version = CStr::from_ptr((base.GetVersionString)()).to_string_lossy().into_owned();
            // From the level that the version promises downwards: a library complains on stderr about one beyond it.
            let mut levels = (1..=minor(&version).min(HIGHEST_LEVEL)).rev();
            let level = levels.find(|level| !(base.GetApi)(*level).is_null()).unwrap_or(0);
            (version, (base.GetApi)(OLDEST_MINOR).as_ref().cloned(), level)
        };
        match api {
            Some(api) => Ok(Self { api, library, version, level }),
            None => Err(LibraryError::Old { path: path.to_owned(), found: version, level }),
        }
    }
}

/// The minor number of a version such as `1.32.0`, 0 for what is none.
fn minor(version: &str) -> u32 {
    version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0)
}

/// Whether the loader says that there is no library of this name. Only Linux's says so, and in other words that one is
/// there and cannot be loaded.
fn finds_nothing(name: &Path, error: &libloading::Error) -> bool {
    let said = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let name = name.display();
    // glibc's words, then musl's; either may miss another library, which this one needs.
    !cfg!(target_os = "linux")
        || said.starts_with(&format!("{name}: cannot open shared object file: No such file"))
        || said.starts_with(&format!("Error loading shared library {name}: No such file"))
}

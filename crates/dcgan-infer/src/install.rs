//! ONNX Runtime for this user, without root and without a compiler: out of its PyPI package, into the cache.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::cache;
use crate::library::{LibraryError, OLDEST_MINOR, OnnxRuntime};
use crate::pip::{self, PipError};
use crate::wheel::{self, WheelError};

/// The version that is installed unless another is asked for: the newest patch of this one.
pub const DEFAULT_VERSION: &str = "1.32";

/// What to install, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallConfig {
    /// The folder that the library goes to; made if missing.
    pub folder: PathBuf,
    /// `1.32` for its newest patch, or `1.32.0` for exactly that.
    pub version: String,
    /// Fetch the library even if this version is there already.
    pub force: bool,
}

/// ONNX Runtime could not be installed; what was there before still is.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// There is no place for it.
    #[error("this user has no cache folder: set {} to a folder for ONNX Runtime", cache::CACHE_DIR)]
    NoFolder,
    /// The version is not one that can be used.
    #[error(
        "expected a version of ONNX Runtime from 1.{OLDEST_MINOR} on, such as {DEFAULT_VERSION} or \
         {DEFAULT_VERSION}.0, found {0:?}"
    )]
    Version(String),
    /// The folder cannot be written.
    #[error("cannot write to {}: name another folder with {}", path.display(), cache::CACHE_DIR)]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The package could not be fetched.
    #[error("cannot fetch ONNX Runtime from PyPI")]
    Pip(#[from] PipError),
    /// The package is not as expected.
    #[error("cannot unpack ONNX Runtime")]
    Wheel(#[from] WheelError),
    /// The library inside does not work on this machine.
    #[error("the ONNX Runtime in PyPI's package cannot be used on this machine")]
    Library(#[from] LibraryError),
}

impl InstallConfig {
    /// The [default version](DEFAULT_VERSION), in the [cache](cache::onnxruntime_folder), where
    /// [`Engine::start`](crate::Engine::start) finds it.
    ///
    /// # Errors
    /// [`InstallError::NoFolder`] for a user without a home.
    pub fn in_cache() -> Result<Self, InstallError> {
        let folder = cache::onnxruntime_folder().ok_or(InstallError::NoFolder)?;
        Ok(Self { folder, version: DEFAULT_VERSION.to_owned(), force: false })
    }
}

/// Fetches ONNX Runtime with pip and returns the library's path. Nothing is fetched if this version is there
/// already; of several processes that install at once, one fetches and the others wait.
///
/// # Errors
/// [`InstallError`] without Python, pip or network, for a version that is not to be had or too old, or if the folder
/// cannot be written. A library that was there before is kept.
pub fn install(config: &InstallConfig) -> Result<PathBuf, InstallError> {
    check_version(&config.version)?;
    let target = cache::library_path(&config.folder);
    let _lock = lock(&config.folder)?;
    if !config.force && is_installed(&target, &config.version) {
        return Ok(target);
    }
    // Beside the target, so that the last step is a rename within one file system.
    let temporary = tempfile::Builder::new()
        .prefix(".installing-")
        .tempdir_in(&config.folder)
        .map_err(|source| folder_error(&config.folder, source))?;
    let wheel = pip::download(&config.version, temporary.path())?;
    let library = cache::library_path(temporary.path());
    wheel::unpack_library(&wheel, &library)?;
    OnnxRuntime::open(&library)?;
    fs::rename(&library, &target).map_err(|source| folder_error(&target, source))?;
    Ok(target)
}

/// Whether a version can be installed: `1.<minor>` or `1.<minor>.<patch>`, new enough.
///
/// # Errors
/// [`InstallError::Version`] says what was expected.
pub fn check_version(version: &str) -> Result<(), InstallError> {
    let numbers: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    match numbers.as_deref() {
        Some([1, minor] | [1, minor, _]) if *minor >= OLDEST_MINOR => Ok(()),
        _ => Err(InstallError::Version(version.to_owned())),
    }
}

fn lock(folder: &Path) -> Result<File, InstallError> {
    fs::create_dir_all(folder).map_err(|source| folder_error(folder, source))?;
    let path = folder.join(".lock");
    let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|source| folder_error(&path, source))
}

fn is_installed(library: &Path, version: &str) -> bool {
    OnnxRuntime::open(library).is_ok_and(|runtime| matches(runtime.version(), version))
}

/// Whether `found` is `wanted` or, where that has no patch, any of its patches.
fn matches(found: &str, wanted: &str) -> bool {
    found.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn folder_error(path: &Path, source: io::Error) -> InstallError {
    InstallError::Folder { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_two_or_three_numbers_and_is_new_enough() {
        for good in ["1.24", "1.24.1", "1.32.0"] {
            assert!(check_version(good).is_ok(), "{good}");
        }
        for bad in ["", "1", "1.", "1.23.2", "2.0", "1.32.0.1", "1.32.*", "latest", "-r x", "1.24 --pre"] {
            assert!(check_version(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_version_without_patch_is_met_by_every_patch_and_by_no_other_minor() {
        assert!(matches("1.32.0", "1.32") && matches("1.32.0", "1.32.0") && matches("1.32.1", "1.32"));
        assert!(!matches("1.32.10", "1.32.1") && !matches("1.320.0", "1.32") && !matches("1.3.0", "1.32"));
    }
}

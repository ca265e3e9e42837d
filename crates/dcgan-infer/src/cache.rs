//! The per-user cache, where `dcgan-infer install` puts ONNX Runtime and every later run finds it.

use std::env;
use std::path::{Path, PathBuf};

/// The environment variable that names another cache folder than the user's.
pub const CACHE_DIR: &str = "DCGAN_CACHE_DIR";

/// The folder of the installed ONNX Runtime: `onnxruntime` inside `$DCGAN_CACHE_DIR` or, where that is not set,
/// inside `dcgan` of the user's cache (`$XDG_CACHE_HOME` or `~/.cache` on Linux, `~/Library/Caches` on macOS,
/// `%LOCALAPPDATA%` on Windows).
///
/// `None` for a user without a home.
pub fn onnxruntime_folder() -> Option<PathBuf> {
    let cache = match env::var_os(CACHE_DIR) {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => dirs::cache_dir()?.join("dcgan"),
    };
    Some(cache.join("onnxruntime"))
}

/// The library's path inside such a folder, named as the platform names libraries, such as `libonnxruntime.so`.
pub fn library_path(folder: &Path) -> PathBuf {
    folder.join(libloading::library_filename("onnxruntime"))
}

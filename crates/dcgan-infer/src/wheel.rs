//! The one file that matters in ONNX Runtime's wheel, which is a zip archive of 25 MB and more.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use dcgan_core::atomic::{self, WriteError};
use zip::ZipArchive;
use zip::result::ZipError;

/// The folder of the wheel that holds native libraries.
const FOLDER: &str = "onnxruntime/capi/";

/// A wheel could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum WheelError {
    /// It cannot be opened.
    #[error("cannot read wheel {}", path.display())]
    Read {
        /// The wheel.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is no whole zip archive.
    #[error("{} is no whole wheel", path.display())]
    Format {
        /// The wheel.
        path: PathBuf,
        /// What the zip reader said.
        source: ZipError,
    },
    /// There is no library in it.
    #[error("wheel {} holds no ONNX Runtime library in {FOLDER}", path.display())]
    NoLibrary {
        /// The wheel.
        path: PathBuf,
    },
    /// The library could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Writes the library of a wheel of `onnxruntime` to `target`.
pub(crate) fn unpack_library(wheel: &Path, target: &Path) -> Result<(), WheelError> {
    let file = File::open(wheel).map_err(|source| WheelError::Read { path: wheel.to_owned(), source })?;
    let format_error = |source| WheelError::Format { path: wheel.to_owned(), source };
    let mut archive = ZipArchive::new(file).map_err(format_error)?;
    let name = archive.file_names().find(|name| is_library(name)).map(str::to_owned);
    let name = name.ok_or_else(|| WheelError::NoLibrary { path: wheel.to_owned() })?;
    let mut library = archive.by_name(&name).map_err(format_error)?;
    atomic::write(target, |file| io::copy(&mut library, file).map(drop))?;
    Ok(())
}

/// Whether a file of the wheel is ONNX Runtime itself, as Linux, macOS or Windows name it, and not one of its
/// providers or the Python module.
fn is_library(name: &str) -> bool {
    name.strip_prefix(FOLDER).is_some_and(|file| {
        file.starts_with("libonnxruntime.so")
            || (file.starts_with("libonnxruntime.") && file.ends_with(".dylib"))
            || file == "onnxruntime.dll"
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn wheel(folder: &Path, files: &[&str]) -> PathBuf {
        let path = folder.join("onnxruntime.whl");
        let mut writer = ZipWriter::new(File::create(&path).unwrap());
        for name in files {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(name.as_bytes()).unwrap();
        }
        writer.finish().unwrap();
        path
    }

    #[test]
    fn the_library_is_found_on_every_platform_among_its_neighbours() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("library");
        for library in ["libonnxruntime.so.1.32.0", "libonnxruntime.1.32.0.dylib", "onnxruntime.dll"] {
            let library = format!("{FOLDER}{library}");
            let neighbours = [
                "onnxruntime/__init__.py",
                "onnxruntime/capi/libonnxruntime_providers_shared.so",
                "onnxruntime/capi/onnxruntime_providers_shared.dll",
                "onnxruntime/capi/onnxruntime_pybind11_state.so",
                &library,
            ];
            unpack_library(&wheel(folder.path(), &neighbours), &target).unwrap();
            assert_eq!(fs::read_to_string(&target).unwrap(), library);
        }
    }

    #[test]
    fn a_wheel_without_library_or_cut_short_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("library");
        let path = wheel(folder.path(), &["onnxruntime/__init__.py"]);
        let error = unpack_library(&path, &target).unwrap_err();
        assert!(matches!(error, WheelError::NoLibrary { .. }), "{error}");
        fs::write(&path, &fs::read(&path).unwrap()[..40]).unwrap();
        let error = unpack_library(&path, &target).unwrap_err();
        assert!(error.to_string().contains("onnxruntime.whl is no whole wheel"), "{error}");
        assert!(!target.exists());
    }
}

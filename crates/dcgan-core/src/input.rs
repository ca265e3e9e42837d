//! Files that are read: told apart from what can be opened but is none.

use std::fs;
use std::io;
use std::path::Path;

/// Checks that a path leads to an ordinary file: a folder is refused in words that help, a pipe or a device
/// because reading it may never end.
///
/// # Errors
/// If there is none, or something else.
pub fn check(path: &Path) -> io::Result<()> {
    let kind = fs::metadata(path)?;
    if kind.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "this is a folder, a file was expected"));
    }
    if !kind.is_file() {
        return Err(io::Error::other("this is a device or a pipe, a file was expected"));
    }
    Ok(())
}

/// The bytes of an ordinary file.
///
/// # Errors
/// As [`check`], or if it cannot be read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    check(path)?;
    fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_all_else_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"text").unwrap();
        assert_eq!(read(&path).unwrap(), b"text");
        assert!(read(folder.path()).unwrap_err().to_string().contains("this is a folder"));
        assert_eq!(read(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_refused() {
        assert!(read(Path::new("/dev/zero")).unwrap_err().to_string().contains("a device or a pipe"));
    }
}

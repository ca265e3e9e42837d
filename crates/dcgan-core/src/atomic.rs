//! Writing files so that a reader sees the old content or the whole new one, never a part.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file could not be written; what stood at its path before is untouched.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct WriteError {
    /// The file that was to be written.
    pub path: PathBuf,
    /// What the operating system or the encoder said.
    pub source: io::Error,
}

/// Writes a file through `fill`: into a temporary file of the same folder, synced, then renamed.
///
/// Missing parent folders are made. A symbolic link is followed, so that it stays a link.
///
/// # Errors
/// [`WriteError`] names the path; the temporary file is removed and an old file at `path` is kept.
pub fn write(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
) -> Result<(), WriteError> {
    try_write(path, fill).map_err(|source| WriteError { path: path.to_owned(), source })
}

/// Makes a folder where it is missing and checks that files can be written there: better to learn it before
/// hours of work than after.
///
/// # Errors
/// [`WriteError`] names the folder.
pub fn check_folder(folder: &Path) -> Result<(), WriteError> {
    let check = || {
        make_folder(folder)?;
        tempfile::Builder::new().prefix(".writing-").tempfile_in(folder)?.close()
    };
    check().map_err(|source| WriteError { path: folder.to_owned(), source })
}

/// The system's own words for a file in the place of a folder, "File exists", mislead.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_file() {
        let message = format!("{} is a file, a folder was expected", folder.display());
        return Err(io::Error::new(io::ErrorKind::NotADirectory, message));
    }
    fs::create_dir_all(folder)
}

fn try_write(path: &Path, fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if target.is_dir() || target.file_name().is_none() {
        return Err(io::Error::new(
            io::ErrorKind::IsADirectory,
            "this is a folder, a file name was expected",
        ));
    }
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make_folder(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    #[cfg(unix)]
    {
        // A temporary file is private by default; this one is to become an ordinary file, as the umask allows.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut temporary = builder.tempfile_in(folder)?;
    let mut writer = BufWriter::new(temporary.as_file_mut());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    temporary.as_file().sync_all()?;
    temporary.persist(target).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.bin");
        fs::write(&path, b"old").unwrap();
        let error = write(&path, |file| {
            file.write_all(b"half of the new")?;
            Err(io::Error::other("disk full"))
        })
        .unwrap_err();
        assert!(error.to_string().contains("model.bin"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn missing_folders_are_made_and_a_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c.txt");
        write(&path, |file| file.write_all(b"text")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"text");
        assert!(write(folder.path(), |_| Ok(())).is_err());
    }

    #[test]
    fn a_folder_is_made_and_a_file_in_its_place_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (made, file) = (folder.path().join("a/b"), folder.path().join("file"));
        check_folder(&made).unwrap();
        assert_eq!(fs::read_dir(&made).unwrap().count(), 0, "nothing is left there");
        fs::write(&file, b"text").unwrap();
        let error = check_folder(&file.join("c")).unwrap_err().to_string();
        assert!(error.contains("file/c"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, b"old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, |file| file.write_all(b"new")).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
    }
}

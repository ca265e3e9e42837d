//! Writing files so that a reader sees the old content or the whole new one, never a part.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// How the names of temporary files begin.
const PREFIX: &str = ".writing-";
/// Files that are created for one write, at most: each is lost only if another process looks for leftovers just then.
const ATTEMPTS: usize = 100;

/// A file could not be written; what stood at its path before is untouched.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct WriteError {
    /// The file that was to be written.
    pub path: PathBuf,
    /// What the operating system or the encoder said.
    pub source: io::Error,
}

impl WriteError {
    /// What the operating system said, with what to do about it where it does not go without saying.
    pub fn new(path: &Path, source: io::Error) -> Self {
        let advice = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some space, or write elsewhere"
            }
            io::ErrorKind::FileTooLarge => "raise the limit of file sizes (ulimit -f), or write elsewhere",
            io::ErrorKind::PermissionDenied => "allow it to this user, or write elsewhere",
            io::ErrorKind::ReadOnlyFilesystem => "write elsewhere",
            _ => return Self { path: path.to_owned(), source },
        };
        Self { path: path.to_owned(), source: io::Error::new(source.kind(), format!("{source}; {advice}")) }
    }
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
    try_write(path, fill).map_err(|source| WriteError::new(path, source))
}

/// As [`write()`], but what was written has to pass `check`, which reads it from the start of the temporary file.
///
/// The result of `check`: if that is an error, an old file at `path` is kept and the new one is gone.
///
/// # Errors
/// As [`write()`].
pub fn write_checked<T, E>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
    check: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<Result<T, E>, WriteError> {
    try_write_checked(path, fill, check).map_err(|source| WriteError::new(path, source))
}

/// Refuses an output that is the input itself, under this or another name: a slip must not cost the original.
///
/// # Errors
/// [`WriteError`] names the output.
pub fn keep_input(input: &Path, output: &Path) -> Result<(), WriteError> {
    match (fs::canonicalize(input), fs::canonicalize(output)) {
        (Ok(a), Ok(b)) if a == b => {
            let source = io::Error::other("it is the input itself: name another file");
            Err(WriteError { path: output.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Makes a folder where it is missing and checks that files can be written there: better to learn it before
/// hours of work than after.
///
/// # Errors
/// [`WriteError`] names the folder.
pub fn check_folder(folder: &Path) -> Result<(), WriteError> {
    let check = || {
        make_folder(folder)?;
        temporary_file(folder)?.close()
    };
    check().map_err(|source| WriteError::new(folder, source))
}

/// The system's own words for a file in the place of a folder, "File exists", mislead.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.exists() && !folder.is_dir() {
        let message = format!("{} is a file, a folder was expected", folder.display());
        return Err(io::Error::new(io::ErrorKind::NotADirectory, message));
    }
    fs::create_dir_all(folder)
}

fn try_write(path: &Path, fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>) -> io::Result<()> {
    try_write_checked(path, fill, |_| Ok::<(), io::Error>(()))?
}

fn try_write_checked<T, E>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&mut File>) -> io::Result<()>,
    check: impl FnOnce(&mut File) -> Result<T, E>,
) -> io::Result<Result<T, E>> {
    let target = resolve(path);
    let old = fs::metadata(&target).ok();
    check_target(&target, old.as_ref())?;
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make_folder(folder)?;
    let mut temporary = temporary_file(folder)?;
    if let Some(old) = old {
        temporary.as_file().set_permissions(old.permissions())?;
    }
    let mut writer = BufWriter::new(temporary.as_file_mut());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    temporary.as_file().sync_all()?;
    temporary.as_file_mut().rewind()?;
    let checked = check(temporary.as_file_mut());
    if checked.is_ok() {
        temporary.persist(&target).map_err(|error| error.error)?;
        sync_folder(folder);
    }
    Ok(checked)
}

/// Makes the new name of a file outlast a power failure, where the file system can: the file is in its place all the
/// same.
#[cfg(unix)]
fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// There is nothing to do where a folder cannot be opened.
#[cfg(not(unix))]
fn sync_folder(_: &Path) {}

/// Removes the temporary files of writers that were killed, as far as that can be told and done; those that somebody
/// still writes stay.
pub fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // The lock is held until the file is gone: a writer that gets it later finds no file.
        if let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Where a path leads to, through symbolic links, even to a file that does not exist yet.
fn resolve(path: &Path) -> PathBuf {
    if let Ok(target) = fs::canonicalize(path) {
        return target;
    }
    match fs::read_link(path) {
        // A relative link starts from its own folder.
        Ok(link) => path.parent().map_or(link.clone(), |folder| folder.join(&link)),
        Err(_) => path.to_owned(),
    }
}

/// A folder cannot be written, and a device or a pipe would be replaced by a file.
fn check_target(target: &Path, old: Option<&fs::Metadata>) -> io::Result<()> {
    let names_folder = target.file_name().is_none() || target.as_os_str().to_string_lossy().ends_with('/');
    if names_folder || old.is_some_and(fs::Metadata::is_dir) {
        let message = "this is a folder, a file name was expected";
        return Err(io::Error::new(io::ErrorKind::IsADirectory, message));
    }
    match old {
        Some(old) if !old.is_file() => {
            Err(io::Error::other("this is a device or a pipe, a file was expected"))
        }
        _ => Ok(()),
    }
}

/// Creates a temporary file that [`remove_leftovers`] leaves alone.
fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    locked(|| unlocked(folder))
}

/// Creates files with `create` until one is locked before [`remove_leftovers`] of another process takes it for a leftover.
///
/// That function removes a file only while it holds the file's lock. So a file that is locked here and still has its name
/// stays. Where the file system has no locks, nothing is ever removed.
fn locked(mut create: impl FnMut() -> io::Result<NamedTempFile>) -> io::Result<NamedTempFile> {
    for _ in 1..ATTEMPTS {
        let file = create()?;
        let is_taken = matches!(file.as_file().try_lock(), Err(TryLockError::WouldBlock));
        if !is_taken && file.path().try_exists()? {
            return Ok(file);
        }
    }
    create()
}

/// Creates a temporary file whose lock nobody holds yet.
fn unlocked(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    {
        // A temporary file is private by default; this one is to become an ordinary file, as the umask allows.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    // The kind alone: the whole error would name the temporary file, which means nothing to a user.
    builder.tempfile_in(folder).map_err(|error| io::Error::from(error.kind()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

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
    fn a_full_disk_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let full = |_: &mut BufWriter<&mut File>| Err(io::Error::from_raw_os_error(28));
        let error = write(&folder.path().join("model.bin"), full).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
        let said = error.source.to_string();
        assert_eq!(said, "No space left on device (os error 28); free some space, or write elsewhere");
    }

    #[test]
    fn a_failed_check_keeps_the_old_file_and_a_passed_one_sees_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.bin");
        fs::write(&path, b"old").unwrap();
        let fill = |file: &mut BufWriter<&mut File>| file.write_all(b"new");
        assert_eq!(write_checked(&path, fill, |_| Err::<(), _>("unsound")).unwrap(), Err("unsound"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        let read = |file: &mut File| io::read_to_string(file);
        assert_eq!(write_checked(&path, fill, read).unwrap().unwrap(), "new");
        assert_eq!(fs::read(&path).unwrap(), b"new");
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

    #[test]
    fn what_killed_writers_left_is_removed_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let names = || -> Vec<_> {
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
        };
        fs::write(folder.path().join(".writing-dead"), b"half").unwrap();
        write(&folder.path().join("new"), |file| {
            remove_leftovers(folder.path());
            assert_eq!(names().len(), 1, "the one being written: {:?}", names());
            file.write_all(b"whole")
        })
        .unwrap();
        remove_leftovers(folder.path());
        assert_eq!(names(), ["new"]);
    }

    /// Between a file's creation and its lock, another process may take it for a leftover.
    #[test]
    fn a_file_that_is_removed_before_it_is_locked_is_created_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut created = 0;
        let file = locked(|| {
            let file = unlocked(folder.path());
            created += 1;
            if created < 3 {
                remove_leftovers(folder.path());
            }
            file
        });
        file.unwrap().persist_noclobber(folder.path().join("whole")).unwrap();
        assert_eq!(created, 3);
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["whole"]);
    }

    /// A process that looks for leftovers holds the file's lock when it removes it.
    #[test]
    fn a_file_whose_lock_another_process_holds_is_created_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut remover = None;
        let file = locked(|| {
            let file = unlocked(folder.path())?;
            if remover.is_none() {
                let opened = File::open(file.path())?;
                opened.try_lock().unwrap();
                remover = Some((opened, file.path().to_owned()));
            }
            Ok(file)
        })
        .unwrap();
        let (_, taken) = remover.unwrap();
        assert!(file.path() != taken && file.path().exists());
        remove_leftovers(folder.path());
        assert!(file.path().exists(), "the new one is locked");
    }

    #[test]
    fn writers_and_those_who_look_for_leftovers_do_not_disturb_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        remove_leftovers(folder);
                    }
                });
            }
            let write_all = |writer: usize| {
                let path = folder.join(format!("{writer}"));
                for round in 0..2000 {
                    check_folder(folder)?;
                    if round % 100 == 0 {
                        write(&path, |file| write!(file, "{round}"))?;
                    }
                }
                Ok::<(), WriteError>(())
            };
            let writers = [0, 1, 2, 3].map(|writer| scope.spawn(move || write_all(writer)));
            let results = writers.map(|writer| writer.join().unwrap());
            is_over.store(true, Ordering::Relaxed);
            for result in results {
                result.map_err(|error| format!("{error}: {}", error.source)).unwrap();
            }
        });
        assert_eq!(fs::read_dir(folder).unwrap().count(), 4);
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
        fs::remove_file(&real).unwrap();
        write(&link, |file| file.write_all(b"again")).unwrap();
        assert!(link.is_symlink(), "a link to a file that is gone");
        assert_eq!(fs::read(&real).unwrap(), b"again");
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_stays_private_and_a_device_is_no_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("private");
        fs::write(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        write(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let link = folder.path().join("device");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        let error = write(&link, |_| Ok(())).unwrap_err();
        assert!(error.source.to_string().contains("a file was expected"), "{}", error.source);
    }

    #[test]
    fn an_output_that_is_the_input_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (input, other) = (folder.path().join("input"), folder.path().join("other"));
        fs::write(&input, b"old").unwrap();
        assert!(keep_input(&input, &other).is_ok());
        assert!(keep_input(&input, &folder.path().join(".").join("input")).is_err());
    }
}

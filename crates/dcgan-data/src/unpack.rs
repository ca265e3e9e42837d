//! The files of a dataset out of the archive that it is published as.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use tar::{Archive, Entry};

/// What is taken out of a gzipped tar archive. Whatever else it holds is passed over, and an archive that a
/// publisher of pictures has no reason to make is refused as a whole: with paths that lead elsewhere, with
/// links or devices, or with more bytes than there should be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Selection {
    /// The folder of the wanted files, in the archive and where it is unpacked.
    pub(crate) folder: &'static str,
    /// Their names; all of them must be there.
    pub(crate) files: &'static [&'static str],
    /// Bytes that one of them may have.
    pub(crate) max_file_bytes: u64,
    /// Bytes that the whole archive may unpack to.
    pub(crate) max_total_bytes: u64,
}

/// An archive could not be unpacked; there is no folder of a part of it.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It cannot be read.
    #[error("cannot unpack {}: {reason}; remove it to have it downloaded again", archive.display())]
    Read {
        /// The archive.
        archive: PathBuf,
        /// What the operating system or the decoder said.
        reason: io::Error,
    },
    /// It is not what it should be.
    #[error(
        "{} is not unpacked: expected {expected}, found {found}; remove it to have it downloaded again",
        archive.display()
    )]
    Refused {
        /// The archive.
        archive: PathBuf,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// Its files cannot be written.
    #[error("cannot unpack {} to {}: {reason}", archive.display(), path.display())]
    Write {
        /// The archive.
        archive: PathBuf,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// Something is in the way.
    #[error(
        "cannot unpack {}: {} is there already, without the files that are wanted: move or remove it",
        archive.display(),
        folder.display()
    )]
    Occupied {
        /// The archive.
        archive: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
}

impl Selection {
    /// Unpacks an archive, so that its folder appears in `parent` only when it is whole.
    ///
    /// Of several processes that do so at once, one works and the others wait for it.
    pub(crate) fn unpack(&self, archive: &Path, parent: &Path) -> Result<(), UnpackError> {
        let unreadable = |reason| UnpackError::Read { archive: archive.to_owned(), reason };
        let file = File::open(archive).map_err(unreadable)?;
        // A file system without locks is no reason not to unpack.
        let _ = file.lock();
        let target = parent.join(self.folder);
        if self.files.iter().all(|name| target.join(name).exists()) {
            return Ok(());
        }
        // A fixed name: what a killed process left behind is found and removed.
        let temporary = parent.join(format!(".unpacking-{}", self.folder));
        let unpacked = Unpacking { selection: self, archive, folder: &temporary }
            .all(&file)
            .and_then(|()| self.appear(archive, &temporary, &target));
        if unpacked.is_err() {
            let _ = fs::remove_dir_all(&temporary);
        }
        unpacked
    }

    fn appear(&self, archive: &Path, temporary: &Path, target: &Path) -> Result<(), UnpackError> {
        // An empty folder may be replaced; this does not remove another.
        let _ = fs::remove_dir(target);
        if target.exists() {
            return Err(UnpackError::Occupied { archive: archive.to_owned(), folder: target.to_owned() });
        }
        fs::rename(temporary, target).map_err(|reason| UnpackError::Write {
            archive: archive.to_owned(),
            path: target.to_owned(),
            reason,
        })
    }
}

/// An archive on its way to a folder.
struct Unpacking<'a> {
    selection: &'a Selection,
    archive: &'a Path,
    folder: &'a Path,
}

impl Unpacking<'_> {
    fn all(&self, file: &File) -> Result<(), UnpackError> {
        if self.folder.exists() {
            fs::remove_dir_all(self.folder).map_err(|reason| self.unwritable(self.folder, reason))?;
        }
        fs::create_dir(self.folder).map_err(|reason| self.unwritable(self.folder, reason))?;
        let bounded = GzDecoder::new(BufReader::new(file)).take(self.selection.max_total_bytes);
        let mut archive = Archive::new(bounded);
        let unpacked = self.entries(&mut archive);
        // The bound looks like an early end of the archive from inside.
        if archive.into_inner().limit() == 0 {
            let max = self.selection.max_total_bytes;
            return Err(self.refused(format!("at most {max} bytes in all"), "more".into()));
        }
        unpacked
    }

    fn entries<R: Read>(&self, archive: &mut Archive<R>) -> Result<(), UnpackError> {
        // Raw: extensions for long names, which no wanted file has, are not gathered in memory.
        for entry in archive.entries().map_err(|reason| self.unreadable(reason))?.raw(true) {
            self.entry(entry.map_err(|reason| self.unreadable(reason))?)?;
        }
        match self.selection.files.iter().find(|name| !self.folder.join(name).exists()) {
            Some(name) => {
                Err(self.refused(format!("{}/{name} in it", self.selection.folder), "no such file".into()))
            }
            None => Ok(()),
        }
    }

    fn entry<R: Read>(&self, mut entry: Entry<R>) -> Result<(), UnpackError> {
        let path = entry.path().map_err(|reason| self.unreadable(reason))?.into_owned();
        let kind = entry.header().entry_type();
        let is_file = kind.is_file() || kind.is_contiguous();
        let is_extension = kind.is_pax_global_extensions()
            || kind.is_pax_local_extensions()
            || kind.is_gnu_longname()
            || kind.is_gnu_longlink();
        if !(is_file || is_extension || kind.is_dir()) {
            let expected = "only files and folders in it".to_owned();
            return Err(self.refused(expected, format!("{}, a link or a device", path.display())));
        }
        let Some(parts) = parts_below(&path) else {
            return Err(self.refused("paths below its own folder".into(), path.display().to_string()));
        };
        let [folder, name] = parts[..] else { return Ok(()) };
        let wanted = self.selection.files.iter().find(|file| *name == ***file);
        match wanted.filter(|_| is_file && folder == self.selection.folder) {
            Some(name) => self.file(name, &mut entry),
            None => Ok(()),
        }
    }

    fn file<R: Read>(&self, name: &str, entry: &mut Entry<R>) -> Result<(), UnpackError> {
        let (size, max) = (entry.size(), self.selection.max_file_bytes);
        if size > max {
            return Err(self.refused(format!("at most {max} bytes in {name}"), size.to_string()));
        }
        let path = self.folder.join(name);
        if path.exists() {
            return Err(self.refused(format!("{name} once"), "it twice".into()));
        }
        let mut file = File::create_new(&path).map_err(|reason| self.unwritable(&path, reason))?;
        let copied = io::copy(entry, &mut file).and_then(|_| file.sync_all());
        copied.map_err(|reason| self.unwritable(&path, reason))
    }

    fn unreadable(&self, reason: io::Error) -> UnpackError {
        UnpackError::Read { archive: self.archive.to_owned(), reason }
    }

    fn unwritable(&self, path: &Path, reason: io::Error) -> UnpackError {
        UnpackError::Write { archive: self.archive.to_owned(), path: path.to_owned(), reason }
    }

    fn refused(&self, expected: String, found: String) -> UnpackError {
        UnpackError::Refused { archive: self.archive.to_owned(), expected, found }
    }
}

/// The names that a path consists of; `None` for one that may lead out of the folder it starts in.
fn parts_below(path: &Path) -> Option<Vec<&OsStr>> {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    parts.map(|part| if let Component::Normal(name) = part { Some(name) } else { None }).collect()
}

#[cfg(test)]
mod tests;

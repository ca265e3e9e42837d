//! A file that is not all there yet.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use dcgan_core::atomic;
use ureq::http::HeaderValue;

use super::checksum::md5_of;
use super::{DownloadError, Failure};

/// The bytes of a file that came so far, in `NAME.part`, for this process alone; and what the server calls
/// this version of the file (its entity tag or date), in `NAME.part.tag`. Both outlive the process.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    file: File,
    len: u64,
}

impl Part {
    /// Opens what an earlier run left of `target`, or begins.
    pub(super) fn open(target: &Path) -> Result<Self, DownloadError> {
        let path = extended(target, ".part");
        if let Some(folder) = target.parent() {
            atomic::check_folder(folder)
                .map_err(|error| DownloadError::Write { path: error.path, reason: error.source })?;
        }
        let unwritable = |reason| DownloadError::Write { path: path.clone(), reason };
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(&path).map_err(unwritable)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(DownloadError::Busy { path }),
            // A file system without locks is no reason not to download.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        // Another process may have finished between the opening and the lock: then this is the whole file,
        // under its own name.
        if !path.exists() {
            return Err(DownloadError::Busy { path });
        }
        let len = file.seek(SeekFrom::End(0)).map_err(unwritable)?;
        Ok(Self { path, file, len })
    }

    /// Bytes that are there.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// What the server calls the version of the file that they are of.
    pub(super) fn tag(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&fs::read(self.tag_path()).ok()?).ok()
    }

    /// Begins again, with a version of the file.
    pub(super) fn restart(&mut self, tag: Option<&HeaderValue>) -> Result<(), Failure> {
        // In this order: bytes must not get the tag of others, whenever the process ends.
        self.write(|part| {
            part.file.set_len(0)?;
            part.file.rewind()
        })?;
        self.len = 0;
        self.write(|part| match tag {
            Some(tag) => fs::write(part.tag_path(), tag.as_bytes()),
            None => remove(&part.tag_path()),
        })
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.write(|part| part.file.write_all(bytes))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// The checksum of the bytes that are there.
    pub(super) fn md5(&mut self) -> Result<String, Failure> {
        self.write(|part| {
            part.file.rewind()?;
            md5_of(&mut part.file)
        })
    }

    /// Gives the file its own name.
    pub(super) fn finish(&mut self, target: &Path) -> Result<(), Failure> {
        self.write(|part| {
            part.file.sync_all()?;
            fs::rename(&part.path, target)?;
            remove(&part.tag_path())
        })
    }

    /// Leaves nothing behind.
    pub(super) fn discard(&mut self) {
        self.len = 0;
        // What cannot be removed is found, and checked, by the next run.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(self.tag_path());
    }

    fn tag_path(&self) -> PathBuf {
        extended(&self.path, ".tag")
    }

    fn write<T>(&mut self, work: impl FnOnce(&mut Self) -> io::Result<T>) -> Result<T, Failure> {
        work(self).map_err(|reason| Failure::Write { path: self.path.clone(), reason })
    }
}

fn extended(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

//! Files of published datasets: opened, or downloaded first where they are missing.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use dcgan_core::input;

use crate::DataError;

/// Opens a dataset; if its files are missing and `may_download`, downloads them and opens it again.
pub(crate) fn open_or_download<T>(
    open: impl Fn() -> Result<T, DataError>,
    may_download: bool,
    download: impl FnOnce() -> Result<(), DataError>,
) -> Result<T, DataError> {
    match open() {
        Err(DataError::Missing { .. }) if may_download => {
            download()?;
            open()
        }
        opened => opened,
    }
}

/// Opens a file of a dataset; `None` if no file has this name.
pub(crate) fn open_if_there(path: &Path) -> Result<Option<File>, DataError> {
    match input::check(path).and_then(|()| File::open(path)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(reason) => Err(DataError::Read { path: path.to_owned(), reason }),
    }
}

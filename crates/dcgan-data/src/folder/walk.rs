//! Which files of a tree are images.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use crate::DataError;

/// What the names of image files end in, in any case.
pub(super) const EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp"];

/// What the names of pictures end in that are not read: counted, so that nobody looks for them in vain.
const UNREAD: [&str; 37] = [
    "apng", "arw", "avif", "cr2", "cr3", "dds", "dib", "dng", "exr", "gif", "hdr", "heic", "heif", "hif",
    "ico", "j2k", "jp2", "jpf", "jpx", "jxl", "jxr", "nef", "orf", "pbm", "pcx", "pgm", "pnm", "ppm", "psd",
    "qoi", "raf", "rw2", "svg", "tga", "tif", "tiff", "xcf",
];

/// Folders that systems add beside the pictures: copies and thumbnails.
const SYSTEM_FOLDERS: [&str; 4] = ["__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"];

/// The pictures of a tree.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Those that are read, in no particular order.
    pub(super) images: Vec<PathBuf>,
    /// How many there are of each kind that is not read, by extension in lower case.
    pub(super) unread: BTreeMap<String, usize>,
}

/// Lists a folder and those below it. Hidden files and folders, and those of the system, are passed over; `root` itself
/// may be hidden.
pub(super) fn list(root: &Path) -> Result<Listing, DataError> {
    let mut listing = Listing::default();
    let mut visited = HashSet::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        let unreadable = |reason| DataError::Folder { path: folder.clone(), reason };
        if !visited.insert(fs::canonicalize(&folder).map_err(unreadable)?) {
            continue;
        }
        let mut entries: Vec<DirEntry> =
            fs::read_dir(&folder).and_then(Iterator::collect).map_err(unreadable)?;
        // In order, so that of two ways to the same folder the same one is taken every time.
        entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.file_name()));
        for entry in entries.iter().filter(|entry| !is_hidden(&entry.file_name())) {
            if !is_folder(entry).map_err(unreadable)? {
                listing.add(entry.path());
            } else if !SYSTEM_FOLDERS.iter().any(|name| entry.file_name() == *name) {
                pending.push(entry.path());
            }
        }
    }
    Ok(listing)
}

impl Listing {
    fn add(&mut self, path: PathBuf) {
        let extension = path.extension().map(OsStr::to_ascii_lowercase).unwrap_or_default();
        let Some(extension) = extension.to_str() else { return };
        if EXTENSIONS.contains(&extension) {
            self.images.push(path);
        } else if UNREAD.contains(&extension) {
            *self.unread.entry(extension.to_owned()).or_default() += 1;
        }
    }
}

/// Files that begin with a dot are hidden; macOS keeps what its other file systems have no room for in `._NAME`.
fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn is_folder(entry: &DirEntry) -> io::Result<bool> {
    let kind = entry.file_type()?;
    Ok(if kind.is_symlink() { entry.path().is_dir() } else { kind.is_dir() })
}

//! Image files of any tree of folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use image::DynamicImage;

use crate::memory::DecodeMemory;
use crate::{DataError, Dataset, Fingerprint};

mod config;
mod decode;
mod walk;

pub use config::FolderConfig;

/// All PNG, JPEG, WebP and BMP files of a folder and of those below it, in the order of their paths.
///
/// Hidden files and folders (names that begin with a dot) and the folders that systems add, such as `__MACOSX`, are
/// passed over. Symbolic links are followed; a folder reached twice counts once. An image's format is told from its
/// content, whatever its name says. The EXIF orientation is applied, unless [`FolderConfig`] turns that off.
///
/// PyTorch equivalent: `torchvision.datasets.ImageFolder` without classes, with `ImageOps.exif_transpose` as loader.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    paths: Vec<PathBuf>,
    /// How many pictures are of each kind that is not read, by extension.
    unread: BTreeMap<String, usize>,
    config: FolderConfig,
    memory: DecodeMemory,
}

impl Folder {
    /// Lists the images of `folder` without opening them.
    ///
    /// # Errors
    /// When the folder or one below it cannot be read, or there is no image.
    pub fn open(folder: &Path, config: FolderConfig) -> Result<Self, DataError> {
        let walk::Listing { mut images, unread } = walk::list(folder)?;
        if images.is_empty() {
            return Err(DataError::NoImages {
                folder: folder.to_owned(),
                extensions: &walk::EXTENSIONS,
                unread: kinds(&unread),
            });
        }
        images.sort_unstable();
        let memory = DecodeMemory::new();
        Ok(Self { root: folder.to_owned(), paths: images, unread, config, memory })
    }

    /// The file of picture `index`.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Dataset::len).
    pub fn path(&self, index: usize) -> &Path {
        &self.paths[index]
    }
}

impl Dataset for Folder {
    fn len(&self) -> usize {
        self.paths.len()
    }

    fn picture(&self, index: usize) -> Result<DynamicImage, DataError> {
        decode::decode(&self.paths[index], self.config, &self.memory)
    }

    /// The files' names and sizes. A file that changes without changing its size goes unnoticed.
    fn fingerprint(&self) -> Result<Fingerprint, DataError> {
        let mut fingerprint = Fingerprint::default();
        for path in &self.paths {
            let name = path.strip_prefix(&self.root).unwrap_or(path);
            let size = fs::metadata(path).ok().map(|found| found.len());
            fingerprint.add_file(&name.to_string_lossy(), size);
        }
        Ok(fingerprint)
    }

    fn unread(&self) -> Option<String> {
        let count: usize = self.unread.values().sum();
        (count > 0).then(|| {
            format!(
                "{count} image{} left out in {}, of kinds that are not read: {}; convert them to PNG or JPEG to use them",
                if count == 1 { " is" } else { "s are" },
                self.root.display(),
                kinds(&self.unread),
            )
        })
    }
}

/// Such as `3 .gif, 1 .heic`; empty where there are none.
fn kinds(unread: &BTreeMap<String, usize>) -> String {
    let kinds: Vec<_> = unread.iter().map(|(kind, count)| format!("{count} .{kind}")).collect();
    kinds.join(", ")
}

#[cfg(test)]
mod tests;

//! What can go wrong between a folder of images and a batch.

use std::io;
use std::path::PathBuf;

use image::ImageError;

use super::{cifar10, folder};

/// Why images cannot be loaded. Each message is complete: it contains its cause, so there is no `source`.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file or folder could not be read.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// The folder of the images cannot be listed.
    #[error(
        "cannot read the folder {} of --data-dir: {reason}; expected a folder of image files",
        path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// None of CIFAR-10's training files is there.
    #[error(
        "no CIFAR-10 files: expected {first} to {last} (at least one of them) in {folder} or {folder}/{subfolder}; \
         unpack CIFAR-10's binary version (cifar-10-binary.tar.gz of \
         https://www.cs.toronto.edu/~kriz/cifar.html) there, or train on another dataset: shapes needs no files",
        first = cifar10::FILES[0],
        last = cifar10::FILES[4],
        folder = folder.display(),
        subfolder = cifar10::SUBFOLDER,
    )]
    NoCifar10 {
        /// The folder that was searched.
        folder: PathBuf,
    },
    /// A CIFAR-10 file does not consist of whole records.
    #[error(
        "{}: found {size} bytes, expected a multiple of {record} above 0 (1 label byte and 3 x 1024 colour \
         bytes a record): the file is damaged or of another version; unpack CIFAR-10's binary version \
         (cifar-10-binary.tar.gz) again",
        path.display(),
        record = cifar10::RECORD,
    )]
    Cifar10Size {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// A folder without any image.
    #[error(
        "no images in {}: expected files ending in {} in it or in folders below it",
        folder.display(),
        folder::EXTENSIONS.map(|extension| format!(".{extension}")).join(", "),
    )]
    NoImages {
        /// The folder that was searched.
        folder: PathBuf,
    },
    /// An image file could not be decoded.
    #[error("cannot decode {}: {reason}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: ImageError,
    },
    /// A JPEG file that ends before its image does.
    #[error("cannot decode {}: the JPEG image is cut off before its end", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
    },
    /// A picture without pixels, or one too large to resize.
    #[error("cannot resize an image of {width}x{height} pixels to {size}x{size}: {reason}")]
    Resize {
        /// Width of the image.
        width: u32,
        /// Height of the image.
        height: u32,
        /// The wanted width and height.
        size: usize,
        /// What stands against it.
        reason: String,
    },
    /// Not one picture of the dataset could be decoded.
    #[error("none of the {count} images can be used; one of the failures: {last}")]
    AllBroken {
        /// How many pictures the dataset has.
        count: usize,
        /// The last picture's failure.
        last: String,
    },
    /// A setting that cannot work.
    #[error("{what}: expected {expected}, found {found}")]
    Setting {
        /// The setting.
        what: &'static str,
        /// The values that work.
        expected: &'static str,
        /// The value given.
        found: usize,
    },
    /// The thread that loads images could not be started.
    #[error("cannot start the thread that loads images: {reason}")]
    Start {
        /// What the operating system said.
        reason: io::Error,
    },
    /// The thread that loads images panicked: a bug, not bad input.
    #[error("the thread that loads images panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// A batch was asked for after an error had ended the loading.
    #[error("no more images: loading ended with an earlier error")]
    Ended,
}

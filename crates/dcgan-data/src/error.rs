//! What can go wrong between a folder of images and a batch.

use std::io;
use std::path::PathBuf;

use image::ImageError;

use crate::download::DownloadError;
use crate::unpack::UnpackError;
use crate::{cifar10, folder};

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
        "cannot read the folder {}: {reason}; expected a folder of image files, name it with --data-dir",
        path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// None of a published dataset's files is there, and they may not be downloaded.
    #[error(
        "no {dataset} files: expected {place}; put them there, have them downloaded (without --no-download), \
         or take another dataset: shapes needs no files"
    )]
    Missing {
        /// The dataset.
        dataset: &'static str,
        /// Which files were looked for, and where.
        place: String,
    },
    /// A published dataset cannot be downloaded.
    #[error("{error}{}", without_download(error, place))]
    Download {
        /// What went wrong.
        error: DownloadError,
        /// Which files are looked for, and where.
        place: String,
    },
    /// A downloaded archive cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
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
    /// A file has none of MNIST's images.
    #[error(
        "{}: expected {expected}, found {found}: the file is damaged or another one; put MNIST's \
         {name} there (as it is or as .gz), or remove it to have it downloaded",
        path.display(),
    )]
    Mnist {
        /// The file.
        path: PathBuf,
        /// What its publishers call it.
        name: &'static str,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A folder without any image.
    #[error(
        "no images in {}: expected files ending in {} in it or in folders below it; name the folder of your \
         images with --data-dir",
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

/// What to do where a server does not give the files.
fn without_download(error: &DownloadError, place: &str) -> String {
    match error {
        DownloadError::Failed { .. } => format!(
            "; try again, name another server with --download-url, or put the files there without a download: \
             {place}"
        ),
        _ => String::new(),
    }
}

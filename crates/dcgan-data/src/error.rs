//! What can go wrong between a folder of images and a batch.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::PathBuf;

use image::ImageError;
use indicatif::HumanBytes;

use crate::download::DownloadError;
use crate::unpack::UnpackError;

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
        "cannot read the folder {}: {reason}; expected a folder of image files",
        path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// None of a published dataset's files is there, and they may not be downloaded.
    #[error("no {dataset} files: expected {place}")]
    Missing {
        /// The dataset.
        dataset: &'static str,
        /// Which files were looked for, and where.
        place: String,
    },
    /// A published dataset cannot be downloaded.
    #[error("{error}")]
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
    )]
    Cifar10Size {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// Bytes of a record.
        record: u64,
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
        "no images in {}: expected files ending in {} in it or in folders below it{}",
        folder.display(),
        extensions.iter().map(|extension| format!(".{extension}")).collect::<Vec<_>>().join(", "),
        found_unread(unread),
    )]
    NoImages {
        /// The folder that was searched.
        folder: PathBuf,
        /// File name extensions of the images that are read.
        extensions: &'static [&'static str],
        /// Pictures that are there and are not read, such as `3 .gif`; empty if there are none.
        unread: String,
    },
    /// An image file whose content is no image that is read.
    #[error("cannot decode {}: expected a PNG, JPEG, WebP or BMP image, found {found}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// A picture larger than pictures may be.
    #[error(
        "cannot decode {}: its {width}x{height} pixels take {} MiB and may take {} MiB: make the image smaller",
        path.display(),
        mib(*bytes),
        mib(*limit)
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Width of the image.
        width: u32,
        /// Height of the image.
        height: u32,
        /// Bytes of its pixels.
        bytes: u64,
        /// Bytes that they may have.
        limit: u64,
    },
    /// A file larger than image files may be.
    #[error("cannot decode {}: it has {} MiB, an image file may have {} MiB", path.display(), mib(*bytes), mib(*limit))]
    LargeFile {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        bytes: u64,
        /// Bytes that it may have.
        limit: u64,
    },
    /// The system does not give the memory that a picture takes.
    #[error(
        "cannot decode {}: its {width}x{height} pixels take up to {} MiB of memory while they are decoded, {}: make the \
         image smaller",
        path.display(),
        mib(*bytes),
        memory_limit(*address_space)
    )]
    DecodeMemory {
        /// The file.
        path: PathBuf,
        /// Width of the image.
        width: u32,
        /// Height of the image.
        height: u32,
        /// Bytes that decoding takes at most.
        bytes: u64,
        /// Bytes of address space that the process may have, where that is limited.
        address_space: Option<u64>,
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
    /// There is no memory for as many images as are needed at once.
    #[error("{purpose} of {images} images needs {} of memory, which the system does not give", HumanBytes(*bytes))]
    Memory {
        /// What the images are for.
        purpose: Purpose,
        /// How many images.
        images: usize,
        /// The bytes that they need.
        bytes: u64,
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

/// What images are in memory together for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A batch to train on.
    Batch,
    /// Examples of the dataset, to compare generated images with.
    Sample,
}

impl Display for Purpose {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Batch => "a batch",
            Self::Sample => "a sample",
        })
    }
}

/// Reserves an empty vector for `images` images of `size` values each.
///
/// # Errors
/// [`DataError::Memory`] if the system does not give the memory.
pub(crate) fn room<T>(purpose: Purpose, images: usize, size: usize) -> Result<Vec<T>, DataError> {
    let mut values = Vec::new();
    let reserved = images.checked_mul(size).map(|length| values.try_reserve_exact(length));
    match reserved {
        Some(Ok(())) => Ok(values),
        _ => {
            let bytes = [images, size, size_of::<T>()].map(|it| it as u64);
            let bytes = bytes.into_iter().fold(1, u64::saturating_mul);
            Err(DataError::Memory { purpose, images, bytes })
        }
    }
}

/// Bytes in whole MiB, rounded up.
fn mib(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

fn memory_limit(address_space: Option<u64>) -> String {
    match address_space {
        Some(bytes) => {
            format!("and the program has {} MiB of address space in all (ulimit -v)", mib(bytes))
        }
        None => "which the system does not have free".to_owned(),
    }
}

fn found_unread(unread: &str) -> String {
    if unread.is_empty() { String::new() } else { format!(", found {unread}, which are not read") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_images_than_there_is_memory_for_are_an_error_with_their_number_and_the_size() {
        assert!(room::<u8>(Purpose::Batch, 5, 12).unwrap().capacity() >= 60);
        for (images, expected) in [(1 << 50, "16.00 EiB"), (usize::MAX, "16.00 EiB"), (1 << 46, "3.00 EiB")] {
            let text = room::<f32>(Purpose::Sample, images, 12_288).unwrap_err().to_string();
            assert!(
                text.starts_with(&format!("a sample of {images} images needs {expected} of memory")),
                "{text}"
            );
        }
    }
}

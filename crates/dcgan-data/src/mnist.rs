//! MNIST's images, in the IDX format.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use image::{DynamicImage, GrayImage};

use crate::download::{self, DownloadConfig, DownloadEvent, RemoteFile, Source, md5_of};
use crate::published::{open_if_there, open_or_download};
use crate::{DataError, Dataset, Fingerprint, Split};

/// What the file of each split is called: by its publishers, and in some copies of it; compressed or not.
const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-images-idx3-ubyte.gz",
    "train-images.idx3-ubyte",
    "train-images.idx3-ubyte.gz",
];
const TEST_NAMES: [&str; 4] = [
    "t10k-images-idx3-ubyte",
    "t10k-images-idx3-ubyte.gz",
    "t10k-images.idx3-ubyte",
    "t10k-images.idx3-ubyte.gz",
];

/// Where torchvision puts the files.
const SUBFOLDER: &str = "MNIST/raw";

const SIDE: u32 = 28;

/// Bytes of an image.
const IMAGE: u64 = SIDE as u64 * SIDE as u64;

/// Bytes before the images: a magic number, then how many images, rows and columns there are.
const HEADER: usize = 16;

/// Unsigned bytes in three dimensions.
const MAGIC: u32 = 0x803;

/// More than any dataset of this form has: a bound for what a small compressed file may unpack to.
const MAX_IMAGES: u32 = 1_000_000;

/// The images of a split of MNIST, or of a dataset of the same form, such as Fashion-MNIST; kept in memory.
///
/// Labels are not used.
///
/// PyTorch equivalent: `torchvision.datasets.MNIST(root, train)`, in the same order.
#[derive(Debug)]
pub struct Mnist {
    /// `[N, 28, 28]`.
    pixels: Vec<u8>,
}

impl Mnist {
    /// The mirror that torchvision uses, with the MD5 checksums that it publishes.
    ///
    /// The images to train on come last: when they are there, all files are.
    pub const SOURCE: Source<'static> = Source {
        url: "https://ossci-datasets.s3.amazonaws.com/mnist/",
        files: &[
            RemoteFile {
                name: "train-labels-idx1-ubyte.gz",
                bytes: 28_881,
                md5: "d53e105ee54ea40749a09fcbcd1e9432",
            },
            RemoteFile {
                name: "t10k-images-idx3-ubyte.gz",
                bytes: 1_648_877,
                md5: "9fb629c4189551a2d022fa330f9573f3",
            },
            RemoteFile {
                name: "t10k-labels-idx1-ubyte.gz",
                bytes: 4_542,
                md5: "ec29112dd5afa0611ce80d1b7f02629c",
            },
            RemoteFile {
                name: "train-images-idx3-ubyte.gz",
                bytes: 9_912_422,
                md5: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            },
        ],
    };

    /// [Opens](Mnist::open) the file, or [downloads](Mnist::download) all four first where it is missing.
    ///
    /// # Errors
    /// As those two.
    pub fn open_or_download(
        split: Split,
        data_dir: &Path,
        config: &DownloadConfig,
        report: &mut dyn FnMut(DownloadEvent),
    ) -> Result<Self, DataError> {
        let may_download = !config.no_download;
        open_or_download(
            || Self::open(split, data_dir),
            may_download,
            || Self::download(data_dir, &Self::SOURCE, config, report),
        )
    }

    /// Downloads the files of `source` to `MNIST/raw` in `data_dir`, where torchvision finds them, too.
    ///
    /// # Errors
    /// When one cannot be fetched or has another checksum.
    pub fn download(
        data_dir: &Path,
        source: &Source,
        config: &DownloadConfig,
        report: &mut dyn FnMut(DownloadEvent),
    ) -> Result<(), DataError> {
        download::fetch(source, &data_dir.join(SUBFOLDER), config, report)
            .map_err(|error| DataError::Download { error, place: place(Split::Train, data_dir) })
    }

    /// Reads the split's images, gzipped or not, from `data_dir` itself or else from its `MNIST/raw`.
    ///
    /// # Errors
    /// When there are none, or the file is not whole, or of another form.
    pub fn open(split: Split, data_dir: &Path) -> Result<Self, DataError> {
        for folder in [data_dir.to_owned(), data_dir.join(SUBFOLDER)] {
            for path in names(split).map(|name| folder.join(name)) {
                if let Some(file) = open_if_there(&path)? {
                    return IdxFile { path, split }.read(file);
                }
            }
        }
        Err(DataError::Missing { dataset: "MNIST", place: place(split, data_dir) })
    }
}

/// The names of a split's file.
fn names(split: Split) -> [&'static str; 4] {
    match split {
        Split::Train => NAMES,
        Split::Test => TEST_NAMES,
    }
}

/// Which files are looked for, and where.
fn place(split: Split, data_dir: &Path) -> String {
    let ([plain, gzipped, ..], folder) = (names(split), data_dir.display());
    format!("{plain} or {gzipped} in {folder} or {folder}/{SUBFOLDER}")
}

impl Dataset for Mnist {
    fn len(&self) -> usize {
        self.pixels.len() / IMAGE as usize
    }

    fn picture(&self, index: usize) -> Result<DynamicImage, DataError> {
        let pixels = self.pixels[index * IMAGE as usize..][..IMAGE as usize].to_vec();
        Ok(GrayImage::from_raw(SIDE, SIDE, pixels).expect("an image has this many pixels").into())
    }

    fn may_be_broken(&self) -> bool {
        false
    }

    /// The images themselves, whatever file they came in.
    fn fingerprint(&self) -> Result<Fingerprint, DataError> {
        let mut fingerprint = Fingerprint::default();
        let md5 = md5_of(&mut self.pixels.as_slice());
        fingerprint.add_md5("the images", &md5.expect("reading memory does not fail"));
        Ok(fingerprint)
    }
}

/// A file of images, by its name.
struct IdxFile {
    path: PathBuf,
    split: Split,
}

impl IdxFile {
    /// The content decides whether it is compressed.
    fn read(&self, file: File) -> Result<Mnist, DataError> {
        let mut file = BufReader::new(file);
        let start = file.fill_buf().map_err(|reason| self.unreadable(reason))?;
        if start.starts_with(&[0x1f, 0x8b]) {
            let damaged = |reason: io::Error| self.wrong("a whole gzip file", &reason.to_string());
            self.images(MultiGzDecoder::new(file), damaged)
        } else {
            self.images(file, |reason| self.unreadable(reason))
        }
    }

    fn images(
        &self,
        mut reader: impl Read,
        broken: impl Fn(io::Error) -> DataError,
    ) -> Result<Mnist, DataError> {
        let mut header = Vec::with_capacity(HEADER);
        reader.by_ref().take(HEADER as u64).read_to_end(&mut header).map_err(&broken)?;
        let count = self.count(&header)?;
        let expected = u64::from(count) * IMAGE;
        // Grows with what is there, not to what the header declares; a byte more shows that it does not end.
        let mut pixels = Vec::new();
        reader.take(expected + 1).read_to_end(&mut pixels).map_err(&broken)?;
        let found = pixels.len() as u64;
        if found == expected {
            return Ok(Mnist { pixels });
        }
        let promise = format!("{expected} bytes after the header, which declares {count} images");
        let found = if found > expected { "more".to_owned() } else { format!("{found}") };
        Err(self.wrong(&promise, &found))
    }

    /// How many images the header declares.
    fn count(&self, header: &[u8]) -> Result<u32, DataError> {
        if header.len() < HEADER {
            let found = if header.is_empty() { "an empty file".into() } else { format!("{}", header.len()) };
            return Err(self.wrong(&format!("a header of {HEADER} bytes"), &found));
        }
        let field = |i: usize| u32::from_be_bytes(std::array::from_fn(|byte| header[4 * i + byte]));
        let [magic, count, rows, columns] = [0, 1, 2, 3].map(field);
        if magic != MAGIC {
            let labels = if magic == 0x801 { " (that of labels)" } else { "" };
            let expected = format!("the magic number {MAGIC:#010x} of images");
            return Err(self.wrong(&expected, &format!("{magic:#010x}{labels}")));
        }
        if (rows, columns) != (SIDE, SIDE) {
            let expected = format!("images of {SIDE}x{SIDE} pixels");
            return Err(self.wrong(&expected, &format!("{columns}x{rows}")));
        }
        if !(1..=MAX_IMAGES).contains(&count) {
            return Err(self.wrong(&format!("1 to {MAX_IMAGES} images"), &format!("{count} in its header")));
        }
        Ok(count)
    }

    fn unreadable(&self, reason: io::Error) -> DataError {
        DataError::Read { path: self.path.clone(), reason }
    }

    fn wrong(&self, expected: &str, found: &str) -> DataError {
        let [name, ..] = names(self.split);
        DataError::Mnist { path: self.path.clone(), name, expected: expected.into(), found: found.into() }
    }
}

#[cfg(test)]
mod tests;

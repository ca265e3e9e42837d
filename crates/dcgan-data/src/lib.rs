//! Real images: from a folder on disk to bytes `[N, C, S, S]`, ahead of training.
//!
//! - [`Dataset`] is where pictures come from: [`Cifar10`], [`Mnist`], [`Folder`] or [`Shapes`]
//! - [`download`] fetches the published ones where they are missing
//! - [`Fitter`] brings a picture of any size and colour to the architecture's, [`Scaler`] such images to another size
//! - [`check`] finds out which pictures can be used; a [`Fingerprint`] tells one state of a dataset from another
//! - [`Loader`] shuffles, decodes, fits and batches on a thread of its own
//!
//! Pixels stay bytes up to the consumer, which maps them to [-1, 1] with
//! [`dcgan_core::pixels::from_u8`]: a quarter of the memory, and one definition of the range.
//!
//! ```
//! use std::sync::Arc;
//! use dcgan_data::{Loader, LoaderConfig, Shapes};
//!
//! let config = LoaderConfig { size: 32, channels: 3, batch_size: 16, ..LoaderConfig::default() };
//! let mut loader = Loader::start(Arc::new(Shapes::new(32)?), config)?;
//! let batch = loader.next_batch()?;
//! assert_eq!((batch.count, batch.pixels.len()), (16, 16 * 3 * 32 * 32));
//! # Ok::<(), dcgan_data::DataError>(())
//! ```

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use dcgan_core::input;
use image::DynamicImage;

mod cache;
mod check;
mod cifar10;
pub mod download;
mod epoch;
mod error;
mod examples;
mod fingerprint;
mod fit;
mod folder;
mod jpeg;
mod loader;
mod memory;
mod mnist;
mod outline;
mod scale;
mod shapes;
mod split;
mod unpack;

pub use cache::Cache;
pub use check::check;
pub use cifar10::Cifar10;
pub use download::{DownloadConfig, DownloadEvent};
pub use error::DataError;
pub use examples::{examples, shuffled};
pub use fingerprint::Fingerprint;
pub use fit::Fitter;
pub use folder::{Folder, FolderConfig};
pub use loader::{Batch, Broken, Loader, LoaderConfig, Place, epoch_batches};
pub use mnist::Mnist;
pub use scale::Scaler;
pub use shapes::Shapes;
pub use split::Split;
pub use unpack::UnpackError;

/// A numbered collection of pictures of any size.
///
/// PyTorch equivalent: a map-style `torch.utils.data.Dataset` without labels.
pub trait Dataset: Send + Sync {
    /// How many pictures there are, broken ones included.
    fn len(&self) -> usize;

    /// Picture `index` of `0..len()`, decoded and at least 1x1; the same index gives the same picture.
    ///
    /// # Errors
    /// When this one picture cannot be read or decoded; the message names it. Others may still be good.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Dataset::len).
    fn picture(&self, index: usize) -> Result<DynamicImage, DataError>;

    /// Whether pictures may turn out to be unusable, so that only [`check`] tells how many can be used.
    fn may_be_broken(&self) -> bool {
        true
    }

    /// What the dataset consists of. Datasets without one are compared by their length alone.
    ///
    /// # Errors
    /// When files cannot be read.
    fn fingerprint(&self) -> Result<Fingerprint, DataError> {
        Ok(Fingerprint::default())
    }

    /// What people should know of pictures that are in the dataset's place and are not read; `None` if there are none.
    fn unread(&self) -> Option<String> {
        None
    }

    /// Whether there is no picture at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The datasets by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DatasetKind {
    /// CIFAR-10, the binary version; downloaded where it is missing
    Cifar10,
    /// MNIST, digits, gray; downloaded where it is missing
    Mnist,
    /// Any tree of PNG, JPEG, WebP and BMP files
    Folder,
    /// Drawn by the program: no file is needed
    Shapes,
}

impl DatasetKind {
    /// Its name, such as `cifar10`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cifar10 => "cifar10",
            Self::Mnist => "mnist",
            Self::Folder => "folder",
            Self::Shapes => "shapes",
        }
    }

    /// What a message calls the dataset in `data_dir`.
    pub fn describe(self, data_dir: &Path) -> String {
        match self {
            Self::Shapes => format!("the dataset {}", self.name()),
            _ => format!("the dataset {} in {}", self.name(), data_dir.display()),
        }
    }

    /// Whether its publishers divide it into images to train on and images to test with.
    pub fn has_splits(self) -> bool {
        matches!(self, Self::Cifar10 | Self::Mnist)
    }

    /// Opens the dataset in `data_dir`, which [`DatasetKind::Shapes`] ignores; it draws at `size` instead. Of one that
    /// [has splits](Self::has_splits), those images are read. `folder` is for [`DatasetKind::Folder`] alone.
    ///
    /// A published dataset that is missing is downloaded first, as `download` says; `report` is told how far
    /// that is.
    ///
    /// # Errors
    /// When the folder holds no such dataset, or a damaged one; the message says what to put where. When it
    /// cannot be downloaded; what arrived is kept for the next time.
    pub fn open(
        self,
        split: Split,
        data_dir: &Path,
        size: usize,
        folder: FolderConfig,
        download: &DownloadConfig,
        report: &mut dyn FnMut(DownloadEvent),
    ) -> Result<Box<dyn Dataset>, DataError> {
        Ok(match self {
            Self::Cifar10 => Box::new(Cifar10::open_or_download(split, data_dir, download, report)?),
            Self::Mnist => Box::new(Mnist::open_or_download(split, data_dir, download, report)?),
            Self::Folder => Box::new(Folder::open(data_dir, folder)?),
            Self::Shapes => Box::new(Shapes::new(size)?),
        })
    }
}

/// A file of a dataset; `None` when there is none of this name.
fn open_if_there(path: &Path) -> Result<Option<File>, DataError> {
    match input::check(path).and_then(|()| File::open(path)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(reason) => Err(DataError::Read { path: path.to_owned(), reason }),
    }
}

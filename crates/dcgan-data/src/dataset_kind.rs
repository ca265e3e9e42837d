//! The datasets by name.

use std::path::Path;

use crate::{
    Cifar10, DataError, Dataset, DownloadConfig, DownloadEvent, Folder, FolderConfig, Mnist, Shapes, Split,
};

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

//! Real images: from a folder on disk to bytes `[N, C, S, S]`, ahead of training.
//!
//! - [`Dataset`] is where pictures come from: [`Cifar10`], [`Mnist`], [`Folder`] or [`Shapes`]
//! - [`download`] fetches the published ones where they are missing
//! - [`ResizeCrop`] brings a picture of any size and colour to the architecture's, [`Scaler`] such images to another size
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

mod batch;
mod cache;
mod check;
mod cifar10;
mod dataset;
mod dataset_kind;
pub mod download;
mod epoch;
mod error;
mod examples;
mod fingerprint;
mod folder;
mod jpeg;
mod loader;
mod memory;
mod mnist;
mod outline;
mod published;
mod resize_crop;
mod scale;
mod shapes;
mod split;
mod unpack;

pub use batch::{Batch, Broken, Cursor, LoaderConfig, epoch_batches};
pub use cache::Cache;
pub use check::check;
pub use cifar10::Cifar10;
pub use dataset::Dataset;
pub use dataset_kind::DatasetKind;
pub use download::{DownloadConfig, DownloadEvent};
pub use error::{DataError, Purpose};
pub use examples::{examples, shuffled};
pub use fingerprint::Fingerprint;
pub use folder::{Folder, FolderConfig};
pub use loader::Loader;
pub use mnist::Mnist;
pub use resize_crop::ResizeCrop;
pub use scale::Scaler;
pub use shapes::Shapes;
pub use split::Split;
pub use unpack::UnpackError;

//! Batches of images, and how they are made.

use serde::{Deserialize, Serialize};

use crate::DataError;

/// What a [`Loader`](crate::Loader) makes of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Height and width of the images.
    pub size: usize,
    /// 1 for gray, 3 for RGB.
    pub channels: usize,
    /// Images a batch; an epoch's last batch has what is left.
    pub batch_size: usize,
    /// What the order of images follows from, together with the epoch's number.
    pub seed: u64,
    /// Where to begin; past the end of an epoch is the next epoch.
    pub start: Cursor,
    /// Images that are known to be broken: they are left out and not reported again.
    pub broken: Vec<u32>,
    /// Memory for fitted images, in bytes. What does not fit is decoded again each epoch, with the same result.
    pub cache_bytes: usize,
    /// Batches that may wait ready, besides the one in preparation.
    pub prefetch: usize,
}

impl Default for LoaderConfig {
    /// Batches of 128 RGB images of 64x64; a cache of 1 GiB, which holds 87,000 of them; four batches ahead.
    fn default() -> Self {
        Self {
            size: 64,
            channels: 3,
            batch_size: 128,
            seed: 0,
            start: Cursor::default(),
            broken: Vec::new(),
            cache_bytes: 1 << 30,
            prefetch: 4,
        }
    }
}

impl LoaderConfig {
    /// Bytes of an image.
    pub(crate) fn bytes(&self) -> usize {
        self.channels * self.size * self.size
    }
}

/// A position in the data, between two batches: a loader resumes from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The epoch of the next batch, counted from 0.
    pub epoch: u64,
    /// That batch's place in its epoch, counted from 0.
    pub batch: usize,
    /// Images before it in the epoch's order, broken ones included.
    pub image: usize,
}

/// A picture that cannot be used.
#[derive(Debug)]
pub struct Broken {
    /// Its number in the dataset.
    pub image: u32,
    /// Why.
    pub reason: DataError,
}

/// Some images of an epoch.
#[derive(Debug)]
pub struct Batch {
    /// The epoch, counted from 0.
    pub epoch: u64,
    /// The batch's place in its epoch, counted from 0.
    pub index_in_epoch: usize,
    /// Whether the next batch belongs to the next epoch.
    pub last_of_epoch: bool,
    /// How many images there are: N.
    pub count: usize,
    /// `[N, C, S, S]` bytes.
    pub pixels: Vec<u8>,
    /// Pictures found unusable while this batch was prepared, each reported once. They are left out.
    pub broken: Vec<Broken>,
    /// What comes after it.
    pub next: Cursor,
}

/// How many batches an epoch of `len` usable images has.
///
/// ```
/// assert_eq!(dcgan_data::epoch_batches(50_000, 128), 391);
/// ```
///
/// # Panics
/// If `batch_size` is 0.
pub fn epoch_batches(len: usize, batch_size: usize) -> usize {
    len.div_ceil(batch_size)
}

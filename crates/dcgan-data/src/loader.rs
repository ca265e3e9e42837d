//! Batches prepared ahead of training.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::epoch::{Batches, Images};
use crate::{DataError, Dataset, Fitter};

/// What a [`Loader`] makes of a dataset.
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
    pub start: Place,
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
            start: Place::default(),
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

/// Between two batches: what a loader needs to go on from there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
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
    pub next: Place,
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

/// An endless supply of shuffled batches, decoded and resized on a thread of its own.
///
/// Each epoch holds every usable picture once, in an order that follows from the seed and the epoch's number
/// alone. Dropping the loader stops its thread.
///
/// PyTorch equivalent: `DataLoader(dataset, batch_size, shuffle=True, num_workers=1)` in an endless loop.
pub struct Loader {
    /// `None` only while the loader is dropped.
    receiver: Option<Receiver<Result<Batch, DataError>>>,
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Loader {
    /// Starts to prepare batches.
    ///
    /// # Errors
    /// When the dataset is empty, a setting cannot work or the thread cannot be started.
    pub fn start(dataset: Arc<dyn Dataset>, config: LoaderConfig) -> Result<Self, DataError> {
        let cache = Arc::new(Cache::new(dataset.len(), config.cache_bytes));
        Self::start_with(dataset, cache, config)
    }

    /// As [`start`](Loader::start), with a cache of this dataset's images as `config` fits them.
    ///
    /// # Errors
    /// As [`start`](Loader::start).
    pub fn start_with(
        dataset: Arc<dyn Dataset>,
        cache: Arc<Cache>,
        config: LoaderConfig,
    ) -> Result<Self, DataError> {
        let fitter = Fitter::new(config.size, config.channels)?;
        for (what, found) in [("batch size", config.batch_size), ("images of the dataset", dataset.len())] {
            if found == 0 {
                return Err(DataError::Setting { what, expected: "at least 1", found });
            }
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = sync_channel(config.prefetch);
        let stop_seen = Arc::clone(&stop);
        let work = move || {
            let images = Images::new(dataset, fitter, cache, &config, stop_seen);
            send_all(Batches::new(images, config), &sender);
        };
        let thread =
            Builder::new().name("data".into()).spawn(work).map_err(|reason| DataError::Start { reason })?;
        Ok(Self { receiver: Some(receiver), thread: Some(thread), stop })
    }

    /// The next batch, waiting for it if it is not ready.
    ///
    /// # Errors
    /// When no picture of the dataset can be used, or the thread panicked; then there are no more batches.
    pub fn next_batch(&mut self) -> Result<Batch, DataError> {
        match self.receiver.as_ref().map(Receiver::recv) {
            Some(Ok(result)) => result,
            _ => Err(self.why_ended()),
        }
    }

    fn why_ended(&mut self) -> DataError {
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => DataError::Panicked { message: panic_message(panic.as_ref()) },
            _ => DataError::Ended,
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Ends a thread that waits for room in the channel, which joining it first would wait for forever.
        self.receiver = None;
        if let Some(thread) = self.thread.take() {
            // A panic that nobody asked for a batch to hear of changes nothing any more.
            let _ = thread.join();
        }
    }
}

/// Sends batches until there is an error or nobody to receive them.
fn send_all(mut batches: Batches, sender: &SyncSender<Result<Batch, DataError>>) {
    loop {
        let result = batches.next_batch();
        let failed = result.is_err();
        if sender.send(result).is_err() || failed {
            return;
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

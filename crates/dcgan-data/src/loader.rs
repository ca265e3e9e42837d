//! Batches prepared ahead of training.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use crate::cache::Cache;
use crate::epoch::{Batches, Images};
use crate::{Batch, DataError, Dataset, LoaderConfig, ResizeCrop};

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
        let fitter = ResizeCrop::new(config.size, config.channels)?;
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

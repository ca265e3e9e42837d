//! The order of images and their grouping into batches, epoch after epoch.

use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::vec;

use dcgan_core::rng::Rng;

use crate::streams;

use super::cache::Cache;
use super::{Batch, DataError, Dataset, Fitter, LoaderConfig};

/// All batches from a position on, without end.
pub(super) struct Batches {
    images: Images,
    config: LoaderConfig,
    epoch: u64,
    index_in_epoch: usize,
    order: vec::IntoIter<u32>,
    /// The image after the ones handed out: without it, a batch could not tell whether it is its epoch's last.
    ahead: Option<Rc<[u8]>>,
}

impl Batches {
    pub(super) fn new(images: Images, config: LoaderConfig) -> Self {
        let epoch = config.first_epoch;
        Self { images, config, epoch, index_in_epoch: 0, order: Vec::new().into_iter(), ahead: None }
    }

    /// Goes to the first batch that is wanted.
    ///
    /// The images before it are loaded for it: which of them are broken decides where the batch begins.
    pub(super) fn skip_to_start(&mut self) -> Result<(), DataError> {
        let mut broken = Vec::new();
        while self.epoch == self.config.first_epoch && self.index_in_epoch < self.config.first_batch {
            broken.append(&mut self.next_batch()?.broken);
        }
        self.images.failures = broken;
        Ok(())
    }

    pub(super) fn next_batch(&mut self) -> Result<Batch, DataError> {
        if self.ahead.is_none() {
            self.begin_epoch()?;
        }
        let mut pixels =
            Vec::with_capacity(self.config.batch_size.min(self.images.len()) * self.config.bytes());
        let mut count = 0;
        while count < self.config.batch_size
            && let Some(image) = self.ahead.take()
        {
            pixels.extend_from_slice(&image);
            count += 1;
            self.ahead = self.images.next_good(&mut self.order);
        }
        let (epoch, index_in_epoch) = (self.epoch, self.index_in_epoch);
        let last_of_epoch = self.ahead.is_none();
        (self.epoch, self.index_in_epoch) =
            if last_of_epoch { (epoch + 1, 0) } else { (epoch, index_in_epoch + 1) };
        let broken = mem::take(&mut self.images.failures);
        Ok(Batch { epoch, index_in_epoch, last_of_epoch, count, pixels, broken })
    }

    fn begin_epoch(&mut self) -> Result<(), DataError> {
        let len = self.images.len();
        self.order = Rng::stream(self.config.seed, streams::SHUFFLE, self.epoch).permutation(len).into_iter();
        self.ahead = self.images.next_good(&mut self.order);
        if self.ahead.is_none() {
            return Err(DataError::AllBroken { count: len, last: self.images.last_failure() });
        }
        Ok(())
    }
}

/// The dataset's pictures at the wanted size, without the broken ones.
pub(super) struct Images {
    dataset: Box<dyn Dataset>,
    fitter: Fitter,
    cache: Cache,
    is_broken: Vec<bool>,
    /// What was found broken since it was last reported.
    failures: Vec<DataError>,
    stop: Arc<AtomicBool>,
}

impl Images {
    pub(super) fn new(
        dataset: Box<dyn Dataset>,
        fitter: Fitter,
        cache_bytes: usize,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let len = dataset.len();
        let cache = Cache::new(len, cache_bytes);
        Self { dataset, fitter, cache, is_broken: vec![false; len], failures: Vec::new(), stop }
    }

    fn len(&self) -> usize {
        self.is_broken.len()
    }

    /// The next image of `order` that is not broken; `None` at its end, or when loading is to stop.
    fn next_good(&mut self, order: &mut vec::IntoIter<u32>) -> Option<Rc<[u8]>> {
        for index in order {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(image) = self.load(index as usize) {
                return Some(image);
            }
        }
        None
    }

    fn load(&mut self, index: usize) -> Option<Rc<[u8]>> {
        if self.is_broken[index] {
            return None;
        }
        if let Some(image) = self.cache.get(index) {
            return Some(image);
        }
        match self.dataset.picture(index).and_then(|picture| self.fitter.fit(picture)) {
            Ok(image) => {
                let image = Rc::from(image);
                self.cache.offer(index, &image);
                Some(image)
            }
            Err(failure) => {
                self.is_broken[index] = true;
                self.failures.push(failure);
                None
            }
        }
    }

    /// Empty only if loading was stopped, when nobody reads it.
    fn last_failure(&self) -> String {
        self.failures.last().map(ToString::to_string).unwrap_or_default()
    }
}

//! The order of images and their grouping into batches, epoch after epoch.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::vec;

use dcgan_core::rng::Rng;
use dcgan_core::streams;

use crate::cache::Cache;
use crate::error::{Purpose, room};
use crate::{Batch, Broken, Cursor, DataError, Dataset, LoaderConfig, ResizeCrop};

/// All batches from a place on, without end.
pub(crate) struct Batches {
    images: Images,
    config: LoaderConfig,
    /// Of the next batch; in an epoch that has begun, the image is `ahead`.
    place: Cursor,
    order: vec::IntoIter<u32>,
    /// The image after the ones handed out: without it, a batch could not tell whether it is its epoch's last.
    ahead: Option<Arc<[u8]>>,
}

impl Batches {
    pub(crate) fn new(images: Images, config: LoaderConfig) -> Self {
        let place = config.start;
        Self { images, config, place, order: Vec::new().into_iter(), ahead: None }
    }

    pub(crate) fn next_batch(&mut self) -> Result<Batch, DataError> {
        if self.ahead.is_none() {
            self.begin_epoch()?;
        }
        let most = self.config.batch_size.min(self.images.len());
        let mut pixels = room(Purpose::Batch, most, self.config.bytes())?;
        let mut count = 0;
        while count < self.config.batch_size
            && let Some(image) = self.ahead.take()
        {
            pixels.extend_from_slice(&image);
            count += 1;
            self.ahead = self.images.next_good(&mut self.order);
        }
        let Cursor { epoch, batch, .. } = self.place;
        let last_of_epoch = self.ahead.is_none();
        self.place = if last_of_epoch {
            Cursor { epoch: epoch + 1, ..Cursor::default() }
        } else {
            Cursor { epoch, batch: batch + 1, image: self.images.len() - self.order.len() - 1 }
        };
        let broken = mem::take(&mut self.images.failures);
        let next = self.place;
        Ok(Batch { epoch, index_in_epoch: batch, last_of_epoch, count, pixels, broken, next })
    }

    /// Loads the first image of an epoch, or of what is left of it.
    fn begin_epoch(&mut self) -> Result<(), DataError> {
        let len = self.images.len();
        self.shuffle();
        self.ahead = self.images.next_good(&mut self.order);
        if self.ahead.is_none() && self.place.image > 0 {
            self.place = Cursor { epoch: self.place.epoch + 1, ..Cursor::default() };
            self.shuffle();
            self.ahead = self.images.next_good(&mut self.order);
        }
        if self.ahead.is_none() {
            return Err(DataError::AllBroken { count: len, last: self.images.last_failure() });
        }
        Ok(())
    }

    /// Puts the epoch's images in order, from the place on.
    fn shuffle(&mut self) {
        let mut rng = Rng::stream(self.config.seed, streams::SHUFFLE, self.place.epoch);
        let mut order = rng.permutation(self.images.len());
        order.drain(..self.place.image.min(order.len()));
        self.order = order.into_iter();
    }
}

/// The dataset's pictures at the wanted size, without the broken ones.
pub(crate) struct Images {
    dataset: Arc<dyn Dataset>,
    fitter: ResizeCrop,
    cache: Arc<Cache>,
    is_broken: Vec<bool>,
    /// What was found broken since it was last reported.
    failures: Vec<Broken>,
    stop: Arc<AtomicBool>,
}

impl Images {
    pub(crate) fn new(
        dataset: Arc<dyn Dataset>,
        fitter: ResizeCrop,
        cache: Arc<Cache>,
        config: &LoaderConfig,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let len = dataset.len();
        let mut is_broken = vec![false; len];
        for image in config.broken.iter().filter_map(|image| usize::try_from(*image).ok()) {
            if let Some(is_broken) = is_broken.get_mut(image) {
                *is_broken = true;
            }
        }
        Self { dataset, fitter, cache, is_broken, failures: Vec::new(), stop }
    }

    fn len(&self) -> usize {
        self.is_broken.len()
    }

    /// The next image of `order` that is not broken; `None` at its end, or when loading is to stop.
    fn next_good(&mut self, order: &mut vec::IntoIter<u32>) -> Option<Arc<[u8]>> {
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

    fn load(&mut self, index: usize) -> Option<Arc<[u8]>> {
        if self.is_broken[index] {
            return None;
        }
        if let Some(image) = self.cache.get(index) {
            return Some(image);
        }
        match self.dataset.picture(index).and_then(|picture| self.fitter.fit(picture)) {
            Ok(image) => {
                let image = Arc::from(image);
                self.cache.offer(index, &image);
                Some(image)
            }
            Err(reason) => {
                self.is_broken[index] = true;
                self.failures.push(Broken { image: index as u32, reason });
                None
            }
        }
    }

    /// Empty only if loading was stopped, when nobody reads it.
    fn last_failure(&self) -> String {
        self.failures.last().map(|broken| broken.reason.to_string()).unwrap_or_default()
    }
}

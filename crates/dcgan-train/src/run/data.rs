//! A run's data: opened, compared with that of the state it resumes from, and checked before anything is planned.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dcgan_data::{
    Cache, Cursor, DataError, Dataset, Fingerprint, Loader, LoaderConfig, Split, check, epoch_batches,
};

use super::position::Position;
use super::run_state::Description;
use crate::networks::arch::Architecture;
use crate::report::event::Event;
use crate::run::config::TrainConfig;
use crate::run::error::{ResumeError, TrainError};

/// Broken images that are named at the start of a run; the others are counted.
const NAMED: usize = 5;
/// Time between two lines about the images that are checked.
const SILENCE: Duration = Duration::from_secs(5);

/// What is said of a state without a fingerprint.
const OLD_STATE: &str = "the state is of an earlier version: of the data, only the number of images is compared; EXIF \
                         orientation, which was ignored, is applied from now on unless --no-exif-orientation is given";

/// The images that a run trains on.
pub(super) struct Data {
    pub(super) dataset: Arc<dyn Dataset>,
    pub(super) fingerprint: Fingerprint,
    /// Whether the run began with other data.
    pub(super) is_changed: bool,
    cache: Arc<Cache>,
}

impl Data {
    /// Opens the data and finds out which images are broken: `position` has them from then on.
    ///
    /// # Errors
    /// If the data cannot be used, are not enough for a batch, or are not those that `old`, the run's state, began with.
    pub(super) fn open<A: Architecture>(
        config: &TrainConfig,
        old: Option<&Description>,
        position: &mut Position,
        report: &mut dyn FnMut(Event),
    ) -> Result<Self, TrainError> {
        let dataset: Arc<dyn Dataset> = open(config, A::SIDE, report)?.into();
        check_sizes(config, dataset.len())?;
        let fingerprint = dataset.fingerprint()?;
        let is_changed = match old {
            Some(old) => is_changed(config, old, (dataset.len(), &fingerprint), report)?,
            None => false,
        };
        let cache = Arc::new(Cache::new(dataset.len(), config.cache_mib.saturating_mul(1 << 20)));
        let data = Self { dataset, fingerprint, is_changed, cache };
        // A state with a fingerprint has the broken images of this data.
        if is_changed || old.is_none_or(|old| old.fingerprint.is_none()) {
            data.check::<A>(config, position, report)?;
        }
        if position.place.image >= data.dataset.len() {
            position.place = Cursor { epoch: position.place.epoch + 1, ..Cursor::default() };
        }
        check_sizes(config, data.usable(position))?;
        Ok(data)
    }

    /// Images that are not known to be broken.
    pub(super) fn usable(&self, position: &Position) -> usize {
        self.dataset.len().saturating_sub(position.broken.len())
    }

    /// Decodes all images, and tells which are broken.
    fn check<A: Architecture>(
        &self,
        config: &TrainConfig,
        position: &mut Position,
        report: &mut dyn FnMut(Event),
    ) -> Result<(), TrainError> {
        let (images, mut told) = (self.dataset.len(), Instant::now());
        let loader = loader_config::<A>(config, position);
        let broken = check(self.dataset.as_ref(), &loader, &self.cache, &mut |done| {
            if told.elapsed() >= SILENCE && done < images {
                told = Instant::now();
                report(Event::Note(format!("checked {done} of {images} images")));
            }
        })?;
        for (broken, count) in broken.iter().take(NAMED).zip(1..) {
            report(Event::Skipped { reason: broken.reason.to_string(), count });
        }
        if broken.len() > NAMED {
            report(Event::Warning(format!(
                "{} of {images} images are skipped; the first {NAMED} are named above",
                broken.len()
            )));
        }
        position.broken = broken.into_iter().map(|broken| broken.image).collect();
        Ok(())
    }

    /// Loads data from a position on.
    pub(super) fn load<A: Architecture>(
        &self,
        config: &TrainConfig,
        position: &Position,
    ) -> Result<Loader, DataError> {
        let loader = loader_config::<A>(config, position);
        Loader::start_with(Arc::clone(&self.dataset), Arc::clone(&self.cache), loader)
    }
}

fn loader_config<A: Architecture>(config: &TrainConfig, position: &Position) -> LoaderConfig {
    LoaderConfig {
        size: A::SIDE,
        channels: A::CHANNELS,
        batch_size: config.batch_size,
        seed: config.seed,
        start: position.place,
        broken: position.broken.clone(),
        ..LoaderConfig::default()
    }
}

fn open(
    config: &TrainConfig,
    side: usize,
    report: &mut dyn FnMut(Event),
) -> Result<Box<dyn Dataset>, DataError> {
    let TrainConfig { dataset, data_dir, folder, download, .. } = config;
    let dataset = dataset.open(Split::Train, data_dir, side, *folder, download, &mut |event| {
        report(event.into());
    })?;
    if let Some(unread) = dataset.unread() {
        report(Event::Warning(unread));
    }
    Ok(dataset)
}

/// Whether the data are not those that a run began with, which `--allow-changed-data` permits.
fn is_changed(
    config: &TrainConfig,
    old: &Description,
    (images, fingerprint): (usize, &Fingerprint),
    report: &mut dyn FnMut(Event),
) -> Result<bool, TrainError> {
    let files = old.fingerprint.as_ref().and_then(|old| old.change_to(fingerprint));
    let count = (old.images != images)
        .then(|| format!("had {} images when the run began and has {images} now", old.images));
    let change = match (count, files) {
        (Some(count), Some(files)) => format!("{count}: {files}"),
        (Some(count), None) => count,
        (None, Some(files)) => format!("has changed since the run began: {files}"),
        (None, None) => {
            if old.fingerprint.is_none() {
                report(Event::Note(OLD_STATE.to_owned()));
            }
            return Ok(false);
        }
    };
    let change = format!("{} {change}", config.dataset.describe(&config.data_dir));
    if !config.allow_changed_data {
        return Err(ResumeError::Data { change }.into());
    }
    report(Event::Warning(change));
    Ok(true)
}

/// A batch that the dataset cannot fill would be trained on as a smaller one than was asked for, and with more updates
/// than batches, no step would make as many as were asked for.
fn check_sizes(config: &TrainConfig, images: usize) -> Result<(), TrainError> {
    let &TrainConfig { batch_size, d_steps, .. } = config;
    let dataset = || config.dataset.describe(&config.data_dir);
    if batch_size > images {
        return Err(TrainError::BatchSize { batch_size, dataset: dataset(), images });
    }
    let batches = epoch_batches(images, batch_size) as u64;
    if d_steps > batches {
        return Err(TrainError::DiscriminatorSteps { d_steps, dataset: dataset(), batches });
    }
    Ok(())
}

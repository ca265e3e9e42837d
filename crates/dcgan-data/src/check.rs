//! Which pictures of a dataset can be used.

use rayon::prelude::*;

use crate::cache::Cache;
use crate::{Broken, DataError, Dataset, LoaderConfig, ResizeCrop};

/// Pictures between two reports of how far it is.
const REPORT_EVERY: usize = 1024;

/// Decodes all pictures once, on rayon's threads, and keeps those that the cache has room for, fitted as `config` says.
/// Those that cannot be used are returned in the order of their numbers: with them left out, it is known how many
/// images an epoch has before the first one is over.
///
/// `report` is told how many pictures are done. Nothing is decoded where none [may be broken](Dataset::may_be_broken).
///
/// # Errors
/// When no picture can be used, or a setting cannot work.
pub fn check(
    dataset: &dyn Dataset,
    config: &LoaderConfig,
    cache: &Cache,
    report: &mut dyn FnMut(usize),
) -> Result<Vec<Broken>, DataError> {
    let fitter = ResizeCrop::new(config.size, config.channels)?;
    if !dataset.may_be_broken() {
        return Ok(Vec::new());
    }
    let mut broken = Vec::new();
    for start in (0..dataset.len()).step_by(REPORT_EVERY) {
        let end = dataset.len().min(start + REPORT_EVERY);
        let failures = (start..end).into_par_iter().map_init(
            || fitter.clone(),
            |fitter, index| {
                let image = dataset.picture(index).and_then(|picture| fitter.fit(picture));
                let reason = image.map(|image| cache.offer(index, &image.into())).err()?;
                Some(Broken { image: index as u32, reason })
            },
        );
        broken.par_extend(failures.flatten_iter());
        report(end);
    }
    match broken.last() {
        Some(last) if broken.len() == dataset.len() => {
            Err(DataError::AllBroken { count: broken.len(), last: last.reason.to_string() })
        }
        _ => Ok(broken),
    }
}

//! Where a run stands.

use dcgan_data::{Batch, Cursor};
use serde::{Deserialize, Serialize};

/// What a run has done so far, and with it what comes next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Where the next batch begins.
    pub(super) place: Cursor,
    /// Updates of the generator.
    pub(super) steps: u64,
    /// Real images that were taken, repeats counted.
    pub(super) images_seen: u64,
    /// Images of the dataset that turned out to be broken.
    pub(super) broken: Vec<u32>,
}

impl Position {
    /// Moves behind a batch.
    pub(super) fn take(&mut self, batch: &Batch) {
        self.images_seen += batch.count as u64;
        self.broken.extend(batch.broken.iter().map(|broken| broken.image));
        self.place = batch.next;
    }

    /// The epoch of the last batch, from 1; 1 before the first.
    pub(super) fn epoch(&self) -> u64 {
        let Cursor { epoch, batch, .. } = self.place;
        if batch == 0 { epoch.max(1) } else { epoch + 1 }
    }
}

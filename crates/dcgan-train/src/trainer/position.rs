//! Where a run stands.

use crate::data::Batch;

/// What a run has done so far, and with it which batch comes next.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Position {
    /// Epochs whose batches were all taken.
    pub(super) epochs: u64,
    /// Batches taken of the epoch after them.
    pub(super) batches: u64,
    /// Updates of the generator.
    pub(super) steps: u64,
    /// Real images that were taken, repeats counted.
    pub(super) images_seen: u64,
    /// Images that turned out to be broken.
    pub(super) skipped: usize,
}

impl Position {
    /// Moves behind a batch.
    pub(super) fn take(&mut self, batch: &Batch) {
        self.images_seen += batch.count as u64;
        self.skipped += batch.broken.len();
        (self.epochs, self.batches) = if batch.last_of_epoch {
            (batch.epoch + 1, 0)
        } else {
            (batch.epoch, batch.index_in_epoch as u64 + 1)
        };
    }
}

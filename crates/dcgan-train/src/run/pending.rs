//! Steps that were made and whose numbers nobody has read.

use std::time::{Duration, Instant};

use crate::gan;

/// What is not read earlier for another reason is read after this time: people wait for news.
const LONGEST: Duration = Duration::from_millis(500);

/// A step in the order of the run.
pub(super) struct Step {
    pub(super) epoch: u64,
    /// The step, from 1.
    pub(super) step: u64,
    /// Real images seen up to it, and in it.
    pub(super) images_seen: u64,
    pub(super) images: usize,
    pub(super) unread: gan::stats::PendingStep,
}

/// The steps, and since when they are collected.
pub(super) struct Steps {
    steps: Vec<Step>,
    since: Instant,
    pub(super) is_memory_told: bool,
}

impl Steps {
    pub(super) fn new() -> Self {
        Self { steps: Vec::new(), since: Instant::now(), is_memory_told: false }
    }

    pub(super) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Whether it is time to read them where a device should not be waited for more often than after `most` steps.
    pub(super) fn are_due(&self, most: usize) -> bool {
        self.steps.len() >= most || self.since.elapsed() >= LONGEST
    }

    pub(super) fn take(&mut self) -> Vec<Step> {
        self.since = Instant::now();
        std::mem::take(&mut self.steps)
    }
}

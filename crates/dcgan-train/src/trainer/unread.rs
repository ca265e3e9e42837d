//! Steps that were made and whose numbers nobody has read.

use std::time::{Duration, Instant};

use super::run::Run;
use crate::arch::Architecture;
use crate::engine::Engine;
use crate::error::TrainError;
use crate::event::Event;
use crate::gan::{self, StepStats};
use crate::metrics::Metrics;

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
    pub(super) unread: gan::Unread,
}

/// The steps, and since when they are collected.
pub(super) struct Steps {
    steps: Vec<Step>,
    since: Instant,
    is_memory_told: bool,
}

impl Steps {
    pub(super) fn new() -> Self {
        Self { steps: Vec::new(), since: Instant::now(), is_memory_told: false }
    }

    pub(super) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Whether it is time to read them where a device should not be waited for more often than after `most` steps.
    fn are_due(&self, most: usize) -> bool {
        self.steps.len() >= most || self.since.elapsed() >= LONGEST
    }

    fn take(&mut self) -> Vec<Step> {
        self.since = Instant::now();
        std::mem::take(&mut self.steps)
    }
}

impl<A: Architecture, E: Engine> Run<'_, A, E> {
    /// Whether the steps' numbers have to be read before the next step: it is time, or the samples after this step are
    /// to be looked at.
    pub(super) fn has_to_read(&self) -> bool {
        let is_looked_at = self.position.steps.is_multiple_of(self.config.collapse.look_every);
        is_looked_at || self.unread.are_due(E::UNREAD_STEPS)
    }

    /// Reads, records and judges the steps; `false` if the run went back to an earlier one.
    pub(super) fn read_steps(&mut self) -> Result<bool, TrainError> {
        let steps = self.unread.take();
        let unread: Vec<gan::Unread> = steps.iter().map(|step| step.unread.clone()).collect();
        let batch_size = self.config.batch_size;
        let stats = self.gan.read(&unread).map_err(|error| TrainError::in_step(error, batch_size))?;
        let images = steps.iter().map(|step| step.images).sum();
        let images_per_second = self.log.lap(images);
        for (step, stats) in steps.into_iter().zip(stats) {
            if !self.after_step(&step, stats, images_per_second)? {
                self.last_step = self.planned_steps();
                return Ok(false);
            }
        }
        self.tell_memory();
        if self.log.due(false) {
            self.progress(self.position.epoch());
            self.log.flush()?;
        }
        Ok(true)
    }

    /// Tells once what the first steps took of the device's memory, where that is counted.
    fn tell_memory(&mut self) {
        if std::mem::replace(&mut self.unread.is_memory_told, true) {
            return;
        }
        if let Some(bytes) = E::peak_memory() {
            let (mib, batch_size) = (bytes.div_ceil(1 << 20), self.config.batch_size);
            (self.report)(Event::Note(format!(
                "a step at --batch-size {batch_size} takes up to {mib} MiB of GPU memory"
            )));
        }
    }

    /// Records a step and judges it.
    fn after_step(
        &mut self,
        &Step { epoch, step, images_seen, images, .. }: &Step,
        stats: StepStats,
        images_per_second: f64,
    ) -> Result<bool, TrainError> {
        self.record_step(&Metrics { epoch, step, images_seen, stats }, images, images_per_second)?;
        self.judge(step, &stats)
    }
}

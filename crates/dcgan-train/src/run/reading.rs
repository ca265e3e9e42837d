//! What follows the steps: their scalars are read, recorded and checked for a collapse.

use super::pending::Step;
use super::training_loop::Run;
use crate::backend::operations::Backend;
use crate::gan::{self, StepStats};
use crate::networks::arch::Architecture;
use crate::report::event::Event;
use crate::report::metrics::Metrics;
use crate::run::error::TrainError;

/// Steps whose scalars stay on a device of its own before they are read: few enough that people see news, enough that
/// waiting for the device costs next to nothing.
const PENDING_STEPS: usize = 16;

impl<A: Architecture, B: Backend> Run<'_, A, B> {
    /// Whether the steps' numbers have to be read before the next step: it is time, or the samples after this step are
    /// to be looked at.
    pub(super) fn has_to_read(&self) -> bool {
        let is_looked_at = self.position.steps.is_multiple_of(self.config.collapse.look_every);
        is_looked_at || self.unread.are_due(if B::ON_HOST { 1 } else { PENDING_STEPS })
    }

    /// Reads, records and judges the steps; `false` if the run went back to an earlier one.
    pub(super) fn read_steps(&mut self) -> Result<bool, TrainError> {
        let steps = self.unread.take();
        let unread: Vec<gan::stats::PendingStep> = steps.iter().map(|step| step.unread.clone()).collect();
        let batch_size = self.config.batch_size;
        let stats = self.gan.read(&unread).map_err(|error| TrainError::in_step::<B>(error, batch_size))?;
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
        if let Some(bytes) = B::peak_memory() {
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

//! The loop of a run: a step, what follows each step, what follows each epoch.

use dcgan_core::rng::Rng;

use super::clock::Clock;
use super::log::Log;
use super::position::Position;
use crate::arch::Architecture;
use crate::config::TrainConfig;
use crate::data::{Batch, Loader};
use crate::engine::Engine;
use crate::error::TrainError;
use crate::event::{Event, Step};
use crate::gan::{Gan, StepStats};
use crate::metrics::Metrics;
use crate::schedule::Schedule;

/// A run that goes on.
pub(super) struct Run<'a, A: Architecture, E: Engine> {
    pub(super) config: &'a TrainConfig,
    pub(super) name: &'static str,
    pub(super) gan: Gan<A, E>,
    pub(super) loader: Loader,
    /// The next batch, where it was loaded before it was needed.
    pub(super) ahead: Option<Batch>,
    pub(super) log: Log,
    /// Those of the last epoch that ended; before, as many as there are without broken images.
    pub(super) batches_per_epoch: u64,
    /// The run's last step, as far as is known.
    pub(super) last_step: u64,
    pub(super) position: Position,
    pub(super) schedule: Schedule,
    pub(super) clock: Clock,
    pub(super) report: &'a mut dyn FnMut(Event),
}

impl<A: Architecture, E: Engine> Run<'_, A, E> {
    /// Trains until the last epoch is over or a limit is reached.
    pub(super) fn all(mut self) -> Result<(), TrainError> {
        let mut last = false;
        while !last {
            let epoch = self.position.epochs + 1;
            self.last_step = self.planned_steps();
            let stopped = self.epoch(epoch)?;
            last = stopped || epoch == self.config.num_epochs;
            self.after_epoch(epoch, stopped, last)?;
        }
        Ok(())
    }

    /// The run's last step if this epoch and those after it are as long as the one before.
    fn planned_steps(&self) -> u64 {
        let Position { epochs, batches, steps, .. } = self.position;
        let epochs = self.config.num_epochs - epochs;
        let steps_per_epoch = self.config.steps(self.batches_per_epoch);
        let left = epochs.saturating_mul(steps_per_epoch).saturating_sub(self.config.steps(batches));
        let steps = steps.saturating_add(left);
        self.config.max_steps.map_or(steps, |most| most.min(steps))
    }

    /// Trains to the end of an epoch; whether a limit ended the run before.
    fn epoch(&mut self, epoch: u64) -> Result<bool, TrainError> {
        loop {
            let batches = self.next_batches()?;
            let stats = self.step(&batches)?;
            let images = batches.iter().map(|batch| batch.count).sum();
            if self.after_step(epoch, stats, images)? {
                return Ok(true);
            }
            if batches.last().is_some_and(|batch| batch.last_of_epoch) {
                return Ok(false);
            }
        }
    }

    /// The next batch of real images; the position moves behind it.
    pub(super) fn next_batch(&mut self) -> Result<Batch, TrainError> {
        let batch = match self.ahead.take() {
            Some(batch) => batch,
            None => self.loader.next_batch()?,
        };
        for (error, count) in batch.broken.iter().zip(self.position.skipped + 1..) {
            (self.report)(Event::Skipped { reason: error.to_string(), count });
        }
        self.position.take(&batch);
        if batch.last_of_epoch {
            self.batches_per_epoch = batch.index_in_epoch as u64 + 1;
        }
        Ok(batch)
    }

    /// Random stream `index` of a family: everything that is drawn in training comes from here.
    ///
    /// Each step draws from streams of its own, so that going on from step N needs no memory of the others.
    pub(super) fn random(&self, family: u64, index: u64) -> Rng {
        Rng::stream(self.config.seed, family, index)
    }

    /// What the learning rates are multiplied with in the next step.
    pub(super) fn learning_rate_factor(&self) -> f64 {
        self.schedule.factor(self.position.steps)
    }

    /// Records a step of so many images and judges it; whether the run is to end here.
    fn after_step(&mut self, epoch: u64, stats: StepStats, images: usize) -> Result<bool, TrainError> {
        self.record_step(epoch, stats, images)?;
        self.check_losses(stats)?;
        if self.log.due(false) {
            self.progress(epoch);
            self.log.flush()?;
        }
        Ok(self.clock.is_over() || Some(self.position.steps) == self.config.max_steps)
    }

    /// Saves what is due after an epoch, or at the end of the run.
    fn after_epoch(&mut self, epoch: u64, stopped: bool, last: bool) -> Result<(), TrainError> {
        if last || self.log.due(true) {
            self.progress(epoch);
        }
        self.log.flush()?;
        let due = !stopped && epoch.is_multiple_of(self.config.save_interval);
        // Networks before pictures: they are what must not be lost.
        if due {
            self.save_networks(&format!("epoch_{epoch}"))?;
        }
        if last {
            self.save_networks("final")?;
        }
        if due || last {
            self.save_pictures(epoch)?;
        }
        Ok(())
    }

    fn check_losses(&mut self, stats: StepStats) -> Result<(), TrainError> {
        let StepStats { loss_d, loss_g, .. } = stats;
        if loss_d.is_finite() && loss_g.is_finite() {
            return Ok(());
        }
        // It shows how it came to that; that it did is the more important news.
        let _ = self.save_plot();
        Err(TrainError::Diverged { step: self.position.steps, loss_d, loss_g })
    }

    /// Keeps and tells what a step of so many images came to.
    fn record_step(&mut self, epoch: u64, stats: StepStats, images: usize) -> Result<(), TrainError> {
        let Position { steps: step, images_seen, .. } = self.position;
        self.log.add(&Metrics { epoch, step, images_seen, stats }, images)?;
        let steps = self.clock.last_step(step).map_or(self.last_step, |last| last.min(self.last_step));
        let epochs = self.config.num_epochs;
        (self.report)(Event::Step(Step { epoch, epochs, step, steps, images_seen, stats }));
        Ok(())
    }

    /// Reports the averages since the last report, if there is anything new.
    fn progress(&mut self, epoch: u64) {
        if let Some(averages) = self.log.take() {
            let (epochs, step) = (self.config.num_epochs, self.position.steps);
            (self.report)(Event::Progress { epoch, epochs, step, averages });
        }
    }
}

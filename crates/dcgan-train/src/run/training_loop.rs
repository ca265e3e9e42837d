//! The loop of a run: a step, what follows each step, what follows each epoch.

use std::path::PathBuf;

use dcgan_core::rng::Rng;
use dcgan_core::streams;
use dcgan_data::{Batch, Loader};

use super::best::Best;
use super::clock::Clock;
use super::data::Data;
use super::outcome::{Ending, Outcome};
use super::pending::{Step, Steps};
use super::position::Position;
use super::run_state::Rollback;
use super::states::States;
use crate::backend::operations::Backend;
use crate::gan::Gan;
use crate::gan::measurement::Reals;
use crate::networks::arch::Architecture;
use crate::report::event::{self, Event};
use crate::report::log::{Log, metrics_path};
use crate::report::metrics::Metrics;
use crate::run::collapse::Guard;
use crate::run::config::TrainConfig;
use crate::run::error::TrainError;
use crate::run::interrupt::Interrupt;
use crate::run::schedule::Schedule;

/// A run that goes on.
pub(super) struct Run<'a, A: Architecture, B: Backend> {
    pub(super) config: &'a TrainConfig,
    pub(super) name: &'static str,
    pub(super) gan: Gan<A, B>,
    pub(super) data: Data,
    pub(super) loader: Loader,
    /// The next batch, where it was loaded before it was needed.
    pub(super) ahead: Option<Batch>,
    pub(super) log: Log,
    /// The steps since the last reading.
    pub(super) unread: Steps,
    /// Those of the last epoch that ended; before, as many as there are without broken images.
    pub(super) batches_per_epoch: u64,
    /// The run's last step, as far as is known.
    pub(super) last_step: u64,
    pub(super) position: Position,
    pub(super) schedule: Schedule,
    /// Whether the files of the epoch that ended here are still to be written.
    pub(super) epoch_due: bool,
    /// Epochs whose grids are saved, and the one whose grid is due.
    pub(super) grids: Vec<u64>,
    /// The best generator so far.
    pub(super) best: Option<Best>,
    /// What generated images are compared with, once that was needed.
    pub(super) reals: Option<Reals>,
    /// The generator of mean weights, and the step after which it was made.
    pub(super) mean: Option<(u64, A::Generator<B>)>,
    pub(super) guard: Guard,
    pub(super) rollbacks: Vec<Rollback>,
    pub(super) states: States,
    pub(super) clock: Clock,
    pub(super) interrupt: &'a Interrupt,
    pub(super) saved: LastFiles,
    pub(super) report: &'a mut dyn FnMut(Event),
}

/// The newest files of a run.
#[derive(Default)]
pub(super) struct LastFiles {
    pub(super) state: Option<PathBuf>,
    pub(super) samples: Option<PathBuf>,
    pub(super) plot: Option<PathBuf>,
}

impl<A: Architecture, B: Backend> Run<'_, A, B> {
    /// Trains, from this batch on, until the last epoch is over, a limit is reached or somebody wants it to end.
    pub(super) fn all(mut self, first: Batch) -> Result<Outcome, TrainError> {
        if self.position.steps == 0 {
            self.see_real(&first);
            self.save_reals()?;
            self.grids = vec![0];
            self.save_grid(0)?;
            if self.states.is_anchor(0) {
                self.save_state(false, None)?;
            }
        }
        self.ahead = Some(first);
        let mut ending = self.ending();
        if self.epoch_due || ending.is_some() {
            // It was killed before it had written these, or its limits are the same again.
            self.save_results(self.position.epoch(), self.epoch_due, ending)?;
        }
        self.last_step = self.planned_steps();
        // What was drawn before the first step may have taken more than a step does.
        B::peak_memory();
        while ending.is_none() {
            let batches = self.next_batches()?;
            let images = batches.iter().map(|batch| batch.count).sum();
            let (epoch, whole) =
                batches.last().map_or((1, false), |batch| (batch.epoch + 1, batch.last_of_epoch));
            let unread = self.step(batches)?;
            let Position { steps: step, images_seen, .. } = self.position;
            self.unread.push(Step { epoch, step, images_seen, images, unread });
            ending = self.ending();
            let saves = whole || ending.is_some() || self.state_is_due();
            if (saves || self.has_to_read()) && !self.read_steps()? {
                ending = None;
                continue;
            }
            if whole || ending.is_some() {
                self.after_epoch(epoch, whole, ending)?;
            } else if saves {
                self.save_state(false, ending)?;
            }
        }
        self.outcome(ending.unwrap_or(Ending::Complete))
    }

    /// Replaces what the run knows of the data that it began with: where its end is, what real images look like, and
    /// the best generator, which was compared with others.
    pub(super) fn begin_with_other_data(&mut self, first: &Batch) -> Result<(), TrainError> {
        self.schedule.steps = self.planned_steps();
        self.best = None;
        self.see_real(first);
        self.save_reals()
    }

    /// Whether the run is over, and why.
    fn ending(&self) -> Option<Ending> {
        let Position { place, steps, .. } = &self.position;
        let is_last_step = self.config.max_steps.is_some_and(|most| *steps >= most);
        if place.epoch >= self.config.num_epochs || is_last_step || self.clock.is_over() {
            return Some(Ending::Complete);
        }
        self.interrupt.requested().map(Ending::Interrupted)
    }

    /// The run's last step if the epochs to come are as long as the one before.
    pub(super) fn planned_steps(&self) -> u64 {
        let Position { place, steps, .. } = &self.position;
        let epochs = self.config.num_epochs.saturating_sub(place.epoch);
        let [of_epoch, made] = [self.batches_per_epoch, place.batch as u64].map(|it| self.config.steps(it));
        let left = epochs.saturating_mul(of_epoch).saturating_sub(made);
        let steps = steps.saturating_add(left);
        self.config.max_steps.map_or(steps, |most| most.min(steps))
    }

    /// The next batch of real images; the position moves behind it.
    pub(super) fn next_batch(&mut self) -> Result<Batch, TrainError> {
        let batch = match self.ahead.take() {
            Some(batch) => batch,
            None => self.loader.next_batch()?,
        };
        for (broken, count) in batch.broken.iter().zip(self.position.broken.len() + 1..) {
            (self.report)(Event::Skipped { reason: broken.reason.to_string(), count });
        }
        self.position.take(&batch);
        if batch.last_of_epoch {
            self.batches_per_epoch = batch.index_in_epoch as u64 + 1;
        }
        Ok(batch)
    }

    /// Random stream `index` of a family: everything that is drawn in training comes from here.
    ///
    /// Each step draws from streams of its own, so that going on from step N needs no memory of the others. A run that
    /// went back draws from others.
    pub(super) fn random(&self, family: u64, index: u64) -> Rng {
        let seed = match self.rollbacks.len() as u64 {
            0 => self.config.seed,
            times => Rng::stream(self.config.seed, streams::ROLLBACK, times).bits(),
        };
        Rng::stream(seed, family, index)
    }

    /// What the learning rates are multiplied with in the next step.
    pub(super) fn learning_rate_factor(&self) -> f64 {
        self.schedule.factor(self.position.steps) * 0.5_f64.powi(self.rollbacks.len() as i32)
    }

    fn state_is_due(&self) -> bool {
        self.states.due() || self.states.is_anchor(self.position.steps)
    }

    /// Saves what is due after an epoch, or at the end of the run.
    fn after_epoch(&mut self, epoch: u64, whole: bool, ending: Option<Ending>) -> Result<(), TrainError> {
        self.last_step = self.planned_steps();
        if ending.is_some() || self.log.due(true) {
            self.progress(epoch);
        }
        self.log.flush()?;
        if whole {
            self.measure_if_due(epoch)?;
        }
        let due = whole && epoch.is_multiple_of(self.config.save_interval);
        if due {
            self.grids.push(epoch);
        }
        if due || ending.is_some() || self.state_is_due() {
            // Before all else: from it, the rest can be made again.
            self.save_state(due, ending)?;
        }
        self.save_results(epoch, due, ending)
    }

    /// Saves the networks and pictures that are due after an epoch, and those of the end.
    fn save_results(&mut self, epoch: u64, due: bool, ending: Option<Ending>) -> Result<(), TrainError> {
        // Networks before pictures: they are what must not be lost.
        let names = [due.then(|| format!("epoch_{epoch}")), ending.map(|_| "final".to_owned())];
        self.save_networks(names.into_iter().flatten())?;
        if due || ending == Some(Ending::Complete) {
            self.save_grid(epoch)?;
        }
        if due || ending.is_some() {
            self.save_plot()?;
        }
        if ending.is_some() {
            self.save_animation((ending == Some(Ending::Complete)).then_some(epoch))?;
        }
        self.epoch_due = false;
        self.mean = None;
        Ok(())
    }

    /// Keeps and tells what a step of so many images came to.
    pub(super) fn record_step(
        &mut self,
        metrics: &Metrics,
        images: usize,
        images_per_second: f64,
    ) -> Result<(), TrainError> {
        self.log.add(metrics, images, images_per_second)?;
        let Metrics { epoch, step, images_seen, stats } = *metrics;
        let steps = self.clock.last_step(step).map_or(self.last_step, |last| last.min(self.last_step));
        let epochs = self.config.num_epochs;
        (self.report)(Event::Step(event::Step { epoch, epochs, step, steps, images_seen, stats }));
        Ok(())
    }

    /// Reports the averages since the last report, if there is anything new.
    pub(super) fn progress(&mut self, epoch: u64) {
        if let Some(averages) = self.log.take() {
            let (epochs, step) = (self.config.num_epochs, self.position.steps);
            (self.report)(Event::Progress { epoch, epochs, step, averages });
        }
    }

    fn outcome(self, ending: Ending) -> Result<Outcome, TrainError> {
        let Position { steps, images_seen, .. } = self.position;
        let generator = if self.config.ema.is_some() { "generator_ema" } else { "generator" };
        Ok(Outcome {
            ending,
            steps,
            images_seen,
            elapsed: self.clock.elapsed(),
            generator: self.network_path(generator, "final"),
            state: self.saved.state.unwrap_or_default(),
            samples: self.saved.samples,
            plot: self.saved.plot,
            metrics: metrics_path(&self.config.output_dir),
        })
    }
}

//! A run's states: saving one, and going back to one when the run has collapsed.

use dcgan_core::pixels;
use dcgan_data::Batch;
use ndarray::{Array4, ArrayView4};

use super::outcome::Ending;
use super::record::all_options;
use super::run_state::{Description, Rollback, RunState, load_gan};
use super::states::Found;
use super::training_loop::Run;
use crate::backend::operations::Backend;
use crate::gan::StepStats;
use crate::networks::arch::Architecture;
use crate::report::event::Event;
use crate::report::log::Log;
use crate::run::collapse::{Collapse, OnCollapse};
use crate::run::error::TrainError;

impl<A: Architecture, B: Backend> Run<'_, A, B> {
    /// Saves all that is needed to go on from here; `epoch_due` if the files of an epoch that ended are to follow.
    pub(super) fn save_state(&mut self, epoch_due: bool, ending: Option<Ending>) -> Result<(), TrainError> {
        let description = Description {
            options: all_options(self.config),
            images: self.data.dataset.len(),
            fingerprint: Some(self.data.fingerprint.clone()),
            schedule_steps: Some(self.schedule.steps),
            position: self.position.clone(),
            epoch_due,
            complete: ending == Some(Ending::Complete),
            seconds: self.clock.elapsed().as_secs_f64(),
            metrics_bytes: self.log.sync()?,
            rollbacks: self.rollbacks.clone(),
            guard: self.guard.clone(),
            best: self.best,
            grids: self.grids.clone(),
        };
        let groups = self.gan.groups().map_err(TrainError::device::<B>)?;
        let state = RunState { description, groups, history: self.log.history().clone() };
        // What is suspicious now may turn out to be a collapse: then the states before it are needed, if anybody is to
        // go back.
        let prune = self.config.on_collapse == OnCollapse::Continue || !self.guard.suspects();
        let path = self.states.save(state, prune)?;
        self.saved.state = Some(path.clone());
        (self.report)(Event::Saved(path));
        Ok(())
    }

    /// Learns from the run's first batch what real images look like.
    pub(super) fn see_real(&mut self, batch: &Batch) {
        let shape = (batch.count, A::CHANNELS, A::SIDE, A::SIDE);
        let values = batch.pixels.iter().map(|byte| pixels::from_u8(*byte)).collect();
        let images = Array4::from_shape_vec(shape, values);
        self.guard.see_real(images.expect("a batch has whole images").view());
    }

    /// Whether the run goes on as it is after a step; `false` if it went back.
    pub(super) fn judge(&mut self, step: u64, stats: &StepStats) -> Result<bool, TrainError> {
        let Some(collapse) = self.collapse(step, stats)? else { return Ok(true) };
        let is_final = matches!(collapse, Collapse::NotFinite { .. });
        match self.config.on_collapse {
            OnCollapse::Continue if !is_final => {
                (self.report)(Event::Warning(format!("step {step}: {collapse}")));
                Ok(true)
            }
            OnCollapse::Rollback if self.rollbacks.len() < self.config.collapse.rollbacks => {
                self.go_back(step, &collapse).map(|()| false)
            }
            _ => {
                // It shows how it came to that; that it did is the more important news.
                let _ = self.save_plot();
                Err(TrainError::Collapsed { step, collapse, rollbacks: self.rollbacks.len() })
            }
        }
    }

    fn collapse(&mut self, step: u64, stats: &StepStats) -> Result<Option<Collapse>, TrainError> {
        let (config, gan) = (self.config.collapse, self.config.gan());
        let targets = [gan.real_label as f32, gan.fake_label as f32];
        let collapse = self.guard.judge(&config, targets, stats);
        if collapse.is_some() || !step.is_multiple_of(config.look_every) {
            return Ok(collapse);
        }
        let samples = self.samples()?;
        let samples: ArrayView4<f32> = samples.view();
        Ok(self.guard.look(&config, step, samples))
    }

    /// Goes back to the last good state before step `from`.
    fn go_back(&mut self, from: u64, collapse: &Collapse) -> Result<(), TrainError> {
        let Some(Found { path, state, .. }) = self.find_good(from, collapse)? else {
            let rollbacks = self.rollbacks.len();
            return Err(TrainError::Collapsed { step: from, collapse: *collapse, rollbacks });
        };
        let to = state.description.position.steps;
        let mut rollbacks = std::mem::take(&mut self.rollbacks);
        rollbacks.push(Rollback { from, to });
        let (count, most) = (rollbacks.len(), self.config.collapse.rollbacks);
        self.restore(Found { path: path.clone(), state, damaged: Vec::new() })?;
        self.rollbacks = rollbacks;
        let factor = 0.5_f64.powi(count as i32);
        (self.report)(Event::Warning(format!(
            "step {from}: {collapse}; going back to step {to} ({}) with other random numbers and {factor} of the learning \
             rate ({count} of {most} times)",
            path.display()
        )));
        self.states.remove_after(to);
        // From now on this is the run: one that is killed here must not go the same way again.
        self.save_state(false, None)
    }

    /// The last good state; an older one if the run had not got past its last collapse, where there is one.
    fn find_good(&self, step: u64, collapse: &Collapse) -> Result<Option<Found>, TrainError> {
        let last_good = self.guard.last_good(&self.config.collapse, step, collapse);
        let older_than = match self.rollbacks.last() {
            Some(last) if step <= last.from => last.to,
            _ => u64::MAX,
        };
        let steps =
            candidates(self.states.steps(), |step| self.states.is_anchor(step), last_good, older_than);
        Ok(self.states.first_whole(steps)?)
    }

    /// Puts a state of this run in the place of the present one.
    fn restore(&mut self, Found { path, state, .. }: Found) -> Result<(), TrainError> {
        load_gan(&mut self.gan, &state, &path)?;
        let RunState { description, history, .. } = state;
        let position = description.position;
        // What the old one still holds would be written behind the new one's place.
        self.log.flush()?;
        self.log = Log::resume(
            &self.config.output_dir,
            self.config.tensorboard,
            (description.metrics_bytes, position.steps),
            history,
        )?
        .0;
        let loader = self.data.load::<A>(self.config, &position)?;
        (self.loader, self.ahead, self.position, self.guard) = (loader, None, position, description.guard);
        (self.grids, self.mean) = (description.grids, None);
        // The files of its epoch were written when the run was there for the first time.
        self.epoch_due = false;
        Ok(())
    }
}

/// The steps of the good states, the one to go back to first: those to go back to that are older than `older_than`, the
/// newest first; the others of them; and, where a run began without such states, any other.
fn candidates(steps: Vec<u64>, is_anchor: impl Fn(u64) -> bool, last_good: u64, older_than: u64) -> Vec<u64> {
    let mut steps: Vec<u64> = steps.into_iter().rev().filter(|step| *step <= last_good).collect();
    steps.sort_by_key(|step| match is_anchor(*step) {
        true if *step < older_than => 0,
        true => 1,
        false => 2,
    });
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_good_state_is_first_and_an_older_one_where_a_collapse_comes_again() {
        let steps = vec![0, 100, 150, 200, 250, 300];
        let found =
            |last_good, older_than| candidates(steps.clone(), |step| step % 100 == 0, last_good, older_than);
        assert_eq!(found(260, u64::MAX), [200, 100, 0, 250, 150]);
        assert_eq!(found(260, 200), [100, 0, 200, 250, 150]);
        assert_eq!(found(260, 0), [200, 100, 0, 250, 150], "there is none older than the first");
        assert_eq!(found(99, u64::MAX), [0]);
    }
}

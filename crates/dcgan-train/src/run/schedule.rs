//! How the learning rates change in the course of a run.

/// Constant, or constant up to a part of the run and then falling linearly to 0.
///
/// PyTorch equivalent: `torch.optim.lr_scheduler.LambdaLR(optimizer, schedule.factor)`, stepped after each step.
///
/// ```
/// use dcgan_train::run::schedule::Schedule;
/// let schedule = Schedule { steps: 8, decay_from: Some(0.5) };
/// let factors: Vec<f64> = (0..8).map(|step| schedule.factor(step)).collect();
/// assert_eq!(factors, [1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Steps of the whole run, as planned.
    pub steps: u64,
    /// The part of them, from 0 up to, not including, 1, after which the rates fall; `None` for never.
    pub decay_from: Option<f64>,
}

impl Schedule {
    /// What the rates are multiplied by in the step that follows so many: above 0 before the planned end, and 0
    /// behind it.
    pub fn factor(&self, steps_made: u64) -> f64 {
        let Some(decay_from) = self.decay_from else { return 1.0 };
        let (end, now) = (self.steps as f64, steps_made as f64);
        ((end - now) / (end * (1.0 - decay_from))).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_decay_the_rates_stay() {
        let schedule = Schedule { steps: 10, decay_from: None };
        assert!([0, 9, 10, 1000].iter().all(|step| schedule.factor(*step) == 1.0));
    }

    #[test]
    fn decay_from_the_start_falls_from_1_and_stays_0_behind_the_end() {
        let schedule = Schedule { steps: 4, decay_from: Some(0.0) };
        let factors: Vec<f64> = (0..6).map(|step| schedule.factor(step)).collect();
        assert_eq!(factors, [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]);
    }

    #[test]
    fn a_part_that_is_no_whole_step_begins_between_two() {
        let schedule = Schedule { steps: 10, decay_from: Some(0.75) };
        let factors: Vec<f64> = (6..10).map(|step| schedule.factor(step)).collect();
        assert_eq!(factors, [1.0, 1.0, 0.8, 0.4]);
    }
}

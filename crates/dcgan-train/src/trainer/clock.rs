//! How long a run may take.

use std::time::{Duration, Instant};

/// The time since the start of a run, and its limit.
pub(super) struct Clock {
    start: Instant,
    limit: Option<Duration>,
}

impl Clock {
    /// A clock that starts now and has so many minutes.
    pub(super) fn start(minutes: Option<f64>) -> Self {
        let limit = minutes.map(|minutes| Duration::from_secs_f64(60.0 * minutes));
        Self { start: Instant::now(), limit }
    }

    pub(super) fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.start.elapsed() >= limit)
    }

    /// The step after which time is over if those to come are as fast as the first `steps`.
    pub(super) fn last_step(&self, steps: u64) -> Option<u64> {
        let parts = self.limit?.div_duration_f64(self.start.elapsed());
        Some((steps as f64 * parts.max(1.0)) as u64)
    }
}

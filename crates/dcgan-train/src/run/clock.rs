//! How long a run may take.

use std::time::{Duration, Instant};

/// The time that a run takes, from its beginning on and over all its parts, and the limit of it.
pub(super) struct Clock {
    start: Instant,
    before: Duration,
    limit: Option<Duration>,
}

impl Clock {
    /// A clock that goes on now after so much time, for a run of so many minutes.
    pub(super) fn start(before: Duration, minutes: Option<f64>) -> Self {
        let limit = minutes.map(|minutes| Duration::from_secs_f64(60.0 * minutes));
        Self { start: Instant::now(), before, limit }
    }

    /// The time since the run began, without what lies between its parts.
    pub(super) fn elapsed(&self) -> Duration {
        self.before.saturating_add(self.start.elapsed())
    }

    pub(super) fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.elapsed() >= limit)
    }

    /// The step after which time is over if those to come are as fast as the first `steps`.
    pub(super) fn last_step(&self, steps: u64) -> Option<u64> {
        let parts = self.limit?.div_duration_f64(self.elapsed());
        Some((steps as f64 * parts.max(1.0)) as u64)
    }
}

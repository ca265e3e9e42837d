//! Whether a server that stops still has something to wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often the activity is looked at.
const TICK: Duration = Duration::from_millis(50);

/// The requests that are being answered, and when bytes last moved on any connection.
#[derive(Debug)]
pub(super) struct Activity {
    start: Instant,
    /// Milliseconds from the start to the last byte read or written.
    last: AtomicU64,
    at_work: AtomicI64,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), last: AtomicU64::new(0), at_work: AtomicI64::new(0) }
    }

    /// Bytes moved.
    pub(super) fn touch(&self) {
        self.last.store(self.start.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// The server works on a request until the result is dropped.
    pub(super) fn work(self: &Arc<Self>) -> Counted {
        Counted::new(self, 1)
    }

    /// The work on a request waits for the client until the result is dropped.
    pub(super) fn wait(self: &Arc<Self>) -> Counted {
        Counted::new(self, -1)
    }

    /// Ready when the server has worked on nothing, and no client has sent or taken a byte, for `limit`.
    pub(super) async fn rest(&self, limit: Duration) {
        let mut since = Instant::now();
        while since.elapsed() < limit {
            tokio::time::sleep(TICK).await;
            if self.at_work.load(Ordering::Relaxed) > 0 {
                since = Instant::now();
            }
            since = since.max(self.start + Duration::from_millis(self.last.load(Ordering::Relaxed)));
        }
    }
}

/// A part of a request's time.
#[derive(Debug)]
pub(super) struct Counted {
    activity: Arc<Activity>,
    count: i64,
}

impl Counted {
    fn new(activity: &Arc<Activity>, count: i64) -> Self {
        activity.at_work.fetch_add(count, Ordering::Relaxed);
        Self { activity: activity.clone(), count }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.activity.at_work.fetch_sub(self.count, Ordering::Relaxed);
        self.activity.touch();
    }
}

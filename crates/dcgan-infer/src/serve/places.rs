//! How many connections there may be.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ServeConfig;

/// Connections beyond the limit on which health checks and metrics are answered, and nothing else.
const RESERVED: usize = 32;

/// The time limit of a reserved place, so that clients that ask for nothing do not keep it.
const RESERVED_TIMEOUT: Duration = Duration::from_secs(1);

/// How long what a client still sends is taken after the last answer.
const LINGER: Duration = Duration::from_secs(2);
const RESERVED_LINGER: Duration = Duration::from_millis(100);

/// The places for connections.
#[derive(Clone, Debug)]
pub(super) struct Places {
    open: Arc<Semaphore>,
    reserved: Arc<Semaphore>,
    timeout: Duration,
}

/// The place of a connection.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    /// Whether it is for health checks and metrics only.
    pub is_reserved: bool,
    /// How long a client may keep the connection without sending a request, or taking an answer.
    pub timeout: Duration,
}

impl Places {
    pub(super) fn new(config: &ServeConfig) -> Self {
        let semaphore = |places| Arc::new(Semaphore::new(places));
        Self {
            open: semaphore(config.max_connections.min(Semaphore::MAX_PERMITS)),
            reserved: semaphore(RESERVED),
            timeout: config.timeout,
        }
    }

    /// A place as soon as there is one; a reserved one if all others are taken.
    pub(super) async fn take(&self) -> Place {
        let permit = |semaphore: &Arc<Semaphore>| semaphore.clone().acquire_owned();
        let (permit, is_reserved) = tokio::select! {
            biased;
            permit = permit(&self.open) => (permit, false),
            permit = permit(&self.reserved) => (permit, true),
        };
        self.place(permit.expect("the semaphores are never closed"), is_reserved)
    }

    /// A place, if there is one that is not reserved.
    pub(super) fn try_take(&self) -> Option<Place> {
        Some(self.place(self.open.clone().try_acquire_owned().ok()?, false))
    }

    fn place(&self, permit: OwnedSemaphorePermit, is_reserved: bool) -> Place {
        let timeout = if is_reserved { self.timeout.min(RESERVED_TIMEOUT) } else { self.timeout };
        Place { _permit: permit, is_reserved, timeout }
    }
}

impl Place {
    /// How long the connection is kept after its last answer, to take what the client still sends.
    pub(super) fn linger(&self) -> Duration {
        if self.is_reserved { RESERVED_LINGER } else { LINGER }
    }
}

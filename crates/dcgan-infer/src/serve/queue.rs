//! The latents that wait for a model.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ndarray::{Array2, Array4};
use tokio::sync::oneshot;

/// The images `[N, C, H, W]` of a job's latents, all finite.
pub(super) type Answer = Result<Array4<f32>, Failure>;

/// Why a job has no images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The engine failed, as it says here.
    Engine(String),
    /// The image of this row has NaN or infinite values.
    NotFinite(usize),
}

/// The latents of one request.
#[derive(Debug)]
pub(super) struct Job {
    /// `[N, latent]`
    pub z: Array2<f32>,
    pub since: Instant,
    pub reply: oneshot::Sender<Answer>,
}

impl Job {
    /// Whether nobody waits for its images any more: the client went away, or its time was up.
    pub(super) fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }
}

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    Closed,
}

/// Jobs in the order in which they came, of so many latents at most.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    rows: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), capacity }
    }

    /// Adds the latents of a request. One of more latents than the queue has places is taken if nothing else waits.
    pub(super) fn submit(&self, z: Array2<f32>) -> Result<oneshot::Receiver<Answer>, Refused> {
        let (reply, answer) = oneshot::channel();
        let rows = z.nrows();
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.is_full(rows, self.capacity) {
            state.forget_abandoned();
            if state.is_full(rows, self.capacity) {
                return Err(Refused::Full);
            }
        }
        state.rows += rows;
        state.jobs.push_back(Job { z, since: Instant::now(), reply });
        drop(state);
        self.changed.notify_one();
        Ok(answer)
    }

    /// Takes jobs until they have `wanted` latents, the last one with those that it has beyond.
    ///
    /// With a delay it waits for the first job, and as long as that for the rest; `None` if none will come any more.
    /// Without, it takes what is there.
    pub(super) fn take(&self, wanted: usize, delay: Option<Duration>) -> Option<Vec<Job>> {
        let mut state = self.lock();
        loop {
            if let Some(delay) = delay {
                state = self.wait(state, wanted, delay);
            }
            let jobs = state.pop(wanted);
            if delay.is_none() || !jobs.is_empty() {
                return Some(jobs);
            }
            if state.closed && state.jobs.is_empty() {
                return None;
            }
        }
    }

    fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        wanted: usize,
        delay: Duration,
    ) -> MutexGuard<'a, State> {
        let is_idle = |state: &mut State| state.jobs.is_empty() && !state.closed;
        let mut state = self.changed.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner);
        while let Some(first) = state.jobs.front()
            && state.rows < wanted
            && !state.closed
        {
            let left = delay.saturating_sub(first.since.elapsed());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    /// Takes no further jobs; those in it are still handed out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Latents that wait.
    pub(super) fn rows(&self) -> usize {
        self.lock().rows
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_full(&self, rows: usize, capacity: usize) -> bool {
        self.rows > 0 && self.rows + rows > capacity
    }

    fn forget_abandoned(&mut self) {
        self.jobs.retain(|job| !job.is_abandoned());
        self.rows = self.jobs.iter().map(|job| job.z.nrows()).sum();
    }

    fn pop(&mut self, wanted: usize) -> Vec<Job> {
        let (mut jobs, mut rows) = (Vec::new(), 0);
        while rows < wanted
            && let Some(job) = self.jobs.pop_front()
        {
            self.rows -= job.z.nrows();
            if !job.is_abandoned() {
                rows += job.z.nrows();
                jobs.push(job);
            }
        }
        jobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latents(rows: usize) -> Array2<f32> {
        Array2::zeros((rows, 3))
    }

    fn sizes(jobs: Option<Vec<Job>>) -> Option<Vec<usize>> {
        jobs.map(|jobs| jobs.iter().map(|job| job.z.nrows()).collect())
    }

    #[test]
    fn jobs_are_taken_in_their_order_until_there_are_enough_latents() {
        let queue = Queue::new(100);
        let answers: Vec<_> = [2, 3, 4].map(|rows| queue.submit(latents(rows)).unwrap()).into();
        assert_eq!(sizes(queue.take(4, Some(Duration::ZERO))), Some(vec![2, 3]));
        assert_eq!(queue.rows(), 4);
        assert_eq!(sizes(queue.take(1, None)), Some(vec![4]));
        assert_eq!(sizes(queue.take(1, None)), Some(vec![]));
        drop(answers);
    }

    #[test]
    fn a_full_queue_refuses_unless_nothing_waits() {
        let queue = Queue::new(4);
        let large = queue.submit(latents(9)).unwrap();
        assert_eq!(queue.submit(latents(1)).unwrap_err(), Refused::Full);
        assert_eq!(sizes(queue.take(1, None)), Some(vec![9]));
        let _small = queue.submit(latents(3)).unwrap();
        assert_eq!(queue.submit(latents(2)).unwrap_err(), Refused::Full);
        let _last = queue.submit(latents(1)).unwrap();
        drop(large);
    }

    #[test]
    fn a_job_that_nobody_waits_for_gives_up_its_place() {
        let queue = Queue::new(4);
        drop(queue.submit(latents(4)).unwrap());
        let _answer = queue.submit(latents(3)).unwrap();
        drop(queue.submit(latents(1)).unwrap());
        assert_eq!(sizes(queue.take(4, Some(Duration::ZERO))), Some(vec![3]));
        assert_eq!(queue.rows(), 0);
    }

    #[test]
    fn a_closed_queue_hands_out_what_it_has_and_ends() {
        let queue = Queue::new(4);
        let _answer = queue.submit(latents(2)).unwrap();
        queue.close();
        assert_eq!(queue.submit(latents(1)).unwrap_err(), Refused::Closed);
        assert_eq!(sizes(queue.take(4, Some(Duration::MAX))), Some(vec![2]));
        assert_eq!(sizes(queue.take(4, Some(Duration::MAX))), None);
    }

    /// An hour's delay ends as soon as the batch is full.
    #[test]
    fn a_batch_waits_for_others_no_longer_than_it_takes() {
        let queue = Queue::new(100);
        let _first = queue.submit(latents(2)).unwrap();
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| queue.take(5, Some(Duration::from_secs(3600))));
            let _second = queue.submit(latents(3)).unwrap();
            assert_eq!(sizes(taken.join().unwrap()), Some(vec![2, 3]));
        });
    }
}

//! The thread that owns a generator: it draws the latents of all requests, in batches.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ndarray::{Array2, Array4, ArrayView4, Axis, s};

use super::metrics::ModelMetrics;
use super::queue::{Failure, Job, Queue};
use crate::engine::with_causes;
use crate::generator::{Generator, not_finite};

/// A job of which images may be drawn already.
struct Open {
    job: Job,
    /// The images so far, one after the other.
    images: Vec<f32>,
    /// Latents that are drawn, and that are in the batch under way.
    drawn: usize,
    in_batch: usize,
}

impl Open {
    fn left(&self) -> usize {
        self.job.z.nrows() - self.drawn
    }
}

/// What the thread works with.
pub(super) struct Worker {
    generator: Generator,
    queue: Arc<Queue>,
    max_batch: usize,
    max_delay: Duration,
    metrics: ModelMetrics,
    open: VecDeque<Open>,
}

impl Worker {
    /// A worker on a generator whose own batch is `max_batch`, too.
    pub(super) fn new(
        generator: Generator,
        queue: Arc<Queue>,
        max_batch: usize,
        max_delay: Duration,
        metrics: ModelMetrics,
    ) -> Self {
        Self { generator, queue, max_batch, max_delay, metrics, open: VecDeque::new() }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        while self.fill() {
            self.draw();
        }
    }

    /// Opens jobs until they fill a batch, or one if its images depend on those beside them; false at the end.
    fn fill(&mut self) -> bool {
        self.open.retain(|open| !open.job.is_abandoned());
        let rows: usize = self.open.iter().map(Open::left).sum();
        let wanted = if self.generator.dependence().is_none() { self.max_batch } else { 1 };
        if rows >= wanted {
            return true;
        }
        let delay = self.open.is_empty().then_some(self.max_delay);
        let Some(jobs) = self.queue.take(wanted - rows, delay) else { return false };
        let open = |job: Job| {
            self.metrics.queue_seconds.observe(job.since.elapsed().as_secs_f64());
            Open { job, images: Vec::new(), drawn: 0, in_batch: 0 }
        };
        self.open.extend(jobs.into_iter().map(open));
        true
    }

    /// Draws one batch. A panic of the engine is an answer like any other error: the thread goes on.
    fn draw(&mut self) {
        let z = self.batch();
        let start = Instant::now();
        let drawn = catch_unwind(AssertUnwindSafe(|| self.generator.sample(z.view())));
        self.metrics.inference_seconds.observe(start.elapsed().as_secs_f64());
        self.metrics.batch_size.observe(z.nrows() as f64);
        match drawn {
            Ok(Ok(images)) => {
                self.metrics.images.inc_by(z.nrows() as u64);
                self.hand_out(images.view());
            }
            Ok(Err(error)) => self.fail(&with_causes(&error)),
            Err(_) => self.fail("the engine panicked"),
        }
    }

    /// The next latents, `[N, latent]`, N up to `max_batch`.
    fn batch(&mut self) -> Array2<f32> {
        let (mut values, mut rows) = (Vec::new(), 0);
        for open in &mut self.open {
            open.in_batch = open.left().min(self.max_batch - rows);
            rows += open.in_batch;
            values.extend(open.job.z.slice(s![open.drawn..open.drawn + open.in_batch, ..]));
        }
        let shape = (rows, self.generator.latent_size());
        Array2::from_shape_vec(shape, values).expect("every job has latents of the model's size")
    }

    /// Gives each job its images `[N, C, H, W]` of the batch, and answers those that have all.
    fn hand_out(&mut self, images: ArrayView4<f32>) {
        let [channels, height, width] = self.generator.image_shape();
        let mut first = 0;
        for open in &mut self.open {
            let theirs = images.slice_axis(Axis(0), (first..first + open.in_batch).into());
            open.images.extend(theirs);
            first += open.in_batch;
            open.drawn += open.in_batch;
            open.in_batch = 0;
        }
        while self.open.front().is_some_and(|open| open.left() == 0)
            && let Some(Open { job, images, drawn, .. }) = self.open.pop_front()
        {
            let images = Array4::from_shape_vec((drawn, channels, height, width), images);
            let images = images.expect("drawn images of the model's shape");
            let answer = match not_finite(images.view()).first() {
                Some(row) => Err(Failure::NotFinite(*row)),
                None => Ok(images),
            };
            // Nobody may be there to take it.
            drop(job.reply.send(answer));
        }
    }

    /// Answers the jobs of the batch with an error.
    fn fail(&mut self, problem: &str) {
        tracing::error!(model = %self.generator.path().display(), problem, "a batch failed");
        let open = std::mem::take(&mut self.open);
        let (failed, others): (VecDeque<_>, VecDeque<_>) =
            open.into_iter().partition(|open| open.in_batch > 0);
        self.open = others;
        for open in failed {
            drop(open.job.reply.send(Err(Failure::Engine(problem.to_owned()))));
        }
    }
}

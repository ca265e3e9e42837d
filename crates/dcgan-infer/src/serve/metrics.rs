//! What Prometheus is told.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder, exponential_buckets,
};

use super::model::Models;

/// Counters and histograms of a server.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    queue_seconds: HistogramVec,
    batch_size: HistogramVec,
    inference_seconds: HistogramVec,
    images: IntCounterVec,
    waiting: IntGaugeVec,
    buffers: IntGauge,
    reloads: IntCounterVec,
    trial_timeouts: IntCounterVec,
}

/// Those of one model.
#[derive(Clone, Debug)]
pub(super) struct ModelMetrics {
    pub queue_seconds: Histogram,
    pub batch_size: Histogram,
    pub inference_seconds: Histogram,
    pub images: IntCounter,
}

impl Metrics {
    pub(super) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let histogram = |name: &str, help: &str, labels: &[&str], buckets: Vec<f64>| {
            let metric = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets), labels)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        // From a tenth of a millisecond to 52 seconds.
        let seconds = || exponential_buckets(1e-4, 2.0, 20);
        let waiting = Opts::new("dcgan_queue_images", "Images that wait for the model.");
        let waiting = IntGaugeVec::new(waiting, &["model"])?;
        registry.register(Box::new(waiting.clone()))?;
        let buffers = IntGauge::new("dcgan_buffered_bytes", "Memory of request bodies and answers.")?;
        registry.register(Box::new(buffers.clone()))?;
        Ok(Self {
            requests: counter(
                "dcgan_http_requests_total",
                "Requests that were answered.",
                &["method", "route", "status"],
            )?,
            request_seconds: histogram(
                "dcgan_http_request_seconds",
                "Time from a request's head to the head of its answer.",
                &["route"],
                seconds()?,
            )?,
            queue_seconds: histogram(
                "dcgan_queue_seconds",
                "Time that a request's latents wait for the model.",
                &["model"],
                seconds()?,
            )?,
            batch_size: histogram(
                "dcgan_batch_size",
                "Latents that go through the model at once.",
                &["model"],
                exponential_buckets(1.0, 2.0, 11)?,
            )?,
            inference_seconds: histogram(
                "dcgan_inference_seconds",
                "Time that the model takes for a batch.",
                &["model"],
                seconds()?,
            )?,
            images: counter("dcgan_images_total", "Images that were drawn.", &["model"])?,
            reloads: counter(
                "dcgan_reloads_total",
                "Changed files that were loaded (ok) or kept out (error).",
                &["model", "result"],
            )?,
            trial_timeouts: counter(
                "dcgan_trial_timeouts_total",
                "Changed files that did not finish their trial run in time; they are kept out.",
                &["model"],
            )?,
            waiting,
            buffers,
            registry,
        })
    }

    pub(super) fn of_model(&self, name: &str) -> ModelMetrics {
        // It can be watched before the first one.
        self.trial_timeouts.with_label_values(&[name]);
        ModelMetrics {
            queue_seconds: self.queue_seconds.with_label_values(&[name]),
            batch_size: self.batch_size.with_label_values(&[name]),
            inference_seconds: self.inference_seconds.with_label_values(&[name]),
            images: self.images.with_label_values(&[name]),
        }
    }

    /// The memory of request bodies and answers.
    pub(super) fn buffers(&self) -> IntGauge {
        self.buffers.clone()
    }

    /// Counts an answer. The route is the pattern that matched: addresses that clients make up add no series.
    pub(super) fn answered(&self, method: &str, route: &str, status: u16, time: Duration) {
        self.requests.with_label_values(&[method, route, &status.to_string()]).inc();
        self.request_seconds.with_label_values(&[route]).observe(time.as_secs_f64());
    }

    pub(super) fn reloaded(&self, model: &str, is_ok: bool) {
        let result = if is_ok { "ok" } else { "error" };
        self.reloads.with_label_values(&[model, result]).inc();
    }

    pub(super) fn trial_timed_out(&self, model: &str) {
        self.trial_timeouts.with_label_values(&[model]).inc();
    }

    /// All of it, in Prometheus' text format.
    pub(super) fn text(&self, models: &Models) -> prometheus::Result<String> {
        for model in models.all() {
            let waiting = i64::try_from(model.waiting()).unwrap_or(i64::MAX);
            self.waiting.with_label_values(&[&model.name]).set(waiting);
        }
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

//! Images over HTTP.
//!
//! - `GET /v1/images?seed=7&n=16` and `/v1/interpolate?from=1&to=9`: pictures and animations, for people
//! - `/v2`: the Open Inference Protocol, as Triton and KServe speak it, for programs
//! - `/`: a page to look around in; `/openapi.json`: all of it, for tools; `/metrics`: for Prometheus
//!
//! Each model has a thread of its own that draws the latents of all requests in batches. An image depends on its own
//! latent alone, so nobody notices; a model whose images depend on more draws each request by itself. What is too much is
//! answered 503 at once: the queue is bounded, and so are the connections, and the memory of request bodies and answers.
//!
//! ```no_run
//! use dcgan_infer::serve::{ModelSource, ServeConfig, Server, stop_signal};
//! use dcgan_infer::{Engine, EngineConfig};
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::start(&EngineConfig::default())?;
//! let models: Vec<ModelSource> = vec!["g.onnx".parse()?];
//! let server = Server::bind(engine, models, ServeConfig::default()).await?;
//! println!("http://{}", server.address());
//! server.run(stop_signal()).await;
//! # Ok(())
//! # }
//! ```

mod activity;
mod bare_error;
mod buffers;
mod config;
mod connection;
mod description;
mod error;
mod health;
mod hosts;
mod images;
mod json;
mod latents;
mod metrics;
mod model;
mod page;
mod picture;
mod places;
mod protocol;
mod queue;
mod reload;
mod request;
mod route;
mod shutdown;
mod stream;
mod tensor;
mod worker;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;

use self::activity::Activity;
use self::buffers::Buffers;
use self::description::Descriptions;
use self::hosts::Hosts;
use self::metrics::Metrics;
use self::model::Models;
use crate::engine::Engine;

pub use self::config::{ModelSource, ServeConfig, SourceError};
pub use self::error::ServeError;
pub use self::shutdown::stop_signal;

/// What every request may need.
#[derive(Debug)]
struct App {
    config: ServeConfig,
    models: Models,
    metrics: Metrics,
    buffers: Arc<Buffers>,
    hosts: Hosts,
    descriptions: Descriptions,
    activity: Arc<Activity>,
    stops: AtomicBool,
}

type SharedApp = Arc<App>;

/// How long a model may go on with images that nobody waits for any more, after all requests are answered.
const LAST_BATCH: Duration = Duration::from_secs(5);

/// A server that listens already, and answers once it [runs](Server::run).
#[derive(Debug)]
pub struct Server {
    engine: Engine,
    app: SharedApp,
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Loads the models and listens.
    ///
    /// # Errors
    /// [`ServeError`] if a model cannot be used, two have one name, or the address cannot be had.
    ///
    /// # Aborts
    /// As [`Generator::new`](crate::Generator::new).
    pub async fn bind(
        engine: Engine,
        models: Vec<ModelSource>,
        config: ServeConfig,
    ) -> Result<Self, ServeError> {
        let refused = |source| {
            let (host, port) = (config.host.clone(), config.port);
            ServeError::Listen { host, port, source }
        };
        let listener = TcpListener::bind((config.host.as_str(), config.port)).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let metrics = Metrics::new().expect("names and buckets are right");
        let models = Models::load(&engine, models, &config, &metrics)?;
        let buffers = Buffers::new(config.buffers, config.max_connections, metrics.buffers());
        let app = App {
            hosts: Hosts::new(&config, address),
            config,
            models,
            metrics,
            buffers: Arc::new(buffers),
            descriptions: Descriptions::default(),
            activity: Arc::new(Activity::new()),
            stops: AtomicBool::new(false),
        };
        let app = Arc::new(app);
        Ok(Self { engine, app, listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `stop` is ready, and then those that were accepted.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { engine, app, listener, .. } = self;
        let watches = reload::start(&engine, &app);
        let stop = async {
            stop.await;
            app.stops.store(true, Ordering::Relaxed);
            tracing::info!("stopping");
        };
        connection::serve(listener, &app, stop).await;
        drop(watches);
        match tokio::time::timeout(LAST_BATCH, stop_models(&app.models)).await {
            Ok(()) => tracing::info!("stopped"),
            Err(_) => tracing::warn!("stopped while a model draws: it does not finish"),
        }
    }
}

/// Ready when no model draws any more.
async fn stop_models(models: &Models) {
    let models: Vec<_> = models.all().collect();
    models.iter().for_each(|model| model.stop());
    while !models.iter().all(|model| model.is_stopped()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

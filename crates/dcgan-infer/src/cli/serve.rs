//! `dcgan-infer serve`.

use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use dcgan_infer::serve::{ModelSource, ServeConfig, Server, stop_signal};
use tracing::level_filters::LevelFilter;

use super::engine::EngineArgs;
use super::guard::guarded;
use super::model::ModelArgs;

/// How long what still runs may hold the program up at its end.
const LAST_WAIT: Duration = Duration::from_secs(5);
/// The key, where other users of the machine shall not read it off the command line.
const KEY_VARIABLE: &str = "DCGAN_API_KEY";

/// Serve images over HTTP, to people and programs
///
/// GET /v1/images?seed=7&n=16 is a picture, /v1/interpolate?from=1&to=9 an animation, / a page to look around in, /v2 the
/// Open Inference Protocol as Triton and KServe speak it, /metrics what Prometheus reads, /openapi.json all of it. Ctrl-C
/// or SIGTERM end it when what was accepted is answered.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Generator to serve, a .onnx file, called by its file name or by a NAME; again for others
    #[arg(long = "model", value_name = "[NAME=]FILE", required = true)]
    models: Vec<ModelSource>,
    /// Address to listen on; 0.0.0.0 or [::] is every network of the machine
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0 is any free one
    #[arg(long, value_name = "N", default_value_t = 8080)]
    port: u16,
    /// Latents that go through a model at once, of all requests
    #[arg(long, value_name = "N", default_value_t = 16, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=4096))]
    max_batch: u16,
    /// Microseconds that a request waits for others to fill its batch
    #[arg(long, value_name = "N", default_value_t = 500, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    max_delay_us: u32,
    /// Images that wait for a model; a request beyond is answered 503
    #[arg(long, value_name = "N", default_value_t = 1024, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    queue: u32,
    /// Images, or frames, of one request
    #[arg(long, value_name = "N", default_value_t = 256, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=10_000))]
    max_images: u16,
    /// Seconds that a request's head, its body, and its images may each take
    #[arg(long, value_name = "N", default_value_t = 30, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3600))]
    timeout: u32,
    /// Key that clients have to send as `Authorization: Bearer KEY`; the variable DCGAN_API_KEY names it, too
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,
    /// Serve a model as it was at the start, even if its file changes
    #[arg(long)]
    no_reload: bool,
    /// What is logged to stderr; debug has a line for each request
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: Level,
    /// How it is logged
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    about: ModelArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl ServeArgs {
    pub fn run(self) -> anyhow::Result<()> {
        start_log(self.log, self.log_format);
        let config = self.config();
        ensure!(
            config.api_key.as_ref().is_none_or(|key| !key.is_empty()),
            "the key is empty: name one with --api-key or {KEY_VARIABLE}, or leave both out"
        );
        let about = self.about.into();
        let sources =
            self.models.into_iter().map(|source| ModelSource { about: Clone::clone(&about), ..source });
        let sources: Vec<_> = sources.collect();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the threads that answer")?;
        let engine = self.engine.start()?;
        let (name, first) = (engine.name().to_owned(), sources[0].path.clone());
        let names: Vec<_> = sources.iter().map(|source| source.name.clone()).collect();
        let has_key = config.api_key.is_some();
        // The models are loaded here, and run once.
        let server = guarded(&name, &first, || runtime.block_on(Server::bind(engine, sources, config)))?;
        let address = server.address();
        if !address.ip().is_loopback() && !has_key {
            tracing::warn!("whoever reaches {address} can draw: --api-key asks for a key");
        }
        // Who reads the address may say at once that it is enough.
        let stop = {
            let _inside = runtime.enter();
            stop_signal()
        };
        writeln!(io::stdout(), "serving {} on http://{address}", names.join(", "))
            .context("cannot print the address")?;
        runtime.block_on(server.run(stop));
        runtime.shutdown_timeout(LAST_WAIT);
        Ok(())
    }

    fn config(&self) -> ServeConfig {
        let number = |number: u32| NonZeroUsize::new(number as usize).unwrap_or(NonZeroUsize::MIN);
        let defaults = ServeConfig::default();
        ServeConfig {
            host: self.host.trim_matches(['[', ']']).to_owned(),
            port: self.port,
            max_batch: number(self.max_batch.into()),
            max_delay: Duration::from_micros(self.max_delay_us.into()),
            queue: number(self.queue),
            max_images: number(self.max_images.into()),
            timeout: Duration::from_secs(self.timeout.into()),
            api_key: self.api_key.clone().or_else(|| std::env::var(KEY_VARIABLE).ok()),
            reload: defaults.reload.filter(|_| !self.no_reload),
            ..defaults
        }
    }
}

fn start_log(level: Level, format: LogFormat) {
    let level = match level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        // A log that nobody reads any more would be told of on the same closed pipe: a panic for each request.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

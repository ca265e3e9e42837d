//! `dcgan-infer serve`.

use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};
use dcgan_infer::serve::{ModelSource, ServeConfig, Server, stop_signal};
use tracing::level_filters::LevelFilter;

use super::engine::EngineArgs;
use super::guard::guarded;
use super::model::ModelArgs;
use super::say;

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
    ///
    /// The name has letters, digits, `.`, `_` and `-`. A file that exists under the whole text, such as lr=0.0002.onnx, is
    /// taken as a file; ./NAME=FILE always is.
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
    /// Connections at a time; on 32 more, health checks and metrics are answered, and anything else with 503
    #[arg(long, value_name = "N", default_value_t = 512, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,
    /// MiB of request bodies and of answers that clients have not read; a request beyond is answered 503
    #[arg(long, value_name = "N", default_value_t = 512, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    buffer_mb: u32,
    /// Seconds that a request's head, its body, and its images may each take, and that a client may read nothing of its
    /// answer
    #[arg(long, value_name = "N", default_value_t = 30, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3600))]
    timeout: u32,
    /// Key that clients have to send as `Authorization: Bearer KEY`; also read from DCGAN_API_KEY
    ///
    /// Other users of this machine see it in the list of processes (`ps`): --api-key-file and DCGAN_API_KEY hide it.
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,
    /// File with the key, on one line; it goes before DCGAN_API_KEY
    #[arg(long, value_name = "FILE", conflicts_with = "api_key")]
    api_key_file: Option<PathBuf>,
    /// Host name that requests may be for, besides localhost and addresses, such as a reverse proxy's; again for others
    ///
    /// A server on a loopback address answers other names with 403, so that pages of other sites cannot reach it through
    /// a name of theirs. On other addresses, names are checked only if this is given.
    #[arg(long = "allow-host", value_name = "NAME")]
    allowed_hosts: Vec<String>,
    /// Serve a model as it was at the start, even if its file changes
    #[arg(long)]
    no_reload: bool,
    /// Seconds in which a model has to draw a first image, in a process of its own, before it is served
    #[arg(long, value_name = "N", default_value_t = 60, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=3600))]
    trial_timeout: u16,
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
        let config = self.config()?;
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
        say::result(&format!("serving {} on http://{address}", names.join(", ")), "the address")?;
        runtime.block_on(server.run(stop));
        runtime.shutdown_timeout(LAST_WAIT);
        Ok(())
    }

    fn config(&self) -> anyhow::Result<ServeConfig> {
        let number = |number: u32| NonZeroUsize::new(number as usize).unwrap_or(NonZeroUsize::MIN);
        let defaults = ServeConfig::default();
        Ok(ServeConfig {
            host: self.host.trim_matches(['[', ']']).to_owned(),
            port: self.port,
            max_batch: number(self.max_batch.into()),
            max_delay: Duration::from_micros(self.max_delay_us.into()),
            queue: number(self.queue),
            max_images: number(self.max_images.into()),
            max_connections: self.max_connections as usize,
            buffers: (self.buffer_mb as usize).saturating_mul(1 << 20),
            timeout: Duration::from_secs(self.timeout.into()),
            api_key: self.key()?,
            allowed_hosts: self.allowed_hosts.clone(),
            reload: defaults.reload.filter(|_| !self.no_reload),
            program: Some(this_program()?),
            trial_timeout: Duration::from_secs(self.trial_timeout.into()),
            ..defaults
        })
    }

    /// The key that clients have to send, if there is one.
    fn key(&self) -> anyhow::Result<Option<String>> {
        let key = match (&self.api_key, &self.api_key_file) {
            (Some(key), _) => Some(key.clone()),
            (None, Some(path)) => Some(key_of(path)?),
            (None, None) => match env::var(KEY_VARIABLE) {
                Err(env::VarError::NotUnicode(_)) => bail!("{KEY_VARIABLE} is not UTF-8"),
                key => key.ok(),
            },
        };
        ensure!(
            key.as_ref().is_none_or(|key| !key.is_empty()),
            "the key is empty: name one with --api-key or {KEY_VARIABLE}, or leave both out"
        );
        Ok(key)
    }
}

/// The one line of a file.
fn key_of(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read the key from --api-key-file {}", path.display()))?;
    let key = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
    ensure!(!key.is_empty(), "--api-key-file {} is empty, expected a line with the key", path.display());
    ensure!(
        !key.contains(char::is_control),
        "--api-key-file {} has several lines, or control characters; expected one line with the key",
        path.display()
    );
    Ok(key.to_owned())
}

/// This program, to start it again: on Linux even after its file was replaced by another version.
fn this_program() -> anyhow::Result<PathBuf> {
    const RUNNING: &str = "/proc/self/exe";
    if cfg!(target_os = "linux") && Path::new(RUNNING).exists() {
        return Ok(RUNNING.into());
    }
    std::env::current_exe().context("cannot find this program, to try models with it")
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

//! The models that are served.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use dcgan_core::checksum;
use ndarray::{Array2, Array4};

use super::error::{ApiError, ServeError};
use super::metrics::Metrics;
use super::queue::{Failure, Queue, Refused};
use super::worker::Worker;
use super::{ModelSource, ServeConfig};
use crate::doctor::child::{self, Asked};
use crate::doctor::{Probe, TrialProbe};
use crate::engine::Engine;
use crate::generator::{Dependence, Device, Generator, GeneratorConfig, GeneratorError};
use crate::model_file::ModelFile;

/// A model in an engine, with the thread that runs it. It ends when nobody holds it any more.
#[derive(Debug)]
pub(super) struct Model {
    pub name: String,
    /// Names of the file's input and output.
    pub input: String,
    pub output: String,
    /// Numbers of a latent.
    pub latent: usize,
    /// Channels, height and width.
    pub image: [usize; 3],
    pub engine: String,
    pub device: String,
    /// Stands for the content of its files: another file has another one.
    pub digest: String,
    /// Whether it draws the same image of a latent again, whatever is drawn beside it.
    pub is_repeatable: bool,
    /// The files that it lies in, and what they looked like when it was loaded.
    pub files: Vec<PathBuf>,
    pub stamp: Stamp,
    queue: Arc<Queue>,
    worker: JoinHandle<()>,
}

impl Model {
    /// Loads a model and starts its thread; one that is not as it was exported only if `takes_changed`.
    pub(super) fn load(
        engine: &Engine,
        source: &ModelSource,
        config: &ServeConfig,
        metrics: &Metrics,
        takes_changed: bool,
    ) -> Result<Self, ServeError> {
        let before = Stamp::of(std::slice::from_ref(&source.path));
        let file = ModelFile::read(&source.path)?;
        if file.is_changed() && !takes_changed {
            return Err(ServeError::Damaged(source.path.clone()));
        }
        let files: Vec<_> = [source.path.clone()].into_iter().chain(file.weights().iter().cloned()).collect();
        let stamp = Stamp::of(&files);
        let digest = digest(&file, &source.about)?;
        if file.is_changed() {
            tracing::warn!(
                name = source.name,
                "the file does not have the checksum that it was exported with"
            );
        }
        let is_unchanged = || match stamp.begins_with(&before) && Stamp::of(&files) == stamp {
            true => Ok(()),
            false => Err(ServeError::Changing(source.path.clone())),
        };
        try_out(engine, source, config)?;
        // What was tried is what is loaded.
        is_unchanged()?;
        let sessions = engine.sessions(usize::MAX);
        let generator = Generator::in_sessions(engine, file, &source.about, sessions)?;
        is_unchanged()?;
        warn_of(&generator, &source.name);
        // A model of a fixed batch is run with whole ones.
        let max_batch = generator.fixed_batch().unwrap_or(config.max_batch);
        let generator = generator.with_batch(max_batch);
        let queue = Arc::new(Queue::new(config.queue.get()));
        Ok(Self {
            name: source.name.clone(),
            input: generator.input_name().to_owned(),
            output: generator.output_name().to_owned(),
            latent: generator.latent_size(),
            image: generator.image_shape(),
            engine: generator.engine().to_owned(),
            device: generator.device().to_string(),
            digest,
            is_repeatable: generator.dependence().is_none(),
            files,
            stamp,
            queue: queue.clone(),
            worker: {
                let metrics = metrics.of_model(&source.name);
                let worker = Worker::new(generator, queue, max_batch.get(), config.max_delay, metrics);
                let thread = thread::Builder::new().name(format!("model {}", source.name));
                thread.spawn(|| worker.run()).map_err(ServeError::Thread)?
            },
        })
    }

    /// The images `[N, C, H, W]` in [-1, 1] of latents `[N, latent]`, drawn together with those of other requests.
    pub(super) async fn draw(&self, z: Array2<f32>, timeout: Duration) -> Result<Array4<f32>, ApiError> {
        let answer = self.queue.submit(z).map_err(|refused| match refused {
            Refused::Full => ApiError::Full,
            Refused::Closed => ApiError::Stopping,
        })?;
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(images)) => images.map_err(|failure| match failure {
                Failure::Engine(problem) => ApiError::Run(problem),
                Failure::NotFinite(row) => ApiError::NotFinite(row),
            }),
            Ok(Err(_)) => Err(ApiError::Run("its thread ended".to_owned())),
            Err(_) => Err(ApiError::TimedOut),
        }
    }

    /// Latents that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.rows()
    }

    /// Has the thread end when it has drawn what waits.
    pub(super) fn stop(&self) {
        self.queue.close();
    }

    /// Whether the thread ended.
    pub(super) fn is_stopped(&self) -> bool {
        self.worker.is_finished()
    }
}

/// Loads the model in another process, if there is a program for it: a model that never finishes, or crashes the engine,
/// does so there. Any other error comes again in this process.
fn try_out(engine: &Engine, source: &ModelSource, config: &ServeConfig) -> Result<(), ServeError> {
    let Some(program) = &config.program else { return Ok(()) };
    let probe = Probe::Trial(TrialProbe {
        library: engine.library().cloned(),
        device: engine.device,
        threads: engine.threads,
        model: source.path.clone(),
        about: source.about.clone(),
    });
    let path = source.path.clone();
    match child::ask::<Option<String>>(program, config.trial_timeout, &probe) {
        Asked::Answered(_) => Ok(()),
        Asked::Died(reason) => Err(ServeError::Trial { path, reason }),
        Asked::Late(_) => Err(ServeError::Endless { path, seconds: config.trial_timeout.as_secs() }),
    }
}

/// Logs what whoever serves the model should know.
fn warn_of(generator: &Generator, name: &str) {
    if let Device::Cpu { instead_of_cuda: Some(reason) } = generator.device() {
        tracing::warn!(name, reason, "CUDA cannot be used, the CPU is");
    }
    if let Some(batch) = generator.hidden_batch() {
        tracing::warn!(
            name,
            batch,
            "the file declares any batch size, but its graph runs with this one only"
        );
    }
    let reason = match generator.dependence() {
        None => return,
        Some(Dependence::Chance) => "its graph draws random numbers",
        Some(Dependence::Neighbors) => {
            "its images depend on the others of a batch, as with BatchNorm in training mode"
        }
    };
    tracing::warn!(name, reason, "a seed has no fixed image: pictures get no ETag, requests share no batch");
}

impl Drop for Model {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// A hash of all the files that a model lies in, and of what is said of them: the images depend on both.
fn digest(file: &ModelFile, about: &GeneratorConfig) -> Result<String, GeneratorError> {
    let mut hashes = format!("{about:?}{}", checksum::checksum(file.bytes()));
    for path in file.weights() {
        let read = |reason| GeneratorError::Read { path: path.clone(), reason };
        hashes += &checksum::checksum(&fs::read(path).map_err(read)?);
    }
    Ok(checksum::checksum(hashes.as_bytes())[..16].to_owned())
}

/// What changes when a file is written anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Vec<Option<(u64, Option<SystemTime>, u64)>>);

impl Stamp {
    pub(super) fn of(files: &[PathBuf]) -> Self {
        Self(files.iter().map(|path| stamp(path)).collect())
    }

    /// Whether the first file is there, the one that names the others.
    pub(super) fn is_there(&self) -> bool {
        self.0.first().is_some_and(Option::is_some)
    }

    /// Whether the first files are those of `other`.
    fn begins_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

fn stamp(path: &Path) -> Option<(u64, Option<SystemTime>, u64)> {
    let file = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&file);
    #[cfg(not(unix))]
    let inode = 0;
    Some((file.len(), file.modified().ok(), inode))
}

/// A name, and the model that it stands for at present.
#[derive(Debug)]
pub(super) struct Slot {
    pub source: ModelSource,
    current: RwLock<Arc<Model>>,
}

impl Slot {
    pub(super) fn new(source: ModelSource, model: Model) -> Self {
        Self { source, current: RwLock::new(Arc::new(model)) }
    }

    pub(super) fn get(&self) -> Arc<Model> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Requests that come from now on are drawn by `model`; those that were accepted stay where they are.
    pub(super) fn replace(&self, model: Model) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(model);
    }
}

/// The models by their names; the first is the one that is meant where no name is given.
#[derive(Debug)]
pub(super) struct Models(Vec<Slot>);

impl Models {
    pub(super) fn load(
        engine: &Engine,
        sources: Vec<ModelSource>,
        config: &ServeConfig,
        metrics: &Metrics,
    ) -> Result<Self, ServeError> {
        if sources.is_empty() {
            return Err(ServeError::NoModel);
        }
        let mut names = HashSet::new();
        if let Some(twin) = sources.iter().find(|source| !names.insert(&source.name)) {
            return Err(ServeError::Name(twin.name.clone()));
        }
        let mut slots = Vec::with_capacity(sources.len());
        for source in sources {
            let model = Model::load(engine, &source, config, metrics, true)?;
            slots.push(Slot::new(source, model));
        }
        Ok(Self(slots))
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.0
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Arc<Model>> {
        self.0.iter().map(Slot::get)
    }

    /// The model of this name, or the first.
    pub(super) fn find(&self, name: Option<&str>) -> Result<Arc<Model>, ApiError> {
        let is_it = |slot: &&Slot| name.is_none_or(|name| slot.source.name == name);
        self.0.iter().find(is_it).map(Slot::get).ok_or_else(|| {
            let names: Vec<_> = self.0.iter().map(|slot| slot.source.name.as_str()).collect();
            ApiError::NoModel { name: name.unwrap_or_default().to_owned(), served: names.join(", ") }
        })
    }
}

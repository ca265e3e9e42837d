//! The models that are served.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use dcgan_core::latent::latents;
use dcgan_core::seal;
use ndarray::{Array2, Array4};

use super::error::{ApiError, ServeError};
use super::metrics::Metrics;
use super::queue::{Queue, Refused};
use super::worker::Worker;
use super::{ModelSource, ServeConfig};
use crate::engine::Engine;
use crate::generator::{Device, Generator, GeneratorConfig, GeneratorError};
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
    /// Whether its file is as it was exported, as far as that is known, and its values are numbers.
    pub is_sound: bool,
    /// The files that it lies in, and what they looked like when it was loaded.
    pub files: Vec<PathBuf>,
    pub stamp: Stamp,
    queue: Arc<Queue>,
    worker: Mutex<Option<JoinHandle<()>>>,
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
        let (digest, is_changed) = (digest(&file, &source.about)?, file.is_changed());
        let sessions = engine.sessions(usize::MAX);
        let generator = Generator::in_sessions(engine, file, &source.about, sessions)?;
        if let Device::Cpu { instead_of_cuda: Some(reason) } = generator.device() {
            tracing::warn!(name = source.name, reason, "CUDA cannot be used, the CPU is");
        }
        // A model of a fixed batch is run with whole ones.
        let max_batch = generator.fixed_batch().unwrap_or(config.max_batch);
        let mut generator = generator.with_batch(max_batch);
        // The first run takes longer than the others: here nobody waits for it.
        let trial = generator.sample(latents(0, 1, generator.latent_size()).view())?;
        if Stamp::of(&files) != stamp || !stamp.begins_with(&before) {
            return Err(ServeError::Changing(source.path.clone()));
        }
        let queue = Arc::new(Queue::new(config.queue.get()));
        let model = Self {
            name: source.name.clone(),
            input: generator.input_name().to_owned(),
            output: generator.output_name().to_owned(),
            latent: generator.latent_size(),
            image: generator.image_shape(),
            engine: generator.engine().to_owned(),
            device: generator.device().to_string(),
            digest,
            is_sound: !is_changed && trial.iter().all(|value| value.is_finite()),
            files,
            stamp,
            queue: queue.clone(),
            worker: Mutex::default(),
        };
        let metrics = metrics.of_model(&source.name);
        let worker = Worker::new(generator, queue, max_batch.get(), config.max_delay, metrics);
        let thread = thread::Builder::new().name(format!("model {}", source.name));
        let worker = thread.spawn(|| worker.run()).map_err(ServeError::Thread)?;
        *model.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker);
        Ok(model)
    }

    /// The images `[N, C, H, W]` in [-1, 1] of latents `[N, latent]`, drawn together with those of other requests.
    pub(super) async fn draw(&self, z: Array2<f32>, timeout: Duration) -> Result<Array4<f32>, ApiError> {
        let answer = self.queue.submit(z).map_err(|refused| match refused {
            Refused::Full => ApiError::Full,
            Refused::Closed => ApiError::Stopping,
        })?;
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(images)) => images.map_err(ApiError::Run),
            Ok(Err(_)) => Err(ApiError::Run("its thread ended".to_owned())),
            Err(_) => Err(ApiError::TimedOut),
        }
    }

    /// Latents that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.rows()
    }

    /// Draws what waits, and ends the thread. It blocks.
    pub(super) fn stop(&self) {
        self.queue.close();
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker {
            drop(worker.join());
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// A hash of all the files that a model lies in, and of what is said of them: the images depend on both.
fn digest(file: &ModelFile, about: &GeneratorConfig) -> Result<String, GeneratorError> {
    let mut hashes = format!("{about:?}{}", seal::checksum(file.bytes()));
    for path in file.weights() {
        let read = |reason| GeneratorError::Read { path: path.clone(), reason };
        hashes += &seal::checksum(&fs::read(path).map_err(read)?);
    }
    Ok(seal::checksum(hashes.as_bytes())[..16].to_owned())
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
            if !model.is_sound {
                tracing::warn!(
                    name = model.name,
                    "its checksum is another one, or its values are no numbers"
                );
            }
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

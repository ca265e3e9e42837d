//! A training run: data in, checkpoints, sample grids and metrics out.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use dcgan_core::atomic::{self, WriteError};
use dcgan_core::checkpoint::{Checkpoint, TrainingRecord};
use dcgan_core::rng::Rng;
use dcgan_core::spec::NetworkSpec;
use dcgan_core::{grid, latent};

use crate::arch::{Architecture, ForArchitecture};
use crate::batch::{images_from_bytes, random_latents};
use crate::config::TrainConfig;
use crate::data::{Batch, DataError, Loader, LoaderConfig, epoch_batches};
use crate::engine::Engine;
use crate::error::TrainError;
use crate::event::{Event, Step};
use crate::gan::{Gan, StepStats};
use crate::metrics::{Averages, Metrics, MetricsFile};
use crate::plot::{self, LossHistory};
use crate::sampler::sample;
use crate::streams;

/// Images of a sample grid.
const GRID_IMAGES: usize = 64;

/// Trains as `config` says on `device`, and tells `report` what happens.
///
/// # Errors
/// [`TrainError`] says which file, folder or setting is wrong; checkpoints written before stay.
pub fn train<E: Engine>(
    config: &TrainConfig,
    device: &E::Device,
    report: &mut dyn FnMut(Event),
) -> Result<(), TrainError> {
    config.arch.run(Training::<E> { config, device, report })
}

struct Training<'a, E: Engine> {
    config: &'a TrainConfig,
    device: &'a E::Device,
    report: &'a mut dyn FnMut(Event),
}

impl<E: Engine> ForArchitecture for Training<'_, E> {
    type Output = Result<(), TrainError>;

    fn run<A: Architecture>(self, name: &'static str) -> Self::Output {
        let Self { config, device, report } = self;
        let dataset = config.dataset.open(&config.data_dir, A::SIDE, &config.download, report)?;
        let images = dataset.len();
        check_batch_size(config, images)?;
        let mut loader = Loader::start(dataset, loader_config::<A>(config))?;
        // Data that cannot be used is known before anything of an earlier run is replaced.
        let first = Some(loader.next_batch()?);
        for folder in [&config.checkpoint_dir, &config.output_dir] {
            atomic::check_folder(folder)?;
        }
        let steps_per_epoch = epoch_batches(images, config.batch_size) as u64;
        report(Event::Started {
            arch: name,
            dataset: config.dataset.name(),
            images,
            steps_per_epoch,
            batch_size: config.batch_size,
        });
        let gan = Gan::<A, E>::new(device, config.gan(), config.seed).map_err(TrainError::device)?;
        // As its metrics, an earlier run's plot goes: it must not pass for this run's.
        plot::remove(&plot_path(config))?;
        let metrics = MetricsFile::create(&config.output_dir.join("metrics.jsonl"))?;
        let averages = Averages::new();
        let limit = config.max_minutes.map(|minutes| Duration::from_secs_f64(60.0 * minutes));
        let clock = Clock { start: Instant::now(), limit };
        let run = Run {
            config,
            name,
            gan,
            loader,
            first,
            metrics,
            averages,
            history: LossHistory::default(),
            steps_per_epoch,
            last_step: 0,
            steps: 0,
            images_seen: 0,
            skipped: 0,
            clock,
            report,
        };
        run.all()
    }
}

fn plot_path(config: &TrainConfig) -> PathBuf {
    config.output_dir.join("training_loss.png")
}

/// A batch that the dataset cannot fill would be trained on as a smaller one than was asked for.
fn check_batch_size(config: &TrainConfig, images: usize) -> Result<(), DataError> {
    let batch_size = config.batch_size;
    if batch_size > images {
        let dataset = config.dataset.describe(&config.data_dir);
        return Err(DataError::BatchSize { batch_size, dataset, images });
    }
    Ok(())
}

fn loader_config<A: Architecture>(config: &TrainConfig) -> LoaderConfig {
    LoaderConfig {
        size: A::SIDE,
        channels: A::CHANNELS,
        batch_size: config.batch_size,
        seed: config.seed,
        cache_bytes: config.cache_mib.saturating_mul(1 << 20),
        ..LoaderConfig::default()
    }
}

/// How long a run may take.
struct Clock {
    start: Instant,
    limit: Option<Duration>,
}

impl Clock {
    fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.start.elapsed() >= limit)
    }

    /// The step after which time is over if those to come are as fast as the first `steps`.
    fn last_step(&self, steps: u64) -> Option<u64> {
        let parts = self.limit?.div_duration_f64(self.start.elapsed());
        Some((steps as f64 * parts.max(1.0)) as u64)
    }
}

/// A run that goes on.
struct Run<'a, A: Architecture, E: Engine> {
    config: &'a TrainConfig,
    name: &'static str,
    gan: Gan<A, E>,
    loader: Loader,
    first: Option<Batch>,
    metrics: MetricsFile,
    averages: Averages,
    history: LossHistory,
    /// Those of the last epoch that ended; before, as many as there are without broken images.
    steps_per_epoch: u64,
    /// The run's last step, as far as is known.
    last_step: u64,
    steps: u64,
    images_seen: u64,
    skipped: usize,
    clock: Clock,
    report: &'a mut dyn FnMut(Event),
}

impl<A: Architecture, E: Engine> Run<'_, A, E> {
    fn all(mut self) -> Result<(), TrainError> {
        for epoch in 1..=self.config.num_epochs {
            let before = self.steps;
            self.last_step = self.planned_steps(epoch);
            let stopped = self.epoch(epoch)?;
            self.steps_per_epoch = self.steps - before;
            let last = stopped || epoch == self.config.num_epochs;
            if last || self.averages.worth_a_report() {
                self.progress(epoch);
            }
            self.metrics.flush()?;
            let due = !stopped && epoch.is_multiple_of(self.config.save_interval);
            // Networks before pictures: they are what must not be lost.
            if due {
                self.save(&format!("epoch_{epoch}"))?;
            }
            if last {
                self.save("final")?;
            }
            if due || last {
                self.save_grid(epoch)?;
                self.save_plot()?;
            }
            if last {
                break;
            }
        }
        Ok(())
    }

    /// The run's last step if this epoch and those after it are as long as the one before.
    fn planned_steps(&self, epoch: u64) -> u64 {
        let epochs = self.config.num_epochs - epoch + 1;
        let steps = self.steps.saturating_add(epochs.saturating_mul(self.steps_per_epoch));
        self.config.max_steps.map_or(steps, |most| most.min(steps))
    }

    /// Trains for an epoch; whether `--max-steps` or `--max-minutes` stopped it.
    fn epoch(&mut self, epoch: u64) -> Result<bool, TrainError> {
        loop {
            let batch = match self.first.take() {
                Some(batch) => batch,
                None => self.loader.next_batch()?,
            };
            for error in &batch.broken {
                self.skipped += 1;
                (self.report)(Event::Skipped { reason: error.to_string(), count: self.skipped });
            }
            let last_of_epoch = batch.last_of_epoch;
            let stats = self.step(&batch)?;
            self.record_step(epoch, stats, batch.count)?;
            if !(stats.loss_d.is_finite() && stats.loss_g.is_finite()) {
                // It shows how it came to that; that it did is the more important news.
                let _ = self.save_plot();
                return Err(TrainError::Diverged {
                    step: self.steps,
                    loss_d: stats.loss_d,
                    loss_g: stats.loss_g,
                });
            }
            if self.averages.due() {
                self.progress(epoch);
                self.metrics.flush()?;
            }
            if self.clock.is_over() || Some(self.steps) == self.config.max_steps {
                return Ok(true);
            }
            if last_of_epoch {
                return Ok(false);
            }
        }
    }

    fn step(&mut self, batch: &Batch) -> Result<StepStats, TrainError> {
        let device = self.gan.device().clone();
        // Each step draws from streams of its own, so that going on from step N needs no memory of the others.
        let latents = [0, 1].map(|which| {
            let mut rng = Rng::stream(self.config.seed, streams::LATENTS, 2 * self.steps + which);
            random_latents::<A, E>(&device, &mut rng, batch.count)
        });
        let [first, second] = latents;
        let latents = [first.map_err(TrainError::device)?, second.map_err(TrainError::device)?];
        let real = images_from_bytes::<A, E>(&device, &batch.pixels).map_err(TrainError::device)?;
        self.steps += 1;
        self.images_seen += batch.count as u64;
        self.gan.step(real, latents).map_err(TrainError::device)
    }

    /// Keeps and tells what a step of so many images came to.
    fn record_step(&mut self, epoch: u64, stats: StepStats, images: usize) -> Result<(), TrainError> {
        let (epochs, step, images_seen) = (self.config.num_epochs, self.steps, self.images_seen);
        let metrics = Metrics { epoch, step, images_seen, stats };
        self.metrics.write(&metrics, self.averages.add(&metrics, images))?;
        self.history.push(step, epoch, stats.loss_d, stats.loss_g);
        let steps = self.clock.last_step(step).map_or(self.last_step, |last| last.min(self.last_step));
        (self.report)(Event::Step(Step { epoch, epochs, step, steps, images_seen, stats }));
        Ok(())
    }

    /// Reports the averages since the last report, if there is anything new.
    fn progress(&mut self, epoch: u64) {
        if let Some(averages) = self.averages.take() {
            let epochs = self.config.num_epochs;
            (self.report)(Event::Progress { epoch, epochs, step: self.steps, averages });
        }
    }

    /// Draws the images of the seeds from `--seed` on, the same ones each time.
    fn save_grid(&mut self, epoch: u64) -> Result<(), TrainError> {
        let latents = latent::latents(self.config.seed, GRID_IMAGES, A::LATENT);
        let images = sample::<A, E>(self.gan.generator(), self.gan.device(), latents.view());
        let images = images.map_err(TrainError::device)?;
        let picture = grid::grid(images.view(), grid::square_columns(GRID_IMAGES));
        let path = self.config.output_dir.join(format!("generated_epoch_{epoch}.png"));
        self.saved(path.clone(), grid::save_png(&picture, &path))
    }

    /// Draws the losses so far, once there are enough for a line.
    fn save_plot(&mut self) -> Result<(), TrainError> {
        let path = plot_path(self.config);
        if plot::save(&self.history, &path)? {
            (self.report)(Event::Saved(path));
        }
        Ok(())
    }

    /// Saves both networks.
    fn save(&mut self, when: &str) -> Result<(), TrainError> {
        let generator = NetworkSpec::Generator(A::generator(self.name));
        let tensors = self.gan.generator_state();
        self.save_network(when, Checkpoint { spec: generator, record: self.record(), tensors })?;
        let discriminator = NetworkSpec::Discriminator(A::discriminator(self.name));
        let tensors = self.gan.discriminator_state();
        self.save_network(when, Checkpoint { spec: discriminator, record: self.record(), tensors })
    }

    fn save_network(&mut self, when: &str, checkpoint: Checkpoint) -> Result<(), TrainError> {
        let name = format!("{}_{when}.safetensors", checkpoint.spec.kind());
        let path = self.config.checkpoint_dir.join(name);
        self.saved(path.clone(), checkpoint.save(&path))
    }

    fn saved(&mut self, path: PathBuf, result: Result<(), WriteError>) -> Result<(), TrainError> {
        result?;
        (self.report)(Event::Saved(path));
        Ok(())
    }

    fn record(&self) -> TrainingRecord {
        let config = self.config;
        let gan = config.gan();
        let options = [
            ("dataset", serde_json::json!(config.dataset.name())),
            ("batch_size", config.batch_size.into()),
            ("learning_rate", config.learning_rate.into()),
            ("beta1", config.beta1.into()),
            ("beta2", gan.adam.betas[1].into()),
            ("real_label", gan.real_label.into()),
            ("fake_label", gan.fake_label.into()),
            ("seed", config.seed.into()),
        ];
        let options = options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        TrainingRecord { steps: self.steps, images_seen: self.images_seen, options }
    }
}

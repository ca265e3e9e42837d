//! A training run: data in, checkpoints, sample grids and metrics out.
//!
//! - [`train`] opens what a run needs and starts it
//! - `run`: the loop: a step, what follows each step, what follows each epoch; `step`: a step itself
//! - `position`: where in its data a run stands; `clock`: how long it may take
//! - `log`: the numbers of each step; `files`: networks and pictures; `record`: the options that a result depends on

use dcgan_core::atomic;

use crate::arch::{Architecture, ForArchitecture};
use crate::config::TrainConfig;
use crate::data::{DataError, Loader, LoaderConfig, epoch_batches};
use crate::engine::Engine;
use crate::error::TrainError;
use crate::event::Event;
use crate::gan::Gan;
use crate::plot;

mod clock;
mod files;
mod log;
mod position;
mod record;
mod run;
mod step;

use clock::Clock;
use log::Log;
use position::Position;
use run::Run;

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
        let batches_per_epoch = epoch_batches(images, config.batch_size) as u64;
        check_d_steps(config, batches_per_epoch)?;
        let mut loader = Loader::start(dataset, loader_config::<A>(config))?;
        // Data that cannot be used is known before anything of an earlier run is replaced.
        let ahead = Some(loader.next_batch()?);
        for folder in [&config.checkpoint_dir, &config.output_dir] {
            atomic::check_folder(folder)?;
        }
        let steps_per_epoch = config.steps(batches_per_epoch);
        report(Event::Started {
            arch: name,
            dataset: config.dataset.name(),
            images,
            steps_per_epoch,
            images_per_step: config.batch_size as u64 * config.d_steps,
        });
        let gan = Gan::<A, E>::new(device, config.gan(), config.seed).map_err(TrainError::device)?;
        // As its metrics, an earlier run's plot goes: it must not pass for this run's.
        plot::remove(&files::plot_path(config))?;
        let run = Run {
            config,
            name,
            gan,
            loader,
            ahead,
            log: Log::create(config)?,
            batches_per_epoch,
            last_step: 0,
            position: Position::default(),
            schedule: config.schedule(steps_per_epoch),
            clock: Clock::start(config.max_minutes),
            report,
        };
        run.all()
    }
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

/// With more, no step would make as many updates as were asked for.
fn check_d_steps(config: &TrainConfig, batches: u64) -> Result<(), DataError> {
    let d_steps = config.d_steps;
    if d_steps > batches {
        let dataset = config.dataset.describe(&config.data_dir);
        return Err(DataError::DiscriminatorSteps { d_steps, dataset, batches });
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

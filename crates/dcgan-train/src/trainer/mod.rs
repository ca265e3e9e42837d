//! A training run: data in, checkpoints, sample grids and metrics out.
//!
//! - [`train`] opens what a run needs and starts it, or goes on with one
//! - `run`: the loop: a step, and what follows each epoch; `step`: a step itself; `unread`: what follows each step
//! - `data`: the images, compared with those that a run began with, and checked
//! - `position`: where in its data a run stands; `clock`: how long it may take
//! - `log`: the numbers of each step; `files`: networks and pictures; `record`: the options that a result depends on
//! - `run_state`: all of a run in a file; `states`: the folder of these; `going_back`: saving one, and going back to one
//! - `earlier_run`: what an earlier run left in the same folders
//! - `memory`: how much memory a run needs
//! - `measure`: how good the generator is, and the best one
//! - `outcome`: what a run came to

use std::path::Path;
use std::time::Duration;

use dcgan_data::epoch_batches;

use crate::arch::{Architecture, ForArchitecture};
use crate::collapse::Guard;
use crate::config::TrainConfig;
use crate::engine::Engine;
use crate::error::{ResumeError, TrainError};
use crate::event::Event;
use crate::gan::Gan;
use crate::interrupt::Interrupt;

mod clock;
mod data;
mod earlier_run;
mod files;
mod going_back;
mod log;
mod measure;
mod memory;
mod outcome;
mod position;
mod record;
mod run;
mod run_state;
mod states;
mod step;
mod unread;

pub use outcome::{Ending, Outcome};

use clock::Clock;
use data::Data;
use earlier_run::EarlierRun;
use log::Log;
use measure::Best;
use run::{LastFiles, Run};
use run_state::RunState;
use states::{Found, States};
use unread::Steps;

/// Trains as `config` says on `device`, and tells `report` what happens.
///
/// # Errors
/// [`TrainError`] says which file, folder or setting is wrong; checkpoints and states written before stay.
pub fn train<E: Engine>(
    config: &TrainConfig,
    device: &E::Device,
    report: &mut dyn FnMut(Event),
) -> Result<Outcome, TrainError> {
    train_until::<E>(config, device, &Interrupt::default(), report)
}

/// As [`train`], but ends after the step in which `interrupt` asks for it, with everything saved that is needed to go
/// on.
///
/// # Errors
/// As [`train`].
pub fn train_until<E: Engine>(
    config: &TrainConfig,
    device: &E::Device,
    interrupt: &Interrupt,
    report: &mut dyn FnMut(Event),
) -> Result<Outcome, TrainError> {
    config.arch.run(Training::<E> { config, device, interrupt, report })
}

struct Training<'a, E: Engine> {
    config: &'a TrainConfig,
    device: &'a E::Device,
    interrupt: &'a Interrupt,
    report: &'a mut dyn FnMut(Event),
}

impl<E: Engine> ForArchitecture for Training<'_, E> {
    type Output = Result<Outcome, TrainError>;

    fn run<A: Architecture>(self, name: &'static str) -> Self::Output {
        let Self { config, device, interrupt, report } = self;
        let found = config.resume.then(|| find(config, report)).transpose()?;
        let old = found.as_ref().map(|found| &found.state.description);
        let mut position = old.map(|old| old.position.clone()).unwrap_or_default();
        let data = Data::open::<A>(config, old, &mut position, report)?;
        let images = data.usable(&position);
        memory::check::<A, E>(config, images)?;
        let mut loader = data.load::<A>(config, &position)?;
        // Data that cannot be used is known before anything of an earlier run is replaced.
        let ahead = loader.next_batch()?;
        let states = States::open(config)?;
        let batches_per_epoch = epoch_batches(images, config.batch_size) as u64;
        let steps_per_epoch = config.steps(batches_per_epoch);
        let mut schedule = config.schedule(steps_per_epoch);
        schedule.steps = old.and_then(|old| old.schedule_steps).unwrap_or(schedule.steps);
        let mut gan = Gan::<A, E>::new(device, config.gan(), config.seed).map_err(TrainError::device)?;
        let begun = match found {
            Some(found) => {
                states.forget(&found.damaged);
                go_on(config, &mut gan, found, report)?
            }
            None => begin(config, &states, report)?,
        };
        report(Event::Started {
            arch: name,
            dataset: config.dataset.name(),
            images,
            steps_per_epoch,
            images_per_step: config.batch_size as u64 * config.d_steps,
        });
        let Begun { log, grids, best, guard, rollbacks, epoch_due, before, saved } = begun;
        let is_changed = data.is_changed;
        let mut run = Run {
            config,
            name,
            gan,
            data,
            loader,
            ahead: None,
            log,
            unread: Steps::new(),
            batches_per_epoch,
            last_step: 0,
            position,
            schedule,
            epoch_due,
            grids,
            best,
            reals: None,
            mean: None,
            guard,
            rollbacks,
            states,
            clock: Clock::start(before, config.max_minutes),
            interrupt,
            saved,
            report,
        };
        if is_changed {
            run.begin_with_other_data(&ahead)?;
        }
        run.all(ahead)
    }
}

/// What a run begins with, or goes on with.
struct Begun {
    log: Log,
    grids: Vec<u64>,
    best: Option<Best>,
    guard: Guard,
    rollbacks: Vec<run_state::Rollback>,
    epoch_due: bool,
    before: Duration,
    saved: LastFiles,
}

/// The state to go on from, if this run is the one that it belongs to.
fn find(config: &TrainConfig, report: &mut dyn FnMut(Event)) -> Result<Found, TrainError> {
    let found = states::resumable(&config.checkpoint_dir)?;
    for error in &found.damaged {
        let reason = states::reason(error);
        report(Event::Warning(format!("{reason}; going on from {}", found.path.display())));
    }
    record::check_options(config, &found.state.description)?;
    Ok(found)
}

fn go_on<A: Architecture, E: Engine>(
    config: &TrainConfig,
    gan: &mut Gan<A, E>,
    Found { path, state, .. }: Found,
    report: &mut dyn FnMut(Event),
) -> Result<Begun, TrainError> {
    load_gan(gan, &state, &path)?;
    let RunState { description, history, .. } = state;
    let step = description.position.steps;
    let epoch = description.position.epoch();
    report(Event::Resumed { path: path.clone(), epoch, step });
    let (log, whole) = Log::resume(config, (description.metrics_bytes, step), history)?;
    if !whole {
        let path = log::metrics_path(config);
        report(Event::Note(format!("{} begins after step {step}: it had no earlier ones", path.display())));
    }
    Ok(Begun {
        log,
        grids: description.grids,
        best: description.best,
        guard: description.guard,
        rollbacks: description.rollbacks,
        epoch_due: description.epoch_due,
        before: Duration::try_from_secs_f64(description.seconds).unwrap_or_default(),
        saved: LastFiles { state: Some(path), ..LastFiles::default() },
    })
}

/// Clears the folders for a new run: no file of an earlier one must pass for this one's.
fn begin(config: &TrainConfig, states: &States, report: &mut dyn FnMut(Event)) -> Result<Begun, TrainError> {
    let earlier = EarlierRun::find(config)?;
    let folder = &config.checkpoint_dir;
    if let Some(step) = states.steps().last().copied() {
        // One that cannot be read may be worth as much.
        let is_complete = || matches!(states.newest(), Ok(Some(found)) if found.state.description.complete);
        if !config.overwrite && !is_complete() {
            return Err(ResumeError::Unfinished { folder: folder.clone(), step }.into());
        }
        report(Event::Note(format!(
            "replacing an earlier run in {}, which came to step {step}",
            folder.display()
        )));
    } else if let Some(network) = earlier.network()
        && !config.overwrite
    {
        return Err(ResumeError::NoStateOf { network: network.to_owned() }.into());
    }
    if let Some(removed) = earlier.remove(config)? {
        report(Event::Note(removed));
    }
    Ok(Begun {
        log: Log::create(config)?,
        grids: Vec::new(),
        best: None,
        guard: Guard::default(),
        rollbacks: Vec::new(),
        epoch_due: false,
        before: Duration::ZERO,
        saved: LastFiles::default(),
    })
}

/// Gives the networks and optimizers what a state has of them.
fn load_gan<A: Architecture, E: Engine>(
    gan: &mut Gan<A, E>,
    state: &RunState,
    path: &Path,
) -> Result<(), ResumeError> {
    let unfit = |error: crate::state::LoadError<_>| ResumeError::Unfit {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    gan.restore(&state.groups).map_err(unfit)
}

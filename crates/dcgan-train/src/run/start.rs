//! The start of a run: opens what it needs, and resumes an earlier one if asked to.

use std::time::Duration;

use dcgan_data::epoch_batches;

use super::best::Best;
use super::clock::Clock;
use super::data::Data;
use super::earlier_run::EarlierRun;
use super::outcome::Outcome;
use super::pending::Steps;
use super::run_state::{Rollback, RunState, load_gan};
use super::states::{self, Found, States};
use super::training_loop::{LastFiles, Run};
use crate::backend::operations::Backend;
use crate::gan::Gan;
use crate::networks::arch::{Architecture, ForArchitecture};
use crate::report::event::Event;
use crate::report::log::Log;
use crate::run::collapse::Guard;
use crate::run::config::TrainConfig;
use crate::run::error::{ResumeError, TrainError};
use crate::run::interrupt::Interrupt;

/// Trains as `config` says on `device`, and tells `report` what happens.
///
/// # Errors
/// [`TrainError`] says which file, folder or setting is wrong; checkpoints and states written before stay.
pub fn train<B: Backend>(
    config: &TrainConfig,
    device: &B::Device,
    report: &mut dyn FnMut(Event),
) -> Result<Outcome, TrainError> {
    train_until::<B>(config, device, &Interrupt::default(), report)
}

/// As [`train`], but ends after the step in which `interrupt` asks for it, with everything saved that is needed to go
/// on.
///
/// # Errors
/// As [`train`].
pub fn train_until<B: Backend>(
    config: &TrainConfig,
    device: &B::Device,
    interrupt: &Interrupt,
    report: &mut dyn FnMut(Event),
) -> Result<Outcome, TrainError> {
    config.arch.run(Training::<B> { config, device, interrupt, report })
}

struct Training<'a, B: Backend> {
    config: &'a TrainConfig,
    device: &'a B::Device,
    interrupt: &'a Interrupt,
    report: &'a mut dyn FnMut(Event),
}

impl<B: Backend> ForArchitecture for Training<'_, B> {
    type Output = Result<Outcome, TrainError>;

    fn run<A: Architecture>(self, name: &'static str) -> Self::Output {
        let Self { config, device, interrupt, report } = self;
        let found = config.resume.then(|| find(config, report)).transpose()?;
        let old = found.as_ref().map(|found| &found.state.description);
        let mut position = old.map(|old| old.position.clone()).unwrap_or_default();
        let data = Data::open::<A>(config, old, &mut position, report)?;
        let images = data.usable(&position);
        super::memory::check::<A, B>(config, images)?;
        let mut loader = data.load::<A>(config, &position)?;
        // Data that cannot be used is known before anything of an earlier run is replaced.
        let ahead = loader.next_batch()?;
        let states = States::open(config)?;
        let batches_per_epoch = epoch_batches(images, config.batch_size) as u64;
        let steps_per_epoch = config.steps(batches_per_epoch);
        let mut schedule = config.schedule(steps_per_epoch);
        schedule.steps = old.and_then(|old| old.schedule_steps).unwrap_or(schedule.steps);
        let mut gan = Gan::<A, B>::new(device, config.gan(), config.seed).map_err(TrainError::device::<B>)?;
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
        let RunStart { log, grids, best, guard, rollbacks, epoch_due, before, saved } = begun;
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
struct RunStart {
    log: Log,
    grids: Vec<u64>,
    best: Option<Best>,
    guard: Guard,
    rollbacks: Vec<Rollback>,
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
    super::record::check_options(config, &found.state.description)?;
    Ok(found)
}

fn go_on<A: Architecture, B: Backend>(
    config: &TrainConfig,
    gan: &mut Gan<A, B>,
    Found { path, state, .. }: Found,
    report: &mut dyn FnMut(Event),
) -> Result<RunStart, TrainError> {
    load_gan(gan, &state, &path)?;
    let RunState { description, history, .. } = state;
    let step = description.position.steps;
    let epoch = description.position.epoch();
    report(Event::Resumed { path: path.clone(), epoch, step });
    let (log, whole) =
        Log::resume(&config.output_dir, config.tensorboard, (description.metrics_bytes, step), history)?;
    if !whole {
        let path = crate::report::log::metrics_path(&config.output_dir);
        report(Event::Note(format!("{} begins after step {step}: it had no earlier ones", path.display())));
    }
    Ok(RunStart {
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
fn begin(
    config: &TrainConfig,
    states: &States,
    report: &mut dyn FnMut(Event),
) -> Result<RunStart, TrainError> {
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
    Ok(RunStart {
        log: Log::create(&config.output_dir, config.tensorboard)?,
        grids: Vec::new(),
        best: None,
        guard: Guard::default(),
        rollbacks: Vec::new(),
        epoch_due: false,
        before: Duration::ZERO,
        saved: LastFiles::default(),
    })
}

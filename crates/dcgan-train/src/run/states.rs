//! The folder of a run's states: `state_<step>.safetensors`.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dcgan_core::atomic::{self, WriteError};
use dcgan_core::checkpoint::CheckpointError;

use super::paths::number;
use super::run_state::RunState;
use crate::run::collapse::OnCollapse;
use crate::run::config::TrainConfig;
use crate::run::error::{ResumeError, TrainError};

const BEFORE: &str = "state_";
const AFTER: &str = ".safetensors";

/// Saves and finds states.
pub(super) struct States {
    folder: PathBuf,
    keep: usize,
    interval: Duration,
    /// Steps between the states to go back to, in a run that may go back.
    anchors: Option<u64>,
    saved: Instant,
    /// Open as long as the run goes on: nobody else may write there.
    _locks: Vec<File>,
}

/// A state that was read, and those newer ones that could not be.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) state: RunState,
    pub(super) damaged: Vec<CheckpointError>,
}

impl States {
    /// Takes a run's folders for this run alone, and clears away what a killed one left half-written.
    ///
    /// # Errors
    /// If a folder cannot be written, or another run goes on there.
    pub(super) fn open(config: &TrainConfig) -> Result<Self, TrainError> {
        let mut locks = Vec::new();
        let folders = [&config.checkpoint_dir, &config.output_dir];
        for folder in folders {
            atomic::check_folder(folder)?;
        }
        let same = fs::canonicalize(folders[0])
            .ok()
            .is_some_and(|a| fs::canonicalize(folders[1]).is_ok_and(|b| a == b));
        for folder in if same { &folders[..1] } else { &folders[..] } {
            locks.extend(lock(folder)?);
            atomic::remove_leftovers(folder);
        }
        Ok(Self {
            folder: config.checkpoint_dir.clone(),
            keep: config.keep,
            interval: Duration::from_secs_f64(60.0 * config.state_minutes),
            anchors: (config.on_collapse == OnCollapse::Rollback).then_some(config.collapse.state_every),
            saved: Instant::now(),
            _locks: locks,
        })
    }

    /// Whether it is time for a state in the midst of an epoch.
    pub(super) fn due(&self) -> bool {
        self.saved.elapsed() >= self.interval
    }

    /// Saves a state; of the states before it only the newest ones stay, where `prune` allows it.
    ///
    /// # Errors
    /// [`WriteError`] names the file; the states before it stay.
    pub(super) fn save(&mut self, state: RunState, prune: bool) -> Result<PathBuf, WriteError> {
        let step = state.description.position.steps;
        let path = self.folder.join(name(step));
        state.save(&path)?;
        if prune {
            self.prune(step);
        }
        // Saving takes time, too: were it not left out, a slow disk would have nothing else to do.
        self.saved = Instant::now();
        Ok(path)
    }

    /// Removes the states beyond the newest ones. Those to go back to are counted apart, and only when one of them was
    /// saved: which of them there are follows from the steps alone.
    fn prune(&self, saved: u64) {
        let beyond = |mut steps: Vec<u64>| {
            steps.truncate(steps.len().saturating_sub(self.keep));
            self.remove(&steps);
        };
        let (anchors, others) = list(&self.folder).into_iter().partition(|step| self.is_anchor(*step));
        beyond(others);
        if self.is_anchor(saved) {
            beyond(anchors);
        }
    }

    /// Whether a run that goes back has a state of this step to go back to.
    pub(super) fn is_anchor(&self, step: u64) -> bool {
        self.anchors.is_some_and(|every| step.is_multiple_of(every))
    }

    /// The newest state that can be read; `None` where there is none at all.
    ///
    /// # Errors
    /// If there are some and none can be read: what is wrong with the newest.
    pub(super) fn newest(&self) -> Result<Option<Found>, CheckpointError> {
        newest(&self.folder)
    }

    /// The first of the states of these steps that can be read; `None` if there are no steps.
    ///
    /// # Errors
    /// If none can be read: what is wrong with the first.
    pub(super) fn first_whole(&self, steps: Vec<u64>) -> Result<Option<Found>, CheckpointError> {
        first_whole(&self.folder, steps.into_iter())
    }

    /// Removes the states after a step.
    pub(super) fn remove_after(&self, step: u64) {
        let steps: Vec<u64> = list(&self.folder).into_iter().filter(|found| *found > step).collect();
        self.remove(&steps);
    }

    /// Removes states that are damaged for good: they must not push whole ones out of those that are kept.
    pub(super) fn forget(&self, damaged: &[CheckpointError]) {
        for error in damaged {
            if let CheckpointError::Format { path, .. } | CheckpointError::Damaged { path } = error {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// The steps of all states, in order.
    pub(super) fn steps(&self) -> Vec<u64> {
        list(&self.folder)
    }

    /// One that cannot be removed is no reason to end a run: it is only one too many.
    fn remove(&self, steps: &[u64]) {
        for step in steps {
            let _ = fs::remove_file(self.folder.join(name(*step)));
        }
    }
}

/// As [`States::newest`], of a folder that need not exist.
///
/// # Errors
/// As [`States::newest`].
fn newest(folder: &Path) -> Result<Option<Found>, CheckpointError> {
    first_whole(folder, list(folder).into_iter().rev())
}

/// As [`States::first_whole`].
///
/// # Errors
/// As [`States::first_whole`].
fn first_whole(folder: &Path, steps: impl Iterator<Item = u64>) -> Result<Option<Found>, CheckpointError> {
    let mut damaged = Vec::new();
    for step in steps {
        let path = folder.join(name(step));
        match RunState::load(&path) {
            Ok(state) => return Ok(Some(Found { path, state, damaged })),
            Err(error) => damaged.push(error),
        }
    }
    damaged.into_iter().next().map_or(Ok(None), Err)
}

/// The state that `--resume` goes on from, before anything is written.
///
/// # Errors
/// If there is none that can be read: what was looked for where.
pub(super) fn resumable(folder: &Path) -> Result<Found, TrainError> {
    match newest(folder) {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(ResumeError::NoState { folder: folder.to_owned() }.into()),
        Err(error) => Err(ResumeError::Unreadable { reason: reason(&error) }.into()),
    }
}

/// What is wrong with a state; a checkpoint's own words for one that cannot be opened are of flags that do not matter
/// here.
pub(super) fn reason(error: &CheckpointError) -> String {
    match error {
        CheckpointError::Read { path, reason } => format!("cannot read {}: {reason}", path.display()),
        other => other.to_string(),
    }
}

/// Another run in the same folder would mix its files with this one's; nothing where the system has no such locks.
fn lock(folder: &Path) -> Result<Option<File>, TrainError> {
    let Ok(file) = File::open(folder) else { return Ok(None) };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(ResumeError::Busy { folder: folder.to_owned() }.into()),
        Err(TryLockError::Error(_)) => Ok(None),
        Ok(()) => Ok(Some(file)),
    }
}

fn name(step: u64) -> String {
    format!("{BEFORE}{step}{AFTER}")
}

/// The step of a state's file name.
pub(super) fn step_of(name: &str) -> Option<u64> {
    number(name, BEFORE, AFTER)
}

/// The steps of a folder's states, in order.
fn list(folder: &Path) -> Vec<u64> {
    let step = |entry: fs::DirEntry| step_of(entry.file_name().to_str()?);
    let mut steps: Vec<u64> =
        fs::read_dir(folder).map(|entries| entries.flatten().filter_map(step).collect()).unwrap_or_default();
    steps.sort_unstable();
    steps
}

//! All that a run needs to go on exactly where it was, as one file.
//!
//! A safetensors file whose tensors are named by group and name, such as `generator.fc.weight` and
//! `adam_g.exp_avg.fc.weight`, and whose header describes the rest as JSON, all of it under one checksum. Whoever adds
//! to what training changes adds a group of tensors ([`Gan::groups`](crate::gan::Gan::groups)) or an option
//! ([`record`](super::record)): the file's form stays.

use std::collections::BTreeMap;
use std::path::Path;

use dcgan_core::TensorData;
use dcgan_core::archive::Archive;
use dcgan_core::atomic::WriteError;
use dcgan_core::checkpoint::CheckpointError;
use dcgan_data::Fingerprint;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::best::Best;
use super::position::Position;
use crate::backend::operations::Backend;
use crate::gan::Gan;
use crate::networks::arch::Architecture;
use crate::networks::state_dict::{LoadError, StateDict};
use crate::report::plot::LossHistory;
use crate::run::collapse::Guard;
use crate::run::error::ResumeError;

/// The entry of the header's metadata.
const KEY: &str = "dcgan_state";
/// Of the file's form; another one is not read.
const VERSION: u32 = 1;
/// The entry of the description that says which steps the losses are of.
const SPANS: &str = "spans";
/// The group and the name of the losses, `[steps, 2]`.
const LOSSES: [&str; 2] = ["history", "losses"];

/// A time that a run went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rollback {
    /// The step at which the collapse was noticed.
    pub(super) from: u64,
    /// The step of the state that it went back to.
    pub(super) to: u64,
}

/// All of a state that is no tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Description {
    /// The options that the result depends on.
    pub(super) options: BTreeMap<String, Value>,
    /// Images of the dataset.
    pub(super) images: usize,
    /// What the dataset consists of; older states have none.
    #[serde(default)]
    pub(super) fingerprint: Option<Fingerprint>,
    /// Steps that the learning rates' schedule is planned for; older states have none.
    #[serde(default)]
    pub(super) schedule_steps: Option<u64>,
    pub(super) position: Position,
    /// Whether the files of the epoch that ended here are still to be written.
    pub(super) epoch_due: bool,
    /// Whether the run has come to its end: all epochs, or the limit of steps or of time.
    pub(super) complete: bool,
    /// How long the run took to come here.
    pub(super) seconds: f64,
    /// Bytes of `metrics.jsonl` at this point.
    pub(super) metrics_bytes: u64,
    pub(super) rollbacks: Vec<Rollback>,
    pub(super) guard: Guard,
    /// The best generator so far; older states have none.
    #[serde(default)]
    pub(super) best: Option<Best>,
    /// Epochs with a grid of samples.
    #[serde(default)]
    pub(super) grids: Vec<u64>,
}

/// A run's state.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RunState {
    pub(super) description: Description,
    /// Networks, optimizers and whatever else training changes, by name.
    pub(super) groups: BTreeMap<String, StateDict>,
    pub(super) history: LossHistory,
}

impl RunState {
    /// Writes the file, atomically.
    ///
    /// # Errors
    /// [`WriteError`] names the path; an old file there is kept.
    pub(super) fn save(self, path: &Path) -> Result<(), WriteError> {
        let failed = |error: serde_json::Error| WriteError { path: path.to_owned(), source: error.into() };
        let mut description = serde_json::to_value(&self.description).map_err(failed)?;
        description["version"] = VERSION.into();
        description[SPANS] = serde_json::to_value(self.history.spans()).map_err(failed)?;
        let losses = self.history.losses();
        let losses = TensorData::from_values(&[losses.len(), 2], losses.iter().flatten().copied().collect());
        let [group, name] = LOSSES;
        let mut tensors = BTreeMap::from([(format!("{group}.{name}"), losses)]);
        for (group, state) in self.groups {
            tensors.extend(state.into_iter().map(|(name, data)| (format!("{group}.{name}"), data)));
        }
        Archive { description, tensors }.save(KEY, path)
    }

    /// Reads a file that [`RunState::save`] wrote.
    ///
    /// # Errors
    /// [`CheckpointError`] says what is wrong with which file.
    pub(super) fn load(path: &Path) -> Result<Self, CheckpointError> {
        let wrong = |reason: String| CheckpointError::Description { path: path.to_owned(), reason };
        let Archive { mut description, tensors } = Archive::load(KEY, path)?;
        match description.get("version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            other => {
                let found = other.map_or("none".to_owned(), |version| version.to_string());
                return Err(wrong(format!(
                    "its form is version {found}, this dcgan-train reads version {VERSION}: \
                     go on with the program that wrote it"
                )));
            }
        }
        let unreadable = |error: serde_json::Error| wrong(error.to_string());
        let spans: Vec<[u64; 3]> = serde_json::from_value(description[SPANS].take()).map_err(unreadable)?;
        let description: Description = serde_json::from_value(description).map_err(unreadable)?;
        let mut groups = BTreeMap::<String, StateDict>::new();
        for (name, data) in tensors {
            let Some((group, name)) = name.split_once('.') else {
                return Err(wrong(format!("its tensor {name} belongs to no group")));
            };
            groups.entry(group.to_owned()).or_default().insert(name.to_owned(), data);
        }
        let history = groups.remove(LOSSES[0]).and_then(|mut group| match group.remove(LOSSES[1]) {
            Some(TensorData::F32(losses)) => {
                let values: Vec<f32> = losses.into_iter().collect();
                LossHistory::from_parts(values.as_chunks().0.to_vec(), &spans)
            }
            _ => None,
        });
        let history = history.ok_or_else(|| wrong("it has no losses of all its steps".to_owned()))?;
        Ok(Self { description, groups, history })
    }
}

/// Gives the networks and optimizers what a state has of them.
pub(super) fn load_gan<A: Architecture, B: Backend>(
    gan: &mut Gan<A, B>,
    state: &RunState,
    path: &Path,
) -> Result<(), ResumeError> {
    let unfit = |error: LoadError<_>| ResumeError::Unfit { path: path.to_owned(), reason: error.to_string() };
    gan.restore(&state.groups).map_err(unfit)
}

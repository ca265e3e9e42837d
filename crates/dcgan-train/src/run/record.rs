//! What a run's result depends on.

use std::collections::{BTreeMap, BTreeSet};

use dcgan_core::checkpoint::TrainingRecord;
use dcgan_data::DatasetKind;
use serde_json::{Value, json};

use super::position::Position;
use super::run_state::Description;
use crate::run::config::TrainConfig;
use crate::run::error::ResumeError;

const NO_EXIF_ORIENTATION: &str = "no_exif_orientation";

/// The options that change what is learned, each by its flag's name with `_` for `-`, without paths. An option that
/// is off has the value `null`.
///
/// They stand in every checkpoint, and a run is gone on with only if they are the same. What depends on the number of
/// epochs makes that one of them.
fn options(config: &TrainConfig) -> BTreeMap<String, Value> {
    let gan = config.gan();
    let options = [
        ("dataset", json!(config.dataset.name())),
        ("batch_size", config.batch_size.into()),
        ("learning_rate", config.learning_rate.into()),
        ("beta1", config.beta1.into()),
        ("beta2", gan.adam_g.betas[1].into()),
        ("lr_d", gan.adam_d.learning_rate.into()),
        ("lr_g", gan.adam_g.learning_rate.into()),
        ("lr_decay_from", config.lr_decay_from.into()),
        ("d_steps", config.d_steps.into()),
        ("g_loss", gan.generator_loss.name().into()),
        ("real_label", gan.real_label.into()),
        ("fake_label", gan.fake_label.into()),
        ("spectral_norm", gan.spectral_norm.into()),
        ("ema", gan.ema.into()),
        ("flip", config.flip.into()),
        ("augment", config.augment.map(|policy| policy.to_string()).into()),
        ("seed", config.seed.into()),
    ];
    let mut options: BTreeMap<_, _> =
        options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    if config.dataset == DatasetKind::Folder {
        let is_off = config.folder.no_exif_orientation.then_some(true);
        options.insert(NO_EXIF_ORIENTATION.to_owned(), is_off.into());
    }
    options
}

/// What checkpoints say of the run.
pub(super) fn record(config: &TrainConfig, position: &Position) -> TrainingRecord {
    let Position { steps, images_seen, .. } = *position;
    TrainingRecord { steps, images_seen, options: options(config), measured: BTreeMap::new() }
}

/// The options that a run is compared with: those of the checkpoints and the network, which checkpoints have elsewhere.
pub(super) fn all_options(config: &TrainConfig) -> BTreeMap<String, Value> {
    let mut options = options(config);
    options.insert("arch".to_owned(), json!(config.arch.name()));
    // As they were given: one that follows --learning-rate is not to be named beside it.
    options.insert("lr_d".to_owned(), config.lr_d.into());
    options.insert("lr_g".to_owned(), config.lr_g.into());
    if config.lr_decay_from.is_some() {
        // Where the learning rates fall to 0.
        options.insert("num_epochs".to_owned(), config.num_epochs.into());
        options.insert("max_steps".to_owned(), config.max_steps.into());
    }
    options
}

/// Refuses to go on with other options than those that a run began with.
///
/// # Errors
/// [`ResumeError`] names what changed, how, and what to do.
pub(super) fn check_options(config: &TrainConfig, old: &Description) -> Result<(), ResumeError> {
    let mut new = all_options(config);
    if old.fingerprint.is_none() {
        // A state of an earlier version, which did not have this option.
        new.remove(NO_EXIF_ORIENTATION);
    }
    let names: BTreeSet<&String> = new.keys().chain(old.options.keys()).collect();
    let change = |name: &String| {
        let [old, new] = [&old.options, &new].map(|options| text(options.get(name)));
        (old != new).then(|| format!("--{} was {old} and is {new} now", name.replace('_', "-")))
    };
    let changes: Vec<String> = names.into_iter().filter_map(change).collect();
    if changes.is_empty() {
        return Ok(());
    }
    Err(ResumeError::Changed { changes: changes.join(", "), folder: config.checkpoint_dir.clone() })
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "not set".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

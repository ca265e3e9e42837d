//! What a run's result depends on.

use dcgan_core::checkpoint::TrainingRecord;
use serde_json::{Value, json};

use super::position::Position;
use crate::config::TrainConfig;

/// The options that change what is learned, each by its flag's name with `_` for `-`, without paths.
///
/// They stand in every checkpoint, and a run is gone on with only if they are the same.
pub(super) fn options(config: &TrainConfig) -> Vec<(&'static str, Value)> {
    let gan = config.gan();
    vec![
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
    ]
}

/// What checkpoints say of the run.
pub(super) fn record(config: &TrainConfig, position: &Position) -> TrainingRecord {
    let options = options(config).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    TrainingRecord { steps: position.steps, images_seen: position.images_seen, options }
}

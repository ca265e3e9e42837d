//! The names of the files that a run writes.

use std::path::PathBuf;

use crate::run::config::TrainConfig;

pub(super) fn plot_path(config: &TrainConfig) -> PathBuf {
    config.output_dir.join("training_loss.png")
}

pub(super) fn grid_path(config: &TrainConfig, epoch: u64) -> PathBuf {
    config.output_dir.join(format!("generated_epoch_{epoch}.png"))
}

/// The grid of the EMA generator.
pub(super) fn ema_grid_path(config: &TrainConfig, epoch: u64) -> PathBuf {
    config.output_dir.join(format!("generated_ema_epoch_{epoch}.png"))
}

pub(super) fn animation_path(config: &TrainConfig) -> PathBuf {
    config.output_dir.join("training.gif")
}

/// The number in a name, if that is how it is written: without zeros before it.
pub(super) fn number(name: &str, before: &str, after: &str) -> Option<u64> {
    let digits = name.strip_prefix(before)?.strip_suffix(after)?;
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

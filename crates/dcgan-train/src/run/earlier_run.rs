//! The files of an earlier run in the folders of a new one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dcgan_core::atomic::WriteError;

use super::paths::{animation_path, number, plot_path};
use super::states;
use crate::report::log;
use crate::report::tensorboard;
use crate::run::config::TrainConfig;

/// Files under names that a run writes; all others in its folders belong to somebody else.
pub(super) struct EarlierRun {
    /// Metrics, pictures and event files.
    outputs: Vec<PathBuf>,
    /// Networks.
    weights: Vec<PathBuf>,
    states: Vec<PathBuf>,
}

impl EarlierRun {
    /// Finds the files that a run with the same folders left. `config.toml` is not among them: the new run replaces it,
    /// and `--config` may name it.
    ///
    /// # Errors
    /// [`WriteError`] if a folder or a device stands where the new run has to write a picture.
    pub(super) fn find(config: &TrainConfig) -> Result<Self, WriteError> {
        check_pictures(config)?;
        let mut outputs = files(&config.output_dir, is_output);
        outputs.extend(files(&log::events_path(&config.output_dir), tensorboard::is_event_file));
        let weights = files(&config.checkpoint_dir, is_network);
        let states = files(&config.checkpoint_dir, |name| states::step_of(name).is_some());
        Ok(Self { outputs, weights, states })
    }

    /// A network of the earlier run.
    pub(super) fn network(&self) -> Option<&Path> {
        self.weights.first().map(PathBuf::as_path)
    }

    /// Removes the files; how many were removed where, if there were any.
    ///
    /// States go last: as long as one is there, it tells what the other files belong to.
    ///
    /// # Errors
    /// [`WriteError`] names a file that cannot be removed.
    pub(super) fn remove(&self, config: &TrainConfig) -> Result<Option<String>, WriteError> {
        for path in self.outputs.iter().chain(&self.weights).chain(&self.states) {
            fs::remove_file(path).map_err(|source| WriteError::new(path, source))?;
        }
        let counts = [
            (self.weights.len() + self.states.len(), &config.checkpoint_dir),
            (self.outputs.len(), &config.output_dir),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        let counts: Vec<_> =
            counts.map(|(count, folder)| format!("{count} in {}", folder.display())).collect();
        Ok((!counts.is_empty())
            .then(|| format!("removed the files of an earlier run: {}", counts.join(", "))))
    }
}

/// Where these two are no files, a run would fail only when it draws them.
fn check_pictures(config: &TrainConfig) -> Result<(), WriteError> {
    for path in [plot_path(config), animation_path(config)] {
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            let source = io::Error::other("this is a folder or a device, a file was expected");
            return Err(WriteError { path, source });
        }
    }
    Ok(())
}

/// The files of a folder whose names fit, and links under such names: what these lead to stays.
fn files(folder: &Path, fits: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_file =
        |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file() || kind.is_symlink());
    let found = entries.filter(|entry| entry.file_name().to_str().is_some_and(&fits) && is_file(entry));
    let mut found: Vec<PathBuf> = found.map(|entry| entry.path()).collect();
    found.sort();
    found
}

fn is_output(name: &str) -> bool {
    const FIXED: [&str; 4] = ["metrics.jsonl", "reals.png", "training.gif", "training_loss.png"];
    const GRIDS: [&str; 2] = ["generated_epoch_", "generated_ema_epoch_"];
    FIXED.contains(&name) || GRIDS.iter().any(|before| number(name, before, ".png").is_some())
}

fn is_network(name: &str) -> bool {
    const NETWORKS: [&str; 3] = ["generator_", "generator_ema_", "discriminator_"];
    let Some(name) = name.strip_suffix(".safetensors") else { return false };
    let is_of = |before: &&str| {
        name.strip_prefix(before).is_some_and(|when| when == "final" || number(when, "epoch_", "").is_some())
    };
    name == "generator_best" || NETWORKS.iter().any(is_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_a_run_writes_are_known_and_no_others() {
        for name in [
            "generator_best.safetensors",
            "generator_final.safetensors",
            "generator_ema_final.safetensors",
            "discriminator_final.safetensors",
            "generator_epoch_0.safetensors",
            "generator_ema_epoch_120.safetensors",
            "discriminator_epoch_18446744073709551615.safetensors",
        ] {
            assert!(is_network(name), "{name}");
        }
        for name in [
            "generator_recalibrated.safetensors",
            "generator_epoch_010.safetensors",
            "generator_epoch_.safetensors",
            "generator_epoch_1.safetensors.bak",
            "my_generator_final.safetensors",
            "discriminator_best.safetensors",
            "generator_final.onnx",
            "state_1.safetensors",
        ] {
            assert!(!is_network(name), "{name}");
        }
        for name in ["metrics.jsonl", "generated_epoch_10.png", "generated_ema_epoch_0.png", "training.gif"] {
            assert!(is_output(name), "{name}");
        }
        for name in ["generated.png", "generated_epoch_1.jpg", "generated_epoch_+1.png", "config.toml"] {
            assert!(!is_output(name), "{name}");
        }
    }
}

//! What can go wrong in training.

use std::path::PathBuf;

use dcgan_core::atomic::WriteError;
use dcgan_core::checkpoint::CheckpointError;
use dcgan_core::metric::MetricError;
use dcgan_data::DataError;
use indicatif::HumanBytes;

use crate::collapse::Collapse;

/// A training or sampling run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
    /// The networks, or the images that they draw, need more memory than the device has.
    #[error(
        "the device has too little memory for the networks and the images that are drawn in between ({0}): \
         end other programs that use it, or try a smaller --arch"
    )]
    TooLittleMemory(String),
    /// A step needs more memory than the device has.
    #[error(
        "a step at --batch-size {batch_size} needs more memory than the device has ({reason}): try a smaller one"
    )]
    OutOfMemory {
        /// Images of a batch.
        batch_size: usize,
        /// What the device said.
        reason: String,
    },
    /// A checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The dataset cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A batch that no epoch can fill.
    #[error("--batch-size {batch_size}: {dataset} has {}", largest_batch(*images))]
    BatchSize {
        /// Images asked for.
        batch_size: usize,
        /// The dataset and its place.
        dataset: String,
        /// Images there are.
        images: usize,
    },
    /// A batch that needs more memory than this process can get.
    #[error(
        "--batch-size {batch_size}: training needs about {} of memory, and {} are left of {limit}: {}",
        HumanBytes(*needed),
        HumanBytes(*left),
        smaller_batch(*fits)
    )]
    Memory {
        /// Images asked for.
        batch_size: usize,
        /// Bytes that the run needs.
        needed: u64,
        /// Bytes that the process can still get.
        left: u64,
        /// What bounds them.
        limit: &'static str,
        /// A batch that these bytes are enough for; 0 for none.
        fits: u64,
    },
    /// A batch whose values the device's kernels cannot count.
    #[error(
        "--batch-size {batch_size}: the kernels of this device count values in 32 bits, too few for this --arch: use \
         --batch-size {largest} or less"
    )]
    DeviceBatch {
        /// Images asked for.
        batch_size: usize,
        /// The most that can be counted.
        largest: usize,
    },
    /// More updates of the discriminator a step than an epoch has batches.
    #[error(
        "--d-steps {d_steps}: an epoch of {dataset} has {batches} batches, use --d-steps {batches} or less, \
         or a smaller --batch-size"
    )]
    DiscriminatorSteps {
        /// Updates asked for.
        d_steps: u64,
        /// The dataset and its place.
        dataset: String,
        /// Batches of an epoch.
        batches: u64,
    },
    /// The run cannot be gone on with, or cannot begin where another one is.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// Nothing is to be learned any more.
    #[error("step {step}: {collapse}{}; {}", times(*rollbacks), advice(collapse, *rollbacks))]
    Collapsed {
        /// The step, from 1.
        step: u64,
        /// How.
        collapse: Collapse,
        /// How often the run went back before.
        rollbacks: usize,
    },
    /// The generated images cannot be compared with the real ones.
    #[error("--metric-every: {0}")]
    Metric(#[from] MetricError),
    /// A checkpoint of an architecture that is not compiled in.
    #[error(
        "{} holds an architecture that this program was not built for ({found}): it knows {known}",
        path.display()
    )]
    UnknownArchitecture {
        /// The file.
        path: PathBuf,
        /// The architecture of the file.
        found: String,
        /// Those of the table.
        known: String,
    },
}

/// How many images there are, and which batches they fill.
fn largest_batch(images: usize) -> String {
    match images {
        1 => "1 image, use --batch-size 1".to_owned(),
        _ => format!("{images} images, use --batch-size {images} or less"),
    }
}

fn smaller_batch(fits: u64) -> String {
    match fits {
        0 => "raise the limit, or use a smaller --arch, --cache-mib or --metric-images".to_owned(),
        _ => format!("use --batch-size {fits} or less"),
    }
}

impl TrainError {
    /// Wraps a device's own error.
    pub fn device(error: impl std::fmt::Display) -> Self {
        let reason = error.to_string();
        if is_of_memory(&reason) { Self::TooLittleMemory(reason) } else { Self::Device(reason) }
    }

    /// Wraps a device's own error in a step on batches of such a size.
    pub fn in_step(error: impl std::fmt::Display, batch_size: usize) -> Self {
        let reason = error.to_string();
        if is_of_memory(&reason) { Self::OutOfMemory { batch_size, reason } } else { Self::Device(reason) }
    }
}

/// Whether it is the driver's name for a lack of memory, cuBLAS's, or dfdx's for the CPU.
fn is_of_memory(reason: &str) -> bool {
    ["OUT_OF_MEMORY", "ALLOC_FAILED", "OutOfMemory"].iter().any(|name| reason.contains(name))
}

fn times(rollbacks: usize) -> String {
    match rollbacks {
        0 => String::new(),
        1 => " (after going back once)".to_owned(),
        times => format!(" (after going back {times} times)"),
    }
}

fn advice(collapse: &Collapse, rollbacks: usize) -> &'static str {
    match (collapse, rollbacks) {
        (Collapse::NotFinite { .. }, 0) => "try a smaller --learning-rate, or --on-collapse rollback",
        (_, 0) => "try --on-collapse rollback, another --learning-rate or --seed, or --on-collapse continue",
        _ => "try a smaller --learning-rate",
    }
}

/// A run cannot be gone on with, or cannot begin where another one is.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// There is nothing to go on from.
    #[error(
        "--resume: there is no state_<step>.safetensors in {}; name the run's --checkpoint-dir, or leave --resume \
         out to begin a run",
        folder.display()
    )]
    NoState {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// There are states, but none that can be read.
    #[error("--resume: {reason}; no older state is whole either")]
    Unreadable {
        /// What is wrong with the newest.
        reason: String,
    },
    /// Options that the result depends on are not those that the run began with.
    #[error(
        "--resume: {changes}; go on with the values that the run in {} began with, or begin another run in another \
         --checkpoint-dir",
        folder.display()
    )]
    Changed {
        /// Flags with their old and new values.
        changes: String,
        /// Where the run's states are.
        folder: PathBuf,
    },
    /// The dataset is not the one that the run began with.
    #[error("--resume: {change}; put the old data back, or go on with these by --allow-changed-data")]
    Data {
        /// The dataset, and what is different.
        change: String,
    },
    /// A state is not that of such a run.
    #[error("--resume: {} does not fit this run: {reason}; go on with the program that wrote it", path.display())]
    Unfit {
        /// The state.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A new run would cost an earlier one that did not come to its end.
    #[error(
        "{} has the states of a run that did not come to its end, the last one of step {step}: go on with it by \
         --resume, begin a new one in its place by --overwrite, or name another --checkpoint-dir",
        folder.display()
    )]
    Unfinished {
        /// The folder.
        folder: PathBuf,
        /// The step of the last state.
        step: u64,
    },
    /// A new run would cost the networks of an earlier one of which nothing else is known.
    #[error(
        "{} is a network of an earlier run, and no state beside it tells whether that run came to its end: begin a new \
         run in its place by --overwrite, or name another --checkpoint-dir",
        network.display()
    )]
    NoStateOf {
        /// One of its networks.
        network: PathBuf,
    },
    /// Two runs would mix their files.
    #[error(
        "another dcgan-train is training into {}: wait for its end, or name other folders with --checkpoint-dir and \
         --output-dir",
        folder.display()
    )]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_memory_names_the_batch_size_and_another_failure_does_not() {
        for reason in [
            r#"Driver(DriverError(CUDA_ERROR_OUT_OF_MEMORY, "out of memory"))"#,
            "Blas(CublasError(CUBLAS_STATUS_ALLOC_FAILED))",
            "CpuError::OutOfMemory",
        ] {
            let text = TrainError::in_step(reason, 512).to_string();
            assert!(
                text.starts_with("a step at --batch-size 512 needs more memory") && text.contains(reason)
            );
        }
        let other =
            TrainError::in_step("Driver(DriverError(CUDA_ERROR_ILLEGAL_ADDRESS, \"\"))", 512).to_string();
        assert!(other.starts_with("the device failed: Driver(") && !other.contains("512"), "{other}");
    }
}

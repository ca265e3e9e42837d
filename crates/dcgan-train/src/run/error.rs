//! What can go wrong in a training run.

use std::path::PathBuf;

use dcgan_core::atomic::WriteError;
use dcgan_core::checkpoint::CheckpointError;
use dcgan_core::metric::MetricError;
use dcgan_data::DataError;
use indicatif::HumanBytes;

use crate::backend::error::BackendError;
use crate::backend::operations::{Backend, DeviceError};
use crate::gan::measurement::MeasurementError;
use crate::run::collapse::Collapse;

/// A training run cannot start or continue.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The device failed outside of a step, such as while it draws samples.
    #[error(transparent)]
    Device(#[from] BackendError),
    /// The device failed in a step.
    #[error("in a step on a batch of {batch_size}: {error}")]
    Step {
        /// Images of a batch.
        batch_size: usize,
        /// What failed.
        error: BackendError,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A state to roll back to cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The dataset cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A batch is larger than an epoch.
    #[error("a batch of {batch_size} is larger than {dataset}, which has {images} images")]
    BatchSize {
        /// Images of a batch.
        batch_size: usize,
        /// The dataset and its place.
        dataset: String,
        /// Images of the dataset.
        images: usize,
    },
    /// A batch needs more memory than this process can get.
    #[error(
        "training on batches of {batch_size} needs about {} of memory, and {} are left of {limit}",
        HumanBytes(*needed),
        HumanBytes(*left)
    )]
    Memory {
        /// Images of a batch.
        batch_size: usize,
        /// Bytes that the run needs.
        needed: u64,
        /// Bytes that the process can still get.
        left: u64,
        /// What limits them.
        limit: &'static str,
        /// The largest batch that fits; 0 if none does.
        fits: u64,
    },
    /// A batch has more values than the device's kernels can index.
    #[error(
        "the kernels of this device index values in 32 bits, enough for batches of {largest}, not of {batch_size}"
    )]
    DeviceBatch {
        /// Images of a batch.
        batch_size: usize,
        /// The largest batch.
        largest: usize,
    },
    /// A step has more discriminator updates than an epoch has batches.
    #[error("{d_steps} discriminator updates a step: an epoch of {dataset} has {batches} batches")]
    DiscriminatorSteps {
        /// Updates of a step.
        d_steps: u64,
        /// The dataset and its place.
        dataset: String,
        /// Batches of an epoch.
        batches: u64,
    },
    /// The run cannot resume, or cannot start where another one is.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// Training has collapsed.
    #[error("step {step}: {collapse}{}", times(*rollbacks))]
    Collapsed {
        /// The step, from 1.
        step: u64,
        /// How.
        collapse: Collapse,
        /// How many times the run rolled back before.
        rollbacks: usize,
    },
    /// The generated images cannot be compared with the real ones.
    #[error(transparent)]
    Metric(#[from] MetricError),
}

impl TrainError {
    /// Describes a device's error.
    pub fn device<B: Backend>(error: DeviceError<B>) -> Self {
        Self::Device(BackendError::new::<B>(&error))
    }

    /// Describes a device's error in a step on batches of this size.
    pub fn in_step<B: Backend>(error: DeviceError<B>, batch_size: usize) -> Self {
        Self::Step { batch_size, error: BackendError::new::<B>(&error) }
    }
}

impl From<MeasurementError> for TrainError {
    fn from(error: MeasurementError) -> Self {
        match error {
            MeasurementError::Device(error) => Self::Device(error),
            MeasurementError::Metric(error) => Self::Metric(error),
        }
    }
}

fn times(rollbacks: usize) -> String {
    match rollbacks {
        0 => String::new(),
        1 => " (after going back once)".to_owned(),
        times => format!(" (after going back {times} times)"),
    }
}

/// A run cannot resume, or cannot start where another one is.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// There is no state to resume from.
    #[error("there is no state_<step>.safetensors in {}", folder.display())]
    NoState {
        /// The folder of checkpoints.
        folder: PathBuf,
    },
    /// No state can be read.
    #[error("{reason}; no older state is whole either")]
    Unreadable {
        /// What is wrong with the newest.
        reason: String,
    },
    /// Options that the result depends on differ from those of the run.
    #[error("{changes}")]
    Changed {
        /// Options with their old and new values.
        changes: String,
        /// The folder of the run's states.
        folder: PathBuf,
    },
    /// The dataset is not the one that the run started with.
    #[error("{change}")]
    Data {
        /// The dataset, and what is different.
        change: String,
    },
    /// A state does not belong to such a run.
    #[error("{} does not fit this run: {reason}", path.display())]
    Unfit {
        /// The state.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A new run would replace an earlier one that is not complete.
    #[error(
        "{} has the states of a run that did not come to its end, the last one of step {step}",
        folder.display()
    )]
    Unfinished {
        /// The folder of checkpoints.
        folder: PathBuf,
        /// The step of the last state.
        step: u64,
    },
    /// A new run would replace the networks of an earlier one that left no state.
    #[error(
        "{} is a network of an earlier run, and no state beside it tells whether that run came to its end",
        network.display()
    )]
    NoStateOf {
        /// One of its networks.
        network: PathBuf,
    },
    /// Another process trains into the same folder.
    #[error("another dcgan-train is training into {}", folder.display())]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
}

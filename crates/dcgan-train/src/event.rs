//! What a training run tells while it goes on.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use crate::gan::StepStats;
use crate::metrics::Average;

/// Something that happened; as text, a line for people.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The data is open and training begins.
    Started {
        /// The architecture's name.
        arch: &'static str,
        /// The dataset's name.
        dataset: &'static str,
        /// Images of the dataset.
        images: usize,
        /// Steps an epoch, if none of them is broken.
        steps_per_epoch: u64,
        /// Images a step: fewer than asked for where the dataset is smaller than that.
        batch_size: usize,
    },
    /// How it is going.
    Progress {
        /// The epoch, from 1.
        epoch: u64,
        /// The last epoch.
        epochs: u64,
        /// The step, from 1.
        step: u64,
        /// Means since the last report.
        averages: Average,
    },
    /// An image cannot be used.
    Skipped {
        /// Why, with its name.
        reason: String,
        /// How many there are so far.
        count: usize,
    },
    /// A file was written.
    Saved(PathBuf),
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Started { arch, dataset, images, steps_per_epoch, batch_size } => {
                write!(f, "training {arch} on {dataset}: {images} images, ")?;
                write!(f, "{steps_per_epoch} steps an epoch, {batch_size} images a step")
            }
            Self::Progress { epoch, epochs, step, averages: Average { stats, images_per_second } } => {
                let StepStats { loss_d, loss_g, d_x, d_g_z } = stats;
                write!(f, "epoch {epoch}/{epochs}  step {step}  loss D {loss_d:.3}  loss G {loss_g:.3}  ")?;
                write!(f, "D(x) {d_x:.3}  D(G(z)) {d_g_z:.3}  {images_per_second:.1} images/s")
            }
            Self::Skipped { reason, count } => write!(f, "skipped image {count}: {reason}"),
            Self::Saved(path) => write!(f, "saved {}", path.display()),
        }
    }
}

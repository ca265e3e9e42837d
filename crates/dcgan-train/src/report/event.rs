//! What a training run reports while it runs.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use dcgan_data::DownloadEvent;

use crate::gan::StepStats;
use crate::gan::measurement::Measurement;
use crate::report::metrics::Average;

/// Something that happened; as text, a line for people.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A file of the dataset arrives, or is there.
    Download(DownloadEvent),
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
        /// Real images a step; an epoch's last one has what is left.
        images_per_step: u64,
    },
    /// An earlier run goes on.
    Resumed {
        /// The state that it goes on from.
        path: PathBuf,
        /// The epoch of its last step, from 1.
        epoch: u64,
        /// Its last step.
        step: u64,
    },
    /// A step was made.
    Step(Step),
    /// How it went over many steps: for those who don't look at each.
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
    /// The generator's images were compared with the real ones.
    Measured {
        /// The epoch after which, from 1.
        epoch: u64,
        /// How far they are from them.
        measurement: Measurement,
        /// Whether no generator of the run was nearer.
        best: bool,
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
    /// Something that people need to know, even those who asked for quiet.
    Warning(String),
    /// Something that people may want to know.
    Note(String),
}

impl From<DownloadEvent> for Event {
    fn from(event: DownloadEvent) -> Self {
        Self::Download(event)
    }
}

/// A step, and where in the run it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The epoch, from 1.
    pub epoch: u64,
    /// The last epoch.
    pub epochs: u64,
    /// The step, from 1.
    pub step: u64,
    /// The last step, as far as is known: images that turn out to be broken make epochs shorter.
    pub steps: u64,
    /// Real images seen so far.
    pub images_seen: u64,
    /// Losses and probabilities of this step.
    pub stats: StepStats,
}

/// Losses and probabilities, each with its name.
pub(crate) fn texts(stats: &StepStats) -> [String; 4] {
    let StepStats { loss_d, loss_g, d_x, d_g_z, .. } = stats;
    [
        format!("loss D {loss_d:.3}"),
        format!("loss G {loss_g:.3}"),
        format!("D(x) {d_x:.3}"),
        format!("D(G(z)) {d_g_z:.3}"),
    ]
}

/// Formats a count: `1 image`, `2 images`.
fn counted(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Started { arch, dataset, images, steps_per_epoch, images_per_step } => {
                let images = counted(*images as u64, "image");
                let steps = counted(*steps_per_epoch, "step");
                let images_per_step = counted(*images_per_step, "image");
                write!(
                    f,
                    "training {arch} on {dataset}: {images}, {steps} an epoch, {images_per_step} a step"
                )
            }
            Self::Step(Step { epoch, epochs, step, stats, .. }) => {
                write!(f, "epoch {epoch}/{epochs}  step {step}  {}", texts(stats).join("  "))
            }
            Self::Progress { epoch, epochs, step, averages: Average { stats, images_per_second } } => {
                write!(f, "epoch {epoch}/{epochs}  step {step}  {}  ", texts(stats).join("  "))?;
                write!(f, "{images_per_second:.1} images/s")
            }
            Self::Measured { epoch, measurement, best } => {
                let best = if *best { ", the best so far" } else { "" };
                write!(f, "epoch {epoch}: {measurement}{best}")
            }
            Self::Skipped { reason, count } => write!(f, "skipped image {count}: {reason}"),
            Self::Resumed { path, epoch, step } => {
                write!(f, "going on from {}: epoch {epoch}, step {step}", path.display())
            }
            Self::Warning(text) => write!(f, "warning: {text}"),
            Self::Note(text) => f.write_str(text),
            Self::Saved(path) => write!(f, "saved {}", path.display()),
            Self::Download(event) => event.fmt(f),
        }
    }
}

//! What a run came to.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::time::Duration;

use dcgan_core::terminal::escaped;
use indicatif::FormattedDuration;

use crate::run::interrupt::Signal;

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It came to its last epoch, or to the limit of steps or of time.
    Complete,
    /// It was asked to, and can be gone on with.
    Interrupted(Signal),
}

/// What a run came to; as text, a summary for people: lines without an end of the last one.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Why it ended.
    pub ending: Ending,
    /// Updates of the generator, from the run's beginning on.
    pub steps: u64,
    /// Real images seen, repeats counted.
    pub images_seen: u64,
    /// The time it took over all its parts.
    pub elapsed: Duration,
    /// The generator's checkpoint.
    pub generator: PathBuf,
    /// The state to go on from.
    pub state: PathBuf,
    /// The newest grid of samples.
    pub samples: Option<PathBuf>,
    /// The picture of the losses.
    pub plot: Option<PathBuf>,
    /// The numbers of each step.
    pub metrics: PathBuf,
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let Self { ending, steps, images_seen, elapsed, .. } = self;
        match ending {
            Ending::Complete => write!(f, "done: ")?,
            Ending::Interrupted(signal) => write!(f, "stopped by {}: ", signal.name())?,
        }
        write!(f, "{steps} steps, {images_seen} images in {}", FormattedDuration(*elapsed))?;
        let files = [
            ("generator", Some(&self.generator)),
            ("state", Some(&self.state)),
            ("samples", self.samples.as_ref()),
            ("losses", self.plot.as_ref()),
            ("metrics", Some(&self.metrics)),
        ];
        for (name, path) in files {
            if let Some(path) = path {
                write!(f, "\n  {name:<10} {}", escaped(&path.display().to_string()))?;
            }
        }
        Ok(())
    }
}

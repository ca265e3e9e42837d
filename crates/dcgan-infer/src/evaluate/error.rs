//! Why a generator cannot be evaluated.

use std::io;
use std::path::PathBuf;

use dcgan_core::memory::OutOfMemory;
use dcgan_core::metric::MetricError;
use dcgan_data::DataError;

use crate::generator::{GeneratorError, refusal};

/// A generator cannot be compared with a dataset.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The generator fails.
    #[error(transparent)]
    Generator(#[from] GeneratorError),
    /// The model of the features fails.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// The dataset cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Real images are cut to a square.
    #[error("{} draws images of {width}x{height}: expected square ones, as real images are cut to", path.display())]
    NotSquare {
        /// The generator.
        path: PathBuf,
        /// The height of its images.
        height: usize,
        /// Their width.
        width: usize,
    },
    /// A pixel is NaN or infinite.
    #[error(
        "{} gives values that are no numbers in the image of seed {seed}: it diverged in training, or the file is \
         damaged",
        path.display()
    )]
    Diverged {
        /// The generator.
        path: PathBuf,
        /// The image's seed.
        seed: u64,
    },
    /// A feature is NaN or infinite.
    #[error(
        "feature {feature} of {image} is not a number in {features}: look at --feature-range, --feature-mean and \
         --feature-std, or name another --feature-output"
    )]
    NotFinite {
        /// Which image, for people.
        image: String,
        /// The feature's place, from 0.
        feature: usize,
        /// The features' name.
        features: String,
    },
    /// There are too few images.
    #[error("{dataset} has {found} images that can be used, at least {needed} are needed{}", because(last))]
    TooFew {
        /// The dataset, for people.
        dataset: String,
        /// How many images there are.
        found: usize,
        /// How many there have to be.
        needed: usize,
        /// Why one of the others cannot be used.
        last: Option<String>,
    },
    /// Parts of a size that a set does not have.
    #[error(
        "--kid-subset-size {size}: there are {found} {which} images; use --kid-subset-size {found} or less"
    )]
    Subsets {
        /// Images a part.
        size: usize,
        /// Images there are.
        found: usize,
        /// Whether these are generated or real.
        which: &'static str,
    },
    /// There is no distance.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// There is too little memory for all features.
    #[error("{0}: compare fewer images with --num-images")]
    Memory(#[from] OutOfMemory),
}

fn because(last: &Option<String>) -> String {
    last.as_ref().map(|reason| format!("; one that cannot be used: {reason}")).unwrap_or_default()
}

/// A model cannot give features.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}; expected an ONNX model of images, name it with --features", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] GeneratorError),
    /// There is no tensor of this name in it.
    #[error("--feature-output {name}: {} has no tensor of this name; it has {known}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// The name that was asked for.
        name: String,
        /// Names there are.
        known: String,
    },
    /// It is no model of images.
    #[error("{} gives no features of images: expected {expected}, found {found}", path.display())]
    Interface {
        /// The file.
        path: PathBuf,
        /// What such a model has.
        expected: &'static str,
        /// What this one has.
        found: String,
    },
    /// Something has to be said, or contradicts the file.
    #[error("{} {reason}", path.display())]
    Setting {
        /// The file.
        path: PathBuf,
        /// What, and by which flag.
        reason: String,
    },
    /// The engine failed while it ran the model.
    #[error("{engine} fails to run {}: {}", path.display(), refusal::of_run(engine, source))]
    Run {
        /// The file.
        path: PathBuf,
        /// The engine's name.
        engine: String,
        /// What the engine said.
        source: ort::Error,
    },
    /// Images cannot be brought to the size that it takes.
    #[error("{}: {source}", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// What is wrong with the size.
        source: Box<DataError>,
    },
}

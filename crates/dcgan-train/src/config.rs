//! Every setting of a training run.

use std::ops::{Bound, RangeBounds};
use std::path::PathBuf;

use crate::adam::AdamConfig;
use crate::arch::Arch;
use crate::data::{DatasetKind, DownloadConfig};
use crate::gan::GanConfig;

/// Settings of a training run: the flags of `dcgan-train`, with their defaults.
///
/// ```
/// use dcgan_train::config::TrainConfig;
/// let config = TrainConfig { max_steps: Some(100), ..TrainConfig::default() };
/// assert_eq!((config.arch.name(), config.batch_size, config.learning_rate), ("dcgan64", 128, 2e-4));
/// ```
#[derive(Clone, Debug, PartialEq, clap::Args)]
pub struct TrainConfig {
    /// Where the images come from
    #[arg(long, default_value = "cifar10")]
    pub dataset: DatasetKind,
    /// Folder of the dataset; `shapes` needs none
    #[arg(long, alias = "data_dir", value_name = "DIR", default_value = "data")]
    pub data_dir: PathBuf,
    /// What to do where the dataset is missing
    #[command(flatten)]
    pub download: DownloadConfig,
    /// The networks to train
    #[arg(long, default_value = "dcgan64")]
    pub arch: Arch,
    /// Images a batch, up to those of the dataset; an epoch's last batch has what is left
    #[arg(long, alias = "batch_size", value_name = "N", allow_negative_numbers = true, default_value = "128", value_parser = whole::<usize>(1..))]
    pub batch_size: usize,
    /// Passes over the dataset
    #[arg(long, alias = "num_epochs", value_name = "N", allow_negative_numbers = true, default_value = "100", value_parser = whole::<u64>(1..))]
    pub num_epochs: u64,
    /// Stop after this many steps, even within an epoch
    #[arg(long, alias = "max_steps", value_name = "N", allow_negative_numbers = true, value_parser = whole::<u64>(1..))]
    pub max_steps: Option<u64>,
    /// Stop after the step that is under way when this much time has passed, even within an epoch
    #[arg(long, alias = "max_minutes", value_name = "MINUTES", allow_negative_numbers = true, value_parser = minutes)]
    pub max_minutes: Option<f64>,
    /// Adam's learning rate, for both networks
    #[arg(long, alias = "learning_rate", value_name = "RATE", allow_negative_numbers = true, default_value = "0.0002", value_parser = learning_rate)]
    pub learning_rate: f64,
    /// Adam's decay of the first moment
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true, default_value = "0.5", value_parser = decay)]
    pub beta1: f64,
    /// Epochs between checkpoints, sample grids and loss plots
    #[arg(long, alias = "save_interval", value_name = "N", allow_negative_numbers = true, default_value = "10", value_parser = whole::<u64>(1..))]
    pub save_interval: u64,
    /// What weights, shuffles and latents are drawn from
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "0", value_parser = whole::<u64>(..))]
    pub seed: u64,
    /// Folder of the checkpoints
    #[arg(long, alias = "checkpoint_dir", value_name = "DIR", default_value = "checkpoints")]
    pub checkpoint_dir: PathBuf,
    /// Folder of metrics, sample grids and the loss plot
    #[arg(long, alias = "output_dir", value_name = "DIR", default_value = "outputs")]
    pub output_dir: PathBuf,
    /// Memory for decoded images, in MiB; those beyond are decoded again each epoch
    #[arg(long, alias = "cache_mib", value_name = "MIB", allow_negative_numbers = true, default_value = "1024", value_parser = whole::<usize>(..))]
    pub cache_mib: usize,
}

impl Default for TrainConfig {
    /// The defaults of the flags.
    fn default() -> Self {
        #[derive(clap::Parser)]
        struct Flags {
            #[command(flatten)]
            config: TrainConfig,
        }
        <Flags as clap::Parser>::parse_from([""]).config
    }
}

impl TrainConfig {
    /// Losses and optimizers as these settings have them.
    pub fn gan(&self) -> GanConfig {
        let defaults = AdamConfig::default();
        let betas = [self.beta1, defaults.betas[1]];
        GanConfig {
            adam: AdamConfig { learning_rate: self.learning_rate, betas, ..defaults },
            ..Default::default()
        }
    }
}

/// Where a network is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DeviceKind {
    /// CUDA where the program was built with it and a GPU is found, else the CPU
    Auto,
    /// The CPU
    Cpu,
    /// An NVIDIA GPU
    Cuda,
}

/// Parses whole numbers of a range, and says what was expected instead of another.
pub fn whole<T: TryFrom<u64>>(
    range: impl RangeBounds<u64> + Clone,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            let from = match range.start_bound() {
                Bound::Included(from) => *from,
                _ => 0,
            };
            match range.end_bound() {
                Bound::Included(to) => format!("expected a whole number from {from} to {to}"),
                _ => format!("expected a whole number from {from} on"),
            }
        })
    }
}

/// Parses a length of time in minutes, above 0 and up to a year.
pub fn minutes(text: &str) -> Result<f64, String> {
    const YEAR: f64 = 366.0 * 24.0 * 60.0;
    number(text, "a number above 0, up to 527040", |minutes| minutes > 0.0 && minutes <= YEAR)
}

fn learning_rate(text: &str) -> Result<f64, String> {
    number(text, "a number above 0", |rate| rate > 0.0 && rate.is_finite())
}

fn decay(text: &str) -> Result<f64, String> {
    number(text, "a number from 0 up to, not including, 1", |decay| (0.0..1.0).contains(&decay))
}

fn number(text: &str, expected: &str, fits: impl Fn(f64) -> bool) -> Result<f64, String> {
    text.parse().ok().filter(|number| fits(*number)).ok_or_else(|| format!("expected {expected}"))
}

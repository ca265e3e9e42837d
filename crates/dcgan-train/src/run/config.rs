//! Every setting of a training run.

use std::ops::{Bound, RangeBounds};
use std::path::PathBuf;

use dcgan_data::{DatasetKind, DownloadConfig, FolderConfig};

use crate::gan::GanConfig;
use crate::gan::adam::AdamConfig;
use crate::gan::augment::Policy;
use crate::gan::loss::GeneratorLoss;
use crate::networks::arch::Arch;
use crate::run::collapse::{CollapseConfig, OnCollapse};
use crate::run::schedule::Schedule;

/// Settings of a training run: the flags of `dcgan-train`, with their defaults.
///
/// ```
/// use dcgan_train::run::config::TrainConfig;
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
    /// How the images of a folder are read
    #[command(flatten)]
    pub folder: FolderConfig,
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
    /// Stop after the step that is under way when this much time has passed, even within an epoch; the time of all
    /// parts of a run that was gone on with counts
    #[arg(long, alias = "max_minutes", value_name = "MINUTES", allow_negative_numbers = true, value_parser = minutes)]
    pub max_minutes: Option<f64>,
    /// Updates of the discriminator, each with a batch of its own, before one of the generator
    ///
    /// All of them together are one step. An epoch's last step has the batches that are left, so that an epoch
    /// shows every image once, whatever N is.
    #[arg(long, alias = "d_steps", value_name = "N", allow_negative_numbers = true, default_value = "1", value_parser = whole::<u64>(1..=1000))]
    pub d_steps: u64,
    /// What the generator minimises
    #[arg(long, alias = "g_loss", value_name = "LOSS", default_value = "non-saturating")]
    pub g_loss: GeneratorLoss,
    /// Divide each weight of the discriminator by its largest singular value: spectral normalisation
    ///
    /// As PyTorch's spectral_norm, on all convolutions and the last layer: one power iteration before each use in
    /// training, and the gradient takes the division into account.
    #[arg(long, alias = "spectral_norm")]
    pub spectral_norm: bool,
    /// The probability that the discriminator learns to give real images; 1 for no smoothing
    #[arg(long, alias = "real_label", value_name = "P", allow_negative_numbers = true, default_value = "0.9", value_parser = probability)]
    pub real_label: f64,
    /// The probability that the discriminator learns to give generated images; 0 for no smoothing
    #[arg(long, alias = "fake_label", value_name = "P", allow_negative_numbers = true, default_value = "0.1", value_parser = probability)]
    pub fake_label: f64,
    /// Mirror each real image, left and right, with probability 1/2
    #[arg(long)]
    pub flip: bool,
    /// Change real and generated images alike at random: color, translation, cutout, or several with commas
    ///
    /// DiffAugment, for datasets of few images: the discriminator, which sees changed images only, does not learn
    /// the real ones by heart. The generator's gradient goes through the changes.
    #[arg(long, value_name = "LIST")]
    pub augment: Option<Policy>,
    /// Adam's learning rate, for both networks
    #[arg(long, alias = "learning_rate", value_name = "RATE", allow_negative_numbers = true, default_value = "0.0002", value_parser = learning_rate)]
    pub learning_rate: f64,
    /// The discriminator's learning rate [default: that of --learning-rate]
    #[arg(long, alias = "lr_d", value_name = "RATE", allow_negative_numbers = true, value_parser = learning_rate)]
    pub lr_d: Option<f64>,
    /// The generator's learning rate [default: that of --learning-rate]
    #[arg(long, alias = "lr_g", value_name = "RATE", allow_negative_numbers = true, value_parser = learning_rate)]
    pub lr_g: Option<f64>,
    /// Part of the run after which the learning rates fall, linearly to 0 at its end; 0.5 is a usual choice
    ///
    /// The run's end is the last step of --num-epochs, or --max-steps where that is less. Where the clock will
    /// stop is not known beforehand: with --max-minutes, say --max-steps, too. Without this flag they stay.
    #[arg(long, alias = "lr_decay_from", value_name = "FRACTION", allow_negative_numbers = true, value_parser = fraction)]
    pub lr_decay_from: Option<f64>,
    /// Also keep the mean of the generator's weights: what of it stays at each step; 0.999 is a usual choice
    ///
    /// An exponential moving average, in generator_ema_*.safetensors and generated_ema_*.png beside the generator's
    /// own files, with BatchNorm's statistics computed for it. Training stays the same.
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true, value_parser = decay)]
    pub ema: Option<f64>,
    /// Adam's decay of the first moment
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true, default_value = "0.5", value_parser = decay)]
    pub beta1: f64,
    /// Epochs between checkpoints, sample grids and loss plots
    #[arg(long, alias = "save_interval", value_name = "N", allow_negative_numbers = true, default_value = "10", value_parser = whole::<u64>(1..))]
    pub save_interval: u64,
    /// Go on with the run in --checkpoint-dir, from its last whole state
    ///
    /// It goes on as if it had never stopped, to the same bytes. Flags that change what is learned have to be those that
    /// the run began with; more epochs, steps or minutes, other output folders and other numbers of threads are fine.
    /// Ctrl-C or SIGTERM ends a run after its step and saves its state; a second one ends it at once, and the steps since
    /// the last state are lost.
    #[arg(long)]
    pub resume: bool,
    /// Resume even if the data are not those that the run began with
    ///
    /// Without it, other images are refused, as they are told by their files' names and sizes, or by the contents of
    /// CIFAR-10's and MNIST's files.
    #[arg(long, alias = "allow_changed_data", requires = "resume")]
    pub allow_changed_data: bool,
    /// Replace an earlier run in the same folders even if it did not come to its end, or has no state that tells
    ///
    /// A new run removes an earlier one's checkpoints, metrics and pictures from its folders, and no other files. An
    /// earlier run that came to its end needs no flag.
    #[arg(long, conflicts_with = "resume")]
    pub overwrite: bool,
    /// Minutes between two states of the run, besides those at each save interval and at the end
    ///
    /// A state, `state_<step>.safetensors` in --checkpoint-dir, has all that --resume needs.
    #[arg(long, alias = "state_minutes", value_name = "MINUTES", allow_negative_numbers = true, default_value = "10", value_parser = minutes)]
    pub state_minutes: f64,
    /// States to keep: the newest ones
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "3", value_parser = whole::<usize>(1..))]
    pub keep: usize,
    /// What to do when the run has collapsed: when nothing more is to be learned
    ///
    /// That is when losses or gradients are no longer finite; when for 500 steps in a row the discriminator is within
    /// 0.05 of its targets, or gives all images the same answer, and the generator's gradient is below a thousandth of
    /// its largest mean; or when the variance from sample to sample, looked at every 100 steps, is for the third time in
    /// a row below 2 % of the real images', after it was twice that.
    #[arg(long, alias = "on_collapse", value_name = "WHAT", default_value = "stop")]
    pub on_collapse: OnCollapse,
    /// When a run counts as collapsed
    #[arg(skip)]
    pub collapse: CollapseConfig,
    /// Epochs between two measurements of how far the images are from the real ones; 0 for none
    ///
    /// The generator with the smallest Frechet distance so far is generator_best.safetensors. Distances are over
    /// fixed random convolutions; metrics.jsonl has them.
    #[arg(long, alias = "metric_every", value_name = "N", allow_negative_numbers = true, default_value = "5", value_parser = whole::<u64>(..))]
    pub metric_every: u64,
    /// Images of a measurement: so many generated ones, and as many real ones where there are so many
    #[arg(long, alias = "metric_images", value_name = "N", allow_negative_numbers = true, default_value = "2000", value_parser = whole::<usize>(3..=100_000))]
    pub metric_images: usize,
    /// Also write numbers and grids for TensorBoard, to the folder tensorboard of --output-dir
    #[arg(long)]
    pub tensorboard: bool,
    /// What weights, shuffles and latents are drawn from
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "0", value_parser = whole::<u64>(..))]
    pub seed: u64,
    /// Folder of the checkpoints
    #[arg(long, alias = "checkpoint_dir", value_name = "DIR", default_value = "checkpoints")]
    pub checkpoint_dir: PathBuf,
    /// Folder of metrics, pictures and the settings, config.toml
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
        let adam = |own: Option<f64>| {
            let learning_rate = own.unwrap_or(self.learning_rate);
            AdamConfig { learning_rate, betas, ..defaults }
        };
        GanConfig {
            real_label: self.real_label,
            fake_label: self.fake_label,
            spectral_norm: self.spectral_norm,
            ema: self.ema,
            generator_loss: self.g_loss,
            adam_g: adam(self.lr_g),
            adam_d: adam(self.lr_d),
        }
    }

    /// How many steps so many batches are, those of one epoch or the first of them.
    pub fn steps(&self, batches: u64) -> u64 {
        batches.div_ceil(self.d_steps)
    }

    /// What the learning rates are multiplied by in each step of a run whose epochs have so many steps.
    pub fn schedule(&self, steps_per_epoch: u64) -> Schedule {
        let steps = self.num_epochs.saturating_mul(steps_per_epoch);
        let steps = self.max_steps.map_or(steps, |most| most.min(steps));
        Schedule { steps, decay_from: self.lr_decay_from }
    }
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

fn fraction(text: &str) -> Result<f64, String> {
    number(text, "a number from 0 (the start) up to, not including, 1 (the end)", |part| {
        (0.0..1.0).contains(&part)
    })
}

fn probability(text: &str) -> Result<f64, String> {
    number(text, "a number from 0 to 1", |probability| (0.0..=1.0).contains(&probability))
}

fn number(text: &str, expected: &str, fits: impl Fn(f64) -> bool) -> Result<f64, String> {
    text.parse().ok().filter(|number| fits(*number)).ok_or_else(|| format!("expected {expected}"))
}

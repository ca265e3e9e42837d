//! `dcgan-infer evaluate`.

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use dcgan_core::latent::latents;
use dcgan_data::{DatasetKind, DownloadConfig, DownloadEvent, FolderConfig, Split};
use dcgan_infer::evaluate::{
    EvaluateConfig, FeatureConfig, FeatureFile, FeatureModel, Features, LEAST_IMAGES, Progress, RealImages,
    evaluate,
};
use dcgan_infer::generator::ValueRange;
use dcgan_infer::{Generator, ModelFile};

use super::advice::advised;
use super::engine::EngineArgs;
use super::guard::guarded;
use super::model::ModelArgs;
use super::note::note;
use super::sample::{note_device, open_in, warn_if_changed};
use super::say;

/// Images of one evaluation: their features are in memory at once.
const MAX_IMAGES: i64 = 1_000_000;
/// Images whose values are looked at.
const FIRST_IMAGES: usize = 16;
/// How long nothing is said of an evaluation that goes on.
const SILENCE: Duration = Duration::from_secs(5);

/// Measure how far a generator's images are from those of a dataset: KID and Frechet distance
///
/// Smaller is better. The distances are over features of the images: built-in random convolutions, or, with --features,
/// those of any ONNX model of images. Figures can be compared where all that is printed beside them is the same: the
/// features, the numbers of images, the dataset and its split.
///
/// The object that --json prints has the fields `format` (1), `model`, `image`, `engine`, `device`, `generated` (`images`,
/// `seed`), `real` (`dataset`, `folder`, `split`, `images`, `of`, `skipped`, `seed`), `features` (`name`, `sha256`,
/// `output`, `dimension`, `input`, `layout`, `range`, `mean`, `std`), `kid` (`distance`, `standard_error`), `kid_subsets`
/// (null, or `count`, `size`, `seed`, `mean`, `standard_deviation`), `frechet` and `cautions`. What does not apply is null.
/// Fields may be added under the same `format`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Generator to measure, a .onnx file of dcgan-export or of another program
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Images to generate, and real ones to compare with where the dataset has so many
    #[arg(
        long,
        alias = "num_images",
        value_name = "N",
        default_value_t = 10_000,
        allow_negative_numbers = true
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(LEAST_IMAGES as i64..=MAX_IMAGES))]
    num_images: u32,
    /// Seed of the first image, image K is the one of seed + K; real images are chosen by it, too
    #[arg(long, value_name = "SEED", default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,
    /// Images in memory at once
    #[arg(long, alias = "batch_size", value_name = "N", default_value_t = 32, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch_size: u16,
    /// Also compute KID over so many random parts of the images, as other programs print it
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    kid_subsets: Option<u16>,
    /// Images of each part
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        allow_negative_numbers = true,
        requires = "kid_subsets"
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(LEAST_IMAGES as i64..=MAX_IMAGES))]
    kid_subset_size: u32,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    features: FeatureArgs,
    #[command(flatten)]
    about: ModelArgs,
}

/// The flags that say what is compared with, as `dcgan-train` has them.
#[derive(Debug, Args)]
struct DataArgs {
    /// Where the real images come from
    #[arg(long)]
    dataset: DatasetKind,
    /// Folder of the dataset; `shapes` needs none
    #[arg(long, alias = "data_dir", value_name = "DIR", default_value = "data")]
    data_dir: PathBuf,
    /// Which images of `cifar10` or `mnist` [default: train, those that dcgan-train trains on]
    #[arg(long)]
    split: Option<Split>,
    #[command(flatten)]
    folder: FolderConfig,
    #[command(flatten)]
    download: DownloadConfig,
}

/// The flags that say what images are compared by.
#[derive(Debug, Args)]
#[command(next_help_heading = "For the features of a model")]
struct FeatureArgs {
    /// ONNX model of images whose features to compare by, such as Inception; images are resized to what it takes
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// Tensor that holds the features: an output, or any inside; the only output by default
    ///
    /// [N, D] is taken as it is, maps [N, C, H, W] are averaged over height and width.
    #[arg(long, value_name = "NAME", requires = "features")]
    feature_output: Option<String>,
    /// Side of the images for a model that takes any; that of the generator's images by default
    #[arg(long, value_name = "N", requires = "features", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=4096))]
    feature_size: Option<u16>,
    /// Values that stand for black and white in the model's input, such as 0,1 (the default), -1,1 or 0,255
    #[arg(long, value_name = "LOW,HIGH", requires = "features", allow_hyphen_values = true)]
    feature_range: Option<ValueRange>,
    /// What to subtract from each channel after that: a number for each channel, or one for all
    #[arg(long, value_name = "LIST", requires = "features", allow_hyphen_values = true)]
    #[arg(value_delimiter = ',', value_parser = number)]
    feature_mean: Vec<f32>,
    /// What to divide each channel by then
    #[arg(long, value_name = "LIST", requires = "features", allow_hyphen_values = true)]
    #[arg(value_delimiter = ',', value_parser = deviation)]
    feature_std: Vec<f32>,
}

fn number(text: &str) -> Result<f32, String> {
    let number = text.trim().parse().ok().filter(|number: &f32| number.is_finite());
    number.ok_or_else(|| format!("expected numbers such as 0.485,0.456,0.406, found {text:?}"))
}

fn deviation(text: &str) -> Result<f32, String> {
    let number = number(text).ok().filter(|number| *number >= 1e-6);
    number.ok_or_else(|| {
        format!("expected numbers from 0.000001 on, such as 0.229,0.224,0.225, found {text:?}")
    })
}

impl EvaluateArgs {
    pub fn run(self) -> anyhow::Result<()> {
        self.data.check()?;
        let config = EvaluateConfig {
            images: self.num_images as usize,
            seed: self.seed,
            batch: NonZeroUsize::new(self.batch_size.into()).context("--batch-size is 0")?,
            subsets: self.kid_subsets.map(|count| (count.into(), self.kid_subset_size as usize)),
        };
        let (model, features) = (&self.model, self.features);
        let read = || {
            let file = ModelFile::read(model)?;
            warn_if_changed(&file);
            Ok((file, features.read()?))
        };
        let (engine, (file, (feature_file, feature_config))) = self.engine.start_beside(read)?;
        let mut generator = open_in(&engine, file, &self.about.into(), config.images)?;
        say_what_is_odd(&mut generator, self.seed)?;
        let image = generator.image_shape();
        let features = match feature_file {
            None => Features::built_in(image)?,
            Some(file) => {
                let path = file.path().to_owned();
                let open = || FeatureModel::open(&engine, file, &feature_config, image);
                let model = guarded(engine.name(), &path, open)?;
                note_device(model.device());
                Features::model(model, image)?
            }
        };
        let mut lines = Lines::default();
        let real = self.data.open(&generator, &mut lines).map_err(advised)?;
        let run = || evaluate(generator, features, &real, &config, &mut |progress| lines.progress(progress));
        let report = guarded(engine.name(), &self.model, run)?;
        say::report(&report, self.json)
    }
}

/// Says on stderr if the first images have other values than they are taken for.
fn say_what_is_odd(generator: &mut Generator, seed: u64) -> anyhow::Result<()> {
    let (engine, model) = (generator.engine().to_owned(), generator.path().to_owned());
    let z = latents(seed, FIRST_IMAGES, generator.latent_size());
    let images = guarded(&engine, &model, || generator.sample(z.view()))?;
    if let Some(note) = note(generator, images.view()) {
        say::note(note);
    }
    Ok(())
}

impl FeatureArgs {
    fn read(self) -> anyhow::Result<(Option<FeatureFile>, FeatureConfig)> {
        let read = |path: PathBuf| FeatureFile::read(&path, self.feature_output.as_deref());
        let config = FeatureConfig {
            size: self.feature_size.map(usize::from),
            range: self.feature_range,
            mean: self.feature_mean,
            std: self.feature_std,
        };
        Ok((self.features.map(read).transpose()?, config))
    }
}

impl DataArgs {
    fn check(&self) -> anyhow::Result<()> {
        let is_one = self.dataset.has_splits() || self.split.is_none();
        ensure!(is_one, "--split: {} is not divided into splits, leave it out", self.dataset.name());
        Ok(())
    }

    fn open(self, generator: &Generator, lines: &mut Lines) -> anyhow::Result<RealImages> {
        let Self { dataset: kind, data_dir: folder, split, folder: reading, download } = self;
        let (split, [_, side, _]) = (split.unwrap_or_default(), generator.image_shape());
        let dataset =
            kind.open(split, &folder, side, reading, &download, &mut |event| lines.download(&event))?;
        if let Some(unread) = dataset.unread() {
            say::note(unread);
        }
        Ok(RealImages { dataset, kind, split, folder })
    }
}

/// Tells on stderr how far it is, now and then.
struct Lines {
    last: Instant,
}

impl Default for Lines {
    fn default() -> Self {
        Self { last: Instant::now() }
    }
}

impl Lines {
    fn download(&mut self, event: &DownloadEvent) {
        self.tell(event, matches!(event, DownloadEvent::Done { .. }));
    }

    fn progress(&mut self, progress: Progress) {
        match progress {
            Progress::Generated(done, all) => {
                self.tell(&format_args!("generated {done} of {all} images"), false)
            }
            Progress::Real(done, all) => self.tell(&format_args!("read {done} of {all} real images"), false),
            Progress::Comparing => self.tell(&"comparing", false),
        }
    }

    fn tell(&mut self, line: &dyn Display, always: bool) {
        if always || self.last.elapsed() >= SILENCE {
            self.last = Instant::now();
            say::line(line);
        }
    }
}

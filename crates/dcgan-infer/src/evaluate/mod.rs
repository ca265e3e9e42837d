//! How far a generator's images are from those of a dataset: KID and Frechet distance over features.
//!
//! - [`evaluate()`]: draws, reads, extracts and compares; a [`Report`] has the figures and all that they depend on
//! - [`Features`]: the built-in ones, or those of a [`FeatureModel`], any ONNX model of images
//!
//! Both kinds of images are compared as a PNG has them, as bytes at the generator's size.

mod error;
mod features;
mod graph;
mod input;
mod model;
mod report;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use dcgan_core::memory::{self, OutOfMemory};
use dcgan_core::metric::{self, MetricError, Moments, Whitening};
use dcgan_core::{latent, pixels};
use dcgan_data::{Dataset, DatasetKind, ResizeCrop, Split, shuffled};
use ndarray::{Array2, ArrayView2};

use crate::generator::{Generator, not_finite};

pub use self::error::{EvaluateError, FeatureError};
pub use self::features::Features;
pub use self::model::{FeatureConfig, FeatureFile, FeatureModel};
pub use self::report::{FeatureReport, Generated, Real, Report, Subsets};

/// The fewest images of a set.
pub const LEAST_IMAGES: usize = 3;

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluateConfig {
    /// Generated images, and real ones where the dataset has so many; [`LEAST_IMAGES`] or more.
    pub images: usize,
    /// The seed of the first generated image, and what the real ones are chosen by.
    pub seed: u64,
    /// Images that go through the features' model at once, and are in memory at once.
    pub batch: NonZeroUsize,
    /// Random parts that KID is computed over as well: how many, and the images of each.
    pub subsets: Option<(usize, usize)>,
}

impl Default for EvaluateConfig {
    /// 10,000 images from seed 0 on, 32 at once, no parts.
    fn default() -> Self {
        Self { images: 10_000, seed: 0, batch: const { NonZeroUsize::new(32).unwrap() }, subsets: None }
    }
}

/// Where the real images come from.
pub struct RealImages {
    /// The dataset, open.
    pub dataset: Box<dyn Dataset>,
    /// Which one it is.
    pub kind: DatasetKind,
    /// The part of it that is open.
    pub split: Split,
    /// Its folder.
    pub folder: PathBuf,
}

/// How far an evaluation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many of so many images are drawn.
    Generated(usize, usize),
    /// So many of so many real images are read.
    Real(usize, usize),
    /// All features are there, and are compared.
    Comparing,
}

/// Compares a generator's images with real ones by `features`, which have to be those of the generator's images.
///
/// # Errors
/// [`EvaluateError`] if images cannot be drawn or read, if there are too few, or if something is no number.
pub fn evaluate(
    mut generator: Generator,
    mut features: Features,
    real: &RealImages,
    config: &EvaluateConfig,
    report: &mut dyn FnMut(Progress),
) -> Result<Report, EvaluateError> {
    check_sizes(real, config)?;
    let [channels, height, width] = generator.image_shape();
    if height != width {
        return Err(EvaluateError::NotSquare { path: generator.path().to_owned(), height, width });
    }
    check_memory(&features, real, config)?;
    let fitter = ResizeCrop::new(height, channels)?;
    let generated = generate(&mut generator, &mut features, config, report)?;
    let (reals, skipped) = read(real, fitter, &mut features, config, report)?;
    report(Progress::Comparing);
    let (generated, reals) = match features.are_whitened() {
        true => {
            let whitening = Whitening::of(&reals.moments)?;
            (generated.whitened(&whitening)?, reals.whitened(&whitening)?)
        }
        false => (generated, reals),
    };
    let (kid, subsets, frechet) = compare(&generated, &reals, config)?;
    let name = real.kind.name().to_owned();
    Ok(Report {
        format: 1,
        model: generator.path().display().to_string(),
        image: generator.image_shape(),
        engine: generator.engine().to_owned(),
        device: generator.device().to_string(),
        cautions: cautions(generated.count(), reals.count(), features.dimension()),
        generated: Generated { images: generated.count(), seed: config.seed },
        real: Real {
            dataset: name,
            folder: (real.kind != DatasetKind::Shapes).then(|| real.folder.display().to_string()),
            split: real.kind.has_splits().then(|| real.split.name()),
            images: reals.count(),
            of: real.dataset.len(),
            skipped,
            seed: config.seed,
        },
        features: features.report(),
        kid,
        kid_subsets: subsets,
        frechet,
    })
}

/// Sees to it that there is enough to compare, before the long part.
fn check_sizes(real: &RealImages, config: &EvaluateConfig) -> Result<(), EvaluateError> {
    let found = real.dataset.len();
    if found < LEAST_IMAGES {
        return Err(EvaluateError::TooFew {
            dataset: describe(real),
            found,
            needed: LEAST_IMAGES,
            last: None,
        });
    }
    let Some((_, size)) = config.subsets else { return Ok(()) };
    let sets = [("generated", config.images), ("real", found)];
    match sets.into_iter().find(|(_, found)| *found < size) {
        Some((which, found)) => Err(EvaluateError::Subsets { size, found, which }),
        None => Ok(()),
    }
}

/// Sees to it that there is memory for the features of all images, before the long part.
fn check_memory(features: &Features, real: &RealImages, config: &EvaluateConfig) -> Result<(), OutOfMemory> {
    let (dimension, generated) = (features.dimension(), config.images);
    let reals = generated.min(real.dataset.len());
    // Each set grows, and is copied where it is whitened: it is there twice.
    let rows = generated.checked_add(reals).and_then(|rows| rows.checked_mul(2 * size_of::<f32>()));
    let bytes = rows.and_then(|bytes| bytes.checked_mul(dimension));
    let what = format_args!("{dimension} features of {generated} generated and {reals} real images");
    memory::check(what, bytes)
}

fn describe(real: &RealImages) -> String {
    real.kind.describe(&real.folder)
}

/// Features of a set of images.
struct Set {
    rows: Vec<f32>,
    moments: Moments,
}

impl Set {
    fn new(dimension: usize) -> Self {
        Self { rows: Vec::new(), moments: Moments::new(dimension) }
    }

    /// How many images.
    fn count(&self) -> usize {
        self.moments.count()
    }

    /// Adds rows; `image` names the image of a row that is refused.
    fn add(
        &mut self,
        rows: Array2<f32>,
        features: &Features,
        image: impl Fn(usize) -> String,
    ) -> Result<(), EvaluateError> {
        if let Some(((row, feature), _)) = rows.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return Err(EvaluateError::NotFinite {
                image: image(row),
                feature,
                features: features.report().name,
            });
        }
        self.moments.add(rows.view())?;
        self.rows.extend(rows);
        Ok(())
    }

    /// The same set, its features whitened.
    fn whitened(self, whitening: &Whitening) -> Result<Self, MetricError> {
        let rows = whitening.apply(self.view())?;
        Ok(Self { moments: Moments::of(rows.view())?, rows: rows.into_iter().collect() })
    }

    /// `[N, D]`.
    fn view(&self) -> ArrayView2<'_, f32> {
        let shape = (self.count(), self.moments.mean().len());
        ArrayView2::from_shape(shape, &self.rows).expect("rows of one length")
    }
}

/// The features of the images of consecutive seeds.
fn generate(
    generator: &mut Generator,
    features: &mut Features,
    config: &EvaluateConfig,
    report: &mut dyn FnMut(Progress),
) -> Result<Set, EvaluateError> {
    let mut set = Set::new(features.dimension());
    for start in (0..config.images).step_by(config.batch.get()) {
        let first = config.seed.wrapping_add(start as u64);
        let count = config.batch.get().min(config.images - start);
        let images = generator.sample(latent::latents(first, count, generator.latent_size()).view())?;
        let seed = |row: usize| first.wrapping_add(row as u64);
        if let Some(row) = not_finite(images.view()).first() {
            return Err(EvaluateError::Diverged { path: generator.path().to_owned(), seed: seed(*row) });
        }
        let bytes = images.outer_iter().map(|image| image.iter().copied().map(pixels::to_u8).collect());
        let rows = features.extract(&bytes.collect::<Vec<_>>())?;
        set.add(rows, features, |row| format!("the generated image of seed {}", seed(row)))?;
        report(Progress::Generated(set.count(), config.images));
    }
    Ok(set)
}

/// The features of real images, as many as the generated ones where there are so many, and how many were passed over.
fn read(
    real: &RealImages,
    fitter: ResizeCrop,
    features: &mut Features,
    config: &EvaluateConfig,
    report: &mut dyn FnMut(Progress),
) -> Result<(Set, usize), EvaluateError> {
    let mut set = Set::new(features.dimension());
    let wanted = config.images.min(real.dataset.len());
    let (mut skipped, mut last) = (0, None);
    let mut images = shuffled(real.dataset.as_ref(), fitter, config.seed);
    while set.count() < wanted {
        let missing = config.batch.get().min(wanted - set.count());
        let good = images.by_ref().filter_map(|image| {
            image
                .inspect_err(|error| {
                    skipped += 1;
                    last = Some(error.to_string());
                })
                .ok()
        });
        let batch: Vec<_> = good.take(missing).collect();
        if batch.is_empty() {
            break;
        }
        let before = set.count();
        let rows = features.extract(&batch)?;
        set.add(rows, features, |row| format!("real image {} of {}", before + row + 1, describe(real)))?;
        report(Progress::Real(set.count(), wanted));
    }
    drop(images);
    let needed = config.subsets.map_or(LEAST_IMAGES, |(_, size)| size.max(LEAST_IMAGES));
    match set.count() {
        found if found < needed => {
            Err(EvaluateError::TooFew { dataset: describe(real), found, needed, last })
        }
        _ => Ok((set, skipped)),
    }
}

/// Both distances, computed at once: each takes a while for many images or features.
fn compare(
    generated: &Set,
    real: &Set,
    config: &EvaluateConfig,
) -> Result<(metric::Kid, Option<Subsets>, f64), EvaluateError> {
    let (a, b) = (generated.view(), real.view());
    let subsets = |(count, size): (usize, usize)| {
        let seed = config.seed;
        let metric::KidSubsets { mean, standard_deviation } = metric::kid_subsets(a, b, count, size, seed)?;
        Ok::<_, EvaluateError>(Subsets { count, size, seed, mean, standard_deviation })
    };
    let (kid, frechet) = rayon::join(
        || Ok::<_, EvaluateError>((metric::kid(a, b)?, config.subsets.map(subsets).transpose()?)),
        || metric::frechet(&generated.moments, &real.moments),
    );
    let (kid, subsets) = kid?;
    Ok((kid, subsets, frechet?))
}

/// What a figure of so few images does not mean.
fn cautions(generated: usize, real: usize, dimension: usize) -> Vec<String> {
    let least = generated.min(real);
    if least > dimension {
        return Vec::new();
    }
    vec![format!(
        "{least} images have no covariance of full rank in {dimension} features: this Frechet distance depends mostly on \
         the number of images; take more than {dimension}, or go by KID"
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caution_is_given_up_to_as_many_images_as_features() {
        assert_eq!(cautions(313, 400, 312), [""; 0]);
        for (generated, real) in [(312, 10_000), (10_000, 312)] {
            assert!(cautions(generated, real, 312)[0].starts_with("312 images have no covariance"));
        }
    }
}

//! The figures, with all that they depend on.

use std::fmt::{self, Display, Formatter};

use dcgan_core::metric::Kid;
use dcgan_core::terminal::escaped;
use serde::Serialize;

/// What was measured, and on what.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Of this structure: 1. Fields may be added under the same number.
    pub format: u32,
    /// The generator's file.
    pub model: String,
    /// Shape of its images: channels, height, width.
    pub image: [usize; 3],
    /// Engine and version.
    pub engine: String,
    /// What the generator was computed on.
    pub device: String,
    /// The generated images.
    pub generated: Generated,
    /// The real images.
    pub real: Real,
    /// What they were compared by.
    pub features: FeatureReport,
    /// The kernel distance over all images.
    pub kid: Kid,
    /// The same over random parts, if that was asked for.
    pub kid_subsets: Option<Subsets>,
    /// The Frechet distance.
    pub frechet: f64,
    /// What to keep in mind with these figures.
    pub cautions: Vec<String>,
}

/// The generated images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Generated {
    /// How many.
    pub images: usize,
    /// The seed of the first one; image k is that of seed + k.
    pub seed: u64,
}

/// The real images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Real {
    /// The dataset's name.
    pub dataset: String,
    /// Its folder; none for one that is drawn.
    pub folder: Option<String>,
    /// Its part, `train` or `test`; none for a dataset without parts.
    pub split: Option<&'static str>,
    /// How many images were compared.
    pub images: usize,
    /// How many the dataset has.
    pub of: usize,
    /// Those that could not be used and were passed over.
    pub skipped: usize,
    /// What they were chosen by, at random.
    pub seed: u64,
}

/// The features.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureReport {
    /// The model's file, or what the built-in ones are called.
    pub name: String,
    /// The first 12 digits of the file's SHA-256.
    pub sha256: Option<String>,
    /// The tensor that holds them.
    pub output: Option<String>,
    /// Features an image.
    pub dimension: usize,
    /// Channels, height and width of the images that they are of.
    pub input: [usize; 3],
    /// Order of the dimensions of those images.
    pub layout: String,
    /// The values that stand for black and white in them.
    pub range: String,
    /// What was subtracted from each channel.
    pub mean: Vec<f32>,
    /// What each channel was divided by.
    pub std: Vec<f32>,
}

/// A kernel distance over random parts of both sets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subsets {
    /// How many parts.
    pub count: usize,
    /// Images of each part, of each set.
    pub size: usize,
    /// What they were drawn by.
    pub seed: u64,
    /// The mean of their distances.
    pub mean: f64,
    /// Their standard deviation: it depends on the size of the parts.
    pub standard_deviation: f64,
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let ([_, height, width], Generated { images, seed }) = (self.image, &self.generated);
        let last = seed.wrapping_add(*images as u64 - 1);
        writeln!(f, "model     {}, images of {width}x{height}", escaped(&self.model))?;
        writeln!(f, "engine    {} on {}", self.engine, self.device)?;
        writeln!(f, "generated {images} images, seeds {seed} to {last}")?;
        writeln!(f, "real      {}", self.real)?;
        writeln!(f, "features  {}\n", self.features)?;
        let Kid { distance, standard_error } = self.kid;
        let counts = format!("{images} generated and {} real images", self.real.images);
        let [distance, standard_error] = [distance, standard_error].map(figure);
        writeln!(f, "KID               {distance} (standard error {standard_error}), {counts}")?;
        if let Some(Subsets { count, size, seed, mean, standard_deviation }) = &self.kid_subsets {
            writeln!(
                f,
                "KID of parts      {} (standard deviation {}), {count} of {size} images each, \
                 seed {seed}",
                figure(*mean),
                figure(*standard_deviation)
            )?;
        }
        writeln!(f, "Frechet distance  {}, {counts}", figure(self.frechet))?;
        self.cautions.iter().try_for_each(|caution| writeln!(f, "caution: {caution}"))
    }
}

/// A figure with at least five digits that say something: features have any scale.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size == 0.0 || size >= 100.0 => format!("{value:.2}"),
        size if size >= 0.1 => format!("{value:.5}"),
        size if size >= 1e-3 => format!("{value:.7}"),
        _ => format!("{value:.4e}"),
    }
}

impl Display for Real {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let Self { dataset, folder, split, images, of, skipped, seed } = self;
        write!(f, "{images} of {of} images of {dataset}")?;
        match split {
            Some(split) => write!(f, ", split {split}")?,
            None => write!(f, ", no split")?,
        }
        if let Some(folder) = folder {
            write!(f, ", in {}", escaped(folder))?;
        }
        write!(f, ", chosen by seed {seed}")?;
        if *skipped > 0 { write!(f, ", {skipped} that cannot be used passed over") } else { Ok(()) }
    }
}

impl Display for FeatureReport {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let Self {
            name,
            sha256,
            output,
            dimension,
            input: [channels, height, width],
            layout,
            range,
            mean,
            std,
        } = self;
        f.write_str(&escaped(name))?;
        if let Some(sha256) = sha256 {
            write!(f, " (SHA-256 {sha256})")?;
        }
        if let Some(output) = output {
            write!(f, ", output {}", escaped(output))?;
        }
        write!(f, ", {dimension} an image of {width}x{height}x{channels} ({layout}) in {range}")?;
        for (what, list) in [("mean", mean), ("std", std)] {
            if !list.is_empty() {
                write!(f, ", {what} {}", list.iter().map(f32::to_string).collect::<Vec<_>>().join(","))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_five_digits_or_more_at_every_scale() {
        for (value, expected) in [
            (0.0, "0.00"),
            (163.04735, "163.05"),
            (10.67931, "10.67931"),
            (0.1583604, "0.15836"),
            (-0.0177012, "-0.0177012"),
            (1.2345678e-9, "1.2346e-9"),
        ] {
            assert_eq!(figure(value), expected);
        }
    }
}

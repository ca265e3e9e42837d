//! The flags that say whose images are drawn.

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;
use dcgan_core::latent::{LEAST_TRUNCATION, is_truncation, latents_of};
use dcgan_infer::latents_file::read_latents;
use dcgan_infer::seeds::{MAX_SEEDS, Seeds};
use ndarray::Array2;

#[derive(Debug, Args)]
pub struct LatentArgs {
    /// Number of images
    #[arg(long, alias = "num_images", value_name = "N", default_value_t = 16, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=MAX_SEEDS as i64))]
    num_images: u32,
    /// Seed of the first image; image K is the one of seed + K, whatever the other flags are
    #[arg(long, value_name = "SEED", default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,
    /// Seeds of all images, in this order, such as 3,7,10-19
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, conflicts_with_all = ["seed", "num_images"])]
    seeds: Option<Seeds>,
    /// Latents instead of seeds: a .npy file `[N, latent]` or `[N, latent, 1, 1]` of float16, float32 or float64, up to
    /// 10,000; or the .npz file of --output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "num_images", "seeds", "truncation"])]
    latents: Option<PathBuf>,
    /// Draw the numbers of a latent that are beyond -T and T again: fewer unusual images, less variety; 0.1 or more
    #[arg(long, value_name = "T", allow_negative_numbers = true, value_parser = truncation)]
    truncation: Option<f64>,
}

fn truncation(text: &str) -> Result<f64, String> {
    let bound = text.parse().ok().filter(|bound| is_truncation(*bound));
    bound.ok_or_else(|| format!("expected a number from {LEAST_TRUNCATION} on"))
}

/// Latents, and where they come from.
pub struct Latents {
    /// `[N, latent]`.
    pub z: Array2<f32>,
    /// The seed of each, where they come from seeds.
    pub seeds: Option<Seeds>,
    /// Where they come from, for people.
    pub origin: String,
}

/// What was asked for, before the length of a latent is known.
pub enum Wanted {
    /// Images of seeds, truncated, and the flag that says which.
    Seeds(Seeds, Option<f64>, &'static str),
    /// Images of the latents in a file.
    File(PathBuf, Array2<f32>),
}

impl LatentArgs {
    /// Reads the file that the latents are in, if they are in one: before an engine is started in vain.
    pub fn read(self) -> anyhow::Result<Wanted> {
        match self.latents {
            Some(path) => {
                let z = read_latents(&path)?;
                Ok(Wanted::File(path, z))
            }
            None => {
                let flag = if self.seeds.is_some() { "--seeds" } else { "--num-images" };
                let first = || Seeds::from_first(self.seed, self.num_images as usize);
                Ok(Wanted::Seeds(self.seeds.unwrap_or_else(first), self.truncation, flag))
            }
        }
    }
}

impl Wanted {
    /// How many images.
    pub fn count(&self) -> usize {
        match self {
            Self::Seeds(seeds, ..) => seeds.as_slice().len(),
            Self::File(_, z) => z.nrows(),
        }
    }

    /// The flag that says how many.
    pub fn flag(&self) -> &'static str {
        match self {
            Self::Seeds(_, _, flag) => flag,
            Self::File(..) => "--latents",
        }
    }

    /// The latents of a model that takes such of this length.
    pub fn latents(self, latent: usize) -> anyhow::Result<Latents> {
        match self {
            Self::Seeds(seeds, truncation, _) => {
                let z = latents_of(seeds.as_slice(), latent, truncation);
                let word = if seeds.as_slice().len() == 1 { "seed" } else { "seeds" };
                Ok(Latents { z, origin: format!("{word} {seeds}"), seeds: Some(seeds) })
            }
            Self::File(path, z) => {
                let (shown, found) = (path.display(), z.ncols());
                ensure!(
                    found == latent,
                    "{shown} holds latents of {found} numbers, the model takes {latent}: name a file of [N, {latent}]"
                );
                Ok(Latents { z, origin: format!("latents of {shown}"), seeds: None })
            }
        }
    }
}

impl Latents {
    /// A name for each image, by its seed or its row, such that files sort as the images do.
    pub fn names(&self) -> Vec<String> {
        match &self.seeds {
            Some(seeds) => {
                let digits = seeds.as_slice().iter().map(|seed| seed.to_string().len()).max().unwrap_or(1);
                seeds.as_slice().iter().map(|seed| format!("seed_{seed:0digits$}")).collect()
            }
            None => {
                let digits = self.z.nrows().saturating_sub(1).to_string().len();
                (0..self.z.nrows()).map(|row| format!("latent_{row:0digits$}")).collect()
            }
        }
    }
}

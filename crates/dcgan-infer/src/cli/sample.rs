//! `dcgan-infer --model g.onnx`: a grid of samples.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use dcgan_core::grid;
use dcgan_core::latent::latents;
use dcgan_infer::Generator;

use super::engine::EngineArgs;

/// The most images of one picture: they are in memory at once.
const MAX_IMAGES: i64 = 10_000;

#[derive(Debug, Args)]
pub struct SampleArgs {
    /// Generator to draw with, a .onnx file of dcgan-export
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Number of images
    #[arg(long, alias = "num_images", value_name = "N", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=MAX_IMAGES))]
    num_images: u32,
    /// Seed of the first image; image K is the one of seed + K, whatever the other flags are
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Picture to write, a PNG file
    #[arg(long, value_name = "FILE", default_value = "generated.png")]
    output: PathBuf,
    /// Images in a row of the picture, by default as many as make it square
    #[arg(long, value_name = "N")]
    columns: Option<NonZeroUsize>,
}

impl SampleArgs {
    pub fn run(self, engine: EngineArgs) -> anyhow::Result<()> {
        let count = self.num_images as usize;
        let engine = engine.start()?;
        let mut generator = Generator::open(&engine, &self.model)?;
        let images = generator.sample(latents(self.seed, count, generator.latent_size()).view())?;
        let columns = self.columns.map_or_else(|| grid::square_columns(count), NonZeroUsize::get);
        grid::save_png(&grid::grid(images.view(), columns), &self.output)?;
        let [_, height, width] = generator.image_shape();
        let last_seed = self.seed.wrapping_add(count as u64 - 1);
        println!(
            "wrote {}: {count} images of {width}x{height}, seeds {} to {last_seed}",
            self.output.display(),
            self.seed
        );
        Ok(())
    }
}

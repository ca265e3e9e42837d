//! `dcgan-infer --model g.onnx`: a grid of samples.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use dcgan_core::latent::latents;
use dcgan_core::{atomic, grid};
use dcgan_infer::{Generator, GeneratorConfig, ModelFile};
use ndarray::Array4;

use super::engine::EngineArgs;
use super::guard::guarded;
use super::note::{changed, note};

/// The most images of one picture: they are in memory at once.
const MAX_IMAGES: i64 = 10_000;
/// The most pixels of one picture, for the same reason.
const MAX_PIXELS: usize = 1 << 28;

#[derive(Debug, Args)]
pub struct SampleArgs {
    /// Generator to draw with, a .onnx file of dcgan-export or of another program
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Number of images
    #[arg(long, alias = "num_images", value_name = "N", default_value_t = 16, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=MAX_IMAGES))]
    num_images: u32,
    /// Seed of the first image; image K is the one of seed + K, whatever the other flags are
    #[arg(long, value_name = "SEED", default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,
    /// Picture to write, a PNG file
    #[arg(long, value_name = "FILE", default_value = "generated.png")]
    output: PathBuf,
    /// Images in a row of the picture, by default as many as make it square
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    columns: Option<NonZeroUsize>,
}

impl SampleArgs {
    pub fn run(self, engine: EngineArgs, about: &GeneratorConfig) -> anyhow::Result<()> {
        let count = self.num_images as usize;
        let file = ModelFile::read(&self.model)?;
        for input in [&self.model].into_iter().chain(file.weights()) {
            atomic::keep_input(input, &self.output)?;
        }
        grid::check_png_name(&self.output)?;
        if file.is_changed() {
            drop(writeln!(io::stderr(), "dcgan-infer: {}", changed(&self.model)));
        }
        let (generator, images) = draw(file, about, engine, self.seed, count)?;
        if let Some(note) = note(&generator, images.view()) {
            drop(writeln!(io::stderr(), "dcgan-infer: {note}"));
        }
        let columns = self.columns.map_or_else(|| grid::square_columns(count), NonZeroUsize::get);
        grid::save_png(&grid::grid(images.view(), columns), &self.output)?;
        let [_, height, width] = generator.image_shape();
        let last_seed = self.seed.wrapping_add(count as u64 - 1);
        let (output, first_seed) = (self.output.display(), self.seed);
        writeln!(
            io::stdout(),
            "wrote {output}: {count} images of {width}x{height}, seeds {first_seed} to {last_seed}"
        )
        .context("cannot print the summary")
    }
}

/// Opens the model and draws the images of `count` seeds with it.
fn draw(
    file: ModelFile,
    about: &GeneratorConfig,
    engine: EngineArgs,
    seed: u64,
    count: usize,
) -> anyhow::Result<(Generator, Array4<f32>)> {
    let (engine, model) = (engine.start()?, file.path().to_owned());
    let mut generator = guarded(engine.name(), &model, || Generator::new(&engine, file, about))?;
    let [_, height, width] = generator.image_shape();
    ensure!(
        height * width * count <= MAX_PIXELS,
        "{count} images of {width}x{height} are more than {MAX_PIXELS} pixels: ask for fewer with --num-images"
    );
    let z = latents(seed, count, generator.latent_size());
    let images = guarded(engine.name(), &model, || generator.sample(z.view()))?;
    Ok((generator, images))
}

//! `dcgan-infer --model g.onnx`: a grid of samples.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::{panic, process};

use anyhow::Context;
use clap::Args;
use dcgan_core::latent::latents;
use dcgan_core::{atomic, grid};
use dcgan_infer::generator::check_readable;
use dcgan_infer::{Engine, Generator, GeneratorError};

use super::engine::EngineArgs;

/// The most images of one picture: they are in memory at once.
const MAX_IMAGES: i64 = 10_000;

#[derive(Debug, Args)]
pub struct SampleArgs {
    /// Generator to draw with, a .onnx file of dcgan-export
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
    pub fn run(self, engine: EngineArgs) -> anyhow::Result<()> {
        let count = self.num_images as usize;
        check_readable(&self.model)?;
        atomic::keep_input(&self.model, &self.output)?;
        let mut generator = open(&engine.start()?, &self.model)?;
        let images = generator.sample(latents(self.seed, count, generator.latent_size()).view())?;
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

/// [`Generator::open`], where a panic of tract at a damaged model, which would abort the process, ends it with a
/// message instead.
fn open(engine: &Engine, model: &Path) -> Result<Generator, GeneratorError> {
    let name = model.display().to_string();
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |_| {
        drop(writeln!(
            io::stderr(),
            "dcgan-infer: {name} is damaged, or no ONNX model that this engine can run: export it again"
        ));
        process::exit(1);
    }));
    let generator = Generator::open(engine, model);
    panic::set_hook(hook);
    generator
}

//! `dcgan-infer --model g.onnx`: images of seeds or latents.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use dcgan_core::{atomic, grid};
use dcgan_infer::generator::{Device, not_finite};
use dcgan_infer::output::{self, Format, tensor};
use dcgan_infer::{Engine, Generator, GeneratorConfig, ModelFile};
use ndarray::{Array4, ArrayView2, ArrayView4, Axis};

use super::engine::EngineArgs;
use super::guard::guarded;
use super::latents::{LatentArgs, Latents, Wanted};
use super::note::{changed, note, notes_of_draws};
use super::output::{Images, OutputArgs, Target};
use super::say;

/// What images can be written as; PNG where nothing is said.
const FORMATS: [Format; 5] = [Format::Png, Format::WebP, Format::Jpeg, Format::Npy, Format::Npz];

#[derive(Debug, Args)]
pub struct SampleArgs {
    /// Generator to draw with, a .onnx file of dcgan-export or of another program
    // None only beside a subcommand, which has no need of it.
    #[arg(long, value_name = "FILE", required = true)]
    model: Option<PathBuf>,
    #[command(flatten)]
    latents: LatentArgs,
    /// Latents that go through the model at once: for speed and memory, no image depends on it; 16 by default
    #[arg(long, alias = "batch_size", value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch_size: Option<u16>,
    #[command(flatten)]
    output: OutputArgs,
}

impl SampleArgs {
    pub fn run(self, engine: EngineArgs, about: &GeneratorConfig) -> anyhow::Result<()> {
        let model = self.model.context("there is no --model")?;
        let target = self.output.target(&FORMATS)?;
        let wanted = self.latents.read()?;
        let read = || {
            let file = open(&model, &target)?;
            if let (Wanted::File(latents, _), Some(output)) = (&wanted, target.file()) {
                atomic::keep_input(latents, output)?;
            }
            Ok(file)
        };
        let count = wanted.count();
        let generator = start(read, about, engine, count)?;
        let generator = match self.batch_size.and_then(|size| NonZeroUsize::new(size.into())) {
            Some(size) => generator.with_batch(size),
            None => generator,
        };
        let shape @ [_, height, width] = generator.image_shape();
        let (grid, asked) = (self.output.grid(), Images { count, shape, flag: wanted.flag() });
        let layout = match target.is_one_picture() {
            true => grid.layout(&asked, grid::square_columns(count))?,
            false => grid.alone(&asked)?,
        };
        asked.check_memory(generator.latent_size(), &target, &layout, false)?;
        let latents = wanted.latents(generator.latent_size())?;
        let name = |row: usize| match &latents.seeds {
            Some(seeds) => format!("seed {}", seeds.as_slice()[row]),
            None => format!("row {row} of the {}", latents.origin),
        };
        let images = draw(generator, latents.z.view(), name)?;
        match (&target, target.format()) {
            (Target::Folder(folder, format), _) => {
                write_each(folder, *format, &latents, images.view(), &layout)?
            }
            (_, Format::Npy) => target.write(&tensor::npy(images.view())?)?,
            (_, Format::Npz) => target.write(&npz(&latents, images.view())?)?,
            (_, format) => target.write(&output::encode(images.view(), &layout, None, format)?)?,
        }
        let (name, origin) = (target.name(), &latents.origin);
        target.say(&format!("wrote {name}: {count} images of {width}x{height}, {origin}"))
    }
}

/// Reads the model's file, and sees to it that it is not written over.
pub fn open(model: &Path, target: &Target) -> anyhow::Result<ModelFile> {
    let file = ModelFile::read(model)?;
    if let Some(output) = target.file() {
        for input in [model].into_iter().chain(file.weights().iter().map(PathBuf::as_path)) {
            atomic::keep_input(input, output)?;
        }
    }
    warn_if_changed(&file);
    Ok(file)
}

/// Says on stderr if a file is not as it was exported.
pub fn warn_if_changed(file: &ModelFile) {
    if file.is_changed() {
        say::note(changed(file.path()));
    }
}

/// Starts an engine with the model that `read` reads, to draw so many images.
pub fn start(
    read: impl FnOnce() -> anyhow::Result<ModelFile>,
    about: &GeneratorConfig,
    engine: EngineArgs,
    images: usize,
) -> anyhow::Result<Generator> {
    let (engine, file) = engine.start_beside(read)?;
    open_in(&engine, file, about, images)
}

/// Opens the model in an engine that runs already, to draw so many images.
pub fn open_in(
    engine: &Engine,
    file: ModelFile,
    about: &GeneratorConfig,
    images: usize,
) -> anyhow::Result<Generator> {
    let (model, sessions) = (file.path().to_owned(), engine.sessions(images));
    let open = || Generator::in_sessions(engine, file, about, sessions);
    let generator = guarded(engine.name(), &model, open)?;
    note_device(generator.device());
    notes_of_draws(&generator).for_each(say::note);
    Ok(generator)
}

/// Says on stderr if the CPU stands in for a GPU.
pub fn note_device(device: &Device) {
    if let Device::Cpu { instead_of_cuda: Some(reason) } = device {
        say::note(format_args!("note: CUDA cannot be used, the CPU is: {reason}"));
    }
}

/// The images of latents `[N, latent]`, finite ones; `name` tells what a row is. What is odd about them is said.
pub fn draw(
    mut generator: Generator,
    z: ArrayView2<f32>,
    name: impl Fn(usize) -> String,
) -> anyhow::Result<Array4<f32>> {
    let (engine, model) = (generator.engine().to_owned(), generator.path().to_owned());
    let images = guarded(&engine, &model, || generator.sample(z))?;
    if let [first, others @ ..] = &not_finite(images.view())[..] {
        let others = if others.is_empty() { String::new() } else { format!(" and {} others", others.len()) };
        let largest = z.row(*first).iter().fold(0f32, |most, value| most.max(value.abs()));
        bail!(
            "{} gives NaN or infinite values for {}{others}: expected finite images; the latent has numbers up to \
             {largest:e}, those of seeds are mostly below 5",
            model.display(),
            name(*first)
        );
    }
    if let Some(note) = note(&generator, images.view()) {
        say::note(note);
    }
    Ok(images)
}

fn npz(latents: &Latents, images: ArrayView4<f32>) -> anyhow::Result<Vec<u8>> {
    let seeds = latents.seeds.as_ref().map(|seeds| seeds.as_slice());
    Ok(tensor::npz(images, latents.z.view(), seeds)?)
}

/// A file for each image, without a frame around it.
fn write_each(
    folder: &Path,
    format: Format,
    latents: &Latents,
    images: ArrayView4<f32>,
    layout: &grid::GridConfig,
) -> anyhow::Result<()> {
    atomic::check_folder(folder)?;
    for (name, image) in latents.names().iter().zip(images.axis_chunks_iter(Axis(0), 1)) {
        let bytes = match format {
            Format::Npy => tensor::npy(image)?,
            _ => output::encode(image, layout, None, format)?,
        };
        let path = folder.join(format!("{name}.{}", format.extension()));
        atomic::write(&path, |file| file.write_all(&bytes))?;
    }
    Ok(())
}

//! `dcgan-infer interpolate`: what lies between the images of seeds.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use dcgan_core::grid::GridConfig;
use dcgan_core::{interpolation, latent};
use dcgan_infer::output::{self, Format};
use dcgan_infer::seeds::Seeds;
use ndarray::{Array2, ArrayView2};

use super::engine::EngineArgs;
use super::model::ModelArgs;
use super::output::{Images, OutputArgs, Target};
use super::sample::{draw, open, start};

/// What an interpolation can be written as.
const FORMATS: [Format; 4] = [Format::Png, Format::Gif, Format::WebP, Format::Jpeg];
/// Images of a strip, and of a side of a square, where nothing is said.
const STILLS: usize = 8;
/// Frames of an animation from one seed to the next.
const FRAMES: usize = 30;

/// Draw what lies between the images of seeds: a strip, an animation, or a square between four
///
/// Latents are interpolated spherically. A .png or .jpg is a strip from the first seed through the others to the last one
/// (with --square: the four corners and what lies between them), a .gif or .webp an animation that goes on from the last
/// seed to the first and repeats for ever.
#[derive(Debug, Args)]
pub struct InterpolateArgs {
    /// Generator to draw with, a .onnx file of dcgan-export or of another program
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Two or more seeds, such as 3,7,10-19
    #[arg(long, value_name = "LIST", default_value = "0,1", allow_hyphen_values = true)]
    seeds: Seeds,
    /// A square whose corners are four seeds: top left, top right, bottom left, bottom right
    #[arg(long)]
    square: bool,
    /// Images of a strip or of a side of the square, 8 by default, or of an animation, 30 a seed by default
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(2..=1000))]
    frames: Option<u16>,
    /// Frames a second of an animation
    #[arg(long, value_name = "N", default_value_t = 20, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=50))]
    fps: u16,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    about: ModelArgs,
}

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Strip,
    Square,
    Animation,
}

impl InterpolateArgs {
    pub fn run(self) -> anyhow::Result<()> {
        let target = self.output.target(&FORMATS)?;
        ensure!(
            !matches!(target, Target::Folder(..)),
            "cannot write {}: expected a file name",
            target.name()
        );
        let form = self.form(target.format())?;
        let (frames, fps, seeds) = (self.frames.map(usize::from), self.fps, self.seeds);
        let (count, columns) = form.size(seeds.as_slice().len(), frames);
        let generator = start(|| open(&self.model, &target), &self.about.into(), self.engine, count)?;
        let shape @ [_, height, width] = generator.image_shape();
        let flag =
            if form == Form::Animation && frames.is_none() { "--seeds or --frames" } else { "--frames" };
        let asked = Images { count, shape, flag };
        let layout = self.output.grid().layout(&asked, columns)?;
        let (layout, each) = match form {
            Form::Animation => (
                GridConfig { columns: 1, padding: 0, ..layout },
                Some(Duration::from_secs(1) / u32::from(fps)),
            ),
            Form::Strip | Form::Square => (layout, None),
        };
        asked.check_memory(generator.latent_size(), &target, &layout, each.is_some())?;
        let stops = latent::latents_of(seeds.as_slice(), generator.latent_size(), None);
        let z = form.latents(stops.view(), count, columns);
        let images = draw(generator, z.view(), |row| format!("image {} of {count}", row + 1))?;
        let bytes = output::encode(images.view(), &layout, each, target.format())?;
        target.write(&bytes)?;
        target.say(&format!(
            "wrote {}: {count} images of {width}x{height} between seeds {seeds}",
            target.name()
        ))
    }

    fn form(&self, format: Format) -> anyhow::Result<Form> {
        let (seeds, count) = (&self.seeds, self.seeds.as_slice().len());
        let moves = matches!(format, Format::Gif | Format::WebP);
        if self.square {
            ensure!(count == 4, "--square has four corners, expected four --seeds, found {seeds}");
            ensure!(!moves, "--square is a still picture: name a .png or .jpg file with --output");
            return Ok(Form::Square);
        }
        ensure!(count >= 2, "there is nothing between one seed: expected two or more --seeds, found {seeds}");
        Ok(if moves { Form::Animation } else { Form::Strip })
    }
}

impl Form {
    /// How many images between so many seeds, and the columns of their picture.
    fn size(self, seeds: usize, frames: Option<usize>) -> (usize, usize) {
        match self {
            Self::Strip => (frames.unwrap_or(STILLS), frames.unwrap_or(STILLS)),
            Self::Square => (frames.unwrap_or(STILLS).pow(2), frames.unwrap_or(STILLS)),
            Self::Animation => (frames.unwrap_or(FRAMES * seeds), 1),
        }
    }

    /// `count` latents along the `stops`.
    fn latents(self, stops: ArrayView2<f32>, count: usize, columns: usize) -> Array2<f32> {
        match self {
            Self::Strip => interpolation::way(stops, count),
            Self::Square => interpolation::square(stops, columns, columns),
            Self::Animation => interpolation::round(stops, count),
        }
    }
}

//! `dcgan-train sample` and `dcgan-train recalibrate`: what is made of a generator's checkpoint.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use dcgan_core::best_checkpoint::{self, BestCheckpoint};
use dcgan_core::terminal::escaped;
use dcgan_core::{atomic, grid, latent};
use dcgan_train::backend::device::OnDevice;
use dcgan_train::backend::operations::Backend;
use dcgan_train::networks::recalibrate::{self, recalibrate_checkpoint};
use dcgan_train::networks::sampler::sample_checkpoint;

use super::args::{RecalibrateArgs, SampleArgs};

/// The checkpoint that `--checkpoint` stands for; which of a folder, is said.
fn chosen(path: &Path) -> anyhow::Result<Cow<'_, Path>> {
    let BestCheckpoint { path, reason } = best_checkpoint::choose(path)?;
    if let Some(reason) = reason {
        let line = format!("taking {}: {reason}", path.display());
        writeln!(io::stdout(), "{}", escaped(&line)).context("cannot print what was chosen")?;
    }
    Ok(path)
}

pub(super) struct Recalibrate<'a>(pub(super) &'a RecalibrateArgs);

impl OnDevice for Recalibrate<'_> {
    type Output = anyhow::Result<ExitCode>;

    fn run<B: Backend>(self, device: B::Device, _: &str) -> Self::Output {
        let RecalibrateArgs { checkpoint, output, batches, .. } = self.0;
        let checkpoint = chosen(checkpoint)?;
        atomic::keep_input(&checkpoint, output)?;
        recalibrate_checkpoint::<B>(&device, &checkpoint, *batches)?.save(output)?;
        let latents = batches * recalibrate::BATCH_SIZE as u64;
        let line = format!("wrote {}: BatchNorm's statistics of {latents} latents", output.display());
        writeln!(io::stdout(), "{}", escaped(&line)).context("cannot print the summary")?;
        Ok(ExitCode::SUCCESS)
    }
}

pub(super) struct Sample<'a>(pub(super) &'a SampleArgs);

impl OnDevice for Sample<'_> {
    type Output = anyhow::Result<ExitCode>;

    fn run<B: Backend>(self, device: B::Device, _: &str) -> Self::Output {
        let args = self.0;
        let checkpoint = chosen(&args.checkpoint)?;
        atomic::keep_input(&checkpoint, &args.output)?;
        grid::check_png_name(&args.output)?;
        let latents =
            |spec: &dcgan_core::GeneratorSpec| latent::latents(args.seed, args.num_images, spec.latent);
        let images = sample_checkpoint::<B>(&device, &checkpoint, latents)?;
        let columns = args.columns.unwrap_or_else(|| grid::square_columns(args.num_images));
        grid::save_png(&grid::grid(images.view(), columns), &args.output)?;
        let (_, _, height, width) = images.dim();
        let (output, count, last) =
            (args.output.display(), args.num_images, args.seed.wrapping_add(args.num_images as u64 - 1));
        let line =
            format!("wrote {output}: {count} images of {width}x{height}, seeds {} to {last}", args.seed);
        writeln!(io::stdout(), "{}", escaped(&line)).context("cannot print the summary")?;
        Ok(ExitCode::SUCCESS)
    }
}

//! The networks and pictures that a run saves.

use std::path::PathBuf;

use dcgan_core::atomic::WriteError;
use dcgan_core::checkpoint::Checkpoint;
use dcgan_core::spec::NetworkSpec;
use dcgan_core::{DiscriminatorSpec, grid, latent};
use dcgan_data::examples;
use image::DynamicImage;
use ndarray::Array4;

use super::paths::{animation_path, ema_grid_path, grid_path, plot_path};
use super::record::record;
use super::training_loop::Run;
use crate::backend::operations::{Backend, DeviceResult};
use crate::networks::arch::Architecture;
use crate::networks::recalibrate::{self, recalibrate};
use crate::networks::sampler::sample;
use crate::networks::state_dict;
use crate::report::animation;
use crate::report::event::Event;
use crate::report::plot;
use crate::run::error::TrainError;

/// Images of a sample grid.
const GRID_IMAGES: usize = 64;

impl<A: Architecture, B: Backend> Run<'_, A, B> {
    /// Saves the networks, once for each of `names`, which are in those of the files.
    pub(super) fn save_networks(
        &mut self,
        names: impl IntoIterator<Item = String>,
    ) -> Result<(), TrainError> {
        let mut names = names.into_iter().peekable();
        if names.peek().is_none() {
            return Ok(());
        }
        let generator = NetworkSpec::Generator(A::generator(self.name));
        let discriminator = NetworkSpec::Discriminator(DiscriminatorSpec {
            spectral_norm: self.config.spectral_norm,
            ..A::discriminator(self.name)
        });
        let mut networks = vec![
            ("generator", generator.clone(), self.gan.generator_state()),
            ("discriminator", discriminator, self.gan.discriminator_state()),
        ];
        if let Some(mut mean) = self.take_mean_generator()? {
            networks.push(("generator_ema", generator, state_dict::state_dict::<B, _>(&mut mean)));
            self.keep_mean_generator(mean);
        }
        let record = record(self.config, &self.position);
        let checkpoints: Vec<_> = networks
            .into_iter()
            .map(|(network, spec, tensors)| (network, Checkpoint { spec, record: record.clone(), tensors }))
            .collect();
        for name in names {
            for (network, checkpoint) in &checkpoints {
                let path = self.network_path(network, &name);
                self.tell_saved(path.clone(), checkpoint.save(&path))?;
            }
        }
        Ok(())
    }

    /// The generator of mean weights, with BatchNorm's statistics for these, if there is one.
    pub(super) fn take_mean_generator(&mut self) -> Result<Option<A::Generator<B>>, TrainError> {
        match self.mean.take() {
            Some((step, generator)) if step == self.position.steps => Ok(Some(generator)),
            _ => self.make_mean_generator().map_err(TrainError::device::<B>),
        }
    }

    fn make_mean_generator(&mut self) -> DeviceResult<Option<A::Generator<B>>, B> {
        let Some(mut generator) = self.gan.mean_generator()? else { return Ok(None) };
        recalibrate::<A, B>(self.gan.device(), &mut generator, recalibrate::BATCHES)?;
        Ok(Some(generator))
    }

    /// Keeps it for those who need it after the same step: to make it takes dozens of passes.
    pub(super) fn keep_mean_generator(&mut self, generator: A::Generator<B>) {
        self.mean = Some((self.position.steps, generator));
    }

    /// Where a network is saved.
    pub(super) fn network_path(&self, network: &str, when: &str) -> PathBuf {
        self.config.checkpoint_dir.join(format!("{network}_{when}.safetensors"))
    }

    /// The generator's images of the seeds from `--seed` on, the same ones each time: `[64, C, S, S]`.
    pub(super) fn samples(&self) -> Result<Array4<f32>, TrainError> {
        self.samples_of(self.gan.generator())
    }

    fn samples_of(&self, generator: &A::Generator<B>) -> Result<Array4<f32>, TrainError> {
        let latents = latent::latents(self.config.seed, GRID_IMAGES, A::LATENT);
        let images = sample::<A, B>(generator, self.gan.device(), latents.view());
        images.map_err(TrainError::device::<B>)
    }

    /// Draws the samples of an epoch, and those of the mean weights where these are kept.
    pub(super) fn save_grid(&mut self, epoch: u64) -> Result<(), TrainError> {
        let images = self.samples()?;
        self.save_samples("samples", &images, grid_path(self.config, epoch))?;
        let Some(mean) = self.take_mean_generator()? else { return Ok(()) };
        let images = self.samples_of(&mean)?;
        self.keep_mean_generator(mean);
        self.save_samples("samples_ema", &images, ema_grid_path(self.config, epoch))
    }

    fn save_samples(&mut self, tag: &str, images: &Array4<f32>, path: PathBuf) -> Result<(), TrainError> {
        self.saved.samples = Some(path.clone());
        self.save_picture(tag, &grid::grid(images.view(), grid::square_columns(GRID_IMAGES)), path)
    }

    /// Draws some of the real images, as the networks see them.
    pub(super) fn save_reals(&mut self) -> Result<(), TrainError> {
        let path = self.config.output_dir.join("reals.png");
        let images = self.examples(GRID_IMAGES)?;
        let picture = grid::grid(images.view(), grid::square_columns(images.dim().0));
        self.save_picture("reals", &picture, path)
    }

    fn save_picture(&mut self, tag: &str, picture: &DynamicImage, path: PathBuf) -> Result<(), TrainError> {
        self.log.picture(self.position.steps, tag, picture)?;
        self.tell_saved(path.clone(), grid::save_png(picture, &path))
    }

    /// Makes one picture that moves of all grids of this run, and of the one at its end.
    pub(super) fn save_animation(&mut self, end: Option<u64>) -> Result<(), TrainError> {
        let path = animation_path(self.config);
        let end = end.filter(|epoch| !self.grids.contains(epoch));
        let epochs = self.grids.iter().copied().chain(end);
        let grids: Vec<PathBuf> = epochs.map(|epoch| grid_path(self.config, epoch)).collect();
        if animation::save(&grids, &path)? {
            (self.report)(Event::Saved(path));
        }
        Ok(())
    }

    /// So many real images, the same ones each time.
    pub(super) fn examples(&mut self, count: usize) -> Result<Array4<f32>, TrainError> {
        Ok(examples(self.data.dataset.as_ref(), [A::CHANNELS, A::SIDE], count, self.config.seed)?)
    }

    /// Draws the losses so far, once there are enough for a line.
    pub(super) fn save_plot(&mut self) -> Result<(), TrainError> {
        let path = plot_path(self.config);
        if plot::save(self.log.history(), &path)? {
            self.saved.plot = Some(path.clone());
            (self.report)(Event::Saved(path));
        }
        Ok(())
    }

    pub(super) fn tell_saved(
        &mut self,
        path: PathBuf,
        result: Result<(), WriteError>,
    ) -> Result<(), TrainError> {
        result?;
        (self.report)(Event::Saved(path));
        Ok(())
    }
}

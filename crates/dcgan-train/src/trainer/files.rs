//! The networks and pictures that a run saves.

use std::path::PathBuf;

use dcgan_core::atomic::WriteError;
use dcgan_core::checkpoint::Checkpoint;
use dcgan_core::spec::NetworkSpec;
use dcgan_core::{DiscriminatorSpec, grid, latent};

use super::record::record;
use super::run::Run;
use crate::arch::Architecture;
use crate::config::TrainConfig;
use crate::engine::{DeviceResult, Engine};
use crate::error::TrainError;
use crate::event::Event;
use crate::plot;
use crate::recalibrate::{self, recalibrate};
use crate::sampler::sample;
use crate::state::{self, StateDict};

/// Images of a sample grid.
const GRID_IMAGES: usize = 64;

pub(super) fn plot_path(config: &TrainConfig) -> PathBuf {
    config.output_dir.join("training_loss.png")
}

impl<A: Architecture, E: Engine> Run<'_, A, E> {
    /// Saves the networks, `when` in their names.
    pub(super) fn save_networks(&mut self, when: &str) -> Result<(), TrainError> {
        let generator = NetworkSpec::Generator(A::generator(self.name));
        let discriminator = NetworkSpec::Discriminator(DiscriminatorSpec {
            spectral_norm: self.config.spectral_norm,
            ..A::discriminator(self.name)
        });
        let mut networks = vec![
            ("generator", generator.clone(), self.gan.generator_state()),
            ("discriminator", discriminator, self.gan.discriminator_state()),
        ];
        if let Some(tensors) = self.mean_generator().map_err(TrainError::device)? {
            networks.push(("generator_ema", generator, tensors));
        }
        for (network, spec, tensors) in networks {
            let path = self.config.checkpoint_dir.join(format!("{network}_{when}.safetensors"));
            let checkpoint = Checkpoint { spec, record: record(self.config, &self.position), tensors };
            self.saved(path.clone(), checkpoint.save(&path))?;
        }
        Ok(())
    }

    /// The generator of mean weights, with BatchNorm's statistics for these, if there is one.
    fn mean_generator(&mut self) -> DeviceResult<Option<StateDict>, E> {
        let Some(mut generator) = self.gan.mean_generator()? else { return Ok(None) };
        recalibrate::<A, E>(self.gan.device(), &mut generator, recalibrate::BATCHES)?;
        Ok(Some(state::state_dict::<E, _>(&mut generator)))
    }

    /// Saves the pictures of an epoch.
    pub(super) fn save_pictures(&mut self, epoch: u64) -> Result<(), TrainError> {
        self.save_grid(epoch)?;
        self.save_plot()
    }

    /// Draws the images of the seeds from `--seed` on, the same ones each time.
    fn save_grid(&mut self, epoch: u64) -> Result<(), TrainError> {
        let latents = latent::latents(self.config.seed, GRID_IMAGES, A::LATENT);
        let images = sample::<A, E>(self.gan.generator(), self.gan.device(), latents.view());
        let images = images.map_err(TrainError::device)?;
        let picture = grid::grid(images.view(), grid::square_columns(GRID_IMAGES));
        let path = self.config.output_dir.join(format!("generated_epoch_{epoch}.png"));
        self.saved(path.clone(), grid::save_png(&picture, &path))
    }

    /// Draws the losses so far, once there are enough for a line.
    pub(super) fn save_plot(&mut self) -> Result<(), TrainError> {
        let path = plot_path(self.config);
        if plot::save(self.log.history(), &path)? {
            (self.report)(Event::Saved(path));
        }
        Ok(())
    }

    fn saved(&mut self, path: PathBuf, result: Result<(), WriteError>) -> Result<(), TrainError> {
        result?;
        (self.report)(Event::Saved(path));
        Ok(())
    }
}

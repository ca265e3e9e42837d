//! A generator and a discriminator that learn from each other: one training step, and sampling.

use std::collections::BTreeMap;

use dfdx::prelude::*;

use crate::backend::operations::{
    Array, Backend, DeviceError, DeviceResult, DeviceScalars, Grads, RecordedLoss, RequiresGrad, Target,
};
use crate::backend::scalars::ScalarId;
use crate::gan::adam::Adam;
use crate::gan::config::GanConfig;
use crate::gan::ema::Ema;
use crate::gan::inputs::{Fake, Round, augmented};
use crate::gan::stats::{LossScalars, PendingStep, StepStats, UpdateScalars};
use crate::networks::arch::Architecture;
use crate::networks::init::{self, initialised};
use crate::networks::layers::Layer;
use crate::networks::state_dict::{self, LoadError, StateDict};

/// The names of a GAN's groups of tensors: networks, and their optimizers.
const GENERATOR: [&str; 2] = ["generator", "adam_g"];
const DISCRIMINATOR: [&str; 2] = ["discriminator", "adam_d"];
/// The name of the group of the generator's mean.
const EMA: &str = "ema";

/// Both networks and their optimizers on one device.
pub struct Gan<A: Architecture, B: Backend> {
    device: B::Device,
    config: GanConfig,
    generator: A::Generator<B>,
    discriminator: A::Discriminator<B>,
    adam_g: Adam<B>,
    adam_d: Adam<B>,
    ema: Option<Ema<B>>,
    learning_rate_factor: f64,
    scalars: B::DeviceScalars,
}

impl<A: Architecture, B: Backend> Gan<A, B> {
    /// New networks whose weights come from `seed`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn new(device: &B::Device, config: GanConfig, seed: u64) -> DeviceResult<Self, B> {
        let generator = initialised::<B, _>(device, seed, init::GENERATOR)?;
        let mut discriminator = A::Discriminator::<B>::build(device)?;
        if config.spectral_norm {
            discriminator.add_spectral_norm()?;
        }
        init::initialise::<B, _>(&mut discriminator, seed, init::DISCRIMINATOR)?;
        Ok(Self::from_networks(device, config, generator, discriminator))
    }

    /// Networks with the values of two state dicts, and optimizers that have made no step.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// As [`state_dict::from_state_dict`].
    pub fn from_state_dicts(
        device: &B::Device,
        config: GanConfig,
        generator: &StateDict,
        discriminator: &StateDict,
    ) -> DeviceResult<Self, B> {
        let generator = state_dict::from_state_dict::<B, _>(device, generator)?;
        let discriminator = state_dict::from_state_dict::<B, _>(device, discriminator)?;
        Ok(Self::from_networks(device, config, generator, discriminator))
    }

    fn from_networks(
        device: &B::Device,
        config: GanConfig,
        generator: A::Generator<B>,
        discriminator: A::Discriminator<B>,
    ) -> Self {
        let (adam_g, adam_d) = (Adam::new(config.adam_g), Adam::new(config.adam_d));
        Self {
            device: device.clone(),
            config,
            generator,
            discriminator,
            adam_g,
            adam_d,
            ema: config.ema.map(Ema::new),
            learning_rate_factor: 1.0,
            scalars: B::DeviceScalars::default(),
        }
    }

    /// Both optimizers' learning rates are multiplied with `factor` from the next step on; 1 at first.
    pub fn set_learning_rate_factor(&mut self, factor: f64) {
        self.learning_rate_factor = factor;
    }

    /// One update of the discriminator (real and generated images as separate batches) and one of the
    /// generator, with fresh latents for each.
    ///
    /// `real` is `[C, S, S, N]` in [-1, 1], `latents` the two batches of latents, `[latent, N]` each.
    ///
    /// # Errors
    /// If the device fails.
    pub fn step(
        &mut self,
        real: Array<A::Images, B>,
        latents: [Array<A::Latents, B>; 2],
    ) -> DeviceResult<StepStats, B> {
        let [for_discriminator, for_generator] = latents;
        let unread = self.step_rounds([Ok((real, for_discriminator.into()))], for_generator)?;
        let [stats] = self.read(&[unread])?[..] else { unreachable!("a step has its numbers") };
        Ok(stats)
    }

    /// The numbers of all steps that nobody has read, in their order. This waits for the device.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// If they were read before.
    pub fn read(&mut self, unread: &[PendingStep]) -> DeviceResult<Vec<StepStats>, B> {
        let numbers = self.scalars.read(&self.device)?;
        Ok(unread.iter().map(|step| step.stats(&numbers)).collect())
    }

    /// One step: an update of the discriminator for each of `rounds`, and then one of the generator. Its numbers are for
    /// [`Gan::read`].
    ///
    /// # Errors
    /// If the device fails, and those of `rounds`.
    ///
    /// # Panics
    /// If there is no round.
    pub fn step_rounds(
        &mut self,
        rounds: impl IntoIterator<Item = DeviceResult<Round<A, B>, B>>,
        for_generator: impl Into<Fake<A, B>>,
    ) -> DeviceResult<PendingStep, B> {
        let mut discriminator = Vec::new();
        for round in rounds {
            let (real, fake) = round?;
            discriminator.push(self.step_discriminator(real, fake)?);
        }
        assert!(!discriminator.is_empty(), "a step has a round at least");
        let [loss_g, squares_g] = self.step_generator(for_generator)?;
        Ok(PendingStep { discriminator, loss_g, squares_g })
    }

    /// Everything that training changes, in named groups: [`Gan::restore`] resumes from it.
    ///
    /// # Errors
    /// If the device fails.
    pub fn groups(&mut self) -> DeviceResult<BTreeMap<String, StateDict>, B> {
        let groups = [
            (GENERATOR[0], self.generator_state()),
            (GENERATOR[1], self.adam_g.state(&mut self.generator)?),
            (DISCRIMINATOR[0], self.discriminator_state()),
            (DISCRIMINATOR[1], self.adam_d.state(&mut self.discriminator)?),
        ];
        let ema = self.ema.as_ref().map(|ema| (EMA, ema.state()));
        Ok(groups.into_iter().chain(ema).map(|(name, state)| (name.to_owned(), state)).collect())
    }

    /// Goes back to where [`Gan::groups`] came from.
    ///
    /// # Errors
    /// If a tensor is missing or of another shape, or the device fails: the GAN is of no use then.
    pub fn restore(&mut self, groups: &BTreeMap<String, StateDict>) -> Result<(), LoadError<DeviceError<B>>> {
        let group = |name: &str| groups.get(name).ok_or_else(|| LoadError::Missing(name.to_owned()));
        state_dict::load::<B, _>(&mut self.generator, group(GENERATOR[0])?)?;
        self.adam_g.restore(&mut self.generator, group(GENERATOR[1])?)?;
        state_dict::load::<B, _>(&mut self.discriminator, group(DISCRIMINATOR[0])?)?;
        self.adam_d.restore(&mut self.discriminator, group(DISCRIMINATOR[1])?)?;
        match &mut self.ema {
            Some(ema) => ema.restore(&self.device, group(EMA)?).map_err(LoadError::Device),
            None => Ok(()),
        }
    }

    /// Gradients of the discriminator's loss on real images and on generated ones.
    ///
    /// # Errors
    /// If the device fails.
    pub fn discriminator_gradients(
        &mut self,
        real: Array<A::Images, B>,
        fake: impl Into<Fake<A, B>>,
    ) -> DeviceResult<(Grads<B>, LossScalars), B> {
        let Fake { latents, changes } = fake.into();
        let fake =
            augmented::<B, _, _>(self.generator.train(latents, RequiresGrad::NONE)?, changes.as_ref())?;
        // The gradients of the first pass are handed to the second, which adds to them: the first one's
        // activations are gone by then.
        let grads = Grads::<B>::leaky();
        let (grads, [loss_real, d_x]) = self.discriminator_loss(real, self.config.real_label, grads)?;
        let (grads, [loss_fake, d_g_z]) = self.discriminator_loss(fake, self.config.fake_label, grads)?;
        Ok((grads, LossScalars { losses: [loss_real, loss_fake], probabilities: [d_x, d_g_z] }))
    }

    /// Gradients of the generator's loss, and where the loss stands.
    ///
    /// # Errors
    /// If the device fails.
    pub fn generator_gradients(
        &mut self,
        fake: impl Into<Fake<A, B>>,
    ) -> DeviceResult<(Grads<B>, ScalarId), B> {
        let Fake { latents, changes } = fake.into();
        let fake = self.generator.train(latents.traced(Grads::<B>::leaky()), RequiresGrad::PARAMETERS)?;
        let fake = augmented::<B, _, _>(fake, changes.as_ref())?;
        let logits = self.discriminator.train(fake, RequiresGrad::INPUT)?;
        let target = self.config.generator_loss.target(self.config.real_label);
        let RecordedLoss { loss, value, .. } = self.scalars.cross_entropy(logits, target)?;
        Ok((loss.try_backward()?, value))
    }

    /// The generator's state dict.
    pub fn generator_state(&mut self) -> StateDict {
        state_dict::state_dict::<B, _>(&mut self.generator)
    }

    /// The discriminator's state dict.
    pub fn discriminator_state(&mut self) -> StateDict {
        state_dict::state_dict::<B, _>(&mut self.discriminator)
    }

    /// Both networks, generator first.
    pub fn networks(&mut self) -> (&mut A::Generator<B>, &mut A::Discriminator<B>) {
        (&mut self.generator, &mut self.discriminator)
    }

    /// The generator, to sample from.
    pub fn generator(&self) -> &A::Generator<B> {
        &self.generator
    }

    /// A generator with the mean of the weights so far and the running statistics of the last ones, if there is to be
    /// such a mean.
    ///
    /// # Errors
    /// If the device fails.
    pub fn mean_generator(&mut self) -> DeviceResult<Option<A::Generator<B>>, B> {
        if self.ema.is_none() {
            return Ok(None);
        }
        let state = self.generator_state();
        let Some(ema) = &self.ema else { return Ok(None) };
        let mut generator = state_dict::from_state_dict::<B, A::Generator<B>>(&self.device, &state)?;
        ema.apply(&mut generator)?;
        Ok(Some(generator))
    }

    /// The device that the networks are on.
    pub fn device(&self) -> &B::Device {
        &self.device
    }

    /// The discriminator's half of [`Gan::step`].
    ///
    /// # Errors
    /// If the device fails.
    pub fn step_discriminator(
        &mut self,
        real: Array<A::Images, B>,
        fake: impl Into<Fake<A, B>>,
    ) -> DeviceResult<UpdateScalars, B> {
        let (grads, of_loss) = self.discriminator_gradients(real, fake)?;
        let (network, factor) = (&mut self.discriminator, self.learning_rate_factor);
        let squares = self.adam_d.step(network, grads, factor, (&self.device, &mut self.scalars))?;
        Ok(UpdateScalars { of_loss, squares })
    }

    /// The generator's: its loss, and the squares of its gradient.
    fn step_generator(&mut self, fake: impl Into<Fake<A, B>>) -> DeviceResult<[ScalarId; 2], B> {
        let (grads, loss) = self.generator_gradients(fake)?;
        let (network, factor) = (&mut self.generator, self.learning_rate_factor);
        let squares = self.adam_g.step(network, grads, factor, (&self.device, &mut self.scalars))?;
        if let Some(ema) = &mut self.ema {
            ema.update(&mut self.generator)?;
        }
        Ok([loss, squares])
    }

    /// The discriminator's loss on a batch, its gradients added to `grads`, and its mean probability.
    fn discriminator_loss(
        &mut self,
        images: Array<A::Images, B>,
        label: f64,
        grads: Grads<B>,
    ) -> DeviceResult<(Grads<B>, [ScalarId; 2]), B> {
        let logits = self.discriminator.train(images.traced(grads), RequiresGrad::PARAMETERS)?;
        let RecordedLoss { loss, value, probability } =
            self.scalars.cross_entropy(logits, Target::towards(label))?;
        Ok((loss.try_backward()?, [value, probability]))
    }
}

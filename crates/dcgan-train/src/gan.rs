//! A generator and a discriminator that learn from each other: one training step, and sampling.

use std::collections::BTreeMap;

use dcgan_kernels::augment::Augmentation;
use dfdx::prelude::*;

use crate::adam::{Adam, AdamConfig};
use crate::arch::Architecture;
use crate::ema::Ema;
use crate::engine::{Array, DeviceError, DeviceResult, Engine, Grads, Wanted};
use crate::init::{self, initialised};
use crate::layers::Layer;
use crate::ledger::{Entry, Judged, Ledger, Numbers};
use crate::loss::{GeneratorLoss, Goal};
use crate::state::{self, LoadError, StateDict};

/// Settings of the losses and optimizers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GanConfig {
    /// The discriminator's target for real images, and the generator's for its own: 0.9.
    pub real_label: f64,
    /// The discriminator's target for generated images: 0.1.
    pub fake_label: f64,
    /// Whether a new discriminator's weights are normalised spectrally: no.
    pub spectral_norm: bool,
    /// What the generator minimises: the non-saturating loss.
    pub generator_loss: GeneratorLoss,
    /// The decay of the mean of the generator's weights, where there is one: none.
    pub ema: Option<f64>,
    /// The generator's optimizer.
    pub adam_g: AdamConfig,
    /// The discriminator's optimizer.
    pub adam_d: AdamConfig,
}

impl Default for GanConfig {
    fn default() -> Self {
        Self {
            real_label: 0.9,
            fake_label: 0.1,
            spectral_norm: false,
            generator_loss: GeneratorLoss::default(),
            ema: None,
            adam_g: AdamConfig::default(),
            adam_d: AdamConfig::default(),
        }
    }
}

/// Real images of an update of the discriminator, changed already if they are to be, and the generated ones.
pub type Round<A, E> = (Array<<A as Architecture>::Images, E>, Fake<A, E>);

/// What generated images are made of.
pub struct Fake<A: Architecture, E: Engine> {
    /// `[latent, N]`.
    pub latents: Array<A::Latents, E>,
    /// What is done to the images before the discriminator sees them.
    pub changes: Option<Augmentation>,
}

impl<A: Architecture, E: Engine> From<Array<A::Latents, E>> for Fake<A, E> {
    /// Images that stay as they are.
    fn from(latents: Array<A::Latents, E>) -> Self {
        Self { latents, changes: None }
    }
}

/// Images as they were drawn to be changed, if they were.
///
/// # Errors
/// If the device fails.
pub fn changed<E: Engine, X: Shape, T: Tape<f32, E::Device>>(
    images: Array<X, E, T>,
    changes: Option<&Augmentation>,
) -> DeviceResult<Array<X, E, T>, E> {
    match changes {
        Some(changes) => E::augment(images, changes),
        None => Ok(images),
    }
}

/// What a step says of itself: of the discriminator, means over its updates.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct StepStats {
    /// The discriminator's loss: on real and on generated images, added.
    pub loss_d: f32,
    /// The generator's loss.
    pub loss_g: f32,
    /// The discriminator's mean probability that real images are real.
    pub d_x: f32,
    /// The same of generated images, in the discriminator's update.
    pub d_g_z: f32,
    /// The Euclidean norm of the gradient of the discriminator's loss.
    pub grad_norm_d: f32,
    /// The same of the generator's.
    pub grad_norm_g: f32,
}

/// Where in a GAN's ledger a step's numbers stand.
#[derive(Clone, Debug)]
pub struct Unread {
    discriminator: Vec<OfUpdate>,
    loss_g: Entry,
    squares_g: Entry,
}

/// Where those of an update of the discriminator stand.
#[derive(Clone, Debug)]
pub struct OfUpdate {
    of_loss: OfLoss,
    squares: Entry,
}

/// Where the numbers of the discriminator's loss stand.
#[derive(Clone, Debug)]
pub struct OfLoss {
    /// On real and on generated images.
    losses: [Entry; 2],
    /// The mean probabilities of the same.
    probabilities: [Entry; 2],
}

impl Unread {
    fn stats(&self, numbers: &Numbers) -> StepStats {
        let (mut sums, count) = ([0.0; 4], self.discriminator.len() as f32);
        for OfUpdate { of_loss: OfLoss { losses, probabilities: [d_x, d_g_z] }, squares } in
            &self.discriminator
        {
            let loss: f64 = losses.iter().map(|loss| numbers.get(loss)).sum();
            let values = [loss, numbers.get(d_x), numbers.get(d_g_z), numbers.get(squares).sqrt()];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value as f32);
        }
        let [loss_d, d_x, d_g_z, grad_norm_d] = sums.map(|sum| sum / count);
        let (loss_g, squares) = (numbers.get(&self.loss_g) as f32, numbers.get(&self.squares_g));
        StepStats { loss_d, loss_g, d_x, d_g_z, grad_norm_d, grad_norm_g: squares.sqrt() as f32 }
    }
}

/// The names of a GAN's groups of tensors: networks, and their optimizers.
const GENERATOR: [&str; 2] = ["generator", "adam_g"];
const DISCRIMINATOR: [&str; 2] = ["discriminator", "adam_d"];
/// The name of the group of the generator's mean.
const EMA: &str = "ema";

/// Both networks and their optimizers on one device.
pub struct Gan<A: Architecture, E: Engine> {
    device: E::Device,
    config: GanConfig,
    generator: A::Generator<E>,
    discriminator: A::Discriminator<E>,
    adam_g: Adam<E>,
    adam_d: Adam<E>,
    ema: Option<Ema<E>>,
    learning_rate_factor: f64,
    ledger: E::Ledger,
}

impl<A: Architecture, E: Engine> Gan<A, E> {
    /// New networks whose weights come from `seed`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn new(device: &E::Device, config: GanConfig, seed: u64) -> DeviceResult<Self, E> {
        let generator = initialised::<E, _>(device, seed, init::GENERATOR)?;
        let mut discriminator = A::Discriminator::<E>::build(device)?;
        if config.spectral_norm {
            discriminator.add_spectral_norm()?;
        }
        init::initialise::<E, _>(&mut discriminator, seed, init::DISCRIMINATOR)?;
        Ok(Self::from_networks(device, config, generator, discriminator))
    }

    /// Networks with the values of two state dicts, and optimizers that have made no step.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// As [`state::from_state_dict`].
    pub fn from_state_dicts(
        device: &E::Device,
        config: GanConfig,
        generator: &StateDict,
        discriminator: &StateDict,
    ) -> DeviceResult<Self, E> {
        let generator = state::from_state_dict::<E, _>(device, generator)?;
        let discriminator = state::from_state_dict::<E, _>(device, discriminator)?;
        Ok(Self::from_networks(device, config, generator, discriminator))
    }

    fn from_networks(
        device: &E::Device,
        config: GanConfig,
        generator: A::Generator<E>,
        discriminator: A::Discriminator<E>,
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
            ledger: E::Ledger::default(),
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
        real: Array<A::Images, E>,
        latents: [Array<A::Latents, E>; 2],
    ) -> DeviceResult<StepStats, E> {
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
    pub fn read(&mut self, unread: &[Unread]) -> DeviceResult<Vec<StepStats>, E> {
        let numbers = self.ledger.read(&self.device)?;
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
        rounds: impl IntoIterator<Item = DeviceResult<Round<A, E>, E>>,
        for_generator: impl Into<Fake<A, E>>,
    ) -> DeviceResult<Unread, E> {
        let mut discriminator = Vec::new();
        for round in rounds {
            let (real, fake) = round?;
            discriminator.push(self.step_discriminator(real, fake)?);
        }
        assert!(!discriminator.is_empty(), "a step has a round at least");
        let [loss_g, squares_g] = self.step_generator(for_generator)?;
        Ok(Unread { discriminator, loss_g, squares_g })
    }

    /// All that training changes, in named groups, to go on from exactly here.
    ///
    /// # Errors
    /// If the device fails.
    pub fn groups(&mut self) -> DeviceResult<BTreeMap<String, StateDict>, E> {
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
    pub fn restore(&mut self, groups: &BTreeMap<String, StateDict>) -> Result<(), LoadError<DeviceError<E>>> {
        let group = |name: &str| groups.get(name).ok_or_else(|| LoadError::Missing(name.to_owned()));
        state::load::<E, _>(&mut self.generator, group(GENERATOR[0])?)?;
        self.adam_g.restore(&mut self.generator, group(GENERATOR[1])?)?;
        state::load::<E, _>(&mut self.discriminator, group(DISCRIMINATOR[0])?)?;
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
        real: Array<A::Images, E>,
        fake: impl Into<Fake<A, E>>,
    ) -> DeviceResult<(Grads<E>, OfLoss), E> {
        let Fake { latents, changes } = fake.into();
        let fake = changed::<E, _, _>(self.generator.train(latents, Wanted::NOTHING)?, changes.as_ref())?;
        // The gradients of the first pass are handed to the second, which adds to them: the first one's
        // activations are gone by then.
        let grads = Grads::<E>::leaky();
        let (grads, [loss_real, d_x]) = self.judge(real, self.config.real_label, grads)?;
        let (grads, [loss_fake, d_g_z]) = self.judge(fake, self.config.fake_label, grads)?;
        Ok((grads, OfLoss { losses: [loss_real, loss_fake], probabilities: [d_x, d_g_z] }))
    }

    /// Gradients of the generator's loss, and where the loss stands.
    ///
    /// # Errors
    /// If the device fails.
    pub fn generator_gradients(&mut self, fake: impl Into<Fake<A, E>>) -> DeviceResult<(Grads<E>, Entry), E> {
        let Fake { latents, changes } = fake.into();
        let fake = self.generator.train(latents.traced(Grads::<E>::leaky()), Wanted::PARAMETERS)?;
        let fake = changed::<E, _, _>(fake, changes.as_ref())?;
        let logits = self.discriminator.train(fake, Wanted::INPUT)?;
        let goal = self.config.generator_loss.goal(self.config.real_label);
        let Judged { loss, value, .. } = self.ledger.judge(logits, goal)?;
        Ok((loss.try_backward()?, value))
    }

    /// The generator's state dict.
    pub fn generator_state(&mut self) -> StateDict {
        state::state_dict::<E, _>(&mut self.generator)
    }

    /// The discriminator's state dict.
    pub fn discriminator_state(&mut self) -> StateDict {
        state::state_dict::<E, _>(&mut self.discriminator)
    }

    /// Both networks, generator first.
    pub fn networks(&mut self) -> (&mut A::Generator<E>, &mut A::Discriminator<E>) {
        (&mut self.generator, &mut self.discriminator)
    }

    /// The generator, to sample from.
    pub fn generator(&self) -> &A::Generator<E> {
        &self.generator
    }

    /// A generator with the mean of the weights so far and the running statistics of the last ones, if there is to be
    /// such a mean.
    ///
    /// # Errors
    /// If the device fails.
    pub fn mean_generator(&mut self) -> DeviceResult<Option<A::Generator<E>>, E> {
        if self.ema.is_none() {
            return Ok(None);
        }
        let state = self.generator_state();
        let Some(ema) = &self.ema else { return Ok(None) };
        let mut generator = state::from_state_dict::<E, A::Generator<E>>(&self.device, &state)?;
        ema.apply(&mut generator)?;
        Ok(Some(generator))
    }

    /// The device that the networks are on.
    pub fn device(&self) -> &E::Device {
        &self.device
    }

    /// The discriminator's half of [`Gan::step`].
    ///
    /// # Errors
    /// If the device fails.
    pub fn step_discriminator(
        &mut self,
        real: Array<A::Images, E>,
        fake: impl Into<Fake<A, E>>,
    ) -> DeviceResult<OfUpdate, E> {
        let (grads, of_loss) = self.discriminator_gradients(real, fake)?;
        let (network, factor) = (&mut self.discriminator, self.learning_rate_factor);
        let squares = self.adam_d.step(network, grads, factor, (&self.device, &mut self.ledger))?;
        Ok(OfUpdate { of_loss, squares })
    }

    /// The generator's: its loss, and the squares of its gradient.
    fn step_generator(&mut self, fake: impl Into<Fake<A, E>>) -> DeviceResult<[Entry; 2], E> {
        let (grads, loss) = self.generator_gradients(fake)?;
        let (network, factor) = (&mut self.generator, self.learning_rate_factor);
        let squares = self.adam_g.step(network, grads, factor, (&self.device, &mut self.ledger))?;
        if let Some(ema) = &mut self.ema {
            ema.update(&mut self.generator)?;
        }
        Ok([loss, squares])
    }

    /// The discriminator's loss on a batch, its gradients added to `grads`, and its mean probability.
    fn judge(
        &mut self,
        images: Array<A::Images, E>,
        label: f64,
        grads: Grads<E>,
    ) -> DeviceResult<(Grads<E>, [Entry; 2]), E> {
        let logits = self.discriminator.train(images.traced(grads), Wanted::PARAMETERS)?;
        let Judged { loss, value, probability } = self.ledger.judge(logits, Goal::towards(label))?;
        Ok((loss.try_backward()?, [value, probability]))
    }
}

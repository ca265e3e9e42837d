//! One step: the batches it takes, what is drawn for it, and the updates it makes.

use dcgan_core::rng::Rng;
use dcgan_core::streams;
use dcgan_data::Batch;
use dcgan_kernels::augment::Augmentation;

use super::training_loop::Run;
use crate::networks::arch::Architecture;

use crate::backend::operations::{Array, Backend, DeviceResult};
use crate::gan::augment;
use crate::gan::inputs::{Fake, augmented};
use crate::gan::stats::PendingStep;
use crate::networks::batch::{images_from_bytes, random_latents};
use crate::run::config::TrainConfig;
use crate::run::error::TrainError;

/// The random numbers of one update of the discriminator.
struct UpdateDraws {
    flip: Rng,
    real: Rng,
    fake: FakeDraws,
}

/// The random numbers of a batch of generated images.
struct FakeDraws {
    latents: Rng,
    changes: Rng,
}

impl<A: Architecture, B: Backend> Run<'_, A, B> {
    /// The batches of a step, one for each update of the discriminator; at the end of an epoch what is left of it.
    pub(super) fn next_batches(&mut self) -> Result<Vec<Batch>, TrainError> {
        let mut batches = vec![self.next_batch()?];
        while (batches.len() as u64) < self.config.d_steps
            && batches.last().is_some_and(|batch| !batch.last_of_epoch)
        {
            batches.push(self.next_batch()?);
        }
        Ok(batches)
    }

    /// An update of the discriminator for each batch, and one of the generator.
    pub(super) fn step(&mut self, batches: Vec<Batch>) -> Result<PendingStep, TrainError> {
        let (config, device) = (self.config, self.gan.device().clone());
        let of_updates: Vec<UpdateDraws> =
            (0..batches.len() as u64).map(|update| self.draws_of_update(update)).collect();
        let count = batches.last().map_or(0, |batch| batch.count);
        let for_generator = fake::<A, B>(config, &device, count, self.draws_of_fake(config.d_steps));
        let rounds = batches.into_iter().zip(of_updates).map(|(batch, draws)| {
            let count = batch.count;
            let real = real::<A, B>(config, &device, batch, draws.flip, draws.real)?;
            Ok((real, fake::<A, B>(config, &device, count, draws.fake)?))
        });
        self.gan.set_learning_rate_factor(self.learning_rate_factor());
        self.position.steps += 1;
        let failed = |error| TrainError::in_step::<B>(error, config.batch_size);
        self.gan.step_rounds(rounds, for_generator.map_err(failed)?).map_err(failed)
    }

    /// Each step has as many streams of each family as a whole one needs, also where an epoch's end makes it shorter.
    fn draws_of_update(&self, update: u64) -> UpdateDraws {
        let (d_steps, step) = (self.config.d_steps, self.position.steps);
        UpdateDraws {
            flip: self.random(streams::FLIP, d_steps * step + update),
            real: self.random(streams::AUGMENT, (2 * d_steps + 1) * step + 2 * update),
            fake: self.draws_of_fake(update),
        }
    }

    /// The generator's own update comes behind those of the discriminator.
    fn draws_of_fake(&self, update: u64) -> FakeDraws {
        let (d_steps, step) = (self.config.d_steps, self.position.steps);
        let place = if update < d_steps { 2 * update + 1 } else { 2 * d_steps };
        FakeDraws {
            latents: self.random(streams::LATENTS, (d_steps + 1) * step + update),
            changes: self.random(streams::AUGMENT, (2 * d_steps + 1) * step + place),
        }
    }
}

/// The real images of a batch, mirrored and changed as the flags say.
fn real<A: Architecture, B: Backend>(
    config: &TrainConfig,
    device: &B::Device,
    mut batch: Batch,
    mut flip: Rng,
    changes: Rng,
) -> DeviceResult<Array<A::Images, B>, B> {
    if config.flip {
        augment::flip(&mut batch.pixels, A::CHANNELS, A::SIDE, &mut flip);
    }
    let images = images_from_bytes::<A, B>(device, &batch.pixels)?;
    augmented::<B, _, _>(images, draw::<A>(config, batch.count, changes).as_ref())
}

/// The latents of generated images, and how the images are changed.
fn fake<A: Architecture, B: Backend>(
    config: &TrainConfig,
    device: &B::Device,
    count: usize,
    FakeDraws { mut latents, changes }: FakeDraws,
) -> DeviceResult<Fake<A, B>, B> {
    let latents = random_latents::<A, B>(device, &mut latents, count)?;
    Ok(Fake { latents, changes: draw::<A>(config, count, changes) })
}

fn draw<A: Architecture>(config: &TrainConfig, count: usize, mut rng: Rng) -> Option<Augmentation> {
    config.augment.map(|policy| augment::draw(policy, A::SIDE, count, &mut rng))
}

//! The inputs of a training step: real images, latents, and their augmentation.

use dcgan_kernels::augment::Augmentation;
use dfdx::prelude::*;

use crate::backend::operations::{Array, Backend, DeviceResult};
use crate::networks::arch::Architecture;

/// The batches of a discriminator update: real images, augmented already, and generated ones.
pub type Round<A, B> = (Array<<A as Architecture>::Images, B>, Fake<A, B>);

/// A batch of generated images, before the generator has drawn it.
pub struct Fake<A: Architecture, B: Backend> {
    /// `[latent, N]`.
    pub latents: Array<A::Latents, B>,
    /// The augmentation of the images, before the discriminator sees them.
    pub changes: Option<Augmentation>,
}

impl<A: Architecture, B: Backend> From<Array<A::Latents, B>> for Fake<A, B> {
    /// Without augmentation.
    fn from(latents: Array<A::Latents, B>) -> Self {
        Self { latents, changes: None }
    }
}

/// Applies the augmentation, if any.
///
/// # Errors
/// If the device fails.
pub fn augmented<B: Backend, X: Shape, T: Tape<f32, B::Device>>(
    images: Array<X, B, T>,
    changes: Option<&Augmentation>,
) -> DeviceResult<Array<X, B, T>, B> {
    match changes {
        Some(changes) => B::augment(images, changes),
        None => Ok(images),
    }
}

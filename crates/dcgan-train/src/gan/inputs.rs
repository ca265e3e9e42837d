//! The inputs of a training step: real images, latents, and their augmentation.

use dcgan_kernels::augment::Augmentation;
use dfdx::prelude::*;

use crate::backend::operations::{Array, Backend, DeviceResult};
use crate::networks::arch::Architecture;

/// Real images of an update of the discriminator, changed already if they are to be, and the generated ones.
pub type Round<A, B> = (Array<<A as Architecture>::Images, B>, Fake<A, B>);

/// What generated images are made of.
pub struct Fake<A: Architecture, B: Backend> {
    /// `[latent, N]`.
    pub latents: Array<A::Latents, B>,
    /// What is done to the images before the discriminator sees them.
    pub changes: Option<Augmentation>,
}

impl<A: Architecture, B: Backend> From<Array<A::Latents, B>> for Fake<A, B> {
    /// Images that stay as they are.
    fn from(latents: Array<A::Latents, B>) -> Self {
        Self { latents, changes: None }
    }
}

/// Images as they were drawn to be changed, if they were.
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

//! Between the arrays that the crates exchange, `[N, ...]`, and tensors, `[..., N]`.

use dcgan_core::rng::Rng;
use dfdx::prelude::*;
use ndarray::{Array4, ArrayView2};

use crate::backend::operations::{Array, Backend, DeviceResult};
use crate::networks::arch::Architecture;

/// Images as bytes `[N, C, S, S]` as a tensor `[C, S, S, N]` of values in [-1, 1].
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If `bytes` is not a whole number of images.
pub fn images_from_bytes<A: Architecture, B: Backend>(
    device: &B::Device,
    bytes: &[u8],
) -> DeviceResult<Array<A::Images, B>, B> {
    let size = A::CHANNELS * A::SIDE * A::SIDE;
    assert!(bytes.len().is_multiple_of(size), "{} bytes are not whole images of {size}", bytes.len());
    B::images(device, bytes, A::images(bytes.len() / size))
}

/// Latents `[N, latent]` as a tensor `[latent, N]`.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the latents have another length than the architecture's.
pub fn latents_from_array<A: Architecture, B: Backend>(
    device: &B::Device,
    latents: ArrayView2<f32>,
) -> DeviceResult<Array<A::Latents, B>, B> {
    assert_eq!(latents.ncols(), A::LATENT, "numbers of a latent");
    let values = latents.t().iter().copied().collect();
    device.try_tensor_from_vec(values, A::latents(latents.nrows()))
}

/// `batch` standard normal latents of a random stream, as a tensor `[latent, N]`.
///
/// # Errors
/// If the device fails.
pub fn random_latents<A: Architecture, B: Backend>(
    device: &B::Device,
    rng: &mut Rng,
    batch: usize,
) -> DeviceResult<Array<A::Latents, B>, B> {
    let values = (0..A::LATENT * batch).map(|_| rng.normal() as f32).collect();
    device.try_tensor_from_vec(values, A::latents(batch))
}

/// A tensor of images `[C, S, S, N]` as an array `[N, C, S, S]`.
pub fn images_to_array<A: Architecture, B: Backend>(images: &Array<A::Images, B>) -> Array4<f32> {
    let count = images.shape().num_elements();
    let batch = count / (A::CHANNELS * A::SIDE * A::SIDE);
    let mut values = vec![0.0; count];
    B::read(images, &mut values);
    let images = Array4::from_shape_vec((A::CHANNELS, A::SIDE, A::SIDE, batch), values);
    let images = images.expect("a tensor has as many values as its shape says");
    images.permuted_axes([3, 0, 1, 2]).as_standard_layout().into_owned()
}

//! BatchNorm with its activation by our kernels, each of which is behind a function that checks the sizes.
//!
//! All of them panic as those of [`launch`](super::launch).

use dcgan_core::spec::BATCH_NORM_EPS;
use dcgan_kernels::activation::Activation;
use dfdx::prelude::*;

use super::gpu::{Floats, Gpu, GpuResult};
use super::launch::{check, float, for_each, int, kind, launch, rows};

/// BatchNorm's parameters and statistics in device memory, each `[C]`.
pub struct Channels<'a, M: Gpu> {
    /// PyTorch's `weight`.
    pub scale: &'a Floats<M>,
    /// PyTorch's `bias`.
    pub bias: &'a Floats<M>,
    /// The means.
    pub mean: &'a Floats<M>,
    /// The variances, divided by the count.
    pub variance: &'a Floats<M>,
}

/// `activation(batch_norm(maps))` of `[C, ...]` with the statistics of the batch: values, means, variances (divided by the
/// count), and the same divided by the count less one.
///
/// # Errors
/// If the device fails; so do the others.
pub fn norm_train<M: Gpu>(
    device: &M::Device,
    [maps, scale, bias]: [&Floats<M>; 3],
    activation: Activation,
) -> GpuResult<[Floats<M>; 4], M> {
    let (channels, row) = rows::<M>(device, maps, scale);
    let zeros = |count| Storage::<f32>::try_alloc_len(device, count);
    let [mut mean, mut variance, mut unbiased] = [zeros(channels)?, zeros(channels)?, zeros(channels)?];
    let mut out = zeros(channels * row)?;
    check::<M>(device, &[(bias, channels)]);
    let [kind, slope] = kind(activation);
    let [maps, scale, bias] = [maps, scale, bias].map(M::address);
    let [out_at, mean_at, variance_at, unbiased_at] =
        [&mut out, &mut mean, &mut variance, &mut unbiased].map(M::address_mut);
    let arguments = [
        maps,
        scale,
        bias,
        out_at,
        mean_at,
        variance_at,
        unbiased_at,
        int(row),
        float(BATCH_NORM_EPS),
        kind,
        slope,
    ];
    // SAFETY: the arguments of `norm_train`; maps have `row` floats for each of `channels` blocks, the others one
    // (checked).
    unsafe { M::launch(device, &launch("norm_train", channels, &arguments)) }?;
    Ok([out, mean, variance, unbiased])
}

/// `activation(batch_norm(maps))` of `[C, ...]` with given statistics.
///
/// # Errors
/// As [`norm_train`].
pub fn norm_infer<M: Gpu>(
    device: &M::Device,
    maps: &Floats<M>,
    channels: &Channels<M>,
    activation: Activation,
) -> GpuResult<Floats<M>, M> {
    let row = channels.row(device, maps);
    let count = Storage::<f32>::len(device, maps);
    let mut out = Storage::<f32>::try_alloc_len(device, count)?;
    let [kind, slope] = kind(activation);
    let [scale, bias, mean, variance] = channels.addresses();
    let arguments = [
        M::address(maps),
        scale,
        bias,
        mean,
        variance,
        M::address_mut(&mut out),
        int(row),
        int(count),
        float(BATCH_NORM_EPS),
        kind,
        slope,
    ];
    // SAFETY: the arguments of `norm_infer`; maps have `row` floats for each channel, the others one (checked).
    unsafe { M::launch(device, &for_each(count, "norm_infer", &arguments)) }?;
    Ok(out)
}

/// Gradients of [`norm_train`]: `gradient` of the output becomes that of `maps`, and those of `scale` and `bias` are
/// added to `sums`.
///
/// # Errors
/// As [`norm_train`].
pub fn norm_gradient<M: Gpu>(
    device: &M::Device,
    maps: &Floats<M>,
    channels: &Channels<M>,
    activation: Activation,
    gradient: &mut Floats<M>,
    [for_scale, for_bias]: [&mut Floats<M>; 2],
) -> GpuResult<(), M> {
    let row = channels.row(device, maps);
    let (count, blocks) = (Storage::<f32>::len(device, maps), Storage::<f32>::len(device, channels.scale));
    check::<M>(device, &[(gradient, count), (for_scale, blocks), (for_bias, blocks)]);
    let [kind, slope] = kind(activation);
    let [scale, bias, mean, variance] = channels.addresses();
    let [gradient, for_scale, for_bias] = [gradient, for_scale, for_bias].map(M::address_mut);
    let arguments = [
        M::address(maps),
        scale,
        bias,
        mean,
        variance,
        gradient,
        for_scale,
        for_bias,
        int(row),
        float(BATCH_NORM_EPS),
        kind,
        slope,
    ];
    // SAFETY: the arguments of `norm_gradient`; maps and gradient have `row` floats for each block, the others one
    // (checked).
    unsafe { M::launch(device, &launch("norm_gradient", blocks, &arguments)) }
}

impl<M: Gpu> Channels<'_, M> {
    /// Floats of a channel of `maps`.
    fn row(&self, device: &M::Device, maps: &Floats<M>) -> usize {
        let (channels, row) = rows::<M>(device, maps, self.scale);
        check::<M>(device, &[(self.bias, channels), (self.mean, channels), (self.variance, channels)]);
        row
    }

    fn addresses(&self) -> [u64; 4] {
        [self.scale, self.bias, self.mean, self.variance].map(M::address)
    }
}

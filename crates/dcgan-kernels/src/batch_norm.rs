//! BatchNorm with the activation that follows it, forward and backward.
//!
//! A channel is one contiguous row of `S * S * N` floats, which mostly fits into a core's second-level cache. One task
//! makes all passes over a row, so that only the first reads memory and only the last writes it.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::activation::Activation;
use crate::simd::{Kernel, LANES, Level, Simd, Vector, lanes, load, store, store_new};
use crate::uninit::filled;

/// Floats summed in `f32` before their sum is added to an `f64`.
const SUM_BLOCK: usize = 1024;

/// Mean and variance of each channel over images and pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// The means, `[C]`.
    pub mean: Vec<f32>,
    /// The variances, divided by the count, `[C]`.
    pub variance: Vec<f32>,
}

/// Parameters of BatchNorm; `scale` and `bias` are `[C]`.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// PyTorch's `weight`.
    pub scale: &'a [f32],
    /// PyTorch's `bias`.
    pub bias: &'a [f32],
    /// Added to the variance, PyTorch's `eps`.
    pub eps: f32,
}

/// `(x - mean) / sqrt(variance + eps) * scale + bias` of one channel, then the activation.
#[derive(Clone, Copy)]
struct Channel {
    mean: f32,
    inverse_deviation: f32,
    scale: f32,
    bias: f32,
    activation: Activation,
}

impl Channel {
    fn new(norm: Norm, c: usize, [mean, variance]: [f32; 2], activation: Activation) -> Self {
        let inverse_deviation = (variance + norm.eps).sqrt().recip();
        Self { mean, inverse_deviation, scale: norm.scale[c], bias: norm.bias[c], activation }
    }

    #[inline(always)]
    fn normalised<S: Simd>(self, simd: S, x: S::V) -> S::V {
        (x - simd.splat(self.mean)) * simd.splat(self.inverse_deviation)
    }

    #[inline(always)]
    fn value<S: Simd>(self, simd: S, normalised: S::V) -> S::V {
        self.activation.value(simd, normalised * simd.splat(self.scale) + simd.splat(self.bias))
    }
}

/// `activation(batch_norm(maps))` with the statistics of the batch, and these: `[C, ...]` to `[C, ...]`.
///
/// PyTorch equivalent: `torch.nn.functional.batch_norm(..., training=True)` and the activation.
///
/// # Panics
/// If `maps` cannot be divided into as many rows as there are channels.
pub fn train(maps: &[f32], norm: Norm, activation: Activation) -> (Vec<f32>, Moments) {
    let level = Level::current();
    normalised(maps, norm, activation, |_, row| level.run(RowMoments(row)))
}

/// The same with given statistics, the running ones when sampling.
///
/// PyTorch equivalent: `torch.nn.functional.batch_norm(..., training=False)` and the activation.
///
/// # Panics
/// As [`train`].
pub fn infer(maps: &[f32], norm: Norm, moments: &Moments, activation: Activation) -> Vec<f32> {
    normalised(maps, norm, activation, |c, _| [moments.mean[c], moments.variance[c]]).0
}

/// Normalises with the mean and variance that `moments` makes of a channel's index and row.
fn normalised(
    maps: &[f32],
    norm: Norm,
    activation: Activation,
    moments: impl Fn(usize, &[f32]) -> [f32; 2] + Sync,
) -> (Vec<f32>, Moments) {
    let (row, level) = (rows(maps, norm), Level::current());
    let mut used = (Vec::new(), Vec::new());
    let channel = |(c, (out, maps)): (usize, (&mut [MaybeUninit<f32>], &[f32]))| {
        let moments = moments(c, maps);
        level.run(Normalise { maps, channel: Channel::new(norm, c, moments, activation), out });
        moments.into()
    };
    let fill = |out: &mut [MaybeUninit<f32>]| {
        let tasks = out.par_chunks_exact_mut(row).zip(maps.par_chunks_exact(row)).enumerate();
        used = tasks.map(channel).unzip();
    };
    // SAFETY: every channel is normalised, which writes all of it.
    let out = unsafe { filled(maps.len(), fill) };
    let (mean, variance) = used;
    (out, Moments { mean, variance })
}

/// The gradients of [`train`], through the batch's statistics as well.
///
/// `gradient` `[C, ...]` holds the gradient of the output and receives that of `maps`. Returns the gradients of
/// `scale` and of `bias`, each `[C]`.
///
/// # Panics
/// If `gradient` is not as long as `maps`, or `maps` is not a row for each channel.
pub fn gradient(
    maps: &[f32],
    norm: Norm,
    moments: &Moments,
    activation: Activation,
    gradient: &mut [f32],
) -> (Vec<f32>, Vec<f32>) {
    assert_eq!(maps.len(), gradient.len());
    let (row, level) = (rows(maps, norm), Level::current());
    let tasks = gradient.par_chunks_exact_mut(row).zip(maps.par_chunks_exact(row)).enumerate();
    let channel = |(c, (gradient, maps)): (usize, (&mut [f32], &[f32]))| {
        let channel = Channel::new(norm, c, [moments.mean[c], moments.variance[c]], activation);
        level.run(RowGradient { maps, channel, gradient })
    };
    tasks.map(channel).unzip()
}

fn rows(maps: &[f32], norm: Norm) -> usize {
    let channels = norm.scale.len();
    assert!(channels > 0 && !maps.is_empty() && maps.len().is_multiple_of(channels));
    maps.len() / channels
}

/// Mean and variance of a row: the variance from the distances to the mean, so that a large mean does not
/// cancel it.
struct RowMoments<'a>(&'a [f32]);

impl Kernel for RowMoments<'_> {
    type Output = [f32; 2];

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> [f32; 2] {
        let count = self.0.len() as f64;
        let mut sum = 0.0;
        for block in self.0.chunks(SUM_BLOCK) {
            let mut lanes = simd.splat(0.0);
            for x in block.chunks(LANES) {
                lanes = lanes + load(simd, x);
            }
            sum += total(lanes);
        }
        let mean = (sum / count) as f32;
        let mut squares = 0.0;
        for block in self.0.chunks(SUM_BLOCK) {
            let mut lanes = simd.splat(0.0);
            let (whole, rest) = block.as_chunks::<LANES>();
            for x in whole {
                let distance = simd.load(x) - simd.splat(mean);
                lanes = lanes + distance * distance;
            }
            squares += total(lanes);
            squares += rest.iter().map(|x| f64::from((x - mean) * (x - mean))).sum::<f64>();
        }
        [mean, (squares / count) as f32]
    }
}

struct Normalise<'a> {
    maps: &'a [f32],
    channel: Channel,
    out: &'a mut [MaybeUninit<f32>],
}

impl Kernel for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (x, out) in self.maps.chunks(LANES).zip(self.out.chunks_mut(LANES)) {
            let normalised = self.channel.normalised(simd, load(simd, x));
            store_new(self.channel.value(simd, normalised), out);
        }
    }
}

/// One channel of [`gradient`].
struct RowGradient<'a> {
    maps: &'a [f32],
    channel: Channel,
    gradient: &'a mut [f32],
}

impl RowGradient<'_> {
    /// Normalised inputs, and the gradients in front of the activation.
    #[inline(always)]
    fn pair<S: Simd>(channel: Channel, simd: S, x: &[f32], gradient: &[f32]) -> (S::V, S::V) {
        let normalised = channel.normalised(simd, load(simd, x));
        let value = channel.value(simd, normalised);
        (normalised, load(simd, gradient) * channel.activation.derivative_at_value(simd, value))
    }

    /// The sums of the gradients times the normalised inputs, and of the gradients.
    #[inline(always)]
    fn sums<S: Simd>(&self, simd: S) -> (f64, f64) {
        let (mut for_scale, mut for_bias) = (0.0, 0.0);
        for (maps, gradient) in self.maps.chunks(SUM_BLOCK).zip(self.gradient.chunks(SUM_BLOCK)) {
            let (mut products, mut gradients) = (simd.splat(0.0), simd.splat(0.0));
            // Lanes beyond the end have a gradient of zero and add nothing.
            for (x, gradient) in maps.chunks(LANES).zip(gradient.chunks(LANES)) {
                let (normalised, gradient) = Self::pair(self.channel, simd, x, gradient);
                products = products + gradient * normalised;
                gradients = gradients + gradient;
            }
            for_scale += total(products);
            for_bias += total(gradients);
        }
        (for_scale, for_bias)
    }
}

impl Kernel for RowGradient<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> (f32, f32) {
        let (for_scale, for_bias) = self.sums(simd);
        let (count, channel) = (self.maps.len() as f64, self.channel);
        let mean_product = simd.splat((for_scale / count) as f32);
        let mean_gradient = simd.splat((for_bias / count) as f32);
        let factor = simd.splat(channel.scale * channel.inverse_deviation);
        for (x, out) in self.maps.chunks(LANES).zip(self.gradient.chunks_mut(LANES)) {
            let (normalised, gradient) = Self::pair(channel, simd, x, out);
            store(factor * (gradient - mean_gradient - normalised * mean_product), out);
        }
        (for_scale as f32, for_bias as f32)
    }
}

/// The sum of a vector's lanes.
#[inline(always)]
fn total<V: Vector>(vector: V) -> f64 {
    lanes(vector).into_iter().map(f64::from).sum()
}

#[cfg(test)]
mod tests;

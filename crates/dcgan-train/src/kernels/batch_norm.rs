//! BatchNorm with the activation that follows it, forward and backward, and activations alone.
//!
//! A channel is one contiguous row of `S * S * N` floats that mostly fits a core's second-level cache, so
//! the passes over it cost little more than one.

use dcgan_core::spec::{BATCH_NORM_EPS, LEAKY_SLOPE};
use rayon::prelude::*;

/// Partial sums of a loop, so that it becomes vector instructions.
const LANES: usize = 16;
/// Floats that are summed in `f32` before the sum is carried on in `f64`.
const SUM_BLOCK: usize = 1024;
/// Floats that a task of an elementwise loop takes.
const TASK: usize = 16 * 1024;

/// What is applied to each value after a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x` above zero, 0.2 times `x` below ([`LEAKY_SLOPE`]).
    LeakyRelu,
    /// The hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// The value at `x`.
    #[inline(always)]
    pub fn apply(self, x: f32) -> f32 {
        match self {
            // Not `f32::max`, which would turn a NaN into 0 and hide that a run diverged.
            Self::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Self::LeakyRelu => {
                if x < 0.0 {
                    LEAKY_SLOPE * x
                } else {
                    x
                }
            }
            Self::Tanh => x.tanh(),
        }
    }

    /// The derivative where the value is `y`; at the kink of the first two, as PyTorch, the one from below.
    #[inline(always)]
    pub fn derivative_at_value(self, y: f32) -> f32 {
        match self {
            Self::Relu => {
                if y > 0.0 {
                    1.0
                } else {
                    0.0
                }
            }
            Self::LeakyRelu => {
                if y > 0.0 {
                    1.0
                } else {
                    LEAKY_SLOPE
                }
            }
            Self::Tanh => 1.0 - y * y,
        }
    }
}

/// Mean and variance of each channel over images and pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// The means, `[C]`.
    pub mean: Vec<f32>,
    /// The variances, divided by the count, `[C]`.
    pub variance: Vec<f32>,
}

/// BatchNorm's parameters and the statistics it works with, each `[C]`.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// PyTorch's `weight`.
    pub scale: &'a [f32],
    /// PyTorch's `bias`.
    pub bias: &'a [f32],
    /// The statistics: of the batch in training, the running ones when sampling.
    pub moments: &'a Moments,
}

/// `(x - mean) / sqrt(variance + eps) * scale + bias` of one channel.
#[derive(Clone, Copy)]
struct Affine {
    mean: f32,
    inverse_deviation: f32,
    scale: f32,
    bias: f32,
}

impl Affine {
    #[inline(always)]
    fn normalised(self, x: f32) -> f32 {
        (x - self.mean) * self.inverse_deviation
    }

    #[inline(always)]
    fn apply(self, x: f32) -> f32 {
        self.normalised(x) * self.scale + self.bias
    }
}

impl Norm<'_> {
    fn channel(&self, c: usize) -> Affine {
        Affine {
            mean: self.moments.mean[c],
            inverse_deviation: (self.moments.variance[c] + BATCH_NORM_EPS).sqrt().recip(),
            scale: self.scale[c],
            bias: self.bias[c],
        }
    }
}

/// Mean and variance of each of `channels` rows of `maps` `[C, ...]`.
///
/// # Panics
/// If `maps` cannot be divided into `channels` rows.
pub fn moments(maps: &[f32], channels: usize) -> Moments {
    let rows = rows(maps, channels);
    let (mean, variance) = maps
        .par_chunks(rows)
        .map(|row| {
            let count = row.len() as f64;
            let mean = (sum(row, |x| x) / count) as f32;
            let variance = sum(row, |x| (x - mean) * (x - mean)) / count;
            (mean, variance as f32)
        })
        .unzip();
    Moments { mean, variance }
}

/// `activation(batch_norm(maps))`, `[C, ...]`.
///
/// PyTorch equivalent: `torch.nn.functional.batch_norm` and the activation.
///
/// # Panics
/// If the sizes do not fit.
pub fn normalise(maps: &[f32], norm: Norm, activation: Activation) -> Vec<f32> {
    let row = rows(maps, norm.scale.len());
    let mut out = vec![0.0; maps.len()];
    out.par_chunks_mut(row).zip(maps.par_chunks(row)).enumerate().for_each(|(c, (out, maps))| {
        let affine = norm.channel(c);
        // A `match` outside the loop: inside, it would keep the loop from becoming vector instructions.
        match activation {
            Activation::Relu => map(maps, out, |x| Activation::Relu.apply(affine.apply(x))),
            Activation::LeakyRelu => map(maps, out, |x| Activation::LeakyRelu.apply(affine.apply(x))),
            Activation::Tanh => map(maps, out, |x| Activation::Tanh.apply(affine.apply(x))),
        }
    });
    out
}

/// Gradients of [`normalise`] with the batch's own [`moments`] (which depend on `maps` too).
///
/// `gradient` `[C, ...]` is the gradient of the output and becomes that of `maps`. Returned are the
/// gradients of `scale` and of `bias`, each `[C]`.
///
/// # Panics
/// If the sizes do not fit.
pub fn normalise_gradient(
    maps: &[f32],
    norm: Norm,
    activation: Activation,
    gradient: &mut [f32],
) -> (Vec<f32>, Vec<f32>) {
    assert_eq!(maps.len(), gradient.len());
    let row = rows(maps, norm.scale.len());
    let tasks = gradient.par_chunks_mut(row).zip(maps.par_chunks(row)).enumerate();
    let channel = |(c, (gradient, maps)): (usize, (&mut [f32], &[f32]))| {
        let affine = norm.channel(c);
        match activation {
            Activation::Relu => channel_gradient(maps, affine, Activation::Relu, gradient),
            Activation::LeakyRelu => channel_gradient(maps, affine, Activation::LeakyRelu, gradient),
            Activation::Tanh => channel_gradient(maps, affine, Activation::Tanh, gradient),
        }
    };
    tasks.map(channel).unzip()
}

/// One channel of [`normalise_gradient`].
#[inline(always)]
fn channel_gradient(
    maps: &[f32],
    affine: Affine,
    activation: Activation,
    gradient: &mut [f32],
) -> (f32, f32) {
    let (mut for_scale, mut for_bias) = (0.0, 0.0);
    for (maps, gradient) in maps.chunks(SUM_BLOCK).zip(gradient.chunks_mut(SUM_BLOCK)) {
        map_in_place(gradient, maps, |g, x| {
            g * activation.derivative_at_value(activation.apply(affine.apply(x)))
        });
        for_bias += sum(gradient, |g| g);
        for_scale += sum_of_products(gradient, maps, |x| affine.normalised(x));
    }
    let count = maps.len() as f64;
    let (mean_gradient, mean_product) = ((for_bias / count) as f32, (for_scale / count) as f32);
    let factor = affine.scale * affine.inverse_deviation;
    map_in_place(gradient, maps, |g, x| factor * (g - mean_gradient - affine.normalised(x) * mean_product));
    (for_scale as f32, for_bias as f32)
}

/// Applies an activation in place.
pub fn activate(values: &mut [f32], activation: Activation) {
    values.par_chunks_mut(TASK).for_each(|values| match activation {
        Activation::Relu => values.iter_mut().for_each(|x| *x = Activation::Relu.apply(*x)),
        Activation::LeakyRelu => values.iter_mut().for_each(|x| *x = Activation::LeakyRelu.apply(*x)),
        Activation::Tanh => values.iter_mut().for_each(|x| *x = Activation::Tanh.apply(*x)),
    });
}

/// Turns the gradient of an activation's output into that of its input, from the output's `values`.
///
/// # Panics
/// If the lengths differ.
pub fn activation_gradient(values: &[f32], activation: Activation, gradient: &mut [f32]) {
    assert_eq!(values.len(), gradient.len());
    gradient.par_chunks_mut(TASK).zip(values.par_chunks(TASK)).for_each(|(g, y)| match activation {
        Activation::Relu => map_in_place(g, y, |g, y| g * Activation::Relu.derivative_at_value(y)),
        Activation::LeakyRelu => map_in_place(g, y, |g, y| g * Activation::LeakyRelu.derivative_at_value(y)),
        Activation::Tanh => map_in_place(g, y, |g, y| g * Activation::Tanh.derivative_at_value(y)),
    });
}

fn rows(maps: &[f32], channels: usize) -> usize {
    assert!(channels > 0 && !maps.is_empty() && maps.len().is_multiple_of(channels));
    maps.len() / channels
}

#[inline(always)]
fn map(input: &[f32], output: &mut [f32], f: impl Fn(f32) -> f32) {
    output.iter_mut().zip(input).for_each(|(y, x)| *y = f(*x));
}

#[inline(always)]
fn map_in_place(values: &mut [f32], others: &[f32], f: impl Fn(f32, f32) -> f32) {
    values.iter_mut().zip(others).for_each(|(g, x)| *g = f(*g, *x));
}

/// The sum of `term` over a row, accurate to about `f64`'s precision over [`SUM_BLOCK`]s of `f32` sums.
#[inline(always)]
fn sum(row: &[f32], term: impl Fn(f32) -> f32) -> f64 {
    sum_blocks(row, row, |x, _| term(x))
}

#[inline(always)]
fn sum_of_products(values: &[f32], others: &[f32], factor: impl Fn(f32) -> f32) -> f64 {
    sum_blocks(values, others, |value, other| value * factor(other))
}

#[inline(always)]
fn sum_blocks(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f64 {
    let mut total = 0.0;
    for (a, b) in a.chunks(SUM_BLOCK).zip(b.chunks(SUM_BLOCK)) {
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        let mut lanes = [0.0f32; LANES];
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                lanes[lane] += term(a[lane], b[lane]);
            }
        }
        let rest = a_rest.iter().zip(b_rest).map(|(a, b)| term(*a, *b));
        total += lanes.into_iter().chain(rest).map(f64::from).sum::<f64>();
    }
    total
}

//! Any dfdx device, in dfdx's public operations alone: the reference that faster engines are tested against.
//!
//! dfdx has no convolution on stable Rust. With the batch innermost one is a `gather` of rows and a matrix
//! product, with no permutation: a map as `[C * S * S, N]` has a row a pixel, and a zero row appended stands
//! for the padding.

use std::marker::PhantomData;

use dcgan_core::spec::BATCH_NORM_EPS;
use dcgan_kernels::augment::{Augmentation, ImagesShape, Transform, color_factors, sources};
use dcgan_kernels::spectral::EPS;
use dfdx::prelude::*;

use crate::backend::buffer;
use crate::backend::operations::{
    Activation, AdamStep, Array, Backend, Buffer, DeviceResult, FeatureShape, Filter, MapShape, Norm,
    Normalised, Parameter, RequiresGrad, Statistics,
};
use crate::backend::scalars::ScalarValues;
use crate::backend::types::images_shape;

/// dfdx tensors on device `D`, computed by dfdx.
///
/// It always computes all gradients: dfdx's operations have no other way.
#[derive(Clone, Copy, Debug)]
pub struct ReferenceBackend<D>(PhantomData<D>);

/// A matrix of `R` rows and any number of columns.
type Rows<R, D, T> = Tensor<(R, usize), f32, D, T>;

impl<D: Device<f32>> Backend for ReferenceBackend<D> {
    type Device = D;
    type Cache = ();
    type DeviceScalars = ScalarValues;

    fn down<const C: usize, const O: usize, const S: usize, const HALF: usize, T: Tape<f32, D>>(
        x: Array<MapShape<C, S>, Self, T>,
        filter: &Filter<O, C, Self>,
        norm: Option<Norm<O, Self>>,
        activation: Activation,
        _: RequiresGrad,
    ) -> DeviceResult<Normalised<O, HALF, Self, T>, Self> {
        const { assert!(S == 2 * HALF, "a convolution of stride 2 halves the side") };
        let batch = x.shape().3;
        let pixels = x.try_reshape_like(&(C * S * S, batch))?;
        let patches = gather(pixels, patch_index(C, S))?; // [C * 16 * HALF * HALF, N]
        let patches = patches.try_reshape_like(&(C * 16, HALF * HALF * batch))?;
        let weight = filter.values().retaped::<T>().try_reshape_like(&(Const::<O>, C * 16))?;
        let y = weight.try_matmul(patches)?; // [O, HALF * HALF * N]
        let (y, statistics) = normalise(y, norm)?;
        let y = activate(y, activation)?;
        Ok((y.try_reshape_like(&(Const, Const, Const, batch))?, statistics))
    }

    fn up<const I: usize, const C: usize, const S: usize, const TWICE: usize, T: Tape<f32, D>>(
        x: Array<MapShape<I, S>, Self, T>,
        filter: &Filter<I, C, Self>,
        norm: Option<Norm<C, Self>>,
        activation: Activation,
        _: RequiresGrad,
    ) -> DeviceResult<Normalised<C, TWICE, Self, T>, Self> {
        const { assert!(TWICE == 2 * S, "a transposed convolution of stride 2 doubles the side") };
        let batch = x.shape().3;
        let x = x.try_reshape_like(&(Const::<I>, S * S * batch))?;
        let weight = filter.values().retaped::<T>().try_reshape_like(&(Const::<I>, C * 16))?;
        let products = weight.try_permute::<(usize, Const<I>), Axes2<1, 0>>()?.try_matmul(x)?;
        let products = products.try_reshape_like(&(C * 16 * S * S, batch))?;
        let terms = gather(products, term_index(C, S))?; // [4 * C * TWICE * TWICE, N]
        let terms = terms.try_reshape_like(&(4usize, C * TWICE * TWICE * batch))?;
        let y = terms.try_sum::<(usize,), Axis<0>>()?;
        let y = y.try_reshape_like(&(Const::<C>, TWICE * TWICE * batch))?;
        let (y, statistics) = normalise(y, norm)?;
        let y = activate(y, activation)?;
        Ok((y.try_reshape_like(&(Const, Const, Const, batch))?, statistics))
    }

    fn linear<const I: usize, const O: usize, T: Tape<f32, D>>(
        x: Array<FeatureShape<I>, Self, T>,
        weight: &Parameter<Rank2<O, I>, Self>,
        bias: &Parameter<Rank1<O>, Self>,
        _: RequiresGrad,
    ) -> DeviceResult<Array<FeatureShape<O>, Self, T>, Self> {
        let y = weight.values().retaped::<T>().try_matmul(x)?;
        let shape = *y.shape();
        y.try_add(bias.values().retaped::<T>().try_broadcast_like::<_, Axis<1>>(&shape)?)
    }

    fn power_iteration<W: Shape, U: Shape, V: Shape>(
        weight: &Array<W, Self>,
        u: &mut Array<U, Self>,
        v: &mut Array<V, Self>,
    ) -> DeviceResult<(), Self> {
        let [rows, columns] = [u.shape().num_elements(), v.shape().num_elements()];
        let weight = weight.clone().try_reshape_like(&(rows, columns))?;
        let transposed = u.clone().try_reshape_like(&(1usize, rows))?.try_matmul(weight.clone())?;
        *v = unit(transposed)?.try_reshape_like(v.shape())?;
        let product = weight.try_matmul(v.clone().try_reshape_like(&(columns, 1usize))?)?;
        *u = unit(product)?.try_reshape_like(u.shape())?;
        Ok(())
    }

    fn spectral<X: Shape, W: Shape, U: Shape, V: Shape, T: Tape<f32, D>>(
        x: Array<X, Self, T>,
        weight: &Array<W, Self>,
        u: &Array<U, Self>,
        v: &Array<V, Self>,
        _: RequiresGrad,
    ) -> DeviceResult<(Array<X, Self, T>, Array<W, Self>), Self> {
        let (x, tape) = x.split_tape();
        let size @ (rows, columns) = (u.shape().num_elements(), v.shape().num_elements());
        let matrix = weight.retaped::<T>().try_reshape_like(&size)?;
        let image = matrix.retaped::<T>().try_matmul(v.clone().try_reshape_like(&(columns, 1usize))?)?;
        let products = image.try_mul(u.clone().try_reshape_like(&(rows, 1usize))?)?;
        let sigma = products.try_sum::<Rank0, Axes2<0, 1>>()?;
        let normal = matrix.try_div(sigma.try_broadcast_like::<_, Axes2<0, 1>>(&size)?)?;
        let (normal, recorded) = normal.try_reshape_like(weight.shape())?.split_tape();
        Ok((x.put_tape(tape.merge(recorded)), normal))
    }

    fn augment<X: Shape, T: Tape<f32, D>>(
        images: Array<X, Self, T>,
        changes: &Augmentation,
    ) -> DeviceResult<Array<X, Self, T>, Self> {
        let (whole, shape) = (*images.shape(), images_shape(images.shape()));
        let ImagesShape { channels, side, batch } = shape;
        let device = images.device().clone();
        let of_images = |value: &dyn Fn(&Transform) -> f32| {
            device.try_tensor_from_vec(changes.0.iter().map(value).collect(), (batch,))
        };
        let size = (channels, side * side, batch);
        let x = images.try_reshape_like(&size)?;
        let pixels = x.retaped::<T>().try_mean::<(usize, usize), Axis<0>>()?; // [S * S, N]
        let all = pixels.retaped::<T>().try_mean::<(usize,), Axis<0>>()?; // [N]
        let [own, pixel, image] = [0, 1, 2].map(|part| of_images(&|change| color_factors(change)[part]));
        let y = x.try_mul(own?.try_broadcast_like::<_, Axes2<0, 1>>(&size)?)?;
        let pixels = pixels.try_mul(pixel?.try_broadcast_like::<_, Axis<0>>(&(side * side, batch))?)?;
        let all = all.try_mul(image?)?.try_add(of_images(&|change| change.brightness)?)?;
        let y = y.try_add(pixels.try_broadcast_like::<_, Axis<0>>(&size)?)?;
        let y = y.try_add(all.try_broadcast_like::<_, Axes2<0, 1>>(&size)?)?;
        let count = whole.num_elements();
        let index = sources(shape, changes).into_iter().map(|source| source.unwrap_or(count)).collect();
        gather(y.try_reshape_like(&(count, 1usize))?, index)?.try_reshape_like(&whole)
    }

    fn adam<S: Shape>(
        step: AdamStep,
        parameter: &mut Array<S, Self>,
        [first, second]: &mut [Buffer<Self>; 2],
        gradient: &Buffer<Self>,
    ) -> DeviceResult<(), Self> {
        let AdamStep { learning_rate: lr, betas, eps, time } = step;
        let config = AdamConfig { lr, betas, eps, weight_decay: None };
        config.try_update(time, parameter, first, second, gradient)
    }

    fn sum_of_squares(device: &D, buffer: &mut Buffer<Self>) -> DeviceResult<f64, Self> {
        buffer::sum_of_squares(device, buffer)
    }
}

/// The same direction with length 1.
fn unit<D: Device<f32>>(vector: Rows<usize, D, NoneTape>) -> Result<Rows<usize, D, NoneTape>, D::Err> {
    let shape = *vector.shape();
    let length = vector.clone().try_square()?.try_sum::<Rank0, Axes2<0, 1>>()?.try_sqrt()?;
    let length = length.try_clamp(EPS, f32::MAX)?;
    vector.try_div(length.try_broadcast_like::<_, Axes2<0, 1>>(&shape)?)
}

/// Gathers rows of a matrix by index, where an index past the last row means a row of zeros.
fn gather<D: Device<f32>, T: Tape<f32, D>>(
    rows: Rows<usize, D, T>,
    index: Vec<usize>,
) -> Result<Rows<usize, D, T>, D::Err> {
    let device = rows.device().clone();
    let zero = device.try_zeros_like(&(1usize, rows.shape().1))?;
    let rows = (rows, zero).try_concat_along(Axis::<0>)?;
    let count = index.len();
    rows.try_gather(device.try_tensor_from_vec(index, (count,))?)
}

/// For each channel, kernel position and small pixel the large pixel, of a map of this side.
fn patch_index(channels: usize, side: usize) -> Vec<usize> {
    let (half, padding) = (side / 2, channels * side * side);
    let mut index = Vec::with_capacity(channels * 16 * half * half);
    for c in 0..channels {
        for (ky, kx) in grid(4) {
            index.extend(grid(half).map(|(i, j)| {
                let (y, x) = (2 * i + ky, 2 * j + kx); // one too large, for the padding
                let inside = (1..=side).contains(&y) && (1..=side).contains(&x);
                if inside { (c * side + y - 1) * side + x - 1 } else { padding }
            }));
        }
    }
    index
}

/// For each of four terms, channel and large pixel the product `[C, 4, 4, S, S]` that it adds.
fn term_index(channels: usize, side: usize) -> Vec<usize> {
    let padding = channels * 16 * side * side;
    let mut index = Vec::with_capacity(16 * channels * side * side);
    for (ty, tx) in grid(2) {
        for c in 0..channels {
            index.extend(grid(2 * side).map(|(y, x)| {
                // Pixel y is reached from small pixel i through ky = y + 1 - 2i.
                let (ky, kx) = ((y + 1) % 2 + 2 * ty, (x + 1) % 2 + 2 * tx);
                let small = |at: usize, k: usize| (at + 1).checked_sub(k).map(|at| at / 2);
                match (small(y, ky), small(x, kx)) {
                    (Some(i), Some(j)) if i < side && j < side => {
                        (((c * 4 + ky) * 4 + kx) * side + i) * side + j
                    }
                    _ => padding,
                }
            }));
        }
    }
    index
}

/// All `(row, column)` of a square, row by row.
fn grid(side: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..side * side).map(move |index| (index / side, index % side))
}

/// BatchNorm over the rows of `[C, pixels * N]`, with the batch's statistics or given ones.
#[allow(clippy::type_complexity)] // the types of the backend's operations
fn normalise<const C: usize, D: Device<f32>, T: Tape<f32, D>>(
    x: Rows<Const<C>, D, T>,
    norm: Option<Norm<C, ReferenceBackend<D>>>,
) -> Result<(Rows<Const<C>, D, T>, Option<Statistics<C, ReferenceBackend<D>>>), D::Err> {
    let Some(Norm { scale, bias, running }) = norm else { return Ok((x, None)) };
    let shape = *x.shape();
    let mean = match running {
        Some(running) => running.mean.retaped::<T>(),
        None => x.retaped::<T>().try_mean::<Rank1<C>, Axis<1>>()?,
    };
    let kept_mean = mean.retaped::<NoneTape>();
    let centered = x.try_sub(mean.try_broadcast_like::<_, Axis<1>>(&shape)?)?;
    let variance = match running {
        Some(running) => running.variance.retaped::<T>(),
        None => centered.retaped::<T>().try_square()?.try_mean::<Rank1<C>, Axis<1>>()?,
    };
    let kept_variance = variance.retaped::<NoneTape>();
    let deviation = variance.try_add(BATCH_NORM_EPS)?.try_sqrt()?;
    let factor = scale.values().retaped::<T>().try_div(deviation)?;
    let y = centered.try_mul(factor.try_broadcast_like::<_, Axis<1>>(&shape)?)?;
    let y = y.try_add(bias.values().retaped::<T>().try_broadcast_like::<_, Axis<1>>(&shape)?)?;
    if running.is_some() {
        return Ok((y, None));
    }
    let unbiased = shape.1 as f32 / (shape.1 as f32 - 1.0);
    Ok((y, Some(Statistics { mean: kept_mean, variance: kept_variance.try_mul(unbiased)? })))
}

fn activate<S: Shape, D: Device<f32>, T: Tape<f32, D>>(
    x: Tensor<S, f32, D, T>,
    activation: Activation,
) -> Result<Tensor<S, f32, D, T>, D::Err> {
    match activation {
        Activation::Relu => x.try_relu(),
        Activation::LeakyRelu(slope) => x.try_prelu(slope),
        Activation::Tanh => x.try_tanh(),
    }
}

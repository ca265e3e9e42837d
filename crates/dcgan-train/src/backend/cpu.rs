//! The backend of the CPU: [`dcgan_kernels`] as operations on dfdx's tape.

use std::sync::Arc;

use dcgan_core::spec::BATCH_NORM_EPS;
use dcgan_kernels::activation;
use dcgan_kernels::adam;
use dcgan_kernels::augment::{self, Augmentation};
use dcgan_kernels::batch_norm::{self, Moments};
use dcgan_kernels::conv::{self, ConvShape, Method, Weight, WeightCache};
use dcgan_kernels::linear::{self, LinearShape};
use dcgan_kernels::norm;
use dcgan_kernels::spectral;
use dfdx::prelude::*;

use crate::backend::operations::{
    Activation, AdamStep, Array, Backend, Buffer, DeviceResult, FeatureShape, Filter, Grads, MapShape, Norm,
    Normalised, Parameter, RequiresGrad, Statistics,
};
use crate::backend::scalars::ScalarValues;
use crate::backend::tensor_slice::{lend, lend_mut};
use crate::backend::types::images_shape;

/// dfdx tensors on the CPU, computed by [`dcgan_kernels`].
#[derive(Clone, Copy, Debug)]
pub struct CpuBackend;

/// A convolution, or the same thing seen from its other side.
#[derive(Clone, Copy)]
enum Direction {
    Down,
    Up,
}

impl Direction {
    fn forward(self, shape: ConvShape, method: Method, x: &[f32], weight: Weight) -> Vec<f32> {
        match self {
            Self::Down => conv::forward(shape, method, x, weight),
            Self::Up => conv::input_gradient(shape, method, x, weight),
        }
    }

    /// Adds the gradient of the weight to `weight`.
    fn weight_gradient(self, shape: ConvShape, x: &[f32], gradient: &[f32], weight: &mut [f32]) {
        match self {
            Self::Down => conv::weight_gradient(shape, shape.method(), x, gradient, weight),
            Self::Up => conv::weight_gradient(shape, shape.method(), gradient, x, weight),
        }
    }

    /// The gradient of the input: what the other direction's forward pass makes of the output's.
    fn input_gradient(self, shape: ConvShape, gradient: &[f32], weight: Weight) -> Vec<f32> {
        match self {
            Self::Down => Self::Up.forward(shape, shape.method(), gradient, weight),
            Self::Up => Self::Down.forward(shape, shape.method(), gradient, weight),
        }
    }
}

/// What BatchNorm's backward pass needs of its forward pass.
struct Before<const K: usize> {
    maps: Vec<f32>,
    moments: Moments,
    scale: Array<Rank1<K>, CpuBackend>,
    bias: Array<Rank1<K>, CpuBackend>,
}

impl<const K: usize> Before<K> {
    fn norm(&self) -> batch_norm::Norm<'_> {
        batch_norm::Norm { scale: lend(&self.scale), bias: lend(&self.bias), eps: BATCH_NORM_EPS }
    }
}

impl Backend for CpuBackend {
    type Device = Cpu;
    type Cache = Arc<WeightCache>;
    type DeviceScalars = ScalarValues;

    fn down<const C: usize, const O: usize, const S: usize, const HALF: usize, T: Tape<f32, Cpu>>(
        x: Array<MapShape<C, S>, Self, T>,
        filter: &Filter<O, C, Self>,
        norm: Option<Norm<O, Self>>,
        activation: Activation,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Normalised<O, HALF, Self, T>, Self> {
        const { assert!(S == 2 * HALF, "a convolution of stride 2 halves the side") };
        let batch = x.shape().3;
        let shape = ConvShape { channels: C, outputs: O, side: S, batch };
        block(
            Direction::Down,
            shape,
            (x, (Const, Const, Const, batch)),
            filter,
            norm,
            activation,
            requires_grad,
        )
    }

    fn up<const I: usize, const C: usize, const S: usize, const TWICE: usize, T: Tape<f32, Cpu>>(
        x: Array<MapShape<I, S>, Self, T>,
        filter: &Filter<I, C, Self>,
        norm: Option<Norm<C, Self>>,
        activation: Activation,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Normalised<C, TWICE, Self, T>, Self> {
        const { assert!(TWICE == 2 * S, "a transposed convolution of stride 2 doubles the side") };
        let batch = x.shape().3;
        let shape = ConvShape { channels: C, outputs: I, side: TWICE, batch };
        block(
            Direction::Up,
            shape,
            (x, (Const, Const, Const, batch)),
            filter,
            norm,
            activation,
            requires_grad,
        )
    }

    fn linear<const I: usize, const O: usize, T: Tape<f32, Cpu>>(
        x: Array<FeatureShape<I>, Self, T>,
        weight: &Parameter<Rank2<O, I>, Self>,
        bias: &Parameter<Rank1<O>, Self>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Array<FeatureShape<O>, Self, T>, Self> {
        let ((x, mut tape), weight, bias) = (x.split_tape(), weight.values(), bias.values());
        let shape = LinearShape { inputs: I, outputs: O, batch: x.shape().1 };
        let y = linear::forward(shape, lend(&x), lend(weight), lend(bias));
        let y = x.device().try_tensor_from_vec(y, (Const, shape.batch))?;
        let (weight, bias, output) = (weight.clone(), bias.clone(), y.clone());
        tape.add_backward_op(move |grads| {
            let gradient = take(grads, &output)?;
            if requires_grad.parameters {
                linear::weight_gradient(shape, lend(&x), &gradient, grads.get_or_alloc_mut(&weight)?);
                linear::bias_gradient(&gradient, shape.batch, grads.get_or_alloc_mut(&bias)?);
            }
            if requires_grad.input {
                give(grads, &x, || linear::input_gradient(shape, &gradient, lend(&weight)))?;
            }
            Ok(())
        });
        Ok(y.put_tape(tape))
    }

    fn power_iteration<W: Shape, U: Shape, V: Shape>(
        weight: &Array<W, Self>,
        u: &mut Array<U, Self>,
        v: &mut Array<V, Self>,
    ) -> DeviceResult<(), Self> {
        spectral::power_iteration(lend(weight), lend_mut(u), lend_mut(v));
        Ok(())
    }

    fn spectral<X: Shape, W: Shape, U: Shape, V: Shape, T: Tape<f32, Cpu>>(
        x: Array<X, Self, T>,
        weight: &Array<W, Self>,
        u: &Array<U, Self>,
        v: &Array<V, Self>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<(Array<X, Self, T>, Array<W, Self>), Self> {
        let (x, mut tape) = x.split_tape();
        let sigma = spectral::sigma(lend(weight), lend(u), lend(v));
        let normal = lend(weight).iter().map(|value| value / sigma).collect();
        let normal = weight.device().try_tensor_from_vec(normal, *weight.shape())?;
        if requires_grad.parameters {
            let (weight, u, v, normal) = (weight.clone(), u.clone(), v.clone(), normal.clone());
            tape.add_backward_op(move |grads| {
                let gradient = take(grads, &normal)?;
                let sum = grads.get_or_alloc_mut(&weight)?;
                spectral::add_gradient(sigma, lend(&normal), lend(&u), lend(&v), &gradient, sum);
                Ok(())
            });
        }
        Ok((x.put_tape(tape), normal))
    }

    fn augment<X: Shape, T: Tape<f32, Cpu>>(
        images: Array<X, Self, T>,
        changes: &Augmentation,
    ) -> DeviceResult<Array<X, Self, T>, Self> {
        let (x, mut tape) = images.split_tape();
        let shape = images_shape(x.shape());
        let y = x.device().try_tensor_from_vec(augment::forward(shape, lend(&x), changes), *x.shape())?;
        let (output, changes) = (y.clone(), changes.clone());
        tape.add_backward_op(move |grads| {
            let gradient = take(grads, &output)?;
            give(grads, &x, || augment::backward(shape, &gradient, &changes))
        });
        Ok(y.put_tape(tape))
    }

    fn adam<S: Shape>(
        step: AdamStep,
        parameter: &mut Array<S, Self>,
        [first, second]: &mut [Buffer<Self>; 2],
        gradient: &Buffer<Self>,
    ) -> DeviceResult<(), Self> {
        adam::update(step, lend_mut(parameter), first, second, gradient);
        Ok(())
    }

    fn is_out_of_memory(error: &CpuError) -> bool {
        matches!(error, CpuError::OutOfMemory)
    }

    fn buffer_values(_: &Cpu, buffer: &mut Buffer<Self>) -> DeviceResult<Vec<f32>, Self> {
        Ok(buffer.to_vec())
    }

    fn buffer(device: &Cpu, values: Vec<f32>) -> DeviceResult<Buffer<Self>, Self> {
        let mut buffer = Storage::<f32>::try_alloc_len(device, values.len())?;
        buffer.copy_from_slice(&values);
        Ok(buffer)
    }

    fn sum_of_squares(_: &Cpu, buffer: &mut Buffer<Self>) -> DeviceResult<f64, Self> {
        Ok(norm::sum_of_squares(buffer))
    }

    fn read<S: Shape>(tensor: &Array<S, Self>, values: &mut [f32]) {
        values.copy_from_slice(lend(tensor));
    }
}

/// A block's values and, of BatchNorm with the batch's statistics, those and what its gradient needs.
type Forward<const K: usize> = (Vec<f32>, Option<Statistics<K, CpuBackend>>, Option<Before<K>>);

/// Convolution, BatchNorm where there is one, and activation, as one operation.
#[allow(clippy::type_complexity)] // the types of `Backend::down` and `Backend::up`
fn block<const O: usize, const C: usize, const K: usize, X: Shape, Y: Shape, T: Tape<f32, Cpu>>(
    direction: Direction,
    shape: ConvShape,
    (x, output_shape): (Array<X, CpuBackend, T>, Y),
    filter: &Filter<O, C, CpuBackend>,
    norm: Option<Norm<K, CpuBackend>>,
    activation: Activation,
    requires_grad: RequiresGrad,
) -> DeviceResult<(Array<Y, CpuBackend, T>, Option<Statistics<K, CpuBackend>>), CpuBackend> {
    let inference = norm.as_ref().is_some_and(|norm| norm.running.is_some());
    assert!(!(inference && T::OWNS_TAPE), "running statistics are for sampling: there are no gradients");
    let (x, mut tape) = x.split_tape();
    // Samples are compared with other programs', which compute directly, and do not depend on their batch: so are
    // they. What has no BatchNorm samples where nothing is wanted of it.
    let sampling = inference || norm.is_none() && requires_grad == RequiresGrad::NONE;
    let method = if sampling { Method::Direct } else { shape.method() };
    let (weight, cache) = (filter.values().clone(), filter.cache().clone());
    let y = direction.forward(shape, method, lend(&x), Weight { values: lend(&weight), cache: &cache });
    let (y, statistics, before) = finish(x.device(), y, norm, activation)?;
    let y = x.device().try_tensor_from_vec(y, output_shape)?;
    let output = y.clone();
    tape.add_backward_op(move |grads| {
        let mut gradient = take(grads, &output)?;
        match &before {
            Some(before) => norm_gradient(grads, before, activation, requires_grad, &mut gradient)?,
            None => activation::activation_gradient(lend(&output), activation, &mut gradient),
        }
        if requires_grad.parameters {
            direction.weight_gradient(shape, lend(&x), &gradient, grads.get_or_alloc_mut(&weight)?);
        }
        if requires_grad.input {
            let weight = Weight { values: lend(&weight), cache: &cache };
            give(grads, &x, || direction.input_gradient(shape, &gradient, weight))?;
        }
        Ok(())
    });
    Ok((y.put_tape(tape), statistics))
}

/// What follows the convolution: BatchNorm where there is one, and the activation.
fn finish<const K: usize>(
    device: &Cpu,
    mut y: Vec<f32>,
    norm: Option<Norm<K, CpuBackend>>,
    activation: Activation,
) -> DeviceResult<Forward<K>, CpuBackend> {
    let Some(Norm { scale, bias, running }) = norm else {
        activation::activate(&mut y, activation);
        return Ok((y, None, None));
    };
    let (scale, bias) = (scale.values(), bias.values());
    let parameters = batch_norm::Norm { scale: lend(scale), bias: lend(bias), eps: BATCH_NORM_EPS };
    if let Some(Statistics { mean, variance }) = running {
        let moments = Moments { mean: lend(mean).to_vec(), variance: lend(variance).to_vec() };
        return Ok((batch_norm::infer(&y, parameters, &moments, activation), None, None));
    }
    let (count, before) = (y.len() / K, y);
    let (y, moments) = batch_norm::train(&before, parameters, activation);
    let statistics = statistics(device, &moments, count)?;
    let before = Before { maps: before, moments, scale: scale.clone(), bias: bias.clone() };
    Ok((y, Some(statistics), Some(before)))
}

/// The batch's statistics as BatchNorm remembers them: the variance divided by the count less one.
fn statistics<const K: usize>(
    device: &Cpu,
    moments: &Moments,
    count: usize,
) -> DeviceResult<Statistics<K, CpuBackend>, CpuBackend> {
    let unbiased = count as f32 / (count as f32 - 1.0);
    let variance = moments.variance.iter().map(|variance| variance * unbiased).collect();
    Ok(Statistics {
        mean: device.try_tensor_from_vec(moments.mean.clone(), (Const,))?,
        variance: device.try_tensor_from_vec(variance, (Const,))?,
    })
}

/// Takes `gradient` back through the activation and BatchNorm.
fn norm_gradient<const K: usize>(
    grads: &mut Grads<CpuBackend>,
    before: &Before<K>,
    activation: Activation,
    requires_grad: RequiresGrad,
    gradient: &mut [f32],
) -> DeviceResult<(), CpuBackend> {
    let (scale, bias) =
        batch_norm::gradient(&before.maps, before.norm(), &before.moments, activation, gradient);
    if requires_grad.parameters {
        add(grads.get_or_alloc_mut(&before.scale)?, &scale);
        add(grads.get_or_alloc_mut(&before.bias)?, &bias);
    }
    Ok(())
}

fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// Moves the gradient of an output, which nothing needs afterwards, out of the map.
fn take<S: Shape>(
    grads: &mut Grads<CpuBackend>,
    output: &Array<S, CpuBackend>,
) -> DeviceResult<Vec<f32>, CpuBackend> {
    Ok(std::mem::take(&mut **grads.get_or_alloc_mut(output)?))
}

/// Puts the gradient of an input into the map. The input feeds no other operation, so that it is all of it.
fn give<S: Shape>(
    grads: &mut Grads<CpuBackend>,
    input: &Array<S, CpuBackend>,
    gradient: impl FnOnce() -> Vec<f32> + Send,
) -> DeviceResult<(), CpuBackend> {
    // dfdx zeroes the place first, on one thread: it does so while the others compute.
    let (gradient, place) = rayon::join(gradient, || grads.get_or_alloc_mut(input));
    let place: &mut Vec<f32> = place?;
    debug_assert!(place.iter().all(|value| *value == 0.0), "a tensor that feeds two operations");
    *place = gradient;
    Ok(())
}

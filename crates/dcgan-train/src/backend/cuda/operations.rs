//! The backend: the networks' blocks by our kernels, each one operation on dfdx's tape.

use std::marker::PhantomData;
use std::mem;
use std::rc::Rc;

use dcgan_kernels::augment::{Augmentation, ImagesShape};
use dcgan_kernels::conv::ConvShape;
use dfdx::prelude::*;

use super::augment::Changes;
use super::batch_norm::{self, Channels};
use super::cache::{Cache, Shared};
use super::conv::Direction;
use super::gpu::{Floats, Gpu, GpuError, GpuResult, Product};
use super::gpu::{View, ViewMut};
use super::launch;
use super::outputs::{self, nothing};
use super::scalars::ScalarPages;
use crate::backend::buffer;
use crate::backend::operations::{
    Activation, AdamStep, Array, Backend, Buffer, DeviceResult, FeatureShape, Filter, MapShape, Norm,
    Normalised, Parameter, RequiresGrad, Statistics,
};
use crate::backend::reference::ReferenceBackend;
use crate::backend::types::images_shape;

/// dfdx tensors on a GPU's device, computed by its kernels.
///
/// What is rare or small is dfdx's work, as in [`ReferenceBackend`]: spectral normalisation and Adam.
pub struct CudaBackend<M>(PhantomData<M>);

/// The gradients on its device.
type Gradient<M> = Gradients<f32, <M as Gpu>::Device>;
/// A tensor of it.
type Of<S, M, T = NoneTape> = Tensor<S, f32, <M as Gpu>::Device, T>;

impl<M: Gpu> Backend for CudaBackend<M> {
    type Device = M::Device;
    type Cache = Rc<Cache<M>>;
    type DeviceScalars = ScalarPages<M>;

    const ON_HOST: bool = false;

    /// No map of a network has as many values as the patches of the largest one.
    fn largest_batch(convolutions: &[ConvShape]) -> usize {
        let patches = convolutions.iter().map(|shape| launch::patches_len(ConvShape { batch: 1, ..*shape }));
        launch::MOST / patches.max().unwrap_or(1)
    }

    fn is_out_of_memory(error: &GpuError<M>) -> bool {
        M::is_out_of_memory(error)
    }

    fn down<const C: usize, const O: usize, const S: usize, const HALF: usize, T: Tape<f32, M::Device>>(
        x: Array<MapShape<C, S>, Self, T>,
        filter: &Filter<O, C, Self>,
        norm: Option<Norm<O, Self>>,
        activation: Activation,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Normalised<O, HALF, Self, T>, Self> {
        const { assert!(S == 2 * HALF, "a convolution of stride 2 halves the side") };
        let batch = x.shape().3;
        let shape = ConvShape { channels: C, outputs: O, side: S, batch };
        let block = Block { direction: Direction::Down, shape, activation, requires_grad };
        block.compute((x, (Const, Const, Const, batch)), filter, norm)
    }

    fn up<const I: usize, const C: usize, const S: usize, const TWICE: usize, T: Tape<f32, M::Device>>(
        x: Array<MapShape<I, S>, Self, T>,
        filter: &Filter<I, C, Self>,
        norm: Option<Norm<C, Self>>,
        activation: Activation,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Normalised<C, TWICE, Self, T>, Self> {
        const { assert!(TWICE == 2 * S, "a transposed convolution of stride 2 doubles the side") };
        let batch = x.shape().3;
        let shape = ConvShape { channels: C, outputs: I, side: TWICE, batch };
        let block = Block { direction: Direction::Up, shape, activation, requires_grad };
        block.compute((x, (Const, Const, Const, batch)), filter, norm)
    }

    fn linear<const I: usize, const O: usize, T: Tape<f32, M::Device>>(
        x: Array<FeatureShape<I>, Self, T>,
        weight: &Parameter<Rank2<O, I>, Self>,
        bias: &Parameter<Rank1<O>, Self>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Array<FeatureShape<O>, Self, T>, Self> {
        let (x, mut tape) = x.split_tape();
        let (device, batch) = (x.device().clone(), x.shape().1);
        let (input, matrix) = (outputs::floats::<M, _>(&x)?, weight.cache().floats(weight.values())?);
        let mut y = Storage::<f32>::try_alloc_len(&device, O * batch)?;
        multiply::<M>(&device, product([O, batch, I]), [&matrix, &input], &mut y)?;
        launch::add_bias::<M>(&device, &mut y, &*bias.cache().floats(bias.values())?)?;
        let (y, _) = outputs::make::<M, _>(&device, (Const, batch), y)?;
        let (weight, bias) = (weight.values().ghost(), bias.values().ghost());
        let (x, output) = (x.ghost(), y.ghost());
        tape.add_backward_op(move |grads| {
            let gradient = take::<M>(&device, grads.get_or_alloc_mut(&output)?)?;
            if requires_grad.parameters {
                let of_weight = Product { b_transposed: true, add: true, ..product([O, I, batch]) };
                multiply::<M>(&device, of_weight, [&gradient, &input], grads.get_or_alloc_mut(&weight)?)?;
                launch::add_row_sums::<M>(&device, &gradient, grads.get_or_alloc_mut(&bias)?)?;
            }
            if requires_grad.input {
                let of_input = Product { a_transposed: true, ..product([I, batch, O]) };
                let mut result = Storage::<f32>::try_alloc_len(&device, I * batch)?;
                multiply::<M>(&device, of_input, [&matrix, &gradient], &mut result)?;
                *grads.get_or_alloc_mut(&x)? = result;
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
        ReferenceBackend::<M::Device>::power_iteration(weight, u, v)
    }

    fn spectral<X: Shape, W: Shape, U: Shape, V: Shape, T: Tape<f32, M::Device>>(
        x: Array<X, Self, T>,
        weight: &Array<W, Self>,
        u: &Array<U, Self>,
        v: &Array<V, Self>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<(Array<X, Self, T>, Array<W, Self>), Self> {
        ReferenceBackend::<M::Device>::spectral(x, weight, u, v, requires_grad)
    }

    fn images<X: Shape>(device: &M::Device, bytes: &[u8], shape: X) -> DeviceResult<Array<X, Self>, Self> {
        let ImagesShape { batch, .. } = images_shape(&shape);
        assert_eq!(bytes.len(), shape.num_elements(), "bytes of images {shape:?}");
        let images = launch::images_from_bytes::<M>(device, bytes, batch)?;
        Ok(outputs::make::<M, _>(device, shape, images)?.0)
    }

    fn peak_memory() -> Option<u64> {
        M::peak_memory()
    }

    fn augment<X: Shape, T: Tape<f32, M::Device>>(
        images: Array<X, Self, T>,
        changes: &Augmentation,
    ) -> DeviceResult<Array<X, Self, T>, Self> {
        let (x, mut tape) = images.split_tape();
        let device = x.device().clone();
        let changes = Changes::<M>::new(&device, images_shape(x.shape()), changes)?;
        let input = outputs::floats::<M, _>(&x)?;
        let y = changes.forward(&device, &input)?;
        let (y, _) = outputs::make::<M, _>(&device, *x.shape(), y)?;
        let (x, output) = (x.ghost(), y.ghost());
        tape.add_backward_op(move |grads| {
            let gradient = take::<M>(&device, grads.get_or_alloc_mut(&output)?)?;
            *grads.get_or_alloc_mut(&x)? = changes.backward(&device, &gradient)?;
            Ok(())
        });
        Ok(y.put_tape(tape))
    }

    fn adam<S: Shape>(
        step: AdamStep,
        parameter: &mut Array<S, Self>,
        moments: &mut [Buffer<Self>; 2],
        gradient: &Buffer<Self>,
    ) -> DeviceResult<(), Self> {
        ReferenceBackend::<M::Device>::adam(step, parameter, moments, gradient)
    }
}

/// What the backward pass needs of a block's forward pass.
enum Before<const K: usize, M: Gpu> {
    /// Without BatchNorm, the block's values.
    Values(Rc<Floats<M>>),
    /// With it, all that went into it.
    Norm(Box<NormBefore<K, M>>),
}

struct NormBefore<const K: usize, M: Gpu> {
    maps: Floats<M>,
    moments: [Floats<M>; 2],
    /// The floats of the parameters, and the parameters, whose gradients are asked for.
    parameters: [Shared<M>; 2],
    tensors: [Of<Rank1<K>, M>; 2],
}

/// A block without its tensors.
#[derive(Clone, Copy)]
struct Block {
    direction: Direction,
    shape: ConvShape,
    activation: Activation,
    requires_grad: RequiresGrad,
}

/// A block's values, and of BatchNorm with the batch's statistics those and what its gradient needs.
type Forward<const K: usize, M> = (Floats<M>, Option<(Statistics<K, CudaBackend<M>>, Box<NormBefore<K, M>>)>);

impl Block {
    /// Convolution, BatchNorm where there is one, and activation, as one operation.
    #[allow(clippy::type_complexity)] // the types of `Backend::down` and `Backend::up`
    fn compute<M: Gpu, const O: usize, const C: usize, const K: usize, X: Shape, Y: Shape, T>(
        self,
        (x, output_shape): (Of<X, M, T>, Y),
        filter: &Filter<O, C, CudaBackend<M>>,
        norm: Option<Norm<K, CudaBackend<M>>>,
    ) -> GpuResult<(Of<Y, M, T>, Option<Statistics<K, CudaBackend<M>>>), M>
    where
        T: Tape<f32, M::Device>,
    {
        let inference = norm.as_ref().is_some_and(|norm| norm.running.is_some());
        assert!(!(inference && T::OWNS_TAPE), "running statistics are for sampling: there are no gradients");
        let (x, mut tape) = x.split_tape();
        let device = x.device().clone();
        let (input, weight) = (outputs::floats::<M, _>(&x)?, filter.cache().factor(filter.values())?);
        let maps = self.direction.forward::<M>(&device, self.shape, &input, weight.view(&device))?;
        let (values, trained) = self.finish::<M, K>(&device, maps, norm)?;
        let (y, values) = outputs::make::<M, _>(&device, output_shape, values)?;
        let (statistics, before) = match trained {
            Some((statistics, before)) => (Some(statistics), Before::Norm(before)),
            None => (None, Before::Values(values)),
        };
        let (x, output, parameter) = (x.ghost(), y.ghost(), filter.values().ghost());
        tape.add_backward_op(move |grads| {
            let gradient = take::<M>(&device, grads.get_or_alloc_mut(&output)?)?;
            let gradient = self.before_activation(&device, grads, gradient, &before)?;
            if self.requires_grad.parameters {
                let sum = grads.get_or_alloc_mut(&parameter)?;
                self.direction.weight_gradient::<M>(&device, self.shape, [&input, &gradient], sum)?;
            }
            if self.requires_grad.input {
                let result = self.direction.input_gradient::<M>(
                    &device,
                    self.shape,
                    &gradient,
                    weight.view(&device),
                )?;
                *grads.get_or_alloc_mut(&x)? = result;
            }
            Ok(())
        });
        Ok((y.put_tape(tape), statistics))
    }

    /// What follows the convolution.
    fn finish<M: Gpu, const K: usize>(
        self,
        device: &M::Device,
        mut maps: Floats<M>,
        norm: Option<Norm<K, CudaBackend<M>>>,
    ) -> GpuResult<Forward<K, M>, M> {
        let Some(Norm { scale, bias, running }) = norm else {
            launch::activate::<M>(device, self.activation, &mut maps)?;
            return Ok((maps, None));
        };
        let parameters = [scale.cache().floats(scale.values())?, bias.cache().floats(bias.values())?];
        if let Some(running) = running {
            let moments = [buffer::floats(&running.mean)?, buffer::floats(&running.variance)?];
            let channels = channels::<M>(&parameters, &moments);
            let values = batch_norm::norm_infer(device, &maps, &channels, self.activation)?;
            return Ok((values, None));
        }
        let [scale_floats, bias_floats] = &parameters;
        let [values, mut mean, variance, mut unbiased] =
            batch_norm::norm_train::<M>(device, [&maps, scale_floats, bias_floats], self.activation)?;
        let statistics = Statistics {
            mean: outputs::tensor::<M, _>(device, (Const,), &mut mean)?,
            variance: outputs::tensor::<M, _>(device, (Const,), &mut unbiased)?,
        };
        let tensors = [scale.values().clone(), bias.values().clone()];
        let before = NormBefore { maps, moments: [mean, variance], parameters, tensors };
        Ok((values, Some((statistics, Box::new(before)))))
    }

    /// Takes the gradient of a block's output back through the activation and BatchNorm.
    fn before_activation<M: Gpu, const K: usize>(
        self,
        device: &M::Device,
        grads: &mut Gradient<M>,
        mut gradient: Floats<M>,
        before: &Before<K, M>,
    ) -> GpuResult<Floats<M>, M> {
        let norm = match before {
            Before::Values(values) => {
                launch::activation_gradient::<M>(device, self.activation, values, &mut gradient)?;
                return Ok(gradient);
            }
            Before::Norm(norm) => norm,
        };
        let [scale, bias] = &norm.tensors;
        // Taken out of the map, which lends one at a time, and put back.
        let mut sums = if self.requires_grad.parameters {
            [
                take::<M>(device, grads.get_or_alloc_mut(scale)?)?,
                take::<M>(device, grads.get_or_alloc_mut(bias)?)?,
            ]
        } else {
            [Storage::<f32>::try_alloc_len(device, K)?, Storage::<f32>::try_alloc_len(device, K)?]
        };
        let channels = channels::<M>(&norm.parameters, &norm.moments);
        batch_norm::norm_gradient(
            device,
            &norm.maps,
            &channels,
            self.activation,
            &mut gradient,
            sums.each_mut(),
        )?;
        if self.requires_grad.parameters {
            let [for_scale, for_bias] = sums;
            *grads.get_or_alloc_mut(scale)? = for_scale;
            *grads.get_or_alloc_mut(bias)? = for_bias;
        }
        Ok(gradient)
    }
}

/// Moves a gradient out of its place in the map.
fn take<M: Gpu>(device: &M::Device, place: &mut Floats<M>) -> GpuResult<Floats<M>, M> {
    Ok(mem::replace(place, nothing::<M>(device)?))
}

/// A product of matrices of floats.
fn multiply<M: Gpu>(
    device: &M::Device,
    product: Product,
    [a, b]: [&Floats<M>; 2],
    c: &mut Floats<M>,
) -> GpuResult<(), M> {
    let [a, b] = [a, b].map(|factor| View::of::<M>(device, factor));
    M::multiply(device, product, a, b, ViewMut::of::<M>(device, c))
}

fn channels<'a, M: Gpu>(
    [scale, bias]: &'a [Shared<M>; 2],
    [mean, variance]: &'a [Floats<M>; 2],
) -> Channels<'a, M> {
    Channels { scale, bias, mean, variance }
}

/// `c = a b` with nothing transposed.
fn product([rows, columns, depth]: [usize; 3]) -> Product {
    Product { rows, columns, depth, a_transposed: false, b_transposed: false, add: false }
}

//! The convolution that links a large map and a small one ([`kernels::conv`](dcgan_kernels::conv)), by gathering and
//! matrix products.

use dcgan_kernels::conv::ConvShape;
use dfdx::prelude::*;

use super::gpu::{Floats, Gpu, GpuResult, Product};
use super::gpu::{View, ViewMut};
use super::launch::{gather_patches, patches_len, sum_patches};
use super::memory::{Factor, Scratch};

/// Which of the two maps is the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A convolution, from large to small.
    Down,
    /// A transposed one, from small to large.
    Up,
}

impl Direction {
    /// The output, from the weight `[O, C, 4, 4]`, a [`Factor`]: `[C, S, S, N]` to `[O, S/2, S/2, N]` or the other way round.
    ///
    /// # Errors
    /// If the device fails; so do the others.
    ///
    /// # Panics
    /// If memory has not as many floats as the shape says; so do the others.
    pub fn forward<M: Gpu>(
        self,
        device: &M::Device,
        shape: ConvShape,
        input: &Floats<M>,
        weight: View,
    ) -> GpuResult<Floats<M>, M> {
        match self {
            Self::Down => to_small::<M>(device, shape, input, weight),
            Self::Up => to_large::<M>(device, shape, input, weight),
        }
    }

    /// The gradient of the input: what the other direction makes of the output's.
    ///
    /// # Errors
    /// As [`Direction::forward`].
    pub fn input_gradient<M: Gpu>(
        self,
        device: &M::Device,
        shape: ConvShape,
        gradient: &Floats<M>,
        weight: View,
    ) -> GpuResult<Floats<M>, M> {
        match self {
            Self::Down => to_large::<M>(device, shape, gradient, weight),
            Self::Up => to_small::<M>(device, shape, gradient, weight),
        }
    }

    /// Adds the gradient of the weight `[O, C, 4, 4]` to `sum`, of the input and the gradient of the output.
    ///
    /// # Errors
    /// As [`Direction::forward`].
    pub fn weight_gradient<M: Gpu>(
        self,
        device: &M::Device,
        shape: ConvShape,
        [input, gradient]: [&Floats<M>; 2],
        sum: &mut Floats<M>,
    ) -> GpuResult<(), M> {
        let [large, small] = match self {
            Self::Down => [input, gradient],
            Self::Up => [gradient, input],
        };
        let (patches, small) = (patches::<M>(device, shape, large)?, Factor::<_, M>::new(device, small)?);
        let product = Product {
            rows: shape.outputs,
            columns: shape.channels * 16,
            depth: small_row(shape),
            a_transposed: false,
            b_transposed: true,
            add: true,
        };
        M::multiply(device, product, small.view(device), patches.view(), ViewMut::of::<M>(device, sum))
    }
}

/// `weight patches(large)`.
fn to_small<M: Gpu>(
    device: &M::Device,
    shape: ConvShape,
    large: &Floats<M>,
    weight: View,
) -> GpuResult<Floats<M>, M> {
    let patches = patches::<M>(device, shape, large)?;
    let mut small = Storage::<f32>::try_alloc_len(device, shape.small())?;
    let product = Product {
        rows: shape.outputs,
        columns: small_row(shape),
        depth: shape.channels * 16,
        a_transposed: false,
        b_transposed: false,
        add: false,
    };
    M::multiply(device, product, weight, patches.view(), ViewMut::of::<M>(device, &mut small))?;
    Ok(small)
}

/// The adjoint: `weight^T small`, and then the patches' sums.
fn to_large<M: Gpu>(
    device: &M::Device,
    shape: ConvShape,
    small: &Floats<M>,
    weight: View,
) -> GpuResult<Floats<M>, M> {
    let mut patches = Scratch::<M>::new(device, patches_len(shape), M::factors())?;
    let small = Factor::<_, M>::new(device, small)?;
    let product = Product {
        rows: shape.channels * 16,
        columns: small_row(shape),
        depth: shape.outputs,
        a_transposed: true,
        b_transposed: false,
        add: false,
    };
    M::multiply(device, product, weight, small.view(device), patches.view_mut())?;
    let mut large = Storage::<f32>::try_alloc_len(device, shape.large())?;
    sum_patches::<M>(device, shape, patches.view(), ViewMut::of::<M>(device, &mut large))?;
    Ok(large)
}

fn patches<M: Gpu>(device: &M::Device, shape: ConvShape, large: &Floats<M>) -> GpuResult<Scratch<M>, M> {
    let mut patches = Scratch::new(device, patches_len(shape), M::factors())?;
    gather_patches::<M>(device, shape, View::of::<M>(device, large), patches.view_mut())?;
    Ok(patches)
}

/// Floats of a channel of the small map.
fn small_row(shape: ConvShape) -> usize {
    shape.small() / shape.outputs
}

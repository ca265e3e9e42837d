//! The generator's last layer: a transposed convolution that doubles the side, and tanh.

use dfdx::prelude::*;

use super::layer::{Layer, Visitor};
use crate::backend::operations::{Activation, Array, Backend, DeviceResult, Filter, MapShape, RequiresGrad};

/// Maps `[I, S, S, N]` to images `[C, TWICE, TWICE, N]` in (-1, 1).
///
/// PyTorch equivalent: `ConvTranspose2d(I, C, 4, 2, 1, bias=False)`, `Tanh()`.
pub struct ToImage<const I: usize, const C: usize, const S: usize, const TWICE: usize, B: Backend> {
    filter: Filter<I, C, B>,
}

impl<const I: usize, const C: usize, const S: usize, const TWICE: usize, B: Backend> Layer<B>
    for ToImage<I, C, S, TWICE, B>
{
    type Input = MapShape<I, S>;
    type Output = MapShape<C, TWICE>;
    const CONVOLUTIONS: usize = 1;

    fn build(device: &B::Device) -> DeviceResult<Self, B> {
        const { assert!(TWICE == 2 * S, "a transposed convolution of stride 2 doubles the side") };
        Ok(Self { filter: Filter::build(device)? })
    }

    fn train<T: Tape<f32, B::Device>>(
        &mut self,
        x: Array<Self::Input, B, T>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Array<Self::Output, B, T>, B> {
        Ok(B::up(x, &self.filter, None, Activation::Tanh, requires_grad)?.0)
    }

    fn infer(&self, x: Array<Self::Input, B>) -> DeviceResult<Array<Self::Output, B>, B> {
        Ok(B::up(x, &self.filter, None, Activation::Tanh, RequiresGrad::NONE)?.0)
    }

    fn visit<V: Visitor<B>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error> {
        visitor.parameter(&format!("tconv{index}.weight"), self.filter.values_mut())
    }
}

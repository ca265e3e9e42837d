//! The generator's block: a transposed convolution that doubles the side, BatchNorm, ReLU.

use dfdx::prelude::*;

use super::batch_norm::BatchNorm;
use super::layer::{Layer, Visitor};
use crate::backend::operations::{Activation, Array, Backend, DeviceResult, Filter, MapShape, RequiresGrad};

/// `[I, S, S, N]` to `[C, TWICE, TWICE, N]`.
///
/// PyTorch equivalent: `ConvTranspose2d(I, C, 4, 2, 1, bias=False)`, `BatchNorm2d(C)`, `ReLU()`.
pub struct Up<const I: usize, const C: usize, const S: usize, const TWICE: usize, B: Backend> {
    filter: Filter<I, C, B>,
    norm: BatchNorm<C, B>,
}

impl<const I: usize, const C: usize, const S: usize, const TWICE: usize, B: Backend> Layer<B>
    for Up<I, C, S, TWICE, B>
{
    type Input = MapShape<I, S>;
    type Output = MapShape<C, TWICE>;
    const CONVOLUTIONS: usize = 1;

    fn build(device: &B::Device) -> DeviceResult<Self, B> {
        const { assert!(TWICE == 2 * S, "a transposed convolution of stride 2 doubles the side") };
        Ok(Self { filter: Filter::build(device)?, norm: BatchNorm::build(device)? })
    }

    fn train<T: Tape<f32, B::Device>>(
        &mut self,
        x: Array<Self::Input, B, T>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Array<Self::Output, B, T>, B> {
        let norm = Some(self.norm.batch());
        let (y, statistics) = B::up(x, &self.filter, norm, Activation::Relu, requires_grad)?;
        self.norm.remember(statistics)?;
        Ok(y)
    }

    fn infer(&self, x: Array<Self::Input, B>) -> DeviceResult<Array<Self::Output, B>, B> {
        let norm = Some(self.norm.running());
        Ok(B::up(x, &self.filter, norm, Activation::Relu, RequiresGrad::NONE)?.0)
    }

    fn visit<V: Visitor<B>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error> {
        visitor.parameter(&format!("tconv{index}.weight"), self.filter.values_mut())?;
        self.norm.visit(index, visitor)
    }
}

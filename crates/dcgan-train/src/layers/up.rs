//! The generator's block: a transposed convolution that doubles the side, BatchNorm, ReLU.

use dfdx::prelude::*;

use super::{BatchNorm, Layer, Visitor};
use crate::engine::{Activation, Array, DeviceResult, Engine, Filter, MapShape, Wanted};

/// `[I, S, S, N]` to `[C, TWICE, TWICE, N]`.
///
/// PyTorch equivalent: `ConvTranspose2d(I, C, 4, 2, 1, bias=False)`, `BatchNorm2d(C)`, `ReLU()`.
pub struct Up<const I: usize, const C: usize, const S: usize, const TWICE: usize, E: Engine> {
    filter: Filter<I, C, E>,
    norm: BatchNorm<C, E>,
}

impl<const I: usize, const C: usize, const S: usize, const TWICE: usize, E: Engine> Layer<E>
    for Up<I, C, S, TWICE, E>
{
    type Input = MapShape<I, S>;
    type Output = MapShape<C, TWICE>;
    const CONVOLUTIONS: usize = 1;

    fn build(device: &E::Device) -> DeviceResult<Self, E> {
        const { assert!(TWICE == 2 * S, "a transposed convolution of stride 2 doubles the side") };
        Ok(Self { filter: Filter::build(device)?, norm: BatchNorm::build(device)? })
    }

    fn train<T: Tape<f32, E::Device>>(
        &mut self,
        x: Array<Self::Input, E, T>,
        wanted: Wanted,
    ) -> DeviceResult<Array<Self::Output, E, T>, E> {
        let norm = Some(self.norm.batch());
        let (y, statistics) = E::up(x, &self.filter, norm, Activation::Relu, wanted)?;
        self.norm.remember(statistics)?;
        Ok(y)
    }

    fn infer(&self, x: Array<Self::Input, E>) -> DeviceResult<Array<Self::Output, E>, E> {
        let norm = Some(self.norm.running());
        Ok(E::up(x, &self.filter, norm, Activation::Relu, Wanted::NOTHING)?.0)
    }

    fn visit<V: Visitor<E>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error> {
        visitor.parameter(&format!("tconv{index}.weight"), self.filter.values_mut())?;
        self.norm.visit(index, visitor)
    }
}

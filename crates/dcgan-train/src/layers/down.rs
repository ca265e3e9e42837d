//! The discriminator's block: a convolution that halves the side, BatchNorm, LeakyReLU.

use dfdx::prelude::*;

use super::{BatchNorm, Layer, Visitor};
use crate::engine::{Activation, Array, DeviceResult, Engine, Filter, MapShape, Wanted};

/// `[C, S, S, N]` to `[O, HALF, HALF, N]`.
///
/// PyTorch equivalent: `Conv2d(C, O, 4, 2, 1, bias=False)`, `BatchNorm2d(O)`, `LeakyReLU(0.2)`.
pub struct Down<const C: usize, const O: usize, const S: usize, const HALF: usize, E: Engine> {
    filter: Filter<O, C, E>,
    norm: BatchNorm<O, E>,
}

impl<const C: usize, const O: usize, const S: usize, const HALF: usize, E: Engine> Layer<E>
    for Down<C, O, S, HALF, E>
{
    type Input = MapShape<C, S>;
    type Output = MapShape<O, HALF>;
    const CONVOLUTIONS: usize = 1;

    fn build(device: &E::Device) -> DeviceResult<Self, E> {
        const { assert!(S == 2 * HALF, "a convolution of stride 2 halves the side") };
        Ok(Self { filter: Filter::build(device)?, norm: BatchNorm::build(device)? })
    }

    fn train<T: Tape<f32, E::Device>>(
        &mut self,
        x: Array<Self::Input, E, T>,
        wanted: Wanted,
    ) -> DeviceResult<Array<Self::Output, E, T>, E> {
        let norm = Some(self.norm.batch());
        let (y, statistics) = E::down(x, &self.filter, norm, Activation::LeakyRelu, wanted)?;
        self.norm.remember(statistics)?;
        Ok(y)
    }

    fn infer(&self, x: Array<Self::Input, E>) -> DeviceResult<Array<Self::Output, E>, E> {
        let norm = Some(self.norm.running());
        Ok(E::down(x, &self.filter, norm, Activation::LeakyRelu, Wanted::NOTHING)?.0)
    }

    fn visit<V: Visitor<E>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error> {
        visitor.parameter(&format!("conv{index}.weight"), self.filter.values_mut())?;
        self.norm.visit(index, visitor)
    }
}

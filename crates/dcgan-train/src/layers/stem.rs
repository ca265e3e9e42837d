//! The discriminator's first layer: a convolution that halves the side, LeakyReLU, no BatchNorm.

use dfdx::prelude::*;

use super::{Layer, Visitor};
use crate::engine::{Activation, Array, DeviceResult, Engine, Filter, MapShape, Wanted};

/// Images `[C, S, S, N]` to maps `[O, HALF, HALF, N]`.
///
/// PyTorch equivalent: `Conv2d(C, O, 4, 2, 1, bias=False)`, `LeakyReLU(0.2)`.
pub struct Stem<const C: usize, const O: usize, const S: usize, const HALF: usize, E: Engine> {
    filter: Filter<O, C, E>,
}

impl<const C: usize, const O: usize, const S: usize, const HALF: usize, E: Engine> Layer<E>
    for Stem<C, O, S, HALF, E>
{
    type Input = MapShape<C, S>;
    type Output = MapShape<O, HALF>;
    const CONVOLUTIONS: usize = 1;

    fn build(device: &E::Device) -> DeviceResult<Self, E> {
        const { assert!(S == 2 * HALF, "a convolution of stride 2 halves the side") };
        Ok(Self { filter: Filter::build(device)? })
    }

    fn train<T: Tape<f32, E::Device>>(
        &mut self,
        x: Array<Self::Input, E, T>,
        wanted: Wanted,
    ) -> DeviceResult<Array<Self::Output, E, T>, E> {
        Ok(E::down(x, &self.filter, None, Activation::LeakyRelu, wanted)?.0)
    }

    fn infer(&self, x: Array<Self::Input, E>) -> DeviceResult<Array<Self::Output, E>, E> {
        Ok(E::down(x, &self.filter, None, Activation::LeakyRelu, Wanted::NOTHING)?.0)
    }

    fn visit<V: Visitor<E>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error> {
        visitor.parameter(&format!("conv{index}.weight"), self.filter.values_mut())
    }
}

//! The generator's last layer: a transposed convolution that doubles the side, and tanh.

use dfdx::prelude::*;

use super::{Layer, Visitor};
use crate::engine::{Activation, Array, DeviceResult, Engine, Filter, MapShape, Wanted};

/// Maps `[I, S, S, N]` to images `[C, TWICE, TWICE, N]` in (-1, 1).
///
/// PyTorch equivalent: `ConvTranspose2d(I, C, 4, 2, 1, bias=False)`, `Tanh()`.
pub struct ToImage<const I: usize, const C: usize, const S: usize, const TWICE: usize, E: Engine> {
    filter: Filter<I, C, E>,
}

impl<const I: usize, const C: usize, const S: usize, const TWICE: usize, E: Engine> Layer<E>
    for ToImage<I, C, S, TWICE, E>
{
    type Input = MapShape<I, S>;
    type Output = MapShape<C, TWICE>;
    const CONVOLUTIONS: usize = 1;

    fn build(device: &E::Device) -> DeviceResult<Self, E> {
        const { assert!(TWICE == 2 * S, "a transposed convolution of stride 2 doubles the side") };
        Ok(Self { filter: Filter::build(device)? })
    }

    fn train<T: Tape<f32, E::Device>>(
        &mut self,
        x: Array<Self::Input, E, T>,
        wanted: Wanted,
    ) -> DeviceResult<Array<Self::Output, E, T>, E> {
        Ok(E::up(x, &self.filter, None, Activation::Tanh, wanted)?.0)
    }

    fn infer(&self, x: Array<Self::Input, E>) -> DeviceResult<Array<Self::Output, E>, E> {
        Ok(E::up(x, &self.filter, None, Activation::Tanh, Wanted::NOTHING)?.0)
    }

    fn visit<V: Visitor<E>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error> {
        visitor.parameter(&format!("tconv{index}.weight"), self.filter.values_mut())
    }
}

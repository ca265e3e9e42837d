//! The discriminator's first layer: a convolution that halves the side, LeakyReLU, no BatchNorm.

use dcgan_core::spec::LEAKY_SLOPE;
use dfdx::prelude::*;

use super::spectral::Kernel;
use super::{Layer, Visitor};
use crate::engine::{Activation, Array, DeviceResult, Engine, MapShape, Wanted};

/// Images `[C, S, S, N]` to maps `[O, HALF, HALF, N]`.
///
/// PyTorch equivalent: `Conv2d(C, O, 4, 2, 1, bias=False)`, `LeakyReLU(0.2)`.
pub struct Stem<const C: usize, const O: usize, const S: usize, const HALF: usize, E: Engine> {
    kernel: Kernel<O, C, E>,
}

impl<const C: usize, const O: usize, const S: usize, const HALF: usize, E: Engine> Layer<E>
    for Stem<C, O, S, HALF, E>
{
    type Input = MapShape<C, S>;
    type Output = MapShape<O, HALF>;
    const CONVOLUTIONS: usize = 1;

    fn build(device: &E::Device) -> DeviceResult<Self, E> {
        const { assert!(S == 2 * HALF, "a convolution of stride 2 halves the side") };
        Ok(Self { kernel: Kernel::build(device)? })
    }

    fn train<T: Tape<f32, E::Device>>(
        &mut self,
        x: Array<Self::Input, E, T>,
        wanted: Wanted,
    ) -> DeviceResult<Array<Self::Output, E, T>, E> {
        self.kernel.train(x, wanted, |x, filter| {
            Ok(E::down(x, filter, None, Activation::LeakyRelu(LEAKY_SLOPE), wanted)?.0)
        })
    }

    fn infer(&self, x: Array<Self::Input, E>) -> DeviceResult<Array<Self::Output, E>, E> {
        self.kernel.infer(x, |x, filter| {
            Ok(E::down(x, filter, None, Activation::LeakyRelu(LEAKY_SLOPE), Wanted::NOTHING)?.0)
        })
    }

    fn add_spectral_norm(&mut self) -> DeviceResult<(), E> {
        self.kernel.normalise()
    }

    fn visit<V: Visitor<E>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error> {
        self.kernel.visit(&format!("conv{index}"), visitor)
    }
}

//! The discriminator's block: a convolution that halves the side, BatchNorm, LeakyReLU.

use dcgan_core::spec::LEAKY_SLOPE;
use dfdx::prelude::*;

use super::spectral::Kernel;
use super::{BatchNorm, Layer, Visitor};
use crate::engine::{Activation, Array, DeviceResult, Engine, MapShape, Wanted};

/// `[C, S, S, N]` to `[O, HALF, HALF, N]`.
///
/// PyTorch equivalent: `Conv2d(C, O, 4, 2, 1, bias=False)`, `BatchNorm2d(O)`, `LeakyReLU(0.2)`.
pub struct Down<const C: usize, const O: usize, const S: usize, const HALF: usize, E: Engine> {
    kernel: Kernel<O, C, E>,
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
        Ok(Self { kernel: Kernel::build(device)?, norm: BatchNorm::build(device)? })
    }

    fn train<T: Tape<f32, E::Device>>(
        &mut self,
        x: Array<Self::Input, E, T>,
        wanted: Wanted,
    ) -> DeviceResult<Array<Self::Output, E, T>, E> {
        let norm = Some(self.norm.batch());
        let (y, statistics) = self.kernel.train(x, wanted, |x, filter| {
            E::down(x, filter, norm, Activation::LeakyRelu(LEAKY_SLOPE), wanted)
        })?;
        self.norm.remember(statistics)?;
        Ok(y)
    }

    fn infer(&self, x: Array<Self::Input, E>) -> DeviceResult<Array<Self::Output, E>, E> {
        let norm = Some(self.norm.running());
        self.kernel.infer(x, |x, filter| {
            Ok(E::down(x, filter, norm, Activation::LeakyRelu(LEAKY_SLOPE), Wanted::NOTHING)?.0)
        })
    }

    fn add_spectral_norm(&mut self) -> DeviceResult<(), E> {
        self.kernel.normalise()
    }

    fn visit<V: Visitor<E>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error> {
        self.kernel.visit(&format!("conv{index}"), visitor)?;
        self.norm.visit(index, visitor)
    }
}

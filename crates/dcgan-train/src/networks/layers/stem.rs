//! The discriminator's first layer: a convolution that halves the side, LeakyReLU, no BatchNorm.

use dcgan_core::spec::LEAKY_SLOPE;
use dfdx::prelude::*;

use super::layer::{Layer, Visitor};
use super::spectral::Kernel;
use crate::backend::operations::{Activation, Array, Backend, DeviceResult, MapShape, RequiresGrad};

/// Images `[C, S, S, N]` to maps `[O, HALF, HALF, N]`.
///
/// PyTorch equivalent: `Conv2d(C, O, 4, 2, 1, bias=False)`, `LeakyReLU(0.2)`.
pub struct Stem<const C: usize, const O: usize, const S: usize, const HALF: usize, B: Backend> {
    kernel: Kernel<O, C, B>,
}

impl<const C: usize, const O: usize, const S: usize, const HALF: usize, B: Backend> Layer<B>
    for Stem<C, O, S, HALF, B>
{
    type Input = MapShape<C, S>;
    type Output = MapShape<O, HALF>;
    const CONVOLUTIONS: usize = 1;

    fn build(device: &B::Device) -> DeviceResult<Self, B> {
        const { assert!(S == 2 * HALF, "a convolution of stride 2 halves the side") };
        Ok(Self { kernel: Kernel::build(device)? })
    }

    fn train<T: Tape<f32, B::Device>>(
        &mut self,
        x: Array<Self::Input, B, T>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Array<Self::Output, B, T>, B> {
        self.kernel.train(x, requires_grad, |x, filter| {
            Ok(B::down(x, filter, None, Activation::LeakyRelu(LEAKY_SLOPE), requires_grad)?.0)
        })
    }

    fn infer(&self, x: Array<Self::Input, B>) -> DeviceResult<Array<Self::Output, B>, B> {
        self.kernel.infer(x, |x, filter| {
            Ok(B::down(x, filter, None, Activation::LeakyRelu(LEAKY_SLOPE), RequiresGrad::NONE)?.0)
        })
    }

    fn add_spectral_norm(&mut self) -> DeviceResult<(), B> {
        self.kernel.normalise()
    }

    fn visit<V: Visitor<B>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error> {
        self.kernel.visit(&format!("conv{index}"), visitor)
    }
}

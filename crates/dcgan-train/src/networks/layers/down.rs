//! The discriminator's block: a convolution that halves the side, BatchNorm, LeakyReLU.

use dcgan_core::spec::LEAKY_SLOPE;
use dfdx::prelude::*;

use super::batch_norm::BatchNorm;
use super::layer::{Layer, Visitor};
use super::spectral::Kernel;
use crate::backend::operations::{Activation, Array, Backend, DeviceResult, MapShape, RequiresGrad};

/// `[C, S, S, N]` to `[O, HALF, HALF, N]`.
///
/// PyTorch equivalent: `Conv2d(C, O, 4, 2, 1, bias=False)`, `BatchNorm2d(O)`, `LeakyReLU(0.2)`.
pub struct Down<const C: usize, const O: usize, const S: usize, const HALF: usize, B: Backend> {
    kernel: Kernel<O, C, B>,
    norm: BatchNorm<O, B>,
}

impl<const C: usize, const O: usize, const S: usize, const HALF: usize, B: Backend> Layer<B>
    for Down<C, O, S, HALF, B>
{
    type Input = MapShape<C, S>;
    type Output = MapShape<O, HALF>;
    const CONVOLUTIONS: usize = 1;

    fn build(device: &B::Device) -> DeviceResult<Self, B> {
        const { assert!(S == 2 * HALF, "a convolution of stride 2 halves the side") };
        Ok(Self { kernel: Kernel::build(device)?, norm: BatchNorm::build(device)? })
    }

    fn train<T: Tape<f32, B::Device>>(
        &mut self,
        x: Array<Self::Input, B, T>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Array<Self::Output, B, T>, B> {
        let norm = Some(self.norm.batch());
        let (y, statistics) = self.kernel.train(x, requires_grad, |x, filter| {
            B::down(x, filter, norm, Activation::LeakyRelu(LEAKY_SLOPE), requires_grad)
        })?;
        self.norm.remember(statistics)?;
        Ok(y)
    }

    fn infer(&self, x: Array<Self::Input, B>) -> DeviceResult<Array<Self::Output, B>, B> {
        let norm = Some(self.norm.running());
        self.kernel.infer(x, |x, filter| {
            Ok(B::down(x, filter, norm, Activation::LeakyRelu(LEAKY_SLOPE), RequiresGrad::NONE)?.0)
        })
    }

    fn add_spectral_norm(&mut self) -> DeviceResult<(), B> {
        self.kernel.normalise()
    }

    fn visit<V: Visitor<B>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error> {
        self.kernel.visit(&format!("conv{index}"), visitor)?;
        self.norm.visit(index, visitor)
    }
}

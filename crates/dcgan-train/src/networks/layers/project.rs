//! The generator's first layer: latents to maps of 4x4, with neither BatchNorm nor activation.

use dfdx::prelude::*;

use super::layer::{Layer, Visitor};
use crate::backend::operations::{
    Array, Backend, DeviceResult, FeatureShape, MapShape, Parameter, RequiresGrad,
};

/// Latents `[Z, N]` to maps `[C, S, S, N]`; `FEATURES` is `C * S * S`.
///
/// PyTorch equivalent: `Linear(Z, FEATURES)` and a view as `[N, C, S, S]`.
pub struct Project<const Z: usize, const C: usize, const S: usize, const FEATURES: usize, B: Backend> {
    weight: Parameter<Rank2<FEATURES, Z>, B>,
    bias: Parameter<Rank1<FEATURES>, B>,
}

impl<const Z: usize, const C: usize, const S: usize, const FEATURES: usize, B: Backend> Layer<B>
    for Project<Z, C, S, FEATURES, B>
{
    type Input = FeatureShape<Z>;
    type Output = MapShape<C, S>;
    const CONVOLUTIONS: usize = 0;

    fn build(device: &B::Device) -> DeviceResult<Self, B> {
        const { assert!(FEATURES == C * S * S, "a linear layer has as many outputs as its maps have pixels") };
        Ok(Self { weight: Parameter::build(device)?, bias: Parameter::build(device)? })
    }

    fn train<T: Tape<f32, B::Device>>(
        &mut self,
        x: Array<Self::Input, B, T>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Array<Self::Output, B, T>, B> {
        let batch = x.shape().1;
        let y = B::linear(x, &self.weight, &self.bias, requires_grad)?; // [FEATURES, N]
        y.try_reshape_like(&(Const, Const, Const, batch))
    }

    fn infer(&self, x: Array<Self::Input, B>) -> DeviceResult<Array<Self::Output, B>, B> {
        let batch = x.shape().1;
        let y = B::linear(x, &self.weight, &self.bias, RequiresGrad::NONE)?; // [FEATURES, N]
        y.try_reshape_like(&(Const, Const, Const, batch))
    }

    fn visit<V: Visitor<B>>(&mut self, _: usize, visitor: &mut V) -> Result<(), V::Error> {
        visitor.parameter("fc.weight", self.weight.values_mut())?;
        visitor.parameter("fc.bias", self.bias.values_mut())
    }
}

//! The generator's first layer: latents to maps of 4x4, with neither BatchNorm nor activation.

use dfdx::prelude::*;

use super::{Layer, Visitor};
use crate::engine::{Array, DeviceResult, Engine, FeatureShape, MapShape, Parameter, Wanted};

/// Latents `[Z, N]` to maps `[C, S, S, N]`; `FEATURES` is `C * S * S`.
///
/// PyTorch equivalent: `Linear(Z, FEATURES)` and a view as `[N, C, S, S]`.
pub struct Project<const Z: usize, const C: usize, const S: usize, const FEATURES: usize, E: Engine> {
    weight: Parameter<Rank2<FEATURES, Z>, E>,
    bias: Parameter<Rank1<FEATURES>, E>,
}

impl<const Z: usize, const C: usize, const S: usize, const FEATURES: usize, E: Engine> Layer<E>
    for Project<Z, C, S, FEATURES, E>
{
    type Input = FeatureShape<Z>;
    type Output = MapShape<C, S>;
    const CONVOLUTIONS: usize = 0;

    fn build(device: &E::Device) -> DeviceResult<Self, E> {
        const { assert!(FEATURES == C * S * S, "a linear layer has as many outputs as its maps have pixels") };
        Ok(Self { weight: Parameter::build(device)?, bias: Parameter::build(device)? })
    }

    fn train<T: Tape<f32, E::Device>>(
        &mut self,
        x: Array<Self::Input, E, T>,
        wanted: Wanted,
    ) -> DeviceResult<Array<Self::Output, E, T>, E> {
        let batch = x.shape().1;
        let y = E::linear(x, &self.weight, &self.bias, wanted)?; // [FEATURES, N]
        y.try_reshape_like(&(Const, Const, Const, batch))
    }

    fn infer(&self, x: Array<Self::Input, E>) -> DeviceResult<Array<Self::Output, E>, E> {
        let batch = x.shape().1;
        let y = E::linear(x, &self.weight, &self.bias, Wanted::NOTHING)?; // [FEATURES, N]
        y.try_reshape_like(&(Const, Const, Const, batch))
    }

    fn visit<V: Visitor<E>>(&mut self, _: usize, visitor: &mut V) -> Result<(), V::Error> {
        visitor.parameter("fc.weight", self.weight.values_mut())?;
        visitor.parameter("fc.bias", self.bias.values_mut())
    }
}

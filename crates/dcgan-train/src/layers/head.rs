//! The discriminator's last layer: maps to one logit an image.

use dfdx::prelude::*;

use super::{Layer, Visitor};
use crate::engine::{Array, DeviceResult, Engine, FeatureShape, MapShape, Wanted};

/// Maps `[C, S, S, N]` to logits `[1, N]`; `FEATURES` is `C * S * S`.
///
/// PyTorch equivalent: `Flatten()`, `Linear(FEATURES, 1)`, before the sigmoid.
pub struct Head<const C: usize, const S: usize, const FEATURES: usize, E: Engine> {
    weight: Array<Rank2<1, FEATURES>, E>,
    bias: Array<Rank1<1>, E>,
}

impl<const C: usize, const S: usize, const FEATURES: usize, E: Engine> Layer<E> for Head<C, S, FEATURES, E> {
    type Input = MapShape<C, S>;
    type Output = FeatureShape<1>;
    const CONVOLUTIONS: usize = 0;

    fn build(device: &E::Device) -> DeviceResult<Self, E> {
        const { assert!(FEATURES == C * S * S, "a linear layer has as many inputs as its maps have pixels") };
        Ok(Self { weight: device.try_zeros()?, bias: device.try_zeros()? })
    }

    fn train<T: Tape<f32, E::Device>>(
        &mut self,
        x: Array<Self::Input, E, T>,
        wanted: Wanted,
    ) -> DeviceResult<Array<Self::Output, E, T>, E> {
        let features = (Const, x.shape().3);
        E::linear(x.try_reshape_like(&features)?, &self.weight, &self.bias, wanted)
    }

    fn infer(&self, x: Array<Self::Input, E>) -> DeviceResult<Array<Self::Output, E>, E> {
        let features = (Const, x.shape().3);
        E::linear(x.try_reshape_like(&features)?, &self.weight, &self.bias, Wanted::NOTHING)
    }

    fn visit<V: Visitor<E>>(&mut self, _: usize, visitor: &mut V) -> Result<(), V::Error> {
        visitor.parameter("fc.weight", &mut self.weight)?;
        visitor.parameter("fc.bias", &mut self.bias)
    }
}

//! The discriminator's last layer: maps to one logit an image.

use dfdx::prelude::*;

use super::spectral::{self, Spectral};
use super::{Layer, Visitor};
use crate::engine::{Array, DeviceResult, Engine, FeatureShape, MapShape, Parameter, Wanted};

/// Maps `[C, S, S, N]` to logits `[1, N]`; `FEATURES` is `C * S * S`.
///
/// PyTorch equivalent: `Flatten()`, `Linear(FEATURES, 1)`, before the sigmoid.
pub struct Head<const C: usize, const S: usize, const FEATURES: usize, E: Engine> {
    weight: Parameter<Rank2<1, FEATURES>, E>,
    bias: Parameter<Rank1<1>, E>,
    spectral: Option<Spectral<Rank1<1>, Rank1<FEATURES>, E>>,
}

impl<const C: usize, const S: usize, const FEATURES: usize, E: Engine> Layer<E> for Head<C, S, FEATURES, E> {
    type Input = MapShape<C, S>;
    type Output = FeatureShape<1>;
    const CONVOLUTIONS: usize = 0;

    fn build(device: &E::Device) -> DeviceResult<Self, E> {
        const { assert!(FEATURES == C * S * S, "a linear layer has as many inputs as its maps have pixels") };
        Ok(Self { weight: Parameter::build(device)?, bias: Parameter::build(device)?, spectral: None })
    }

    fn train<T: Tape<f32, E::Device>>(
        &mut self,
        x: Array<Self::Input, E, T>,
        wanted: Wanted,
    ) -> DeviceResult<Array<Self::Output, E, T>, E> {
        let features = (Const, x.shape().3);
        let x = x.try_reshape_like(&features)?;
        let Some(spectral) = &mut self.spectral else {
            return E::linear(x, &self.weight, &self.bias, wanted);
        };
        let (x, weight) = spectral.train(x, self.weight.values(), wanted)?;
        E::linear(x, &Parameter::new(weight), &self.bias, wanted)
    }

    fn infer(&self, x: Array<Self::Input, E>) -> DeviceResult<Array<Self::Output, E>, E> {
        let features = (Const, x.shape().3);
        let x = x.try_reshape_like(&features)?;
        let Some(spectral) = &self.spectral else {
            return E::linear(x, &self.weight, &self.bias, Wanted::NOTHING);
        };
        let (x, weight) = spectral.infer(x, self.weight.values())?;
        E::linear(x, &Parameter::new(weight), &self.bias, Wanted::NOTHING)
    }

    fn add_spectral_norm(&mut self) -> DeviceResult<(), E> {
        self.spectral = Some(Spectral::build(self.weight.values().device())?);
        Ok(())
    }

    fn visit<V: Visitor<E>>(&mut self, _: usize, visitor: &mut V) -> Result<(), V::Error> {
        spectral::visit(&mut self.spectral, "fc", self.weight.values_mut(), visitor)?;
        visitor.parameter("fc.bias", self.bias.values_mut())
    }
}

//! The discriminator's last layer: maps to one logit an image.

use dfdx::prelude::*;

use super::layer::{Layer, Visitor};
use super::spectral::{self, Spectral};
use crate::backend::operations::{
    Array, Backend, DeviceResult, FeatureShape, MapShape, Parameter, RequiresGrad,
};

/// Maps `[C, S, S, N]` to logits `[1, N]`; `FEATURES` is `C * S * S`.
///
/// PyTorch equivalent: `Flatten()`, `Linear(FEATURES, 1)`, before the sigmoid.
pub struct Head<const C: usize, const S: usize, const FEATURES: usize, B: Backend> {
    weight: Parameter<Rank2<1, FEATURES>, B>,
    bias: Parameter<Rank1<1>, B>,
    spectral: Option<Spectral<Rank1<1>, Rank1<FEATURES>, B>>,
}

impl<const C: usize, const S: usize, const FEATURES: usize, B: Backend> Layer<B> for Head<C, S, FEATURES, B> {
    type Input = MapShape<C, S>;
    type Output = FeatureShape<1>;
    const CONVOLUTIONS: usize = 0;

    fn build(device: &B::Device) -> DeviceResult<Self, B> {
        const { assert!(FEATURES == C * S * S, "a linear layer has as many inputs as its maps have pixels") };
        Ok(Self { weight: Parameter::build(device)?, bias: Parameter::build(device)?, spectral: None })
    }

    fn train<T: Tape<f32, B::Device>>(
        &mut self,
        x: Array<Self::Input, B, T>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Array<Self::Output, B, T>, B> {
        let features = (Const, x.shape().3);
        let x = x.try_reshape_like(&features)?;
        let Some(spectral) = &mut self.spectral else {
            return B::linear(x, &self.weight, &self.bias, requires_grad);
        };
        let (x, weight) = spectral.train(x, self.weight.values(), requires_grad)?;
        B::linear(x, &Parameter::new(weight), &self.bias, requires_grad)
    }

    fn infer(&self, x: Array<Self::Input, B>) -> DeviceResult<Array<Self::Output, B>, B> {
        let features = (Const, x.shape().3);
        let x = x.try_reshape_like(&features)?;
        let Some(spectral) = &self.spectral else {
            return B::linear(x, &self.weight, &self.bias, RequiresGrad::NONE);
        };
        let (x, weight) = spectral.infer(x, self.weight.values())?;
        B::linear(x, &Parameter::new(weight), &self.bias, RequiresGrad::NONE)
    }

    fn add_spectral_norm(&mut self) -> DeviceResult<(), B> {
        self.spectral = Some(Spectral::build(self.weight.values().device())?);
        Ok(())
    }

    fn visit<V: Visitor<B>>(&mut self, _: usize, visitor: &mut V) -> Result<(), V::Error> {
        spectral::visit(&mut self.spectral, "fc", self.weight.values_mut(), visitor)?;
        visitor.parameter("fc.bias", self.bias.values_mut())
    }
}

//! The weights that a new network starts with.

use dcgan_core::rng::Rng;
use dcgan_core::spec::INIT_STD;
use dfdx::prelude::*;

use crate::engine::{Array, DeviceError, DeviceResult, Engine};
use crate::layers::{FIRST_CONVOLUTION, Layer, Visitor};
use crate::streams;

/// The generator's number among the networks of a seed.
pub const GENERATOR: u64 = 0;
/// The discriminator's number among the networks of a seed.
pub const DISCRIMINATOR: u64 = 1;

/// Builds a layer and draws its weights as Radford et al. (2015) do: N(0, 0.02) for convolutions and linear
/// layers, N(1, 0.02) for BatchNorm's scale, 0 for every bias.
///
/// PyTorch equivalent: `module.apply(weights_init)` with `nn.init.normal_`. `network` tells the networks of
/// one seed apart; the same values come out on every device.
///
/// # Errors
/// If the device fails.
pub fn initialised<E: Engine, L: Layer<E>>(
    device: &E::Device,
    seed: u64,
    network: u64,
) -> DeviceResult<L, E> {
    let mut layer = L::build(device)?;
    layer.visit(FIRST_CONVOLUTION, &mut Initialise { rng: Rng::stream(seed, streams::WEIGHTS, network) })?;
    Ok(layer)
}

struct Initialise {
    rng: Rng,
}

impl<E: Engine> Visitor<E> for Initialise {
    type Error = DeviceError<E>;

    fn parameter<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, E>) -> DeviceResult<(), E> {
        let mean = if name.starts_with("bn") { 1.0 } else { 0.0 };
        let mut draw = || (mean + f64::from(INIT_STD) * self.rng.normal()) as f32;
        let count = tensor.shape().num_elements();
        let values =
            if name.ends_with(".bias") { vec![0.0; count] } else { (0..count).map(|_| draw()).collect() };
        *tensor = tensor.device().try_tensor_from_vec(values, *tensor.shape())?;
        Ok(())
    }

    fn statistic<S: Shape>(&mut self, _: &str, _: &mut Array<S, E>) -> DeviceResult<(), E> {
        Ok(())
    }

    fn count(&mut self, _: &str, _: &mut u64) -> DeviceResult<(), E> {
        Ok(())
    }
}

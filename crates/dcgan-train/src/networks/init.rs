//! The weights that a new network starts with.

use dcgan_core::rng::Rng;
use dcgan_core::spec::INIT_STD;
use dcgan_core::streams;
use dfdx::prelude::*;

use crate::backend::operations::{Array, Backend, DeviceError, DeviceResult};
use crate::networks::layers::{FIRST_CONVOLUTION, Layer, Visitor};

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
pub fn initialised<B: Backend, L: Layer<B>>(
    device: &B::Device,
    seed: u64,
    network: u64,
) -> DeviceResult<L, B> {
    let mut layer = L::build(device)?;
    initialise::<B, L>(&mut layer, seed, network)?;
    Ok(layer)
}

/// As [`initialised`], of a layer that was built; the vectors of spectral normalisation become random ones of
/// length 1 and change nothing of the other values.
///
/// # Errors
/// If the device fails.
pub fn initialise<B: Backend, L: Layer<B>>(layer: &mut L, seed: u64, network: u64) -> DeviceResult<(), B> {
    let [weights, vectors] =
        [streams::WEIGHTS, streams::SINGULAR].map(|family| Rng::stream(seed, family, network));
    layer.visit(FIRST_CONVOLUTION, &mut Initialise { weights, vectors })
}

struct Initialise {
    weights: Rng,
    vectors: Rng,
}

impl<B: Backend> Visitor<B> for Initialise {
    type Error = DeviceError<B>;

    fn parameter<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, B>) -> DeviceResult<(), B> {
        let mean = if name.starts_with("bn") { 1.0 } else { 0.0 };
        let mut draw = || (mean + f64::from(INIT_STD) * self.weights.normal()) as f32;
        let count = tensor.shape().num_elements();
        let values =
            if name.ends_with(".bias") { vec![0.0; count] } else { (0..count).map(|_| draw()).collect() };
        *tensor = tensor.device().try_tensor_from_vec(values, *tensor.shape())?;
        Ok(())
    }

    fn statistic<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, B>) -> DeviceResult<(), B> {
        if !(name.ends_with(".weight_u") || name.ends_with(".weight_v")) {
            return Ok(());
        }
        let count = tensor.shape().num_elements();
        let values: Vec<f64> = (0..count).map(|_| self.vectors.normal()).collect();
        let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
        let values = values.into_iter().map(|value| (value / length) as f32).collect();
        *tensor = tensor.device().try_tensor_from_vec(values, *tensor.shape())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use dcgan_core::TensorData;

    use super::*;
    use crate::architecture;
    use crate::backend::cpu::CpuBackend;
    use crate::networks::arch::Architecture;
    use crate::networks::state_dict::state_dict;

    /// Radford et al. (2015), section 4: all weights N(0, 0.02); the reference program has N(1, 0.02) for BatchNorm.
    #[test]
    fn weights_have_the_distributions_of_the_paper() {
        architecture!(Wide: 100 => 64 64 64 => 3);
        let mut generator: <Wide as Architecture>::Generator<CpuBackend> =
            initialised::<CpuBackend, _>(&Cpu::default(), 5, GENERATOR).unwrap();
        for (name, data) in state_dict::<CpuBackend, _>(&mut generator) {
            let TensorData::F32(values) = data else { continue };
            let (mean, deviation) = (values.mean().unwrap(), values.std(0.0));
            let (expected_mean, expected_deviation) = match name.as_str() {
                name if name.ends_with("running_var") => (1.0, 0.0),
                name if name.ends_with(".bias") || name.ends_with("running_mean") => (0.0, 0.0),
                name if name.starts_with("bn") => (1.0, 0.02),
                _ => (0.0, 0.02),
            };
            // Five standard errors of a mean and of a deviation.
            let margin = 5.0 * expected_deviation / (values.len() as f32).sqrt();
            assert!((mean - expected_mean).abs() <= margin, "{name}: mean {mean}");
            assert!((deviation - expected_deviation).abs() <= margin, "{name}: deviation {deviation}");
        }
    }

    #[test]
    fn seeds_and_networks_give_other_weights() {
        let weights = |seed, network| {
            let layer = initialised::<CpuBackend, crate::networks::layers::Stem<3, 4, 8, 4, CpuBackend>>(
                &Cpu::default(),
                seed,
                network,
            );
            state_dict::<CpuBackend, _>(&mut layer.unwrap())
        };
        assert_eq!(weights(1, 0), weights(1, 0));
        assert_ne!(weights(1, 0), weights(2, 0));
        assert_ne!(weights(1, 0), weights(1, 1));
    }
}

//! The gradients of both losses against central differences, in `f64`, of the networks as they are defined.
//!
//! Maps are `[C, S, S, N]` as in the engine. The network is wide enough for Winograd's schemes.

use std::collections::BTreeMap;

use dcgan_core::TensorData;
use dcgan_core::rng::Rng;
use dcgan_core::spec::{BATCH_NORM_EPS, LEAKY_SLOPE};
use dcgan_train::architecture;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::gan::{Gan, GanConfig};
use dcgan_train::networks::batch::{images_from_bytes, random_latents};
use dcgan_train::networks::state_dict::{self, StateDict};
use dfdx::prelude::*;

architecture!(Wide: 5 => 32 24 16 => 3);
const BATCH: usize = 2;
const STEP: f64 = 1e-6;
/// Of the largest gradient of the same tensor.
const TOLERANCE: f64 = 2e-5;

type Parameters = BTreeMap<String, Vec<f64>>;

fn parameters(state: &StateDict) -> Parameters {
    let values = |(name, data): (&String, &TensorData)| match data {
        TensorData::F32(values) => {
            Some((name.clone(), values.iter().map(|value| f64::from(*value)).collect()))
        }
        TensorData::Count(_) => None,
    };
    state.iter().filter_map(values).collect()
}

/// Calls back with the indices into large map, small map and weight of every product of a convolution.
fn for_each_product(channels: usize, outputs: usize, side: usize, mut f: impl FnMut(usize, usize, usize)) {
    let half = side / 2;
    for (w, k) in (0..outputs * channels).flat_map(|w| (0..16).map(move |k| (w, k))) {
        let (o, c) = (w / channels, w % channels);
        for (i, j) in (0..half * half).map(|pixel| (pixel / half, pixel % half)) {
            let (y, x) = ((2 * i + k / 4).wrapping_sub(1), (2 * j + k % 4).wrapping_sub(1));
            if y < side && x < side {
                for n in 0..BATCH {
                    let small = ((o * half + i) * half + j) * BATCH + n;
                    f(((c * side + y) * side + x) * BATCH + n, small, w * 16 + k);
                }
            }
        }
    }
}

/// From side `side` to half of it.
fn convolution(large: &[f64], weight: &[f64], side: usize) -> Vec<f64> {
    let channels = large.len() / (side * side * BATCH);
    let outputs = weight.len() / (16 * channels);
    let mut small = vec![0.0; outputs * side * side / 4 * BATCH];
    for_each_product(channels, outputs, side, |l, s, w| small[s] += large[l] * weight[w]);
    small
}

/// From half of side `side` to it.
fn transposed_convolution(small: &[f64], weight: &[f64], side: usize) -> Vec<f64> {
    let inputs = small.len() / (side * side / 4 * BATCH);
    let channels = weight.len() / (16 * inputs);
    let mut large = vec![0.0; channels * side * side * BATCH];
    for_each_product(channels, inputs, side, |l, s, w| large[l] += small[s] * weight[w]);
    large
}

/// With the statistics of the batch.
fn batch_norm(mut maps: Vec<f64>, parameters: &Parameters, name: &str) -> Vec<f64> {
    let (scale, bias) = (&parameters[&format!("{name}.weight")], &parameters[&format!("{name}.bias")]);
    let row = maps.len() / scale.len();
    for (c, row) in maps.chunks_mut(row).enumerate() {
        let mean = row.iter().sum::<f64>() / row.len() as f64;
        let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / row.len() as f64;
        let deviation = (variance + f64::from(BATCH_NORM_EPS)).sqrt();
        row.iter_mut().for_each(|x| *x = (*x - mean) / deviation * scale[c] + bias[c]);
    }
    maps
}

fn linear(x: &[f64], parameters: &Parameters) -> Vec<f64> {
    let (weight, bias) = (&parameters["fc.weight"], &parameters["fc.bias"]);
    let row = |(row, bias): (&[f64], &f64)| {
        let sums = (0..BATCH).map(|n| row.iter().enumerate().map(|(i, w)| w * x[i * BATCH + n]).sum::<f64>());
        sums.map(|sum| sum + bias).collect::<Vec<_>>()
    };
    weight.chunks(x.len() / BATCH).zip(bias).flat_map(row).collect()
}

fn map(values: Vec<f64>, f: impl Fn(f64) -> f64) -> Vec<f64> {
    values.into_iter().map(f).collect()
}

/// Images of 32x32.
fn generated(parameters: &Parameters, latents: &[f64]) -> Vec<f64> {
    let mut maps = linear(latents, parameters);
    for layer in 1..=2 {
        maps = transposed_convolution(&maps, &parameters[&format!("tconv{layer}.weight")], 4 << layer);
        maps = map(batch_norm(maps, parameters, &format!("bn{layer}")), |x| x.max(0.0));
    }
    map(transposed_convolution(&maps, &parameters["tconv3.weight"], 32), f64::tanh)
}

/// The mean cross-entropy of the discriminator's probabilities.
fn judged(parameters: &Parameters, images: &[f64], label: f64) -> f64 {
    let leaky = |x: f64| x.max(x * f64::from(LEAKY_SLOPE));
    let mut maps = map(convolution(images, &parameters["conv1.weight"], 32), leaky);
    for layer in 2..=3 {
        maps = convolution(&maps, &parameters[&format!("conv{layer}.weight")], 64 >> layer);
        maps = map(batch_norm(maps, parameters, &format!("bn{layer}")), leaky);
    }
    let losses = linear(&maps, parameters).into_iter().map(|logit| {
        let probability = 1.0 / (1.0 + (-logit).exp());
        -label * probability.ln() - (1.0 - label) * (1.0 - probability).ln()
    });
    losses.sum::<f64>() / BATCH as f64
}

/// Compares each tensor's largest gradient and some others.
fn check(found: &StateDict, at: &Parameters, loss: impl Fn(&Parameters) -> f64) {
    for (name, found) in parameters(found) {
        let largest = (0..found.len()).max_by(|a, b| found[*a].abs().total_cmp(&found[*b].abs())).unwrap();
        assert!(found[largest] != 0.0, "{name} has no gradient");
        for index in [largest, 0, found.len() / 3, found.len() / 2, found.len() - 1] {
            let moved = |step: f64| {
                let mut parameters = at.clone();
                parameters.get_mut(&name).unwrap()[index] += step;
                loss(&parameters)
            };
            let expected = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let error = (found[index] - expected).abs() / found[largest].abs();
            assert!(
                error < TOLERANCE,
                "{name}[{index}]: {} instead of {expected}, largest {}",
                found[index],
                found[largest]
            );
        }
    }
}

#[test]
fn the_gradients_of_both_losses_are_their_slopes() {
    let (device, mut rng) = (Cpu::default(), Rng::new(1));
    let config = GanConfig::default();
    let mut gan = Gan::<Wide, CpuBackend>::new(&device, config, 5).unwrap();
    let bytes: Vec<u8> = (0..BATCH * 3 * 32 * 32).map(|_| rng.bits() as u8).collect();
    let real = images_from_bytes::<Wide, CpuBackend>(&device, &bytes).unwrap();
    let latents = random_latents::<Wide, CpuBackend>(&device, &mut rng, BATCH).unwrap();
    let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<_>>();
    let (real_values, latent_values) = (wide(real.as_vec()), wide(latents.as_vec()));
    let (generator, discriminator) =
        (parameters(&gan.generator_state()), parameters(&gan.discriminator_state()));

    let (mut grads, _) = gan.discriminator_gradients(real, latents.clone()).unwrap();
    let found = state_dict::gradients::<CpuBackend, _>(gan.networks().1, &mut grads).unwrap();
    let fake_values = generated(&generator, &latent_values);
    check(&found, &discriminator, |discriminator| {
        judged(discriminator, &real_values, config.real_label)
            + judged(discriminator, &fake_values, config.fake_label)
    });

    let (mut grads, _) = gan.generator_gradients(latents).unwrap();
    let found = state_dict::gradients::<CpuBackend, _>(gan.networks().0, &mut grads).unwrap();
    check(&found, &generator, |generator| {
        judged(&discriminator, &generated(generator, &latent_values), config.real_label)
    });
}

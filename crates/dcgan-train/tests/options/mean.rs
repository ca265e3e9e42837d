//! The mean of the generator's weights, and BatchNorm's statistics for any weights.

use std::collections::BTreeMap;

use dcgan_core::TensorData;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::backend::operations::Backend;
use dcgan_train::backend::reference::ReferenceBackend;
use dcgan_train::gan::ema::Ema;
use dcgan_train::gan::{Gan, GanConfig};
use dcgan_train::networks::arch::Architecture;
use dcgan_train::networks::recalibrate::use_statistics_of;
use dcgan_train::networks::sampler::sample;
use dcgan_train::networks::state_dict;
use dfdx::prelude::*;
use ndarray::Ix4;

use crate::pytorch::{Reference, Tiny, compare};
use crate::{BATCHES, gan};

fn statistics_are_recomputed_as_pytorch_does<B: Backend<Device = Cpu>>() {
    let (start, expected) = (Reference::load("reference"), Reference::load("options_reference"));
    let (device, trained) = (Cpu::default(), start.state("end.g."));
    let mut generator: <Tiny as Architecture>::Generator<B> =
        state_dict::from_state_dict::<B, _>(&device, &trained).unwrap();
    use_statistics_of::<B, _>(
        &mut generator,
        (0..20).map(|batch| Ok(start.latent_tensor::<B>(&Cpu::default(), batch))),
    )
    .unwrap();
    let found = state_dict::state_dict::<B, _>(&mut generator);
    compare(&found, &expected.state("recalibrated.g."), 1e-5);
    for (name, data) in &found {
        if !name.ends_with("num_batches_tracked") {
            assert_eq!(*data != trained[name], name.contains("running"), "{name}");
        }
    }
    let samples = sample::<Tiny, B>(&generator, &device, start.latents(0).view()).unwrap();
    let expected = expected.f32("recalibrated.samples").view().into_dimensionality::<Ix4>().unwrap();
    let error = (&samples - &expected).fold(0.0f32, |most, value| most.max(value.abs()));
    assert!(error < 1e-4, "samples are off by {error}");
}

#[test]
fn batch_norms_statistics_are_recomputed_for_a_trained_generator() {
    statistics_are_recomputed_as_pytorch_does::<CpuBackend>();
    statistics_are_recomputed_as_pytorch_does::<ReferenceBackend<Cpu>>();
}

/// The definition, in `f64`, from the weights of every step.
fn the_mean_of_weights_is_what_it_says<B: Backend<Device = Cpu>>(decay: f64) {
    let start = Reference::load("reference");
    let mut gan = gan::<B>("d_steps", GanConfig { ema: Some(decay), ..GanConfig::default() });
    let mut expected = BTreeMap::<String, Vec<f64>>::new();
    for step in 0..6 {
        let latents = [2 * step, 2 * step + 1].map(|index| start.latent_tensor::<B>(&Cpu::default(), index));
        gan.step(start.reals::<B>(&Cpu::default(), step, BATCHES), latents).unwrap();
        let updates = step as f64 + 1.0;
        let keep = decay.min(updates / (updates + 9.0));
        for (name, data) in gan.generator_state() {
            let TensorData::F32(values) = data else { continue };
            let values = values.iter().map(|value| f64::from(*value));
            match expected.get_mut(&name) {
                Some(means) => means.iter_mut().zip(values).for_each(|(mean, value)| {
                    *mean = keep * *mean + (1.0 - keep) * value;
                }),
                None => drop(expected.insert(name, values.collect())),
            }
        }
    }
    let last = gan.generator_state();
    let mut mean = gan.mean_generator().unwrap().unwrap();
    for (name, data) in state_dict::state_dict::<B, _>(&mut mean) {
        let TensorData::F32(found) = &data else { continue };
        if name.contains("running") {
            assert_eq!(data, last[&name], "{name}");
            continue;
        }
        let largest = expected[&name].iter().fold(0.0f64, |most, value| most.max(value.abs()));
        for (found, expected) in found.iter().zip(&expected[&name]) {
            assert!(
                (f64::from(*found) - expected).abs() <= 1e-6 * largest,
                "{name}: {found}, not {expected}"
            );
        }
        assert_ne!(data, last[&name], "{name}");
    }
}

#[test]
fn the_mean_of_the_generators_weights_warms_up_and_decays() {
    the_mean_of_weights_is_what_it_says::<CpuBackend>(0.999);
    the_mean_of_weights_is_what_it_says::<CpuBackend>(0.25);
    the_mean_of_weights_is_what_it_says::<ReferenceBackend<Cpu>>(0.25);
}

#[test]
fn a_mean_goes_on_from_its_state() {
    let device = Cpu::default();
    let mut gan = Gan::<Tiny, CpuBackend>::new(&device, GanConfig::default(), 0).unwrap();
    let (mut one, mut other) = (Ema::<CpuBackend>::new(0.9), Ema::<CpuBackend>::new(0.9));
    for seed in 0..4 {
        gan = Gan::new(&device, GanConfig::default(), seed).unwrap();
        one.update(gan.networks().0).unwrap();
        if seed == 1 {
            other.restore(&device, &one.state()).unwrap();
        } else if seed > 1 {
            other.update(gan.networks().0).unwrap();
        }
    }
    assert_eq!(one.state(), other.state());
    drop(gan);
}

//! Spectral normalisation: gradients, judging, and new networks.

use dcgan_core::TensorData;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::backend::operations::Backend;
use dcgan_train::backend::reference::ReferenceBackend;
use dcgan_train::gan::{Gan, GanConfig};
use dcgan_train::networks::arch::Architecture;
use dcgan_train::networks::layers::Layer;
use dcgan_train::networks::state_dict::{self, StateDict};
use dfdx::prelude::*;

use crate::pytorch::{Reference, Tiny, compare};
use crate::{BATCHES, gan};

fn spectral_gradients_are_pytorchs<B: Backend<Device = Cpu>>() {
    let (start, expected) = (Reference::load("reference"), Reference::load("options_reference"));
    let mut gan = gan::<B>("spectral", GanConfig::default());
    let batch =
        || (start.reals::<B>(&Cpu::default(), 0, BATCHES), start.latent_tensor::<B>(&Cpu::default(), 0));
    let (real, latents) = batch();
    let (mut grads, _) = gan.discriminator_gradients(real, latents).unwrap();
    let found = state_dict::gradients::<B, _>(gan.networks().1, &mut grads).unwrap();
    compare(&found, &expected.state("spectral.grad.d."), 1e-4);

    // The generator's gradients come after the discriminator's update.
    let mut gan = crate::gan::<B>("spectral", GanConfig::default());
    let (real, latents) = batch();
    gan.step_discriminator(real, latents).unwrap();
    let (mut grads, _) = gan.generator_gradients(start.latent_tensor::<B>(&Cpu::default(), 1)).unwrap();
    let found = state_dict::gradients::<B, _>(gan.networks().0, &mut grads).unwrap();
    compare(&found, &expected.state("spectral.grad.g."), 1e-4);
}

#[test]
fn spectral_normalisation_has_pytorchs_gradients() {
    spectral_gradients_are_pytorchs::<CpuBackend>();
    spectral_gradients_are_pytorchs::<ReferenceBackend<Cpu>>();
    #[cfg(target_os = "linux")]
    if crate::emulator::is_here() {
        spectral_gradients_are_pytorchs::<crate::Cuda>();
    }
}

/// With the vectors as they are: judging moves nothing.
fn a_normalised_discriminator_judges_as_pytorchs<B: Backend<Device = Cpu>>() {
    let (start, expected) = (Reference::load("reference"), Reference::load("options_reference"));
    let state = expected.state("spectral.d.");
    let mut discriminator: <Tiny as Architecture>::Discriminator<B> =
        state_dict::from_state_dict::<B, _>(&Cpu::default(), &state).unwrap();
    let logits = discriminator.infer(start.reals::<B>(&Cpu::default(), 0, BATCHES)).unwrap().as_vec();
    for (logit, expected) in logits.iter().zip(expected.f32("spectral.probabilities")) {
        let found = 1.0 / (1.0 + (-logit).exp());
        assert!((found - expected).abs() < 1e-5, "{found}, PyTorch has {expected}");
    }
    assert_eq!(state_dict::state_dict::<B, _>(&mut discriminator), state);
}

#[test]
fn a_normalised_discriminator_judges_with_the_vectors_as_they_are() {
    a_normalised_discriminator_judges_as_pytorchs::<CpuBackend>();
    a_normalised_discriminator_judges_as_pytorchs::<ReferenceBackend<Cpu>>();
    #[cfg(target_os = "linux")]
    if crate::emulator::is_here() {
        a_normalised_discriminator_judges_as_pytorchs::<crate::Cuda>();
    }
}

#[test]
fn a_new_discriminator_is_the_same_but_for_the_normalisation() {
    let new = |spectral_norm, seed| {
        let config = GanConfig { spectral_norm, ..GanConfig::default() };
        Gan::<Tiny, CpuBackend>::new(&Cpu::default(), config, seed).unwrap().discriminator_state()
    };
    let (plain, mut normalised) = (new(false, 3), new(true, 3));
    assert_eq!(normalised, new(true, 3));
    assert_ne!(normalised["conv1.weight_u"], new(true, 4)["conv1.weight_u"]);
    for (name, vector) in normalised.iter().filter(|(name, _)| name.ends_with("_u") || name.ends_with("_v")) {
        let TensorData::F32(values) = vector else { panic!("{name} is a count") };
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-5, "{name} has length {length}");
    }
    normalised.retain(|name, _| !(name.ends_with("_u") || name.ends_with("_v")));
    let renamed = |(name, data): (String, TensorData)| (name.replace("weight_orig", "weight"), data);
    assert_eq!(normalised.into_iter().map(renamed).collect::<StateDict>(), plain);
}

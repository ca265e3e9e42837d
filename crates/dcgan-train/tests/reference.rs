//! Ten training steps give what PyTorch gives (`reference.py` made the numbers), on every engine; CUDA's
//! kernels run on the CPU.

#[cfg(target_os = "linux")]
mod emulator;
mod pytorch;

use std::collections::BTreeMap;

use dcgan_core::spec::NetworkSpec;
use dcgan_core::{DiscriminatorSpec, TensorData};
use dcgan_train::backend::cpu::CpuBackend;
#[cfg(any(target_os = "linux", feature = "cuda"))]
use dcgan_train::backend::cuda::CudaBackend;
use dcgan_train::backend::operations::{Array, Backend};
use dcgan_train::backend::reference::ReferenceBackend;
use dcgan_train::gan::{Gan, GanConfig, StepStats};
use dcgan_train::networks::arch::Architecture;
use dcgan_train::networks::sampler::sample;
use dcgan_train::networks::state_dict;
use dfdx::tensor::Cpu;
#[cfg(target_os = "linux")]
use emulator::Emulated;
use ndarray::{Array4, ArrayD};
use pytorch::{Reference, Tiny, compare};

const STEPS: usize = 10;

struct Run<B: Backend> {
    reference: Reference,
    device: B::Device,
    gan: Gan<Tiny, B>,
}

impl<B: Backend> Run<B> {
    fn start(device: B::Device) -> Self {
        let reference = Reference::load("reference");
        let (g, d) = (reference.state("start.g."), reference.state("start.d."));
        let gan = Gan::from_state_dicts(&device, GanConfig::default(), &g, &d).unwrap();
        Self { reference, device, gan }
    }

    /// The discriminator's or the generator's latents of a step.
    fn latents(&self, step: usize, which: usize) -> Array<<Tiny as Architecture>::Latents, B> {
        self.reference.latent_tensor::<B>(&self.device, 2 * step + which)
    }

    fn step(&mut self, step: usize) -> StepStats {
        let real = self.reference.reals::<B>(&self.device, step, STEPS);
        let latents = [self.latents(step, 0), self.latents(step, 1)];
        self.gan.step(real, latents).unwrap()
    }
}

/// Ten steps of Adam multiply what another order of sums changes: `of_samples` is how far their values may be off.
fn losses_are_pytorchs<B: Backend>(device: B::Device, of_samples: f32) {
    let mut run = Run::<B>::start(device);
    for step in 0..STEPS {
        let StepStats { loss_d, loss_g, d_x, d_g_z, .. } = run.step(step);
        let expected = run.reference.f32("losses").index_axis(ndarray::Axis(0), step).to_owned();
        for (found, expected) in [loss_d, loss_g, d_x, d_g_z].iter().zip(&expected) {
            let error = (found - expected).abs();
            assert!(error <= 1e-4 * expected.abs(), "step {step}: {found}, PyTorch has {expected}");
        }
    }
    // Weights, running statistics and counts: 2 passes of the generator a step, 3 of the discriminator.
    compare(&run.gan.generator_state(), &run.reference.state("end.g."), 1e-4);
    compare(&run.gan.discriminator_state(), &run.reference.state("end.d."), 1e-4);
    let samples =
        sample::<Tiny, B>(run.gan.generator(), &run.device, run.reference.latents(0).view()).unwrap();
    let expected: &ArrayD<f32> = run.reference.f32("samples");
    let expected: Array4<f32> = expected.clone().into_dimensionality().unwrap();
    let error = (&samples - &expected).iter().fold(0.0f32, |most, value| most.max(value.abs()));
    assert!(error < of_samples, "samples are off by {error}");
}

fn gradients_are_pytorchs<B: Backend>(device: B::Device) {
    let mut run = Run::<B>::start(device.clone());
    let real = run.reference.reals::<B>(&run.device, 0, STEPS);
    let latents = run.latents(0, 0);
    let (mut grads, _) = run.gan.discriminator_gradients(real, latents).unwrap();
    let found = state_dict::gradients::<B, _>(run.gan.networks().1, &mut grads).unwrap();
    compare(&found, &run.reference.state("grad.d."), 1e-4);

    // The generator's gradients come after the discriminator's update.
    let mut run = Run::<B>::start(device);
    run.step_discriminator();
    let latents = run.latents(0, 1);
    let (mut grads, _) = run.gan.generator_gradients(latents).unwrap();
    let found = state_dict::gradients::<B, _>(run.gan.networks().0, &mut grads).unwrap();
    compare(&found, &run.reference.state("grad.g."), 1e-4);
}

impl<B: Backend> Run<B> {
    fn step_discriminator(&mut self) {
        let real = self.reference.reals::<B>(&self.device, 0, STEPS);
        let latents = self.latents(0, 0);
        self.gan.step_discriminator(real, latents).unwrap();
    }
}

#[test]
fn the_native_engine_trains_as_pytorch() {
    losses_are_pytorchs::<CpuBackend>(Cpu::default(), 1e-4);
}

#[test]
fn the_portable_engine_trains_as_pytorch() {
    losses_are_pytorchs::<ReferenceBackend<Cpu>>(Cpu::default(), 1e-4);
}

#[cfg(target_os = "linux")]
#[test]
fn the_cuda_engine_trains_as_pytorch() {
    if emulator::is_here() {
        losses_are_pytorchs::<CudaBackend<Emulated>>(Cpu::default(), 1e-4);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_cuda_engine_has_pytorchs_gradients() {
    if emulator::is_here() {
        gradients_are_pytorchs::<CudaBackend<Emulated>>(Cpu::default());
    }
}

#[cfg(feature = "cuda")]
#[test]
fn the_gpu_trains_as_pytorch_and_has_its_gradients() {
    use dcgan_train::backend::cuda::nvidia::Nvidia;
    use dcgan_train::backend::precision::Precision;

    match Nvidia::start(Precision::F32) {
        Ok(device) => {
            losses_are_pytorchs::<CudaBackend<Nvidia>>(device.clone(), 1e-3);
            gradients_are_pytorchs::<CudaBackend<Nvidia>>(device);
        }
        Err(reason) => eprintln!("skipped: no GPU can be used ({reason})"),
    }
}

#[test]
fn the_native_engine_has_pytorchs_gradients() {
    gradients_are_pytorchs::<CpuBackend>(Cpu::default());
}

#[test]
fn the_portable_engine_has_pytorchs_gradients() {
    gradients_are_pytorchs::<ReferenceBackend<Cpu>>(Cpu::default());
}

#[test]
fn the_state_dict_has_the_names_and_shapes_of_the_spec() {
    let new = |spectral_norm| {
        let config = GanConfig { spectral_norm, ..GanConfig::default() };
        Gan::<Tiny, CpuBackend>::new(&Cpu::default(), config, 0).unwrap()
    };
    let spec = |spectral_norm| {
        NetworkSpec::Discriminator(DiscriminatorSpec { spectral_norm, ..Tiny::discriminator("t") })
    };
    for (state, spec) in [
        (new(false).generator_state(), NetworkSpec::Generator(Tiny::generator("t"))),
        (new(false).discriminator_state(), spec(false)),
        (new(true).discriminator_state(), spec(true)),
    ] {
        let expected: BTreeMap<_, _> =
            spec.tensors().into_iter().map(|tensor| (tensor.name, tensor.shape)).collect();
        let found = state.iter().map(|(name, data)| match data {
            TensorData::F32(values) => (name.clone(), values.shape().to_vec()),
            TensorData::Count(_) => (name.clone(), Vec::new()),
        });
        assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
    }
}

//! Ten training steps give what PyTorch gives (`reference.py` made the numbers), on both engines.

use std::collections::BTreeMap;

use dcgan_core::TensorData;
use dcgan_core::spec::NetworkSpec;
use dcgan_train::arch::{Architecture, Three};
use dcgan_train::batch::{images_from_bytes, latents_from_array};
use dcgan_train::engine::Engine;
use dcgan_train::gan::{Gan, GanConfig, StepStats};
use dcgan_train::native::Native;
use dcgan_train::portable::Portable;
use dcgan_train::sampler::sample;
use dcgan_train::state::{self, StateDict};
use dfdx::tensor::Cpu;
use ndarray::{Array2, Array4, ArrayD};
use safetensors::{Dtype, SafeTensors};

const STEPS: usize = 10;
type Tiny = Three<4, 8, 128, 6, 4, 3>;

/// The script's file.
struct Reference(BTreeMap<String, TensorData>, Vec<u8>);

impl Reference {
    fn load() -> Self {
        let bytes =
            std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let floats = file.tensors().into_iter().filter_map(|(name, view)| match view.dtype() {
            Dtype::F32 => {
                let values = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
                Some((name, TensorData::from_values(view.shape(), values.collect())))
            }
            Dtype::I64 => {
                Some((name, TensorData::Count(i64::from_le_bytes(view.data().try_into().unwrap()))))
            }
            _ => None,
        });
        Self(floats.collect(), file.tensor("reals").unwrap().data().to_vec())
    }

    fn f32(&self, name: &str) -> &ArrayD<f32> {
        match &self.0[name] {
            TensorData::F32(values) => values,
            TensorData::Count(_) => panic!("{name} is a count"),
        }
    }

    /// The state dict whose names begin so.
    fn state(&self, prefix: &str) -> StateDict {
        let stripped = |(name, data): (&String, &TensorData)| {
            Some((name.strip_prefix(prefix)?.to_owned(), data.clone()))
        };
        self.0.iter().filter_map(stripped).collect()
    }

    fn latents(&self, step: usize, which: usize) -> Array2<f32> {
        let all = self.f32("latents").view().into_dimensionality::<ndarray::Ix4>().unwrap();
        all.slice(ndarray::s![step, which, .., ..]).to_owned()
    }

    fn reals(&self, step: usize) -> &[u8] {
        let size = self.1.len() / STEPS;
        &self.1[step * size..][..size]
    }
}

struct Run<E: Engine> {
    reference: Reference,
    device: E::Device,
    gan: Gan<Tiny, E>,
}

impl<E: Engine<Device = Cpu>> Run<E> {
    fn start() -> Self {
        let (reference, device) = (Reference::load(), Cpu::default());
        let (g, d) = (reference.state("start.g."), reference.state("start.d."));
        let gan = Gan::from_state_dicts(&device, GanConfig::default(), &g, &d).unwrap();
        Self { reference, device, gan }
    }

    fn latents(
        &self,
        step: usize,
        which: usize,
    ) -> dcgan_train::engine::Array<<Tiny as Architecture>::Latents, E> {
        latents_from_array::<Tiny, E>(&self.device, self.reference.latents(step, which).view()).unwrap()
    }

    fn step(&mut self, step: usize) -> StepStats {
        let real = images_from_bytes::<Tiny, E>(&self.device, self.reference.reals(step)).unwrap();
        let latents = [self.latents(step, 0), self.latents(step, 1)];
        self.gan.step(real, latents).unwrap()
    }
}

/// The largest difference of two state dicts, tensor by tensor, in terms of the second one's largest value.
fn compare(found: &StateDict, expected: &StateDict, tolerance: f32) {
    assert!(!expected.is_empty());
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, expected) in expected {
        match (&found[name], expected) {
            (TensorData::F32(found), TensorData::F32(expected)) => {
                assert_eq!(found.shape(), expected.shape(), "{name}");
                let largest = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
                let error = (found - expected).iter().fold(0.0f32, |most, value| most.max(value.abs()));
                assert!(error <= tolerance * largest, "{name}: off by {error}, largest {largest}");
            }
            (found, expected) => assert_eq!(found, expected, "{name}"),
        }
    }
}

fn losses_are_pytorchs<E: Engine<Device = Cpu>>() {
    let mut run = Run::<E>::start();
    for step in 0..STEPS {
        let StepStats { loss_d, loss_g, d_x, d_g_z } = run.step(step);
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
        sample::<Tiny, E>(run.gan.generator(), &run.device, run.reference.latents(0, 0).view()).unwrap();
    let expected: &ArrayD<f32> = run.reference.f32("samples");
    let expected: Array4<f32> = expected.clone().into_dimensionality().unwrap();
    let error = (&samples - &expected).iter().fold(0.0f32, |most, value| most.max(value.abs()));
    assert!(error < 1e-4, "samples are off by {error}");
}

fn gradients_are_pytorchs<E: Engine<Device = Cpu>>() {
    let mut run = Run::<E>::start();
    let real = images_from_bytes::<Tiny, E>(&run.device, run.reference.reals(0)).unwrap();
    let latents = run.latents(0, 0);
    let (mut grads, _) = run.gan.discriminator_gradients(real, latents).unwrap();
    let found = state::gradients::<E, _>(run.gan.networks().1, &mut grads).unwrap();
    compare(&found, &run.reference.state("grad.d."), 1e-4);

    // The generator's gradients come after the discriminator's update.
    let mut run = Run::<E>::start();
    run.step_discriminator();
    let latents = run.latents(0, 1);
    let (mut grads, _) = run.gan.generator_gradients(latents).unwrap();
    let found = state::gradients::<E, _>(run.gan.networks().0, &mut grads).unwrap();
    compare(&found, &run.reference.state("grad.g."), 1e-4);
}

impl<E: Engine<Device = Cpu>> Run<E> {
    fn step_discriminator(&mut self) {
        let real = images_from_bytes::<Tiny, E>(&self.device, self.reference.reals(0)).unwrap();
        let latents = self.latents(0, 0);
        self.gan.step_discriminator(real, latents).unwrap();
    }
}

#[test]
fn the_native_engine_trains_as_pytorch() {
    losses_are_pytorchs::<Native>();
}

#[test]
fn the_portable_engine_trains_as_pytorch() {
    losses_are_pytorchs::<Portable<Cpu>>();
}

#[test]
fn the_native_engine_has_pytorchs_gradients() {
    gradients_are_pytorchs::<Native>();
}

#[test]
fn the_portable_engine_has_pytorchs_gradients() {
    gradients_are_pytorchs::<Portable<Cpu>>();
}

#[test]
fn the_state_dict_has_the_names_and_shapes_of_the_spec() {
    let mut gan = Gan::<Tiny, Native>::new(&Cpu::default(), GanConfig::default(), 0).unwrap();
    let specs =
        [NetworkSpec::Generator(Tiny::generator("t")), NetworkSpec::Discriminator(Tiny::discriminator("t"))];
    for (state, spec) in [gan.generator_state(), gan.discriminator_state()].iter().zip(specs) {
        let expected: BTreeMap<_, _> =
            spec.tensors().into_iter().map(|tensor| (tensor.name, tensor.shape)).collect();
        let found = state.iter().map(|(name, data)| match data {
            TensorData::F32(values) => (name.clone(), values.shape().to_vec()),
            TensorData::Count(_) => (name.clone(), Vec::new()),
        });
        assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
    }
}

//! Training with each option gives what PyTorch gives (`options_reference.py` made the numbers), on both engines.

mod pytorch;

use dcgan_core::TensorData;
use dcgan_train::arch::Architecture;
use dcgan_train::augment::{Augmentation, Policy, Transform};
use dcgan_train::ema::Ema;
use dcgan_train::engine::Engine;
use dcgan_train::gan::{Fake, Gan, GanConfig, StepStats, changed};
use dcgan_train::layers::Layer;
use dcgan_train::loss::GeneratorLoss;
use dcgan_train::native::Native;
use dcgan_train::portable::Portable;
use dcgan_train::recalibrate::use_statistics_of;
use dcgan_train::sampler::sample;
use dcgan_train::schedule::Schedule;
use dcgan_train::state::{self, StateDict};
use dfdx::prelude::*;
use ndarray::{Axis, Ix4};
use pytorch::{Reference, Tiny, compare};

/// Batches of real images of the script.
const BATCHES: usize = 10;

/// A run of the script.
struct Case {
    name: &'static str,
    steps: u64,
    d_steps: usize,
    config: GanConfig,
    schedule: Schedule,
    /// Whether images are changed.
    augment: bool,
}

impl Case {
    fn new(name: &'static str, steps: u64, config: GanConfig) -> Self {
        Self {
            name,
            steps,
            d_steps: 1,
            config,
            schedule: Schedule { steps, decay_from: None },
            augment: false,
        }
    }

    fn is_pytorchs<E: Engine<Device = Cpu>>(&self) {
        let (start, expected) = (Reference::load("reference"), Reference::load("options_reference"));
        let mut gan = gan::<E>(self.name, self.config);
        let losses = expected.f32(&format!("{}.losses", self.name));
        for step in 0..self.steps {
            let (batch, latents) = (step as usize * self.d_steps, step as usize * (self.d_steps + 1));
            let passes = step as usize * (2 * self.d_steps + 1);
            let changes = |pass: usize| self.augment.then(|| changes(&expected, "augment.changes", pass, 32));
            let fake = |update: usize, pass: usize| Fake {
                latents: start.latent_tensor::<E>(latents + update),
                changes: changes(passes + pass),
            };
            let rounds = (0..self.d_steps).map(|round| {
                let (real, pass) = (start.reals::<E>(batch + round, BATCHES), 2 * round);
                let real = changed::<E, _, _>(real, changes(passes + pass).as_ref())?;
                Ok((real, fake(round, pass + 1)))
            });
            gan.set_learning_rate_factor(self.schedule.factor(step));
            let last = fake(self.d_steps, 2 * self.d_steps);
            let StepStats { loss_d, loss_g, d_x, d_g_z, .. } = gan.step_rounds(rounds, last).unwrap();
            let losses_of_step = losses.index_axis(Axis(0), step as usize);
            for (found, expected) in [loss_d, loss_g, d_x, d_g_z].iter().zip(&losses_of_step) {
                let error = (found - expected).abs();
                assert!(error <= 1e-4 * expected.abs(), "step {step}: {found}, PyTorch has {expected}");
            }
        }
        compare(&gan.generator_state(), &expected.state(&format!("{}.g.", self.name)), 1e-4);
        compare(&gan.discriminator_state(), &expected.state(&format!("{}.d.", self.name)), 1e-4);
    }

    fn is_pytorchs_on_both_engines(&self) {
        self.is_pytorchs::<Native>();
        self.is_pytorchs::<Portable<Cpu>>();
    }
}

/// The changes of one pass, row `pass` of the script's tensors `{name}.*`.
fn changes(file: &Reference, name: &str, pass: usize, side: usize) -> Augmentation {
    let of = |part: &str| -> Vec<f32> {
        file.f32(&format!("{name}.{part}")).index_axis(Axis(0), pass).iter().copied().collect()
    };
    let [brightness, saturation, contrast] = ["brightness", "saturation", "contrast"].map(of);
    let [shift, center] = ["shift", "center"].map(of);
    let change = |n: usize| Transform {
        brightness: brightness[n],
        saturation: saturation[n],
        contrast: contrast[n],
        shift: [0, 1].map(|axis| shift[2 * n + axis] as i64),
        cut: [0, 1].map(|axis| Transform::cut_around(center[2 * n + axis] as usize, side)),
    };
    Augmentation((0..brightness.len()).map(change).collect())
}

/// The networks that the script begins a run with.
fn gan<E: Engine<Device = Cpu>>(run: &str, config: GanConfig) -> Gan<Tiny, E> {
    let (start, own) = (Reference::load("reference"), Reference::load("options_reference"));
    let (g, mut d) = (start.state("start.g."), own.state(&format!("{run}.start.d.")));
    if d.is_empty() {
        d = start.state("start.d.");
    }
    Gan::from_state_dicts(&Cpu::default(), config, &g, &d).unwrap()
}

#[test]
fn several_updates_of_the_discriminator_before_one_of_the_generator() {
    Case { d_steps: 2, ..Case::new("d_steps", 3, GanConfig::default()) }.is_pytorchs_on_both_engines();
}

#[test]
fn the_minimax_loss_without_smoothed_labels() {
    let generator_loss = GeneratorLoss::Minimax;
    let config = GanConfig { real_label: 1.0, fake_label: 0.0, generator_loss, ..GanConfig::default() };
    Case::new("minimax", 3, config).is_pytorchs_on_both_engines();
}

#[test]
fn learning_rates_apart_that_decay() {
    let adam = |learning_rate| dcgan_train::adam::AdamConfig {
        learning_rate,
        ..dcgan_train::adam::AdamConfig::default()
    };
    let config = GanConfig { adam_g: adam(1e-4), adam_d: adam(4e-4), ..GanConfig::default() };
    let schedule = Schedule { steps: 4, decay_from: Some(0.5) };
    Case { schedule, ..Case::new("rates", 4, config) }.is_pytorchs_on_both_engines();
}

#[test]
fn spectral_normalisation_with_its_vectors() {
    Case::new("spectral", 4, GanConfig::default()).is_pytorchs_on_both_engines();
}

fn spectral_gradients_are_pytorchs<E: Engine<Device = Cpu>>() {
    let (start, expected) = (Reference::load("reference"), Reference::load("options_reference"));
    let mut gan = gan::<E>("spectral", GanConfig::default());
    let batch = || (start.reals::<E>(0, BATCHES), start.latent_tensor::<E>(0));
    let (real, latents) = batch();
    let (mut grads, _) = gan.discriminator_gradients(real, latents).unwrap();
    let found = state::gradients::<E, _>(gan.networks().1, &mut grads).unwrap();
    compare(&found, &expected.state("spectral.grad.d."), 1e-4);

    // The generator's gradients come after the discriminator's update.
    let mut gan = self::gan::<E>("spectral", GanConfig::default());
    let (real, latents) = batch();
    gan.step_discriminator(real, latents).unwrap();
    let (mut grads, _) = gan.generator_gradients(start.latent_tensor::<E>(1)).unwrap();
    let found = state::gradients::<E, _>(gan.networks().0, &mut grads).unwrap();
    compare(&found, &expected.state("spectral.grad.g."), 1e-4);
}

#[test]
fn spectral_normalisation_has_pytorchs_gradients() {
    spectral_gradients_are_pytorchs::<Native>();
    spectral_gradients_are_pytorchs::<Portable<Cpu>>();
}

fn statistics_are_recomputed_as_pytorch_does<E: Engine<Device = Cpu>>() {
    let (start, expected) = (Reference::load("reference"), Reference::load("options_reference"));
    let (device, trained) = (Cpu::default(), start.state("end.g."));
    let mut generator: <Tiny as Architecture>::Generator<E> =
        state::from_state_dict::<E, _>(&device, &trained).unwrap();
    use_statistics_of::<E, _>(&mut generator, (0..20).map(|batch| Ok(start.latent_tensor::<E>(batch))))
        .unwrap();
    let found = state::state_dict::<E, _>(&mut generator);
    compare(&found, &expected.state("recalibrated.g."), 1e-5);
    for (name, data) in &found {
        if !name.ends_with("num_batches_tracked") {
            assert_eq!(*data != trained[name], name.contains("running"), "{name}");
        }
    }
    let samples = sample::<Tiny, E>(&generator, &device, start.latents(0).view()).unwrap();
    let expected = expected.f32("recalibrated.samples").view().into_dimensionality::<Ix4>().unwrap();
    let error = (&samples - &expected).fold(0.0f32, |most, value| most.max(value.abs()));
    assert!(error < 1e-4, "samples are off by {error}");
}

#[test]
fn batch_norms_statistics_are_recomputed_for_a_trained_generator() {
    statistics_are_recomputed_as_pytorch_does::<Native>();
    statistics_are_recomputed_as_pytorch_does::<Portable<Cpu>>();
}

/// The definition, in `f64`, from the weights of every step.
fn the_mean_of_weights_is_what_it_says<E: Engine<Device = Cpu>>(decay: f64) {
    let start = Reference::load("reference");
    let mut gan = gan::<E>("d_steps", GanConfig { ema: Some(decay), ..GanConfig::default() });
    let mut expected = std::collections::BTreeMap::<String, Vec<f64>>::new();
    for step in 0..6 {
        let latents = [2 * step, 2 * step + 1].map(|index| start.latent_tensor::<E>(index));
        gan.step(start.reals::<E>(step, BATCHES), latents).unwrap();
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
    for (name, data) in state::state_dict::<E, _>(&mut mean) {
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
    the_mean_of_weights_is_what_it_says::<Native>(0.999);
    the_mean_of_weights_is_what_it_says::<Native>(0.25);
    the_mean_of_weights_is_what_it_says::<Portable<Cpu>>(0.25);
}

#[test]
fn a_mean_goes_on_from_its_state() {
    let device = Cpu::default();
    let mut gan = Gan::<Tiny, Native>::new(&device, GanConfig::default(), 0).unwrap();
    let (mut one, mut other) = (Ema::<Native>::new(0.9), Ema::<Native>::new(0.9));
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

/// With the vectors as they are: judging moves nothing.
fn a_normalised_discriminator_judges_as_pytorchs<E: Engine<Device = Cpu>>() {
    let (start, expected) = (Reference::load("reference"), Reference::load("options_reference"));
    let state = expected.state("spectral.d.");
    let mut discriminator: <Tiny as Architecture>::Discriminator<E> =
        state::from_state_dict::<E, _>(&Cpu::default(), &state).unwrap();
    let logits = discriminator.infer(start.reals::<E>(0, BATCHES)).unwrap().as_vec();
    for (logit, expected) in logits.iter().zip(expected.f32("spectral.probabilities")) {
        let found = 1.0 / (1.0 + (-logit).exp());
        assert!((found - expected).abs() < 1e-5, "{found}, PyTorch has {expected}");
    }
    assert_eq!(state::state_dict::<E, _>(&mut discriminator), state);
}

#[test]
fn a_normalised_discriminator_judges_with_the_vectors_as_they_are() {
    a_normalised_discriminator_judges_as_pytorchs::<Native>();
    a_normalised_discriminator_judges_as_pytorchs::<Portable<Cpu>>();
}

#[test]
fn a_new_discriminator_is_the_same_but_for_the_normalisation() {
    let new = |spectral_norm, seed| {
        let config = GanConfig { spectral_norm, ..GanConfig::default() };
        Gan::<Tiny, Native>::new(&Cpu::default(), config, seed).unwrap().discriminator_state()
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

#[test]
fn augmented_images_in_all_three_passes() {
    let case = Case::new("augment", 3, GanConfig::default());
    Case { d_steps: 2, augment: true, ..case }.is_pytorchs_on_both_engines();
}

/// `[N, C, S, S]` as `[C, S, S, N]`.
fn images(file: &Reference, name: &str) -> Tensor<(Const<3>, Const<16>, Const<16>, usize), f32, Cpu> {
    let values = file.f32(name).view().permuted_axes(vec![1, 2, 3, 0]);
    let shape = (Const, Const, Const, values.shape()[3]);
    Cpu::default().tensor_from_vec(values.iter().copied().collect(), shape)
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |most, (a, b)| most.max((a - b).abs()))
}

fn augmentation_is_pytorchs<E: Engine<Device = Cpu>>() {
    let file = Reference::load("options_reference");
    for policy in ["color", "translation", "cutout", "color,translation,cutout"] {
        let Policy { color, translation, cutout } = policy.parse().unwrap();
        let mut all = changes(&file, "operation", 0, 16);
        for change in &mut all.0 {
            let Transform { brightness, saturation, contrast, shift, cut } = change.clone();
            *change = Transform {
                brightness: if color { brightness } else { 0.0 },
                saturation: if color { saturation } else { 1.0 },
                contrast: if color { contrast } else { 1.0 },
                shift: if translation { shift } else { [0; 2] },
                cut: if cutout { cut } else { [0..0, 0..0] },
            };
        }
        let (x, direction) = (images(&file, "operation.x"), images(&file, "operation.direction"));
        let loss = |x: Tensor<_, f32, Cpu, _>| {
            let y = E::augment(x, &all).unwrap();
            let values = y.as_vec();
            ((y * direction.clone()).sum::<Rank0, Axes4<0, 1, 2, 3>>(), values)
        };
        let (sum, y) = loss(x.leaky_trace());
        let expected = images(&file, &format!("operation.{policy}.y")).as_vec();
        assert!(largest_difference(&y, &expected) < 1e-5, "{policy}: {}", largest_difference(&y, &expected));
        let gradient = sum.backward().get(&x).as_vec();
        let expected = images(&file, &format!("operation.{policy}.gradient")).as_vec();
        let difference = largest_difference(&gradient, &expected);
        assert!(difference < 1e-5, "{policy}: the gradient is off by {difference}");
    }
}

#[test]
fn images_are_changed_as_pytorch_does_and_gradients_go_back() {
    augmentation_is_pytorchs::<Native>();
    augmentation_is_pytorchs::<Portable<Cpu>>();
}

/// The changes are affine: a whole step in one value shows the slope.
#[test]
fn the_gradient_of_changed_images_is_their_slope() {
    let file = Reference::load("options_reference");
    let all = changes(&file, "operation", 0, 16);
    let (x, direction) = (images(&file, "operation.x"), images(&file, "operation.direction").as_vec());
    let loss = |values: Vec<f32>| -> f64 {
        let x = Cpu::default().tensor_from_vec(values, *x.shape());
        let y = Native::augment(x, &all).unwrap().as_vec();
        y.iter().zip(&direction).map(|(y, w)| f64::from(*y) * f64::from(*w)).sum()
    };
    let y = Native::augment(x.leaky_trace(), &all).unwrap();
    let weights = Cpu::default().tensor_from_vec(direction.clone(), *x.shape());
    let gradient = (y * weights).sum::<Rank0, Axes4<0, 1, 2, 3>>().backward().get(&x).as_vec();
    for at in (0..gradient.len()).step_by(97) {
        let moved = |step: f32| {
            let mut values = x.as_vec();
            values[at] += step;
            loss(values)
        };
        let slope = (moved(1.0) - moved(-1.0)) / 2.0;
        assert!(
            (slope - f64::from(gradient[at])).abs() < 1e-4,
            "{at}: {}, the slope is {slope}",
            gradient[at]
        );
    }
}

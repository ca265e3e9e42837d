//! Training with each option gives what PyTorch gives (`options_reference.py` made the numbers), on every engine.

mod augment;
#[cfg(target_os = "linux")]
#[path = "../emulator/mod.rs"]
mod emulator;
mod mean;
#[path = "../pytorch/mod.rs"]
mod pytorch;
mod spectral;

use dcgan_kernels::augment::{Augmentation, Transform};
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::backend::operations::Backend;
use dcgan_train::backend::reference::ReferenceBackend;
use dcgan_train::gan::adam::AdamConfig;
use dcgan_train::gan::inputs::{Fake, augmented};
use dcgan_train::gan::loss::GeneratorLoss;
use dcgan_train::gan::{Gan, GanConfig, StepStats};
use dcgan_train::run::schedule::Schedule;
use dfdx::tensor::Cpu;
use ndarray::Axis;
use pytorch::{Reference, Tiny, compare};

/// The CUDA engine, its kernels on the CPU.
#[cfg(target_os = "linux")]
type Cuda = dcgan_train::backend::cuda::CudaBackend<emulator::Emulated>;

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

    fn is_pytorchs<B: Backend<Device = Cpu>>(&self) {
        let (start, expected) = (Reference::load("reference"), Reference::load("options_reference"));
        let mut gan = gan::<B>(self.name, self.config);
        let losses = expected.f32(&format!("{}.losses", self.name));
        for step in 0..self.steps {
            let (batch, latents) = (step as usize * self.d_steps, step as usize * (self.d_steps + 1));
            let passes = step as usize * (2 * self.d_steps + 1);
            let changes = |pass: usize| self.augment.then(|| changes(&expected, "augment.changes", pass, 32));
            let fake = |update: usize, pass: usize| Fake {
                latents: start.latent_tensor::<B>(&Cpu::default(), latents + update),
                changes: changes(passes + pass),
            };
            let rounds = (0..self.d_steps).map(|round| {
                let (real, pass) = (start.reals::<B>(&Cpu::default(), batch + round, BATCHES), 2 * round);
                let real = augmented::<B, _, _>(real, changes(passes + pass).as_ref())?;
                Ok((real, fake(round, pass + 1)))
            });
            gan.set_learning_rate_factor(self.schedule.factor(step));
            let last = fake(self.d_steps, 2 * self.d_steps);
            let unread = gan.step_rounds(rounds, last).unwrap();
            let StepStats { loss_d, loss_g, d_x, d_g_z, .. } = gan.read(&[unread]).unwrap()[0];
            let losses_of_step = losses.index_axis(Axis(0), step as usize);
            for (found, expected) in [loss_d, loss_g, d_x, d_g_z].iter().zip(&losses_of_step) {
                let error = (found - expected).abs();
                assert!(error <= 1e-4 * expected.abs(), "step {step}: {found}, PyTorch has {expected}");
            }
        }
        compare(&gan.generator_state(), &expected.state(&format!("{}.g.", self.name)), 1e-4);
        compare(&gan.discriminator_state(), &expected.state(&format!("{}.d.", self.name)), 1e-4);
    }

    fn is_pytorchs_on_every_engine(&self) {
        self.is_pytorchs::<CpuBackend>();
        self.is_pytorchs::<ReferenceBackend<Cpu>>();
        #[cfg(target_os = "linux")]
        if emulator::is_here() {
            self.is_pytorchs::<Cuda>();
        }
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
fn gan<B: Backend<Device = Cpu>>(run: &str, config: GanConfig) -> Gan<Tiny, B> {
    let (start, own) = (Reference::load("reference"), Reference::load("options_reference"));
    let (g, mut d) = (start.state("start.g."), own.state(&format!("{run}.start.d.")));
    if d.is_empty() {
        d = start.state("start.d.");
    }
    Gan::from_state_dicts(&Cpu::default(), config, &g, &d).unwrap()
}

#[test]
fn several_updates_of_the_discriminator_before_one_of_the_generator() {
    Case { d_steps: 2, ..Case::new("d_steps", 3, GanConfig::default()) }.is_pytorchs_on_every_engine();
}

#[test]
fn the_minimax_loss_without_smoothed_labels() {
    let generator_loss = GeneratorLoss::Minimax;
    let config = GanConfig { real_label: 1.0, fake_label: 0.0, generator_loss, ..GanConfig::default() };
    Case::new("minimax", 3, config).is_pytorchs_on_every_engine();
}

#[test]
fn learning_rates_apart_that_decay() {
    let adam = |learning_rate| AdamConfig { learning_rate, ..AdamConfig::default() };
    let config = GanConfig { adam_g: adam(1e-4), adam_d: adam(4e-4), ..GanConfig::default() };
    let schedule = Schedule { steps: 4, decay_from: Some(0.5) };
    Case { schedule, ..Case::new("rates", 4, config) }.is_pytorchs_on_every_engine();
}

#[test]
fn spectral_normalisation_with_its_vectors() {
    Case::new("spectral", 4, GanConfig::default()).is_pytorchs_on_every_engine();
}

#[test]
fn augmented_images_in_all_three_passes() {
    let case = Case::new("augment", 3, GanConfig::default());
    Case { d_steps: 2, augment: true, ..case }.is_pytorchs_on_every_engine();
}

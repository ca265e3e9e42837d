//! A GPU against the CPU's own engine, where there is one. Elsewhere each test says why it is skipped; none of them has
//! run on a GPU so far.

#![cfg(feature = "cuda")]

use std::sync::{Mutex, MutexGuard, PoisonError};

use dcgan_core::TensorData;
use dcgan_core::rng::Rng;
use dcgan_train::architecture;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::backend::cuda::CudaBackend;
use dcgan_train::backend::cuda::nvidia::Nvidia;
use dcgan_train::backend::operations::Backend;
use dcgan_train::backend::precision::Precision;
use dcgan_train::gan::{Gan, GanConfig, StepStats};
use dcgan_train::networks::arch::{Arch, Architecture, ForArchitecture};
use dcgan_train::networks::batch::{images_from_bytes, random_latents};
use dcgan_train::networks::sampler::sample;
use dcgan_train::networks::state_dict::{self, StateDict};
use dfdx::tensor::{Cpu, Cuda};

architecture!(Tiny: 5 => 8 6 4 => 3);
type OnGpu = CudaBackend<Nvidia>;

/// The GPU, if there is one, for one test at a time.
fn gpu() -> Option<(Cuda, MutexGuard<'static, ()>)> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let device = Nvidia::start(Precision::F32);
    let device = device.inspect_err(|reason| eprintln!("skipped: no GPU can be used ({reason})")).ok()?;
    Some((device, turn))
}

/// A step for each batch size, all of it drawn from one stream of random numbers.
struct Run<A: Architecture, B: Backend> {
    device: B::Device,
    rng: Rng,
    gan: Gan<A, B>,
}

impl<A: Architecture, B: Backend> Run<A, B> {
    fn start(device: B::Device) -> Self {
        let gan = Gan::new(&device, GanConfig::default(), 4).unwrap();
        Self { device, rng: Rng::new(9), gan }
    }

    fn step(&mut self, batch: usize) -> StepStats {
        let real = self.images(batch);
        let latents = [(); 2].map(|()| random_latents::<A, B>(&self.device, &mut self.rng, batch).unwrap());
        self.gan.step(real, latents).unwrap()
    }

    fn images(&mut self, batch: usize) -> dfdx::tensor::Tensor<A::Images, f32, B::Device> {
        let count = batch * A::CHANNELS * A::SIDE * A::SIDE;
        let bytes: Vec<u8> = (0..count).map(|_| self.rng.bits() as u8).collect();
        images_from_bytes::<A, B>(&self.device, &bytes).unwrap()
    }

    /// Those of both losses, of new networks.
    fn gradients(&mut self, batch: usize) -> [StateDict; 2] {
        let real = self.images(batch);
        let latents = [(); 2].map(|()| random_latents::<A, B>(&self.device, &mut self.rng, batch).unwrap());
        let [for_discriminator, for_generator] = latents;
        let (mut grads, _) = self.gan.discriminator_gradients(real, for_discriminator).unwrap();
        let discriminator = state_dict::gradients::<B, _>(self.gan.networks().1, &mut grads).unwrap();
        let (mut grads, _) = self.gan.generator_gradients(for_generator).unwrap();
        [state_dict::gradients::<B, _>(self.gan.networks().0, &mut grads).unwrap(), discriminator]
    }

    fn states(&mut self) -> [StateDict; 2] {
        [self.gan.generator_state(), self.gan.discriminator_state()]
    }
}

fn assert_close<'a>(
    found: impl IntoIterator<Item = &'a f32>,
    expected: impl IntoIterator<Item = &'a f32> + Copy,
    tolerance: f32,
    what: &str,
) {
    let largest = expected.into_iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let error = found.into_iter().zip(expected).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(largest > 0.0 && error <= tolerance * largest, "{what}: off by {error}, largest {largest}");
}

#[test]
fn gradients_are_the_cpus_at_any_batch() {
    let Some((device, _turn)) = gpu() else { return };
    for batch in [1, 7, 128] {
        let found = Run::<Tiny, OnGpu>::start(device.clone()).gradients(batch);
        let expected = Run::<Tiny, CpuBackend>::start(Cpu::default()).gradients(batch);
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
            for (name, expected) in expected {
                if let (TensorData::F32(found), TensorData::F32(expected)) = (&found[name], expected) {
                    assert_close(found, expected, 1e-4, &format!("batch {batch}, {name}"));
                }
            }
        }
    }
}

#[test]
fn ten_steps_are_the_cpus() {
    let Some((device, _turn)) = gpu() else { return };
    let (mut found, mut expected) =
        (Run::<Tiny, OnGpu>::start(device), Run::<Tiny, CpuBackend>::start(Cpu::default()));
    for batch in [16, 16, 16, 16, 7, 16, 16, 16, 16, 1] {
        let values = |StepStats { loss_d, loss_g, d_x, d_g_z, grad_norm_d, grad_norm_g }| {
            [loss_d, loss_g, d_x, d_g_z, grad_norm_d, grad_norm_g]
        };
        let (found, expected) = (values(found.step(batch)), values(expected.step(batch)));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= 1e-3 * expected.abs(), "{found}, the CPU has {expected}");
        }
    }
}

#[test]
fn every_architecture_draws_and_learns_as_on_the_cpu() {
    struct Check(Cuda);
    impl ForArchitecture for Check {
        type Output = ();
        fn run<A: Architecture>(self, name: &'static str) {
            let mut found = Run::<A, OnGpu>::start(self.0);
            let mut expected = Run::<A, CpuBackend>::start(Cpu::default());
            let latents = dcgan_core::latent::latents(5, 3, A::LATENT);
            let images = sample::<A, OnGpu>(found.gan.generator(), &found.device, latents.view()).unwrap();
            let of_cpu =
                sample::<A, CpuBackend>(expected.gan.generator(), &expected.device, latents.view()).unwrap();
            assert_close(&images, &of_cpu, 1e-4, name);
            let (found, expected) = (found.step(3), expected.step(3));
            for (found, expected) in [(found.loss_d, expected.loss_d), (found.loss_g, expected.loss_g)] {
                assert!((found - expected).abs() <= 1e-3 * expected.abs(), "{name}: {found}, not {expected}");
            }
        }
    }
    let Some((device, _turn)) = gpu() else { return };
    Arch::ALL.iter().for_each(|arch| arch.run(Check(device.clone())));
}

#[test]
fn the_same_steps_give_the_same_bits() {
    let Some((device, _turn)) = gpu() else { return };
    let train = || {
        let mut run = Run::<Tiny, OnGpu>::start(device.clone());
        for batch in [16, 7, 1, 128] {
            run.step(batch);
        }
        run.states()
    };
    assert!(train() == train());
}

#[test]
fn going_on_from_a_state_gives_the_same_bits() {
    let Some((device, _turn)) = gpu() else { return };
    let mut whole = Run::<Tiny, OnGpu>::start(device.clone());
    let mut first = Run::<Tiny, OnGpu>::start(device.clone());
    for batch in [16, 7] {
        whole.step(batch);
        first.step(batch);
    }
    let mut second = Run::<Tiny, OnGpu> { rng: first.rng.clone(), ..Run::start(device) };
    second.gan.restore(&first.gan.groups().unwrap()).unwrap();
    for batch in [16, 1] {
        whole.step(batch);
        second.step(batch);
    }
    assert!(whole.states() == second.states());
}

/// A process has one precision, so that each is a run of the program.
#[test]
fn every_precision_trains_nearly_as_the_cpu() {
    if gpu().is_none() {
        return;
    }
    let losses = |device: &str, precision: &str| -> Vec<f64> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = assert_cmd::Command::cargo_bin("dcgan-train").unwrap();
        let arguments =
            ["--dataset", "shapes", "--arch", "dcgan32-small", "--batch-size", "8", "--max-steps", "6"];
        command.current_dir(folder.path()).args(arguments).args([
            "--device",
            device,
            "--precision",
            precision,
        ]);
        command.assert().success();
        let text = std::fs::read_to_string(folder.path().join("outputs/metrics.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.flat_map(|line| ["loss_d", "loss_g"].map(|name| line[name].as_f64().unwrap())).collect()
    };
    let expected = losses("cpu", "f32");
    assert_eq!(expected.len(), 12);
    for (precision, tolerance) in [("f32", 1e-3), ("tf32", 0.02), ("bf16", 0.05)] {
        for (found, expected) in losses("cuda", precision).iter().zip(&expected) {
            let error = (found - expected).abs();
            assert!(error <= tolerance * expected.abs(), "{precision}: {found}, the CPU has {expected}");
        }
    }
}

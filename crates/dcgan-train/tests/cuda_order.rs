//! The CUDA kernels' results do not depend on which of their threads and blocks run first: the last ones first give
//! the same bits. A race between threads would show, and so would a sum in the order of arrival.

#![cfg(target_os = "linux")]

use dcgan_core::rng::Rng;
use dcgan_train::architecture;
use dcgan_train::backend::cuda::CudaBackend;
use dcgan_train::gan::{Gan, GanConfig, StepStats};
use dcgan_train::networks::batch::{images_from_bytes, random_latents};
use dcgan_train::networks::state_dict::StateDict;
use dfdx::tensor::Cpu;
use emulator::Emulated;

mod emulator;

architecture!(Tiny: 5 => 8 6 4 => 3);
type Backend = CudaBackend<Emulated>;

/// Three steps, the last with a batch of one.
fn train() -> ([StateDict; 2], Vec<StepStats>) {
    let (device, mut rng) = (Cpu::default(), Rng::new(9));
    let mut gan = Gan::<Tiny, Backend>::new(&device, GanConfig::default(), 4).unwrap();
    let mut step = |batch: usize| {
        let bytes: Vec<u8> = (0..batch * 3 * 32 * 32).map(|_| rng.bits() as u8).collect();
        let real = images_from_bytes::<Tiny, Backend>(&device, &bytes).unwrap();
        let latents = [(); 2].map(|()| random_latents::<Tiny, Backend>(&device, &mut rng, batch).unwrap());
        gan.step(real, latents).unwrap()
    };
    let stats = [5, 3, 1].map(&mut step).to_vec();
    ([gan.generator_state(), gan.discriminator_state()], stats)
}

/// The only test of this program: others would run in the other order, too.
#[test]
fn any_order_of_threads_and_blocks_gives_the_same_bits() {
    if !emulator::is_here() {
        return;
    }
    let (states, stats) = train();
    emulator::run_backwards(true);
    let (again, stats_again) = train();
    assert!(states == again, "other weights");
    assert_eq!(stats, stats_again);
    assert!(stats.iter().all(|stats| stats.loss_d.is_finite() && stats.grad_norm_g > 0.0), "{stats:?}");
}

//! Times training steps on the CPU, with one line of output like `pytorch_step.py`'s.
//!
//!     cargo bench -p dcgan-train --bench step -- --arch dcgan64 --batch 128 --iters 5 --threads 2

use std::time::Instant;

use clap::Parser;
use dcgan_core::rng::Rng;
use dcgan_train::arch::{Arch, Architecture, ForArchitecture};
use dcgan_train::batch::{images_from_bytes, random_latents};
use dcgan_train::gan::{Gan, GanConfig};
use dcgan_train::kernels::recycler::Recycler;
use dcgan_train::native::Native;
use dfdx::tensor::Cpu;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: Recycler = Recycler::new();

#[derive(Parser)]
struct Args {
    #[arg(long, default_value = "dcgan64")]
    arch: Arch,
    #[arg(long, default_value_t = 128)]
    batch: usize,
    #[arg(long, default_value_t = 5)]
    iters: usize,
    /// 0: one for each processor
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Set by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

impl ForArchitecture for &Args {
    type Output = Vec<f64>;

    fn run<A: Architecture>(self, _: &'static str) -> Vec<f64> {
        let (device, mut rng) = (Cpu::default(), Rng::new(0));
        let mut gan = Gan::<A, Native>::new(&device, GanConfig::default(), 0).expect("a CPU does not fail");
        let bytes: Vec<u8> =
            (0..self.batch * A::CHANNELS * A::SIDE * A::SIDE).map(|_| rng.bits() as u8).collect();
        let mut step = || {
            let start = Instant::now();
            let real = images_from_bytes::<A, Native>(&device, &bytes).expect("a CPU does not fail");
            let latents = [(); 2]
                .map(|()| random_latents::<A, Native>(&device, &mut rng, self.batch).expect("as above"));
            gan.step(real, latents).expect("a CPU does not fail");
            start.elapsed().as_secs_f64()
        };
        for _ in 0..2 {
            step();
        }
        (0..self.iters.max(1)).map(|_| step()).collect()
    }
}

fn main() {
    let args = Args::parse();
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(args.threads).build().expect("threads can be started");
    let mut seconds = pool.install(|| args.arch.run(&args));
    seconds.sort_by(f64::total_cmp);
    let (median, least) = (seconds[seconds.len() / 2], seconds[0]);
    println!(
        "dcgan-train {} batch {} threads {}: {median:.3} s/step (min {least:.3}), {:.1} images/s",
        args.arch.name(),
        args.batch,
        pool.current_num_threads(),
        args.batch as f64 / median
    );
}

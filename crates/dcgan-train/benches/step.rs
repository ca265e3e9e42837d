//! Times whole training steps on the CPU, by network, batch and threads.
//!
//!     cargo bench -p dcgan-train --bench step                                     # all of it
//!     cargo bench -p dcgan-train --bench step -- "dcgan64/128 images/2 threads"   # some, by a regular expression
//!
//! `compare.py` runs it in turns with PyTorch's step.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use dcgan_core::rng::Rng;
use dcgan_kernels::recycler::Recycler;
use dcgan_train::architecture;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::gan::{Gan, GanConfig};
use dcgan_train::networks::arch::{Arch, Architecture, ForArchitecture};
use dcgan_train::networks::batch::{images_from_bytes, random_latents};
use dfdx::tensor::Cpu;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: Recycler = Recycler::new();

const THREADS: [usize; 2] = [1, 2];
const BATCHES: [usize; 7] = [8, 16, 32, 64, 128, 256, 512];

/// Measures the steps of a network at one batch size and number of threads.
struct Steps<'a> {
    criterion: &'a mut Criterion,
    batch: usize,
    threads: usize,
}

impl ForArchitecture for Steps<'_> {
    type Output = ();

    fn run<A: Architecture>(self, name: &'static str) {
        let Self { criterion, batch, threads } = self;
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(batch as u64));
        let id = BenchmarkId::new(format!("{batch} images"), format!("{threads} threads"));
        group.bench_function(id, |bencher| {
            pool.install(|| {
                let mut step = steps::<A>(batch);
                bencher.iter_custom(|steps| (0..steps).map(|_| step()).sum());
            });
        });
        group.finish();
    }
}

/// A function that makes a step, from bytes to updated weights, and says how long it took.
fn steps<A: Architecture>(batch: usize) -> impl FnMut() -> Duration {
    let (device, mut rng) = (Cpu::default(), Rng::new(0));
    let mut gan = Gan::<A, CpuBackend>::new(&device, GanConfig::default(), 0).expect("a CPU does not fail");
    let bytes: Vec<u8> = (0..batch * A::CHANNELS * A::SIDE * A::SIDE).map(|_| rng.bits() as u8).collect();
    move || {
        let start = Instant::now();
        let real = images_from_bytes::<A, CpuBackend>(&device, &bytes).expect("a CPU does not fail");
        let latents =
            [(); 2].map(|()| random_latents::<A, CpuBackend>(&device, &mut rng, batch).expect("as above"));
        gan.step(real, latents).expect("a CPU does not fail");
        start.elapsed()
    }
}

architecture!(Width8: 100 => 64 32 16 8 => 3);
architecture!(Width16: 100 => 128 64 32 16 => 3);
architecture!(Width32: 100 => 256 128 64 32 => 3);
architecture!(Width48: 100 => 384 192 96 48 => 3);
architecture!(Width64: 100 => 512 256 128 64 => 3);
architecture!(Width96: 100 => 768 384 192 96 => 3);
architecture!(Width128: 100 => 1024 512 256 128 => 3);

/// dcgan64 at other widths, for the cost against these.
fn widths(criterion: &mut Criterion) {
    fn width<A: Architecture>(criterion: &mut Criterion, name: &'static str) {
        Steps { criterion, batch: 128, threads: 2 }.run::<A>(name);
    }
    width::<Width8>(criterion, "width 8");
    width::<Width16>(criterion, "width 16");
    width::<Width32>(criterion, "width 32");
    width::<Width48>(criterion, "width 48");
    width::<Width64>(criterion, "width 64");
    width::<Width96>(criterion, "width 96");
    width::<Width128>(criterion, "width 128");
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    for arch in Arch::ALL {
        for (batch, threads) in BATCHES.into_iter().flat_map(|batch| THREADS.map(|threads| (batch, threads)))
        {
            arch.run(Steps { criterion: &mut criterion, batch, threads });
        }
    }
    widths(&mut criterion);
    criterion.final_summary();
}
